"""A local forward proxy that dials through the network's door only: the one way out of the browser.

Understands CONNECT and absolute-form HTTP (RFC 9110 section 9.3.6, RFC 9112 section 3.2.2). What the door
refuses is answered with 403 and remembered; what cannot be reached, with 502.
"""

from __future__ import annotations

import selectors
import socket
import socketserver
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self, cast
from urllib.parse import urlsplit

from stagehold.errors import NotAllowed, ProbeError
from stagehold.network.door import Network

_HEAD_LIMIT = 64 * 1024
_CONNECT_SECONDS = 10.0
_IDLE_SECONDS = 120.0
_HOP_BY_HOP = ("proxy-", "connection:", "keep-alive:")


@dataclass(frozen=True)
class Refusal:
    """A connection the proxy did not make. `allowed` tells a dead address from a forbidden one."""

    host: str
    port: int
    reason: str
    allowed: bool


class FilteringProxy:
    """Listens on 127.0.0.1 at a free port from `start` to `stop`; also a context manager."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._refusals: list[Refusal] = []
        self._keys_seen: set[tuple[str, int]] = set()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def url(self) -> str:
        """What a browser is given as its proxy."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Everything that was not connected so far, in order."""
        with self._lock:
            return tuple(self._refusals)

    def start(self) -> FilteringProxy:
        """Begin to serve."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving; open tunnels end with their sockets."""
        if self._thread.ident is not None:
            self._server.shutdown()
        self._server.server_close()
        self._server.end_tunnels()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def dial(self, host: str, port: int, *, secure: bool) -> socket.socket:
        """A connection through the door; remembers why there is none (NotAllowed, ProbeError)."""
        try:
            if secure:
                self._check_key(host, port)
            return self.network.connect(host, port, seconds=_CONNECT_SECONDS)
        except (NotAllowed, ProbeError) as error:
            with self._lock:
                self._refusals.append(Refusal(host, port, str(error), allowed=not isinstance(error, NotAllowed)))
            raise

    def _check_key(self, host: str, port: int) -> None:
        # Inside the tunnel nobody but the browser sees the certificate, so it is looked at beforehand.
        if (host, port) not in self._keys_seen:
            self.network.check_key_at(host, port, seconds=_CONNECT_SECONDS)
            self._keys_seen.add((host, port))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    proxy: FilteringProxy

    def __init__(self, *args: object) -> None:
        self.tunnels: set[socket.socket] = set()
        super().__init__(*args)  # type: ignore[arg-type]

    def end_tunnels(self) -> None:
        for sock in list(self.tunnels):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is nothing to print about."""


class _Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = cast(_Server, self.server)
        client: socket.socket = self.request
        client.settimeout(_CONNECT_SECONDS)
        server.tunnels.add(client)
        try:
            self._serve(server.proxy, client)
        except OSError:
            return
        finally:
            server.tunnels.discard(client)

    def _serve(self, proxy: FilteringProxy, client: socket.socket) -> None:
        head, rest = _head(client)
        try:
            method, target, version = head.split("\r\n", 1)[0].split(" ")
            host, port, secure = _destination(method, target)
        except ValueError:
            _say(client, "400 Bad Request", "this proxy understands CONNECT and absolute http URLs")
            return
        try:
            upstream = proxy.dial(host, port, secure=secure)
        except NotAllowed as error:
            _say(client, "403 Forbidden", str(error))
            return
        except ProbeError as error:
            _say(client, "502 Bad Gateway", str(error))
            return
        with upstream:
            if secure:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                upstream.sendall(rest)
            else:
                upstream.sendall(_origin_form(head, method, target, version) + rest)
            _relay(client, upstream)


def _head(client: socket.socket) -> tuple[str, bytes]:
    """The request's head without its empty line, and what was read beyond it."""
    data = b""
    deadline = time.monotonic() + _CONNECT_SECONDS
    while b"\r\n\r\n" not in data:
        if len(data) > _HEAD_LIMIT or time.monotonic() > deadline:
            raise OSError("no request head")
        chunk = client.recv(65536)
        if not chunk:
            raise OSError("closed before a request")
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def _destination(method: str, target: str) -> tuple[str, int, bool]:
    if method == "CONNECT":
        parts, default, secure = urlsplit(f"//{target}"), 443, True
    else:
        parts, default, secure = urlsplit(target), 80, False
        if parts.scheme.lower() != "http":
            raise ValueError(target)
    if not parts.hostname:
        raise ValueError(target)
    return parts.hostname, parts.port or default, secure


def _origin_form(head: str, method: str, target: str, version: str) -> bytes:
    """The request as the origin expects it, for one exchange: a second one comes over a new connection.

    Host is what was dialled (RFC 9112 section 3.2.2), so that no other virtual host can be named.
    """
    parts = urlsplit(target)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    upgrade = "\r\nupgrade:" in head.lower()
    lines = [f"{method} {path} {version}", f"Host: {parts.netloc.rpartition('@')[2]}"]
    for line in head.split("\r\n")[1:]:
        name = line.lower()
        if name.startswith(("host:", "proxy-")):
            continue
        if upgrade or not name.startswith(_HOP_BY_HOP):
            lines.append(line)
    if not upgrade:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _relay(client: socket.socket, upstream: socket.socket) -> None:
    """Carry bytes both ways until either side is done or nothing moves for a while."""
    other = {client: upstream, upstream: client}
    with selectors.DefaultSelector() as selector:
        for sock in other:
            sock.settimeout(_IDLE_SECONDS)
            selector.register(sock, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(_IDLE_SECONDS)
            if not ready:
                return
            for key, _ in ready:
                sock = cast(socket.socket, key.fileobj)
                data = sock.recv(65536)
                if data:
                    other[sock].sendall(data)
                    continue
                if sock is upstream:
                    return
                selector.unregister(sock)
                other[sock].shutdown(socket.SHUT_WR)


def _say(client: socket.socket, status: str, text: str) -> None:
    body = text.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    client.sendall(head.encode() + body)
