"""A handshake begun by hand: offers suites that no TLS library at hand could offer, and reads the choice.

Nothing is finished: the ServerHello already tells which suite the server would use (RFC 5246 section 7.4.1.3).
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.network.rules import parse_address

VERSIONS = {"SSL 3.0": 0x0300, "TLS 1.0": 0x0301, "TLS 1.1": 0x0302, "TLS 1.2": 0x0303, "TLS 1.3": 0x0304}
_ALERT, _HANDSHAKE, _SERVER_HELLO = 21, 22, 2
_TLS13 = VERSIONS["TLS 1.3"]
_GROUPS = (0x001D, 0x0017, 0x0018, 0x0019, 0x001E, 0x0100, 0x0101)
_SIGNATURES = (
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0402, 0x0303, 0x0301,
    0x0203, 0x0201, 0x0202,
)  # fmt: skip
_X25519 = 0x001D
_PADDED = 512
"""Some old load balancers never answer a ClientHello of 256 to 511 bytes (RFC 7685)."""


@dataclass(frozen=True)
class ServerChoice:
    """What the server said to an offer: the suite it would use, or None when it declined."""

    suite: int | None
    words: str


def offer(
    network: Network, place: tuple[str, int, str], name: str, version: str, suites: Sequence[int], *, seconds: float
) -> ServerChoice:
    """Offer suites in one version to one address of a TLS listener.

    Args:
        network: the door.
        place: declared host, port, and the pinned address of it to dial.
        name: sent as server name (RFC 6066) unless it is an address.
        version: a key of `VERSIONS`.
        suites: numbers of the IANA registry.
        seconds: for the whole exchange.

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.dial`.
        ProbeError: no connection, no answer in time, or an answer that is not TLS.
    """
    host, port, address = place
    end = time.monotonic() + seconds
    with network.connect(host, port, seconds=seconds, address=address) as connection:
        try:
            connection.sendall(client_hello(name, version, suites))
            kind, payload = _record(connection, end)
        except TimeoutError as error:
            raise ProbeError(f"{host} ({address}) port {port} never answered an offer of {version}") from error
        except OSError:
            # A server that finds nothing to its liking may hang up without an alert.
            return ServerChoice(None, "hung up")
    if kind == _ALERT and len(payload) > 1:
        return ServerChoice(None, f"alert {payload[1]}")
    suite = _chosen(payload) if kind == _HANDSHAKE else None
    if suite is None or suite not in suites:
        raise ProbeError(f"{host} ({address}) port {port} answered an offer of {version} with something else than TLS")
    return ServerChoice(suite, f"chose {suite:#06x}")


def client_hello(name: str, version: str, suites: Sequence[int]) -> bytes:
    """The first record of a handshake (RFC 5246 section 7.4.1.2, RFC 8446 section 4.1.2)."""
    number = VERSIONS[version]
    body = struct.pack("!H", min(number, VERSIONS["TLS 1.2"])) + os.urandom(32) + b"\0"
    body += _vector(2, b"".join(struct.pack("!H", suite) for suite in suites)) + b"\1\0"
    if number > VERSIONS["SSL 3.0"]:
        extensions = _extensions(name, number)
        missing = _PADDED - len(body) - len(extensions) - 6
        body += _vector(2, extensions + (_extension(21, b"\0" * missing) if missing > 0 else b""))
    message = b"\1" + _vector(3, body)
    return bytes([_HANDSHAKE]) + struct.pack("!H", min(number, VERSIONS["TLS 1.0"])) + _vector(2, message)


def _extensions(name: str, number: int) -> bytes:
    found = b""
    if parse_address(name) is None:
        found += _extension(0, _vector(2, b"\0" + _vector(2, name.encode("idna"))))
    found += _extension(10, _vector(2, _numbers(_GROUPS))) + _extension(11, b"\1\0")
    found += _extension(13, _vector(2, _numbers(_SIGNATURES))) + _extension(0xFF01, b"\0")
    if number == _TLS13:
        share = struct.pack("!H", _X25519) + _vector(2, os.urandom(32))
        found += _extension(43, _vector(1, struct.pack("!H", number))) + _extension(51, _vector(2, share))
    return found


def _extension(kind: int, body: bytes) -> bytes:
    return struct.pack("!H", kind) + _vector(2, body)


def _numbers(values: Sequence[int]) -> bytes:
    return b"".join(struct.pack("!H", value) for value in values)


def _vector(width: int, body: bytes) -> bytes:
    return len(body).to_bytes(width, "big") + body


def _record(connection: socket.socket, end: float) -> tuple[int, bytes]:
    kind, _, _, length = struct.unpack("!BBBH", _exactly(connection, 5, end))
    return kind, _exactly(connection, min(length, 256), end)


def _exactly(connection: socket.socket, size: int, end: float) -> bytes:
    received = b""
    while len(received) < size:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionResetError
        received += part
    return received


def _chosen(message: bytes) -> int | None:
    # Type, length (3), version (2), random (32), session id, suite.
    if len(message) < 41 or message[0] != _SERVER_HELLO:  # noqa: PLR2004 - the least a ServerHello holds
        return None
    at = 39 + message[38]
    return int.from_bytes(message[at : at + 2], "big") if len(message) >= at + 2 else None
