"""What every https response gets, whoever made it: protective headers, a request id, a line in the log."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import Counter
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("ledger.access")

# A year, as RFC 6797 section 6.1.1 and the preload lists understand it.
HSTS = "max-age=31536000; includeSubDomains"
PROTECTION = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Turnstile:
    """Lets in as many requests at a time as there are database connections; the others wait without a thread.

    A request holds its connection while it moves from one worker thread to another. Were more let in, threads
    waiting for a connection could keep those out that are about to give one back.
    """

    def __init__(self, app: ASGIApp, places: int) -> None:
        self.app = app
        self._places = asyncio.Semaphore(places)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        async with self._places:
            await self.app(scope, receive, send)


class KnownNames:
    """Lets in requests for the names of the service; all others are misdirected (RFC 9110 section 15.5.20)."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self.app = app
        self._names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] == "http":
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
            if host.partition(":")[0] not in self._names:
                await PlainTextResponse("This name is not served here.", 421)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class Protection:
    """Wraps the whole application, so that error pages and redirects are protected as well."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.responses: Counter[int] = Counter()
        """Answers given so far, per status."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.monotonic()
        status = 500

        async def protected_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["Strict-Transport-Security"] = HSTS
                for name, value in PROTECTION.items():
                    headers[name] = value
                headers["X-Request-Id"] = request_id
                if not scope["path"].startswith("/static/"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        try:
            await self.app(scope, receive, protected_send)
        finally:
            self.responses[status] += 1
            client = scope.get("client")
            LOG.info(
                "request",
                extra={
                    "facts": {
                        "id": request_id,
                        "method": scope["method"],
                        "path": scope["path"],
                        "status": status,
                        "ms": round((time.monotonic() - started) * 1000, 1),
                        "client": client[0] if client else "",
                    }
                },
            )
