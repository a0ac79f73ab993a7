"""Slow web servers for the tests: how many requests they stand, and what they do to one too many."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any

HANGS = "/jolokia"


@dataclass
class SlowService:
    """What a server does, and what it has seen."""

    seconds: float = 0.08
    served: dict[str, bytes] = field(default_factory=lambda: {"/": b"<h1>Welcome</h1>"})
    stands: int = 100
    """Requests at once that are answered."""
    refuses_with: str = "429"
    """What happens to one too many: a status, or `reset`."""
    lives_for: int = 1_000_000
    """Requests after which it resets every connection."""
    hangs: bool = False
    """Whether one path is never answered."""
    keeps_alive: bool = True
    asked: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    most: int = 0
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)
    base_url: str = ""


def _handler(service: SlowService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if service.keeps_alive else "HTTP/1.0"

        def do_GET(self) -> None:
            with service.lock:
                service.asked[self.path] += 1
                service.in_flight += 1
                service.most = max(service.most, service.in_flight)
                crowded = service.in_flight > service.stands
                service.refused += crowded
                dead = service.asked.total() > service.lives_for
            try:
                if dead or (crowded and service.refuses_with == "reset"):
                    self._reset()
                elif crowded:
                    names = {"Retry-After": "0"} if service.refuses_with in {"429", "503"} else {}
                    self._answer(int(service.refuses_with), b"slow down", names)
                elif service.hangs and self.path == HANGS:
                    service.over.wait(30)
                    self.close_connection = True
                else:
                    time.sleep(service.seconds)
                    body = service.served.get(self.path)
                    self._answer(404 if body is None else 200, b"no such page" if body is None else body, {})
            finally:
                with service.lock:
                    service.in_flight -= 1

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.do_GET()

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "text/html", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def _reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            del format, args

    return Handler


@contextlib.contextmanager
def slow_server(service: SlowService, *, one_connection_at_a_time: bool = False) -> Iterator[SlowService]:
    """Serve on a loopback port; the plain server of the standard library serves one connection after another."""
    kind = HTTPServer if one_connection_at_a_time else ThreadingHTTPServer
    server = kind(("127.0.0.1", 0), _handler(service))
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    service.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
