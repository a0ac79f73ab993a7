"""Which cipher suites are sound: their classes, read from their IANA names, and those nobody may accept. Pure.

Sources: IANA's TLS cipher suite registry; RFC 9325 sections 4.1 and 4.2 (forward secrecy, AEAD); RFC 7465 (RC4);
RFC 9150 (suites of TLS 1.3 that do not encrypt).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_BROKEN_PARTS = {
    "NULL": "does not encrypt",
    "ANON": "authenticates nobody",
    "ADH": "authenticates nobody",
    "AECDH": "authenticates nobody",
    "EXPORT": "has a key for export, 40 or 56 bits",
    "EXPORT40": "has a key for export, 40 bits",
    "EXPORT1024": "has a key for export, 56 bits",
    "EXP": "has a key for export, 40 or 56 bits",
    "RC4": "encrypts with RC4",
    "RC2": "encrypts with RC2",
    "DES": "encrypts with DES",
    "DES40": "encrypts with DES",
    "3DES": "encrypts with 3DES",
    "MD5": "authenticates with MD5",
}
_AUTHENTICATED = {"GCM", "CCM", "CCM8", "CHACHA20", "MGM"}
_EPHEMERAL = {"DHE", "EDH", "ECDHE", "ECCPWD", "SRP"}
_INTEGRITY_ONLY = {"TLS_SHA256_SHA256", "TLS_SHA384_SHA384"}


def flaw(suite: str) -> str:
    """Why nobody may accept a suite, in words; empty when it is not of the broken class.

    Takes IANA's names and, for lack of one, OpenSSL's.
    """
    if suite in _INTEGRITY_ONLY:
        return _BROKEN_PARTS["NULL"]
    parts = _parts(suite)
    return next((reason for part, reason in _BROKEN_PARTS.items() if part in parts), "")


def is_aead(suite: str) -> bool:
    """Whether the suite encrypts and authenticates in one (AEAD)."""
    return bool(_AUTHENTICATED.intersection(_parts(suite)))


def is_ephemeral(suite: str) -> bool:
    """Whether a suite of TLS 1.2 or older takes fresh keys for each session, so that its past stays secret."""
    return bool(_EPHEMERAL.intersection(_parts(suite)))


def _parts(suite: str) -> list[str]:
    return re.split(r"[_-]", suite.upper())


def _named(pairs: Iterable[tuple[int, str]]) -> dict[int, str]:
    return {number: f"TLS_{name}" for number, name in pairs}


BROKEN: dict[int, str] = _named(
    [
        (0x0001, "RSA_WITH_NULL_MD5"),
        (0x0002, "RSA_WITH_NULL_SHA"),
        (0x0003, "RSA_EXPORT_WITH_RC4_40_MD5"),
        (0x0004, "RSA_WITH_RC4_128_MD5"),
        (0x0005, "RSA_WITH_RC4_128_SHA"),
        (0x0006, "RSA_EXPORT_WITH_RC2_CBC_40_MD5"),
        (0x0008, "RSA_EXPORT_WITH_DES40_CBC_SHA"),
        (0x0009, "RSA_WITH_DES_CBC_SHA"),
        (0x000A, "RSA_WITH_3DES_EDE_CBC_SHA"),
        (0x000B, "DH_DSS_EXPORT_WITH_DES40_CBC_SHA"),
        (0x000C, "DH_DSS_WITH_DES_CBC_SHA"),
        (0x000D, "DH_DSS_WITH_3DES_EDE_CBC_SHA"),
        (0x000E, "DH_RSA_EXPORT_WITH_DES40_CBC_SHA"),
        (0x000F, "DH_RSA_WITH_DES_CBC_SHA"),
        (0x0010, "DH_RSA_WITH_3DES_EDE_CBC_SHA"),
        (0x0011, "DHE_DSS_EXPORT_WITH_DES40_CBC_SHA"),
        (0x0012, "DHE_DSS_WITH_DES_CBC_SHA"),
        (0x0013, "DHE_DSS_WITH_3DES_EDE_CBC_SHA"),
        (0x0014, "DHE_RSA_EXPORT_WITH_DES40_CBC_SHA"),
        (0x0015, "DHE_RSA_WITH_DES_CBC_SHA"),
        (0x0016, "DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
        (0x0017, "DH_anon_EXPORT_WITH_RC4_40_MD5"),
        (0x0018, "DH_anon_WITH_RC4_128_MD5"),
        (0x0019, "DH_anon_EXPORT_WITH_DES40_CBC_SHA"),
        (0x001A, "DH_anon_WITH_DES_CBC_SHA"),
        (0x001B, "DH_anon_WITH_3DES_EDE_CBC_SHA"),
        (0x0034, "DH_anon_WITH_AES_128_CBC_SHA"),
        (0x003A, "DH_anon_WITH_AES_256_CBC_SHA"),
        (0x003B, "RSA_WITH_NULL_SHA256"),
        (0x0046, "DH_anon_WITH_CAMELLIA_128_CBC_SHA"),
        (0x0060, "RSA_EXPORT1024_WITH_RC4_56_MD5"),
        (0x0061, "RSA_EXPORT1024_WITH_RC2_CBC_56_MD5"),
        (0x0062, "RSA_EXPORT1024_WITH_DES_CBC_SHA"),
        (0x0063, "DHE_DSS_EXPORT1024_WITH_DES_CBC_SHA"),
        (0x0064, "RSA_EXPORT1024_WITH_RC4_56_SHA"),
        (0x0065, "DHE_DSS_EXPORT1024_WITH_RC4_56_SHA"),
        (0x0066, "DHE_DSS_WITH_RC4_128_SHA"),
        (0x006C, "DH_anon_WITH_AES_128_CBC_SHA256"),
        (0x006D, "DH_anon_WITH_AES_256_CBC_SHA256"),
        (0x0089, "DH_anon_WITH_CAMELLIA_256_CBC_SHA"),
        (0x009B, "DH_anon_WITH_SEED_CBC_SHA"),
        (0x00A6, "DH_anon_WITH_AES_128_GCM_SHA256"),
        (0x00A7, "DH_anon_WITH_AES_256_GCM_SHA384"),
        (0x00BF, "DH_anon_WITH_CAMELLIA_128_CBC_SHA256"),
        (0x00C5, "DH_anon_WITH_CAMELLIA_256_CBC_SHA256"),
        (0xC001, "ECDH_ECDSA_WITH_NULL_SHA"),
        (0xC002, "ECDH_ECDSA_WITH_RC4_128_SHA"),
        (0xC003, "ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA"),
        (0xC006, "ECDHE_ECDSA_WITH_NULL_SHA"),
        (0xC007, "ECDHE_ECDSA_WITH_RC4_128_SHA"),
        (0xC008, "ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
        (0xC00B, "ECDH_RSA_WITH_NULL_SHA"),
        (0xC00C, "ECDH_RSA_WITH_RC4_128_SHA"),
        (0xC00D, "ECDH_RSA_WITH_3DES_EDE_CBC_SHA"),
        (0xC010, "ECDHE_RSA_WITH_NULL_SHA"),
        (0xC011, "ECDHE_RSA_WITH_RC4_128_SHA"),
        (0xC012, "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
        (0xC015, "ECDH_anon_WITH_NULL_SHA"),
        (0xC016, "ECDH_anon_WITH_RC4_128_SHA"),
        (0xC017, "ECDH_anon_WITH_3DES_EDE_CBC_SHA"),
        (0xC018, "ECDH_anon_WITH_AES_128_CBC_SHA"),
        (0xC019, "ECDH_anon_WITH_AES_256_CBC_SHA"),
        (0xC046, "DH_anon_WITH_ARIA_128_CBC_SHA256"),
        (0xC047, "DH_anon_WITH_ARIA_256_CBC_SHA384"),
        (0xC05A, "DH_anon_WITH_ARIA_128_GCM_SHA256"),
        (0xC05B, "DH_anon_WITH_ARIA_256_GCM_SHA384"),
        (0xC084, "DH_anon_WITH_CAMELLIA_128_GCM_SHA256"),
        (0xC085, "DH_anon_WITH_CAMELLIA_256_GCM_SHA384"),
    ]
)
"""Suites of SSL 3.0 to TLS 1.2 that a server with a certificate could accept and must not, by number.

