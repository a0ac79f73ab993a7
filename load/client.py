"""Sends one request and judges its answer: pinned address, verified certificate, no redirects, no cookie jar.

The transport is geventhttpclient, which is what Locust's FastHttpUser uses; the connection pool is our own,
because the library's would retry a reset request as often as it has connections and so hide crashes.
"""

from __future__ import annotations

import errno
import json
import ssl
import uuid
import zlib
from dataclasses import dataclass
from typing import Any, cast

import gevent
import gevent.socket
import gevent.ssl
from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPParseError

from load.plan import Plan, Request

LOCAL_ERRORS = {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM}
"""Errors of the machine that generates, never of the service."""
MAX_BODY = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """`kind` is `ok` or the class of the failure; `answered` tells whether HTTP came back at all."""

    kind: str
    detail: str = ""
    length: int = 0


class PinnedPool:
    """Connections to one address. A kept-alive connection may turn out dead once; a fresh one may not."""

    size = 1
    """The client derives its number of attempts from this."""

    def __init__(self, plan: Plan) -> None:
        self._target = plan.target
        self._timeout = plan.timeout
        self._idle: list[Any] = []
        self.retries = 0
        self._context: Any = None
        if plan.target.scheme == "https":
            self._context = gevent.ssl.create_default_context(cafile=plan.target.ca_file)

    def get_socket(self) -> Any:
        current = gevent.getcurrent()
        previous = getattr(current, "connection", None)
        if previous == "fresh":
            raise ConnectionResetError(errno.ECONNRESET, "the connection was closed without an answer")
        if previous == "reused":
            self.retries += 1
        while self._idle and previous is None:
            connection = self._idle.pop()
            if _still_open(connection):
                connection.settimeout(self._timeout)
                current.connection = "reused"
                return connection
            connection.close()
        current.connection = "fresh"
        return self._connect()

    def return_socket(self, connection: Any) -> None:
        self._idle.append(connection)

    def release_socket(self, connection: Any) -> None:
        connection.close()

    def _connect(self) -> Any:
        connection = gevent.socket.create_connection((self._target.address, self._target.port), timeout=self._timeout)
        connection.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        if self._context is None:
            return connection
        try:
            return self._context.wrap_socket(connection, server_hostname=self._target.host)
        except BaseException:
            connection.close()
            raise


def _still_open(connection: Any) -> bool:
    """An idle connection that can be read was closed by the other side, or holds what nobody asked for."""
    try:
        connection.setblocking(0)
        connection.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    else:
        return False


class Client:
    """The one door to the target for a worker."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.pool = PinnedPool(plan)
        self._http = HTTPClient(plan.target.host, plan.target.port)
        # The constructor offers no way to pass a pool.
        self._http._connection_pool = cast("Any", self.pool)  # noqa: SLF001 - see above
        self._texts = {request.name: request.contains.encode() for request in plan.requests}

    def send(self, request: Request, index: int) -> Answer:  # noqa: PLR0911 - one answer per kind of failure
        """Send it and read all of the answer; never raises but for faults of this program."""
        timeout = gevent.Timeout(self._plan.timeout)
        timeout.start()
        try:
            response, body = self._exchange(request, index)
        except gevent.Timeout as expired:
            if expired is not timeout:
                raise
            return Answer("timeout", f"no complete answer within {self._plan.timeout:g} s")
        except ssl.SSLCertVerificationError as error:
            return Answer("certificate", error.verify_message or str(error))
        except ssl.SSLError as error:
            return Answer("tls", str(error))
        except TimeoutError:
            return Answer("timeout", f"no connection within {self._plan.timeout:g} s")
        except OSError as error:
            kind = "generator" if error.errno in LOCAL_ERRORS else "connection"
            return Answer(kind, f"{type(error).__name__}: {error.strerror or error}")
        except (HTTPParseError, zlib.error) as error:
            return Answer("protocol", f"{type(error).__name__}: {error}")
        finally:
            timeout.close()
        return self._judge(request, response, body)

    def _exchange(self, request: Request, index: int) -> tuple[Any, bytes]:
        canary = f"{self._plan.canary}-{index}"
        body = b""
        headers = {
            "Host": self._plan.target.authority,
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": "stagehold-load",
        }
        if request.json is not None:
            body = json.dumps(fill(request.json, canary)).encode()
            headers["Content-Type"] = "application/json"
        headers |= fill(request.headers, canary)
        if request.account is not None:
            headers |= self._plan.sessions[request.account]
        path = self._plan.target.prefix + fill(request.path, canary)
        response = self._http.request(request.method, path, body=body, headers=headers)
        content = bytes(response.read(MAX_BODY + 1))
        if len(content) > MAX_BODY:
            raise HTTPParseError(f"the answer is larger than {MAX_BODY} bytes")
        response.release()
        return response, decode(content, str(response.get("content-encoding") or ""))

    def _judge(self, request: Request, response: Any, body: bytes) -> Answer:
        status = response.status_code
        if status not in request.status:
            if 300 <= status < 400:  # noqa: PLR2004 - the redirection class of RFC 9110
                return Answer("redirect", f"status {status}, {len(body)} bytes", len(body))
            return Answer(f"status {status}", f"status {status}, {len(body)} bytes", len(body))
        if self._texts[request.name] not in body:
            return Answer("wrong body", f"status {status}, {len(body)} bytes, expected text absent", len(body))
        return Answer("ok", length=len(body))


def decode(body: bytes, encoding: str) -> bytes:
    """The content of a body in `gzip`, `deflate` or none.

    Raises:
        zlib.error: it is not what the header says, is cut off, or is larger than `MAX_BODY`.
    """
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise zlib.error(f"unasked-for content encoding {encoding!r}")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
    content = inflater.decompress(body, MAX_BODY)
    if not inflater.eof:
        raise zlib.error("compressed body is cut off or too large")
    return content


def fill(value: Any, canary: str) -> Any:
    """`value` with `{canary}` and `{key}` replaced in all of its text; `{key}` is a UUID, as APIs expect."""
    if isinstance(value, str):
        if "{" not in value:
            return value
        filled = value.replace("{canary}", canary)
        return filled.replace("{key}", str(uuid.uuid5(uuid.NAMESPACE_URL, canary))) if "{key}" in value else filled
    if isinstance(value, dict):
        return {name: fill(item, canary) for name, item in value.items()}
    if isinstance(value, list):
        return [fill(item, canary) for item in value]
    return value
