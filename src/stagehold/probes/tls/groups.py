"""Groups of key exchange by the numbers of IANA's registry (TLS Supported Groups), and suites by their exchange. Pure.

Sources: RFC 8422 section 5.1.1, RFC 7027, RFC 8446 section 4.2.7, RFC 8734, RFC 8998, RFC 9189,
draft-ietf-tls-ecdhe-mlkem.
"""

from __future__ import annotations

from stagehold.probes.tls.suites import SOUND

GROUPS: dict[int, str] = {
    0x001D: "X25519",
    0x0017: "P-256",
    0x0018: "P-384",
    0x0019: "P-521",
    0x001E: "X448",
    0x11EC: "X25519MLKEM768",
    0x11EB: "SecP256r1MLKEM768",
    0x11ED: "SecP384r1MLKEM1024",
    0x001A: "brainpoolP256r1",
    0x001B: "brainpoolP384r1",
    0x001C: "brainpoolP512r1",
    0x001F: "brainpoolP256r1tls13",
    0x0020: "brainpoolP384r1tls13",
    0x0021: "brainpoolP512r1tls13",
    0x0029: "curveSM2",
    0x6399: "X25519Kyber768Draft00",
    0x0001: "sect163k1",
    0x0002: "sect163r1",
    0x0003: "sect163r2",
    0x0004: "sect193r1",
    0x0005: "sect193r2",
    0x0006: "sect233k1",
    0x0007: "sect233r1",
    0x0008: "sect239k1",
    0x0009: "sect283k1",
    0x000A: "sect283r1",
    0x000B: "sect409k1",
    0x000C: "sect409r1",
    0x000D: "sect571k1",
    0x000E: "sect571r1",
    0x000F: "secp160k1",
    0x0010: "secp160r1",
    0x0011: "secp160r2",
    0x0012: "secp192k1",
    0x0013: "secp192r1",
    0x0014: "secp224k1",
    0x0015: "secp224r1",
    0x0016: "secp256k1",
    0x0022: "GC256A",
    0x0023: "GC256B",
    0x0024: "GC256C",
    0x0025: "GC256D",
    0x0026: "GC512A",
    0x0027: "GC512B",
    0x0028: "GC512C",
}
"""Curves and hybrids; those of finite fields are judged by their size (`dh_bits`)."""

OLD_GROUPS: tuple[int, ...] = tuple(
    number
    for number in GROUPS
    if 0x0001 <= number <= 0x0016 or 0x001A <= number <= 0x001C  # noqa: PLR2004
)
"""Those that clients of TLS 1.3 alone must not offer: a server may refuse whoever does (RFC 8446 appendix B.3.1.4)."""

ELLIPTIC_SUITES: tuple[int, ...] = tuple(
    suite
    for suite in SOUND
    if suite in {*range(0xC009, 0xC00B), 0xC013, 0xC014, 0xC023, 0xC024, 0xC027, 0xC028, 0xC02B, 0xC02C, 0xC02F, 0xC030}
    or suite in {0xC048, 0xC049, 0xC04C, 0xC04D, 0xC05C, 0xC05D, 0xC060, 0xC061, 0xC072, 0xC073, 0xC076, 0xC077}
    or suite in {0xC086, 0xC087, 0xC08A, 0xC08B, *range(0xC0AC, 0xC0B0), 0xCCA8, 0xCCA9}
)
"""ECDHE with a certificate, in TLS 1.2."""

FINITE_SUITES: tuple[int, ...] = tuple(
    suite
    for suite in SOUND
    if suite in {0x32, 0x33, 0x38, 0x39, 0x40, 0x44, 0x45, 0x67, 0x6A, 0x6B, 0x87, 0x88, 0x99, 0x9A, 0x9E, 0x9F, 0xA2}
    or suite in {0xA3, 0xBD, 0xBE, 0xC3, 0xC4, 0xC042, 0xC043, 0xC044, 0xC045, 0xC052, 0xC053, 0xC056, 0xC057, 0xC07C}
    or suite in {0xC07D, 0xC080, 0xC081, 0xC09E, 0xC09F, 0xC0A2, 0xC0A3, 0xCCAA}
)
"""DHE with a certificate, in TLS 1.2."""
TLS13_SUITES: tuple[int, ...] = tuple(suite for suite in SOUND if suite >> 8 == 0x13)  # noqa: PLR2004 - their first byte


def group_name(number: int) -> str:
    """Such as `P-256`; the number where the group is not known here, and words for 0."""
    return GROUPS.get(number, f"group {number:#06x}") if number else "a curve of its own making"
