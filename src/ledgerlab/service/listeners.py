"""The sockets of the service: https for users, plain http for redirects, and the operations listener."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from ledgerlab.service.config import Settings
from ledgerlab.service.middleware import HSTS, KnownNames, Protection, Turnstile


class _Listener(uvicorn.Server):
    """A server among several of one process; `serve` handles the signals for all of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _HttpsProtocol(H11Protocol):
    """Requests that are not HTTP at all are answered below the application, and protected like all others."""

    def send_400_response(self, msg: str) -> None:
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"x-content-type-options", b"nosniff"),
            (b"strict-transport-security", HSTS.encode()),
            (b"connection", b"close"),
        ]
        answer = (
            h11.Response(status_code=400, headers=headers),
            h11.Data(data=msg.encode()),
            h11.EndOfMessage(),
        )
        for event in answer:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Server side TLS for both names of the service, each with its certificate (SNI, RFC 6066 section 3)."""
    partners = _context(
        settings,
        settings.partner_certificate_file,
        settings.partner_key_file,
        settings.partner_ciphers or settings.ciphers,
    )

    def choose(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
        if name == settings.partner_name:
            connection.context = partners

    context = _context(settings, settings.certificate_file, settings.key_file, settings.ciphers)
    context.sni_callback = choose
    return context


def _context(settings: Settings, certificate: Path, key: Path, ciphers: str) -> ssl.SSLContext:
    """The chain as it lies in the file, and the server's own order of suites."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion[settings.minimum_tls]
    context.maximum_version = ssl.TLSVersion[settings.maximum_tls]
    context.set_ciphers(ciphers)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(certificate, key)
    return context


def redirect_app(settings: Settings) -> ASGIApp:
    """Answers everything with a permanent redirect to the same path on the public name, without content.

    Programs, which have a name of their own, are refused: they would go on sending their tokens in the clear.
    """
    programs = settings.api_name.encode()

    async def redirect(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        if host.partition(b":")[0].lower() == programs:
            headers = [(b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body"})
            return
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        path = quote(scope["path"], safe="/:@!$&'()*+,;=~-._")
        location = f"https://{settings.public_name}:{settings.https_port}{path}{query}"
        headers = [(b"location", location.encode("latin-1")), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 308, "headers": headers})
        await send({"type": "http.response.body"})

    return redirect


def operations_app(protection: Protection) -> ASGIApp:
    """Metrics in the Prometheus text format."""

    async def metrics(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        lines = ["# TYPE ledger_responses_total counter"]
        counts = sorted(protection.responses.items())
        lines += [f'ledger_responses_total{{status="{status}"}} {count}' for status, count in counts]
        body = ("\n".join(lines) + "\n").encode()
        headers = [
            (b"content-type", b"text/plain; version=0.0.4"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return metrics


def _listener(app: ASGIApp, **options: Any) -> _Listener:
    common: dict[str, Any] = {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "lifespan": "off",
        "ws": "none",
        "timeout_graceful_shutdown": 1,
        "http": "h11",
        "proxy_headers": False,
    }
    return _Listener(uvicorn.Config(app, **(common | options)))


async def serve(settings: Settings, app: ASGIApp) -> None:
    """Serves until SIGTERM or SIGINT, or until a listener ends by itself, which is an error.

    Raises:
        RuntimeError: a listener could not be opened.
    """
    app = KnownNames(app, (settings.public_name, settings.api_name, settings.partner_name))
    protection = Protection(Turnstile(app, settings.database_pool))
    context = tls_context(settings)
    listeners = [
        _listener(
            protection,
            host=address,
            port=settings.https_port,
            http=_HttpsProtocol,
            ssl_context_factory=lambda _config, _default: context,
            backlog=1024,
        )
        for address in settings.addresses
    ]
    if settings.redirect_port is not None:
        plain = redirect_app(settings)
        listeners += [_listener(plain, host=address, port=settings.redirect_port) for address in settings.addresses]
    scheme, _, rest = settings.operations.partition(":")
    where = {"uds": rest} if scheme == "unix" else {"host": scheme, "port": int(rest)}
    listeners.append(_listener(operations_app(protection), **where))

    def stop() -> None:
        for listener in listeners:
            listener.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    tasks = [asyncio.create_task(listener.serve()) for listener in listeners]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop()
    await asyncio.gather(*tasks)
    if not all(listener.started for listener in listeners):
        raise RuntimeError("a listener could not be opened")
