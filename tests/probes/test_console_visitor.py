"""How the search for consoles uses a connection."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from stagehold.network.door import Network
from stagehold.probes.consoles.visit import Place, Visitor


class Site(http.server.BaseHTTPRequestHandler):
    """Keeps connections; `/whole` says how long it is, `/parts` comes in chunks, `/until-closed` does neither."""

    protocol_version = "HTTP/1.1"
    connections: ClassVar[list[object]] = []

    def setup(self) -> None:
        self.connections.append(self)
        super().setup()

    def do_GET(self) -> None:
        body = b"<h1>Not here</h1>"
        self.send_response(404)
        if self.path == "/whole":
            self.send_header("Content-Length", str(len(body)))
        elif self.path == "/parts":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where the site listens."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(("path", "connections"), [("/whole", 1), ("/parts", 1), ("/until-closed", 5)])
def test_a_connection_is_kept_where_the_listener_keeps_it(
    path: str, connections: int, port: int, describe: Callable[..., Any]
) -> None:
    """Five requests need one connection, unless the end of an answer is the end of its connection."""
    network = Network.build(describe({"app": f"http://127.0.0.1:{port}"}), resolve=lambda _: [])
    Site.connections.clear()

    visitor = Visitor(network, Place(False, "127.0.0.1", port, "127.0.0.1", target=True))
    pages = [visitor.get(path) for _ in range(5)]
    visitor.close()

    assert {page.body for page in pages} == {"<h1>Not here</h1>"}
    assert len(Site.connections) == connections
