"""The first flight of a server, read to its end, and what it then does about a message that has no place there.

Up to TLS 1.2 a server sends ServerHello, its certificate and more, and then waits for the client (RFC 5246 section
7.3). What is sent to it at that point meets a server that has just answered, so that silence or the end of the
connection afterwards has something to do with what was sent.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.tls.hello import VERSIONS, client_hello
from stagehold.probes.tls.offers import Place
from stagehold.probes.tls.server_answer import ALERT, Declined, Messages, NotTlsError, exactly, hello_fields

HEARTBEAT = 24
ANSWER, CLOSED, RESET, SILENT = "record", "closed", "reset", "silent"
_SERVER_HELLO, _CERTIFICATE, _CERTIFICATE_REQUEST, _HELLO_DONE = 2, 11, 13, 14
_HEARTBEAT_EXTENSION = 15
_MOST_MESSAGES = 16
_NO_RECORD = 2**14 + 2048


@dataclass(frozen=True)
class Flight:
    """What a server said up to its ServerHelloDone."""

    version: int
    suite: int
    compression: int
    heartbeat: bool
    """Whether it announces heartbeats (RFC 6520)."""
    certificate: bytes
    """DER of the leaf; empty where none was sent."""
    asks_certificate: bool = False
    """Whether it wants one of the client."""


@dataclass(frozen=True)
class Reaction:
    """The next thing that a server does: a record, or `closed`, `reset`, `silent`."""

    what: str
    kind: int = 0
    """Content type of the record."""
    body: bytes = b""

    @property
    def alert(self) -> int | None:
        """The number of the alert that it is."""
        return self.body[1] if self.what == ANSWER and self.kind == ALERT and len(self.body) == 2 else None  # noqa: PLR2004

    def __str__(self) -> str:
        if self.alert is not None:
            return f"alert {self.alert}"
        return f"a record of type {self.kind}" if self.what == ANSWER else self.what


class Line:
    """One connection to a server, on which records are sent and read."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._end = time.monotonic() + seconds
        self._reset = False

    def send(self, data: bytes) -> None:
        """Sends; that the server has hung up shows when its answer is read."""
        try:
            self._connection.settimeout(max(self._end - time.monotonic(), 0.001))
            self._connection.sendall(data)
        except TimeoutError:
            raise
        except OSError:
            # What it said before may still be read.
            self._reset = True

    def wait_at_most(self, seconds: float) -> None:
        """Sets the time for what is read from now on."""
        self._end = time.monotonic() + seconds

    def read(self, size: int) -> bytes:
        """As `read_server_answer` wants it."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        try:
            return self._connection.recv(size)
        except ConnectionError:
            self._reset = True
            return b""

    def flight(self, hello: bytes) -> Flight | Declined:
        """Sends a ClientHello of TLS 1.2 or older, and reads what comes of it.

        Raises:
            TimeoutError: the server does not come to an end in time.
            NotTlsError: the answer breaks off, or is none of TLS.
        """
        self.send(hello)
        messages = Messages(self.read)
        first = messages.next()
        if isinstance(first, Declined):
            return first
        if first[0] != _SERVER_HELLO:
            raise NotTlsError(f"a handshake message of type {first[0]} instead of a ServerHello")
        version, suite, compression, extensions = hello_fields(first[1])
        certificate, asks = b"", False
        for _ in range(_MOST_MESSAGES):
            following = messages.next()
            if isinstance(following, Declined):
                raise NotTlsError(f"after its ServerHello the server ended the connection: {following.words}")
            kind, body = following
            if kind == _CERTIFICATE:
                certificate = _leaf(body)
            elif kind == _CERTIFICATE_REQUEST:
                asks = True
            elif kind == _HELLO_DONE:
                return Flight(version, suite, compression, _HEARTBEAT_EXTENSION in extensions, certificate, asks)
        raise NotTlsError("a first flight without an end")

    def reaction(self) -> Reaction:
        """What the server does next.

        Raises:
            NotTlsError: bytes that are no record.
        """
        try:
            header = exactly(self.read, 5, None)
            if not header:
                return Reaction(RESET if self._reset else CLOSED)
            kind, major, _, length = struct.unpack("!BBBH", header)
            if not ALERT - 1 <= kind <= HEARTBEAT or major != 3 or length > _NO_RECORD:  # noqa: PLR2004
                raise NotTlsError(f"no record of TLS: {header!r}")
            return Reaction(ANSWER, kind, exactly(self.read, length, b"") if length else b"")
        except TimeoutError:
            return Reaction(SILENT)


@contextmanager
def opened(
    network: Network,
    place: Place,
    name: str,
    version: str,
    suites: Sequence[int],
    *,
    seconds: float,
    compressions: bytes = b"\0",
    heartbeat: bool = False,
) -> Iterator[tuple[Line, Flight | Declined]]:
    """A connection on which the server's first flight was read.

    Args:
        network: the door.
        place: declared host, port, and the pinned address of it to dial.
        name: sent as server name unless it is an address.
        version: TLS 1.2 or older, a key of `hello.VERSIONS`.
        suites: those offered, by number.
        seconds: for connecting, and again for the flight.
        compressions: methods offered.
        heartbeat: whether heartbeats are announced.

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.dial`.
        ProbeError: no connection, no end of the flight in time, an answer that is not TLS, or another version.
    """
    host, port, address = place
    where = f"{host} ({address}) port {port}"
    with network.connect(host, port, seconds=seconds, address=address) as connection:
        line = Line(connection, seconds)
        hello = client_hello(name, [version], suites, compressions=compressions, heartbeat=heartbeat)
        try:
            flight = line.flight(hello)
        except TimeoutError as error:
            raise ProbeError(f"{where} did not finish its answer to an offer of {version} in time") from error
        except (NotTlsError, OSError) as error:
            raise ProbeError(f"{where} gave no proper answer to an offer of {version}: {error}") from error
        if isinstance(flight, Flight):
            network.check_certificate(flight.certificate)
            if flight.version != VERSIONS[version] or flight.suite not in suites:
                raise ProbeError(f"{where} chose what {version} was not offered with")
        yield line, flight


def _leaf(body: bytes) -> bytes:
    length = int.from_bytes(body[3:6], "big")
    if len(body) < 6 + length:
        raise NotTlsError("a certificate that is too short")
    return body[6 : 6 + length]