0x0060 to 0x0066 never left draft-ietf-tls-56-bit-ciphersuites, but old servers speak them.
"""

UNENCRYPTED_TLS13: dict[int, str] = _named([(0xC0B4, "SHA256_SHA256"), (0xC0B5, "SHA384_SHA384")])
"""Suites of TLS 1.3 that protect integrity only."""

_SOUND_RANGES = (
    (0x1301, 0x1305), (0x0007, 0x0007), (0x002F, 0x0033), (0x0035, 0x0039), (0x003C, 0x0045), (0x0067, 0x006B),
    (0x0084, 0x0088), (0x0096, 0x009A), (0x009C, 0x00A5), (0x00BA, 0x00BE), (0x00C0, 0x00C4), (0x00C6, 0x00C7),
    (0xC004, 0xC005), (0xC009, 0xC00A), (0xC00E, 0xC00F), (0xC013, 0xC014), (0xC023, 0xC032), (0xC03C, 0xC045),
    (0xC048, 0xC059), (0xC05C, 0xC063), (0xC072, 0xC083), (0xC086, 0xC08D), (0xC09C, 0xC09F), (0xC0A0, 0xC0A3),
    (0xC0AC, 0xC0AF), (0xCCA8, 0xCCAA),
)  # fmt: skip
_FIRST = (0xC02B, 0xC02F, 0x1301)
SOUND: tuple[int, ...] = tuple(
    dict.fromkeys((*_FIRST, *(n for first, last in _SOUND_RANGES for n in range(first, last + 1) if n not in BROKEN)))
)
"""Suites for servers with a certificate that encrypt and authenticate, by number, whatever else is wrong with them."""
