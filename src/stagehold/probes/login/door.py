"""urllib3 and requests, made to leave the machine through `Network` only and within a bounded time.

The connection classes dial what the network says and nothing else; the Host header and SNI stay the name.
A watchdog shuts the socket at the deadline, because per-read timeouts never end a server that drips.
"""

from __future__ import annotations

import functools
import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from stagehold.errors import NotAllowed, ProbeError
from stagehold.network.door import Network
from stagehold.network.silence import Place

MAX_BODY = 10 * 1024 * 1024
_CHUNK = 64 * 1024
_REPEATABLE = {"GET", "HEAD", "OPTIONS"}
"""RFC 9110 section 9.2.2 would allow PUT and DELETE too; checks count on sending those once."""


class Guard:
    """What the connections of one client share: the network, the chosen address and the running deadline."""

    def __init__(self, network: Network, host: str, address: str | None) -> None:
        self.network = network
        self.host = host
        self.address = address
        """Pinned address to use for `host`; None for the first."""
        self.raw_target: str | None = None
        """Sent as the request-target exactly as it is, for requests that are malformed on purpose."""
        self.deadline = 0.0
        """Of the running exchange, on the monotonic clock; 0 while none has set one."""
        self.expired = False
        self.place: Place | None = None
        """Where the last connection leads."""
        self.dialled_anew = False
        """Whether a connection was opened for the current request."""
        self.answer_begun = False
        """Whether a byte of an answer to the current request has come."""
        self._lock = threading.Lock()
        self._dialled: _Dialled | None = None

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def use(self, connection: _Dialled) -> None:
        """The connection the current request runs on, for the watchdog."""
        with self._lock:
            self._dialled = connection
            if self.expired:
                connection.shut()

    def expire(self) -> None:
        """End the current request now."""
        with self._lock:
            self.expired = True
            if self._dialled is not None:
                self._dialled.shut()

    def release(self) -> None:
        """The request is over; a late watchdog must not touch its connection."""
        with self._lock:
            done, self._dialled = self._dialled, None
        if done is not None and done.sock is None:
            done.let_go()

    def heard(self) -> None:
        """An answer has begun."""
        if self.place is not None:
            self.network.silence.heard(self.place)

    def waited_in_vain(self) -> None:
        """The time was over before the answer was."""
        if self.place is not None:
            self.network.silence.waited_in_vain(self.place)

    def holds(self, connection: _Dialled) -> bool:
        """Whether the current request runs on this connection."""
        return self._dialled is connection


