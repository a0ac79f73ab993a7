"""ROBOT: whether a listener tells rightly padded keys from wrongly padded ones (Bleichenbacher's oracle).

Where a suite with RSA key exchange is taken up, five keys are sent, four of them padded wrongly, each on a connection
of its own, once along with the rest of the handshake and once ahead of it. A sound server reacts the same to all.
Sources: RFC 5246 section 7.4.7.1, CVE-2017-13099 and others; Böck, Somorovsky and Young, "Return Of Bleichenbacher's
Oracle Threat".
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.tls.flight import SILENT, opened
from stagehold.probes.tls.hello import VERSIONS
from stagehold.probes.tls.malformed import OFFERED, Finding, record, together
from stagehold.probes.tls.offers import Place
from stagehold.probes.tls.server_answer import HANDSHAKE, Declined, NotTlsError
from stagehold.probes.tls.suites import BROKEN

RSA_SUITES: tuple[int, ...] = (
    0x009C, 0x009D, 0x003C, 0x003D, 0x002F, 0x0035, 0xC09C, 0xC09D, 0xC0A0, 0xC0A1, 0x0041, 0x0084, 0x00BA, 0x00C0,
    0xC07A, 0xC07B, 0xC03C, 0xC03D, 0xC050, 0xC051, 0x0096, 0x0007,
    *(number for number, name in BROKEN.items() if name.startswith("TLS_RSA_WITH_")),
)  # fmt: skip
PATIENCE = 2.0
"""Seconds after which a server counts as silent about a key and the rest of the handshake."""
PATIENCE_WITHOUT_REST = 1.0
"""Seconds for a key alone, about which most servers say nothing; then the rest follows, so that the late are heard."""
ROUNDS = 3
SIDE_BY_SIDE = 3
PATIENCE_WITHOUT_CERTIFICATE = 0.3
"""Seconds in which a server that wants a certificate of its client would say that it will not do without."""
_KEY_EXCHANGE = 16
_NO_CERTIFICATE = b"\x0b\0\0\3\0\0\0"
_SMALLEST = 64
_CHANGE_CIPHER_SPEC = 20
_FINISHED = bytes(range(80))
"""In place of the encrypted Finished: fails to decrypt under every suite, whose blocks it fills."""
RIGHT = "right"
_STRONG = ("wrong first bytes", "zero in the wrong place", "no zero")
_KEYS = (RIGHT, *_STRONG, "wrong version")
_Reactions = Mapping[str, str]


def oracle(network: Network, place: Place, name: str, version: str, *, seconds: float) -> Finding:
    """Looks for an oracle in one version; arguments and errors as for `malformed.heartbleed`."""
    declined = Declined("", certain=False)
    for _ in range(2):
        with opened(network, place, name, version, RSA_SUITES, seconds=seconds) as (_, flight):
            pass
        # Hung up before the next connection: some servers serve one at a time.
        if not isinstance(flight, Declined):
            return _look(network, place, name, version, _public_key(flight.certificate), seconds)
        declined = flight
        with opened(network, place, name, version, (*RSA_SUITES, *OFFERED), seconds=seconds) as (_, control):
            if isinstance(control, Declined):
                raise ProbeError(f"an ordinary offer of {version} was declined ({control.words})")
            if control.suite in RSA_SUITES:
                raise ProbeError(f"RSA key exchange in {version} is taken up in one offer and declined in another")
        if declined.certain:
            break
    return Finding(True, f"{version}: RSA key exchange is declined ({declined.words})")


def _look(network: Network, place: Place, name: str, version: str, key: RSAPublicNumbers, seconds: float) -> Finding:
    def ask(kind: str, *, rest: bool) -> str:
        return _reaction(network, place, name, version, key, kind, rest=rest, seconds=seconds)

    # One at a time: a server that limits connections must not look as if it told keys apart.
    seen = [{kind: ask(kind, rest=True) for kind in _KEYS}]
    if set(seen[0].values()) != {SILENT}:
        seen += [{kind: ask(kind, rest=True) for kind in _KEYS} for _ in range(ROUNDS - 1)]
    found = judge(version, seen, rest=True)
    if not found.free:
        return found
    # Most are silent now, and all that time one would wait for each key.
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
        seen = [dict(zip(_KEYS, pool.map(partial(ask, rest=False), _KEYS), strict=True))]
    if _differ(seen[0]):
        seen = [{kind: ask(kind, rest=False) for kind in _KEYS} for _ in range(ROUNDS)]
    return together([found, judge(version, seen, rest=False)])


def judge(version: str, seen: Sequence[_Reactions], *, rest: bool) -> Finding:
    """What the reactions tell, one mapping for each round, by the kind of key; pure.

    Args:
        version: for the words.
        seen: at least one round.
        rest: whether the rest of the handshake was sent along with the key, or when nothing came of the key alone.
    """
    what = f"{version}: {'keys' if rest else 'keys ahead of the rest of the handshake'}"
    first = seen[0]
    if any(other != first for other in seen[1:]):
        return Finding(None, f"{what} are met in different ways from one time to the next")
    if not _differ(first):
        if first[RIGHT] in {SILENT, f"{SILENT}, then {SILENT}"}:
            return Finding(None, f"{what} are never answered")
        return Finding(True, f"{what} are all met with the same: {first[RIGHT]}")
    told = ", ".join(f"{kind}: {reaction}" for kind, reaction in first.items())
    strength = "weak" if len({first[kind] for kind in _STRONG}) == 1 else "strong"
    return Finding(False, f"{what} are told apart by their padding, a {strength} oracle ({told})")


def _differ(reactions: _Reactions) -> bool:
    return len(set(reactions.values())) > 1


def _reaction(
    network: Network,
    place: Place,
    name: str,
    version: str,
    key: RSAPublicNumbers,
    kind: str,
    *,
    rest: bool,
    seconds: float,
) -> str:
    with opened(network, place, name, version, RSA_SUITES, seconds=seconds) as (line, flight):
        if isinstance(flight, Declined):
            raise ProbeError(f"RSA key exchange in {version} was taken up before, and then declined ({flight.words})")
        message = client_key_exchange(version, key, kind)
        data = record(HANDSHAKE, version, message)
        following = record(_CHANGE_CIPHER_SPEC, version, b"\1") + record(HANDSHAKE, version, _FINISHED)
        try:
            if flight.asks_certificate:
                line.send(record(HANDSHAKE, version, _NO_CERTIFICATE))
                line.wait_at_most(PATIENCE_WITHOUT_CERTIFICATE)
                refusal = line.reaction()
                if refusal.what != SILENT:
                    raise ProbeError(
                        f"only a client with a certificate could see whether keys are told apart ({refusal})"
                    )
                line.wait_at_most(seconds)
            line.send(data + following if rest else data)
            line.wait_at_most(min(seconds, PATIENCE if rest else PATIENCE_WITHOUT_REST))
            first = line.reaction()
            if rest or first.what != SILENT:
                return str(first)
            line.wait_at_most(min(seconds, PATIENCE))
            line.send(following)
            return f"{SILENT}, then {line.reaction()}"
        except TimeoutError as error:
            raise ProbeError("a key was never taken") from error
        except NotTlsError as error:
            raise ProbeError(f"a key was met with something else than TLS: {error}") from error


def client_key_exchange(version: str, key: RSAPublicNumbers, kind: str) -> bytes:
    """The handshake message with an encrypted key of 48 bytes, padded in one of the ways of `_KEYS`.

    Raises:
        ProbeError: the RSA key is too small.
    """
    size = (key.n.bit_length() + 7) // 8
    if size < _SMALLEST:
        raise ProbeError(f"an RSA key of {size} bytes is too small for a key of TLS")
    number = struct.pack("!H", VERSIONS[version])
    secret = os.urandom(46)
    filling = bytes(byte % 255 + 1 for byte in os.urandom(size - 3 - 48))
    nonzero = bytes(byte % 255 + 1 for byte in secret)
    padded = {
        RIGHT: b"\0\2" + filling + b"\0" + number + secret,
        "wrong first bytes": b"\x41\x17" + filling + b"\0" + number + secret,
        "zero in the wrong place": b"\0\2" + filling + b"\x11" + nonzero + b"\0\x11",
        "no zero": b"\0\2" + filling + b"\x11\x11\x11" + nonzero,
        "wrong version": b"\0\2" + filling + b"\0\2\2" + secret,
    }[kind]
    encrypted = pow(int.from_bytes(padded, "big") % key.n, key.e, key.n).to_bytes(size, "big")
    body = encrypted if version == "SSL 3.0" else struct.pack("!H", size) + encrypted
    return bytes([_KEY_EXCHANGE]) + len(body).to_bytes(3, "big") + body


def _public_key(certificate: bytes) -> RSAPublicNumbers:
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except ValueError as error:
        raise ProbeError(f"the certificate for RSA key exchange cannot be parsed: {error}") from error
    if not isinstance(key, RSAPublicKey):
        raise ProbeError("RSA key exchange is taken up with a certificate of another kind")
    return key.public_numbers()
