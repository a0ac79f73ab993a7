"""Connections that a server closes between two requests: what is sent once more, and what never is."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.web.client import HttpClient

Serve = Callable[..., Any]
Open = Callable[..., Network]
SOUND = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers the first `sound` requests of a connection, and at the next one says `last` and ends without notice."""

    def __init__(self, *, sound: int = 1, last: bytes = b"", resets: bool = False, connections: int = 100) -> None:
        self.sound = sound
        self.last = last
        self.resets = resets
        self.connections = connections
        """Later ones are closed at their first request."""
        self.requests: list[tuple[int, str]] = []
        """Number of the connection and method, in order."""
        self._count = 0

    def __call__(self, connection: socket.socket) -> None:
        """Serve one connection."""
        self._count += 1
        number = self._count
        for _ in range(self.sound if number <= self.connections else 0):
            if not self._hear(connection, number):
                return
            connection.sendall(SOUND)
        if not self._hear(connection, number):
            return
        if self.last:
            connection.sendall(self.last)
        if self.resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _hear(self, connection: socket.socket, number: int) -> bool:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                return False
            head += piece
        self.requests.append((number, head.partition(b" ")[0].decode()))
        return True


@pytest.fixture
def reach(serve: Serve, describe: Serve, open_network: Open, authority: Any) -> Callable[..., HttpClient]:
    """A client of a server, over TLS where asked."""

    def to(server: Server, *, tls: bool = False) -> HttpClient:
        served = serve(server, pem=authority.issue("app.example.test") if tls else None)
        url = f"https://app.example.test:{served.port}" if tls else f"http://127.0.0.1:{served.port}"
        network = open_network({"app": url}, addresses=("127.0.0.1",)) if tls else open_network({"app": url})
        ca_file = authority.ca_file if tls else None
        return HttpClient(network, describe({"app": url}).target("app"), ca_file=ca_file, timeout=5.0)

    return to


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("resets", [False, True], ids=["closes", "resets"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_kept_connection_that_was_closed_is_replaced(
    reach: Callable[..., HttpClient], method: str, *, resets: bool, tls: bool
) -> None:
    """A request that finds its kept connection closed is sent once more on a new one, and counted each time."""
    server = Server(resets=resets)
    client = reach(server, tls=tls)

    assert client.request("GET", "/").text == "ok"
    assert client.request(method, "/").status_code == 200
    assert server.requests == [(1, "GET"), (1, method), (2, method)]
    assert client.sent == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_may_change_something_is_sent_once(reach: Callable[..., HttpClient], method: str) -> None:
    """Nobody knows whether the server acted on a POST before it closed, so it is never sent again."""
    server = Server()
    client = reach(server)
    client.request("GET", "/")

    with pytest.raises(ProbeError, match="no valid HTTP answer"):
        client.request(method, "/", data=b"")
    assert server.requests == [(1, "GET"), (1, method)]


def test_new_connection_that_is_closed_tells(reach: Callable[..., HttpClient]) -> None:
    """A server that closes a new connection at its first request has refused it: nothing is sent again."""
    server = Server(sound=0)

    with pytest.raises(ProbeError, match="no valid HTTP answer"):
        reach(server).request("GET", "/")
    assert server.requests == [(1, "GET")]


def test_one_repetition_is_all(reach: Callable[..., HttpClient]) -> None:
    """When the new connection is closed as well, that is the answer."""
    server = Server(connections=1)
    client = reach(server)
    client.request("GET", "/")

    with pytest.raises(ProbeError, match="no valid HTTP answer"):
        client.request("GET", "/")
    assert server.requests == [(1, "GET"), (1, "GET"), (2, "GET")]


@pytest.mark.parametrize("last", [b"H", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
@pytest.mark.parametrize("resets", [False, True], ids=["closes", "resets"])
def test_answer_that_had_begun_is_not_asked_for_again(
    reach: Callable[..., HttpClient], last: bytes, *, resets: bool
) -> None:
    """A byte of an answer shows that the server had the request; a broken answer stays one."""
    server = Server(last=last, resets=resets)
    client = reach(server)
    client.request("GET", "/")

    with pytest.raises(ProbeError):
        client.request("GET", "/")
    assert server.requests == [(1, "GET"), (1, "GET")]


def test_time_that_ran_out_is_not_doubled(reach: Callable[..., HttpClient]) -> None:
    """When the time runs out the connection is shut on this side, which is not taken for a close by the server."""

    class TimeIsOver(Server):
        def _hear(self, connection: socket.socket, number: int) -> bool:
            heard = super()._hear(connection, number)
            if len(self.requests) == 2:
                client.session.door.guard.expire()  # type: ignore[attr-defined]
            return heard

    server = TimeIsOver()
    client = reach(server)
    client.request("GET", "/")

    with pytest.raises(ProbeError, match="no complete answer within 5 s"):
        client.request("GET", "/")
    assert server.requests == [(1, "GET"), (1, "GET")]
    assert client.sent == 2
