"""A foreign HTTPS service of a few lines, described in a few lines, and stagehold as users start it."""

from __future__ import annotations

import http.server
import json
import os
import ssl
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.probes.pki import Authority, write_chain

STATEMENT = """
commitments:
  - id: P1
    text: All traffic is encrypted.
    source: our web page
    owner: platform
    safeguards: [encrypted-transport, trusted-certificate, transport-policy]
"""


NAME = "app.foreign.test"


class Page(http.server.BaseHTTPRequestHandler):
    """Answers like a service of its own kind: a start page, 404 elsewhere, 421 to other names, HSTS everywhere."""

    hsts = "max-age=63072000; includeSubDomains"
    csp = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"

    def version_string(self) -> str:
        return "foreign"

    def do_GET(self) -> None:
        known = self.path == "/"
        body = b"<h1>A foreign service</h1>" if known else b"<h1>Not here</h1>"
        ours = str(self.headers.get("Host", "")).partition(":")[0] == NAME
        self.send_response(421 if not ours else 200 if known else 404)
        if not ours:
            body = b"<h1>Not under this name</h1>"
        if self.hsts:
            self.send_header("Strict-Transport-Security", self.hsts)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", self.csp)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name http.server wants
    do_POST = do_GET  # noqa: N815
    do_OPTIONS = do_GET  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Service:
    """A service that is up."""

    port: int
    folder: Path
    """Holds `ca.pem`."""

    def describe(self, more: str = "", *, base: str | None = None, statement: bool = True) -> Path:
        """An environment file for it; `more` is appended."""
        url = base or f"https://{NAME}:{self.port}"
        lines = ["environment: {id: foreign}"]
        if statement:
            (self.folder / "statement.yaml").write_text(STATEMENT, encoding="utf-8")
            lines.append("statement: statement.yaml")
        lines += [
            "targets:",
            f'  - {{name: web, base_url: "{url}", addresses: [127.0.0.1]}}',
            "tls: {trust: {kind: private, ca_file: ca.pem}}",
        ]
        path = self.folder / "environment.yaml"
        path.write_text("\n".join(lines) + "\n" + textwrap.dedent(more), encoding="utf-8")
        return path


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A CA for the tests' services."""
    return Authority.create()


@pytest.fixture
def serve(tmp_path: Path, authority: Authority) -> Iterator[Callable[..., Service]]:
    """Starts an HTTPS service on 127.0.0.1."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(handler: type[Page] = Page) -> Service:
        chain, key = write_chain(tmp_path, authority.leaf(NAME), authority.intermediate)
        (tmp_path / "ca.pem").write_text(authority.root.pem, encoding="ascii")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return Service(server.server_port, tmp_path)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    output: str
    out: Path

    @property
    def verdict(self) -> dict[str, Any]:
        """verdict.json of its `--out` folder."""
        loaded: dict[str, Any] = json.loads((self.out / "verdict.json").read_text(encoding="utf-8"))
        return loaded

    def outcome(self, check: str) -> str:
        """The outcome of one check."""
        return str(next(c["outcome"] for c in self.verdict["checks"] if c["spec"]["id"] == check))


Stagehold = Callable[..., Done]


@pytest.fixture
def stagehold(tmp_path: Path) -> Stagehold:
    """Runs the command line in a folder of its own, as a user would."""

    def run(*arguments: object, env: dict[str, str] | None = None, timeout: float = 120) -> Done:
        out = tmp_path / "out"
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "stagehold", *map(str, arguments)]
        if arguments and arguments[0] == "run":
            command += ["--out", str(out)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=work,
            env=os.environ | (env or {}),
        )
        return Done(done.returncode, done.stdout + done.stderr, out)

    return run
