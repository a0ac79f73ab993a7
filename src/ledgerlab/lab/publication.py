"""Where the certificate authority publishes its revocation list: plain HTTP, as lists are signed anyway (RFC 5280)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ledgerlab.lab.errors import LabError

PATH = "/issuing.crl"


class Publication:
    """Answers until this process ends; what is asked for is made at that moment."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make

    def start(self, address: str, port: int) -> None:
        """Listens at this address.

        Raises:
            LabError: the port cannot be had.
        """
        make = self._make

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                if self.path != PATH:
                    self.send_error(404)
                    return
                body = make()
                self.send_response(200)
                self.send_header("Content-Type", "application/pkix-crl")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        try:
            server = ThreadingHTTPServer((address, port), Handler)
        except OSError as error:
            raise LabError(f"The authority cannot listen on {address} port {port}: {error.strerror}.") from error
        threading.Thread(target=server.serve_forever, daemon=True, name="authority").start()