class _Answer(http.client.HTTPResponse):
    """An answer that says when its first byte has come."""

    def __init__(self, guard: Guard, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._guard = guard

    def begin(self) -> None:
        if self.fp.peek(1):
            self._guard.answer_begun = True
        super().begin()


class _Dialled(HTTPConnection):
    """A connection that asks the door where to go."""

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard
        self._grip: socket.socket | None = None
        self.response_class = functools.partial(_Answer, guard)  # type: ignore[assignment] # http.client only calls it

    def _new_conn(self) -> socket.socket:
        guard = self._guard
        address = guard.address if self.host == guard.host else None
        sock = guard.network.connect(self.host, self.port, seconds=guard.left(), address=address)
        guard.place = sock.getpeername()[:2]
        guard.dialled_anew = True
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # TLS takes the descriptor over, so the watchdog holds a duplicate of its own.
        self.let_go()
        self._grip = socket.socket(fileno=os.dup(sock.fileno()))
        guard.use(self)
        return sock

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        self._guard.use(self)
        super().putrequest(method, self._guard.raw_target or url, *args, **kwargs)

    def shut(self) -> None:
        """Make every pending and later read and write of this connection end."""
        if self._grip is not None:
            try:
                self._grip.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def close(self) -> None:
        super().close()
        # http.client closes a connection that ends with its answer before the answer is read.
        if not self._guard.holds(self):
            self.let_go()

    def let_go(self) -> None:
        """Give the watchdog's hold up, which really ends a closed connection."""
        if self._grip is not None:
            self._grip.close()
            self._grip = None


class _DialledTls(_Dialled, HTTPSConnection):
    """The same over TLS; a denied key ends the connection before a request is sent."""

    def connect(self) -> None:
        super().connect()
        der = self.sock.getpeercert(binary_form=True) if isinstance(self.sock, ssl.SSLSocket) else None
        try:
            self._guard.network.check_certificate(der or b"")
        except NotAllowed:
            self.close()
            raise


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Dialled


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _DialledTls


class Door(HTTPAdapter):
    """The transport of a client. Every hop is bounded: seconds for the whole answer, bytes for its body."""

    def __init__(self, guard: Guard, *, trust: str | bool, seconds: float, sent: Callable[[str], None]) -> None:
        self.guard = guard
        self.seconds = seconds
        self._trust = trust
        self._sent = sent
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block=block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """The pool for a URL, its connections tied to the guard."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.conn_kw["guard"] = self.guard
        return pool

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Send one request and read its whole answer.

        A server may close a connection that it kept, just when the next request comes. A GET, HEAD or OPTIONS is
        then sent once more, on a connection of its own, unless a byte of an answer had come (RFC 9112 section 9.3.1).

        What the caller says about proxies, verification, streaming and timeouts is not heeded: trust and
        bounds are the client's, and there is no proxy.

        Raises:
            NotAllowed, DeniedByProduction: the door is shut for this address, name or key.
            ProbeError: no complete answer, in words.
        """
        named = request.headers.get("Host")
        if named is not None:
            self.guard.network.check_name(urlsplit(f"//{named}").hostname or "")
        alone = not self.guard.deadline
        if alone:
            self.guard.deadline = time.monotonic() + self.seconds
        try:
            return self._bounded(request)
        finally:
            if alone:
                self.guard.deadline = 0.0

    def _bounded(self, request: requests.PreparedRequest) -> requests.Response:
        guard = self.guard
        guard.expired = False
        where = f"{request.method} {bare(request.url)}"
        watchdog = threading.Timer(guard.left(), guard.expire)
        watchdog.daemon = True
        watchdog.start()
        try:
            try:
                response = self._once(request)
            except requests.RequestException as error:
                if not self._found_closed(request, error):
                    raise
                response = self._once(request)
            guard.heard()
            _read(response, where)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            if guard.expired or isinstance(error, requests.Timeout):
                guard.waited_in_vain()
            if guard.expired:
                raise ProbeError(f"{where}: no complete answer within {self.seconds:g} s") from error
            raise ProbeError(f"{where}: {cause(error)}") from error
        finally:
            watchdog.cancel()
            guard.release()
        if guard.expired:
            raise ProbeError(f"{where}: no complete answer within {self.seconds:g} s")
        return response

    def _once(self, request: requests.PreparedRequest) -> requests.Response:
        guard = self.guard
        guard.dialled_anew = guard.answer_begun = False
        self._sent(str(request.url))
        return super().send(request, stream=True, timeout=max(guard.left(), 0.001), verify=self._trust, proxies={})

    def _found_closed(self, request: requests.PreparedRequest, error: requests.RequestException) -> bool:
        guard = self.guard
        return (
            request.method in _REPEATABLE
            and not (guard.dialled_anew or guard.answer_begun or guard.expired)
            and _closed_by_server(error)
        )


def _closed_by_server(error: BaseException | None) -> bool:
    for _ in range(10):
        if error is None or isinstance(error, ConnectionError | ssl.SSLEOFError):
            break
        error = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
    return error is not None and isinstance(error, ConnectionError | ssl.SSLEOFError)


def _read(response: requests.Response, where: str) -> None:
    held = bytearray()
    for chunk in response.iter_content(_CHUNK):
        held += chunk
        if len(held) > MAX_BODY:
            response.close()
            raise ProbeError(f"{where}: the answer is larger than {MAX_BODY // 1024 // 1024} MiB")
    response._content = bytes(held)  # noqa: SLF001 - what requests itself sets after reading a stream


def bare(url: str | bytes | None) -> str:
    """The URL without its query, which may hold secrets."""
    text = url.decode("latin-1") if isinstance(url, bytes) else str(url)
    return text.partition("?")[0]


def cause(error: BaseException) -> str:
    """The innermost reason of a chain of library errors, in words a person can act on."""
    innermost: BaseException = error
    for _ in range(10):
        inner = getattr(innermost, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((arg for arg in innermost.args if isinstance(arg, BaseException)), None)
        inner = inner or innermost.__cause__
        if inner is None:
            break
        innermost = inner
    text = str(innermost) or type(innermost).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "the certificate is not trusted: " + text.partition("verify failed: ")[2].partition(" (_ssl")[0]
    if "CERTIFICATE_REQUIRED" in text.upper().replace(" ", "_"):
        return "the server asks for a client certificate, and stagehold has none to show"
    if isinstance(error, requests.exceptions.SSLError):
        return f"no TLS connection: {text}"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return f"the body is broken: {text}"
    return f"no valid HTTP answer: {text}"
