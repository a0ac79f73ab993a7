"""The service that the gate judges while faults are injected: a page, its build, and misbehaviour on demand.

`python -P -m tests.faults.service FOLDER ADDRESS`. Files of the folder steer it while it runs: `chain.pem` and
`key.pem` are read for each connection, `digest` is the build that `/version` tells, `behave` names a misbehaviour.
"""

from __future__ import annotations

import contextlib
import gzip
import http.server
import json
import ssl
import sys
import threading
import time
from pathlib import Path

NAME, PORT, PLAIN_PORT = "shop.faults.test", 7443, 7080
TEXT = "a small shop"
_LONGEST = 60.0
"""Seconds after which an endless answer ends all the same, so that no thread stays for ever."""
_HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Shop(http.server.BaseHTTPRequestHandler):
    """A start page, the build, 404 elsewhere, 421 to other names."""

    folder: Path
    protocol_version = "HTTP/1.1"

    def version_string(self) -> str:
        return "shop"

    def do_GET(self) -> None:
        behave = (self.folder / "behave").read_text(encoding="ascii").strip()
        misbehaviour = getattr(self, f"_{behave}", None) if behave else None
        if misbehaviour is not None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                misbehaviour()
            return
        ours = str(self.headers.get("Host", "")).partition(":")[0] == NAME
        if not ours:
            self._answer(421, b"not under this name")
        elif self.path == "/version":
            told = {"digest": (self.folder / "digest").read_text(encoding="ascii").strip()}
            self._answer(200, json.dumps(told).encode(), "application/json")
        elif self.path == "/":
            self._answer(200, f"<h1>{TEXT}</h1>".encode(), "text/html; charset=utf-8")
        else:
            self._answer(404, b"not here")

    do_HEAD = do_GET  # noqa: N815 - the name http.server wants
    do_POST = do_GET  # noqa: N815
    do_OPTIONS = do_GET  # noqa: N815

    def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8", **more: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(min(length, 1 << 20))
        self.send_response(status)
        headers = _HEADERS | {"Content-Type": kind, "Content-Length": str(len(body))} | more
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _chunks(self) -> None:
        """Chunks without an end."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")
        self._endless(b"1000\r\n" + b"x" * 4096 + b"\r\n", 0.0)

    def _header(self) -> None:
        """A header without an end."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
        self._endless(b"x" * 4096, 0.001)

    def _slow(self) -> None:
        """A byte each second."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n")
        self._endless(b"x", 1.0)

    def _bomb(self) -> None:
        """1 MiB on the wire, 1 GiB in memory."""
        self._answer(200, BOMB, "text/html; charset=utf-8", Content_Encoding="gzip")

    def _redirect(self) -> None:
        """Away, to a host that must never be contacted."""
        self._answer(302, b"", Location="https://10.99.0.1/stolen")

    def _unavailable(self) -> None:
        self._answer(503, b"later")

    def _endless(self, piece: bytes, pause: float) -> None:
        until = time.monotonic() + _LONGEST
        while time.monotonic() < until:
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(pause)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """The plain port: to https, whatever was asked."""

    def version_string(self) -> str:
        return "shop"

    def do_GET(self) -> None:
        self.send_response(308)
        self.send_header("Location", f"https://{NAME}:{PORT}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815
    do_POST = do_GET  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Say nothing."""


BOMB = gzip.compress(b"\0" * (1 << 26), compresslevel=9)


class TlsServer(http.server.ThreadingHTTPServer):
    """Reads its certificate for each connection, and shakes hands in the connection's own thread."""

    daemon_threads = True
    request_queue_size = 256
    folder: Path

    def finish_request(self, request: object, client_address: object) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "chain.pem", self.folder / "key.pem")
        context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
        with contextlib.suppress(OSError):
            wrapped = context.wrap_socket(request, server_side=True)  # type: ignore[arg-type]
            wrapped.settimeout(20)
            with contextlib.closing(wrapped):
                super().finish_request(wrapped, client_address)

    def handle_error(self, *args: object) -> None:
        """A client that goes away is no news."""


def main(folder: Path, address: str) -> None:
    """Serve until killed."""
    Shop.folder = TlsServer.folder = folder
    plain = http.server.ThreadingHTTPServer((address, PLAIN_PORT), Elsewhere)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    server = TlsServer((address, PORT), Shop)
    print("ready", flush=True)  # noqa: T201 - whoever started it waits for this
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
