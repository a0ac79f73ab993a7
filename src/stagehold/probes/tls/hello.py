"""The first message of a handshake, built by hand: offers suites that no TLS library at hand could offer. Pure.

Sources: RFC 5246 section 7.4.1.2, RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7685.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

from stagehold.network.rules import parse_address
from stagehold.probes.tls.groups import OLD_GROUPS

VERSIONS = {"SSL 3.0": 0x0300, "TLS 1.0": 0x0301, "TLS 1.1": 0x0302, "TLS 1.2": 0x0303, "TLS 1.3": 0x0304}
_HANDSHAKE = 22
_TLS12, _TLS13 = VERSIONS["TLS 1.2"], VERSIONS["TLS 1.3"]
_GROUPS = (
    0x001D, 0x0017, 0x0018, 0x0019, 0x001E, 0x11EC, 0x11EB, 0x11ED, 0x0100, 0x0101, 0x0102, 0x0103, 0x0104, 0x001A,
    0x001B, 0x001C, 0x0016, 0x0015, 0x0013,
)  # fmt: skip
_SIGNATURES = (
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x0401, 0x0501, 0x0601,
    0x0402, 0x0303, 0x0301, 0x0203, 0x0201, 0x0202,
)  # fmt: skip
_X25519 = 0x001D
_HEARTBEAT = 15
_PADDED = 512
"""Some old load balancers never answer a ClientHello of 256 to 511 bytes (RFC 7685)."""


def client_hello(
    name: str,
    versions: Sequence[str],
    suites: Sequence[int],
    groups: Sequence[int] | None = None,
    *,
    compressions: bytes = b"\0",
    heartbeat: bool = False,
) -> bytes:
    """The record that opens a handshake.

    Args:
        name: sent as server name unless it is an address.
        versions: keys of `VERSIONS`; more than one only where TLS 1.3 is among them.
        suites: numbers of the IANA registry, the preferred first.
        groups: of key exchange, the preferred first; in TLS 1.3 without a key, so that the server has to name the one
            that it wants (RFC 8446 section 4.2.8). None: all sorts that may be offered, with a key for X25519.
        compressions: methods of compression by number (RFC 3749), the preferred first.
        heartbeat: whether to say that heartbeats may be sent to us (RFC 6520).
    """
    numbers = sorted((VERSIONS[version] for version in versions), reverse=True)
    # Middleboxes expect a session id where TLS 1.3 is offered (RFC 8446 appendix D.4).
    session = os.urandom(32) if numbers[0] == _TLS13 else b""
    body = struct.pack("!H", min(numbers[0], _TLS12)) + os.urandom(32) + _vector(1, session)
    body += _vector(2, _numbers(suites)) + _vector(1, compressions)
    if numbers[0] > VERSIONS["SSL 3.0"]:
        extensions = _extensions(name, numbers, groups) + (_extension(_HEARTBEAT, b"\1") if heartbeat else b"")
        missing = _PADDED - len(body) - len(extensions) - 6
        body += _vector(2, extensions + (_extension(21, b"\0" * missing) if missing > 0 else b""))
    message = b"\1" + _vector(3, body)
    return bytes([_HANDSHAKE]) + struct.pack("!H", min(numbers[0], VERSIONS["TLS 1.0"])) + _vector(2, message)


def _extensions(name: str, numbers: Sequence[int], groups: Sequence[int] | None) -> bytes:
    found = b""
    if parse_address(name) is None:
        found += _extension(0, _vector(2, b"\0" + _vector(2, name.encode("idna"))))
    if groups is None:
        offered = [group for group in _GROUPS if numbers != [_TLS13] or group not in OLD_GROUPS]
    else:
        offered = list(groups)
    found += _extension(10, _vector(2, _numbers(offered))) + _extension(11, b"\1\0")
    found += _extension(13, _vector(2, _numbers(_SIGNATURES))) + _extension(0xFF01, b"\0")
    if numbers[0] == _TLS13:
        share = struct.pack("!H", _X25519) + _vector(2, os.urandom(32)) if groups is None else b""
        found += _extension(43, _vector(1, _numbers(numbers))) + _extension(51, _vector(2, share))
    return found


def _extension(kind: int, body: bytes) -> bytes:
    return struct.pack("!H", kind) + _vector(2, body)


def _numbers(values: Sequence[int]) -> bytes:
    return b"".join(struct.pack("!H", value) for value in values)


def _vector(width: int, body: bytes) -> bytes:
    return len(body).to_bytes(width, "big") + body
