"""One healthy laboratory and one with every defect at once, both on loopback addresses, for all tests here."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from ledgerlab.defects import DEFECTS

NAME = "ledger.demo.test"


def _together() -> list[str]:
    """What can be switched on at once and still be seen: no two change the same setting or the same certificate."""
    taken: set[str] = set()
    names = []
    for defect in DEFECTS:
        # Of the certificates the one whose name is wrong, which tests look at.
        changed = {*defect.settings, *(("certificate",) if defect.certificate else ())}
        hidden = defect.certificate is not None and defect.certificate.name is None
        # The office is a namespace, and a low port is everybody's only in one.
        hidden = hidden or defect.open_to_office or defect.snmp_agent
        if not hidden and not changed & taken:
            taken |= changed
            names.append(defect.name)
    return names


TOGETHER = _together()


class _Named(HTTPAdapter):
    """Dials an address and verifies the certificate for the service's name."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, server_hostname=NAME, assert_hostname=NAME, **kwargs)


@dataclass
class Lab:
    """A laboratory that is up."""

    folder: Path
    process: subprocess.Popen[bytes]
    ready: dict[str, Any]
    base: str = field(init=False)

    def __post_init__(self) -> None:
        self.web = f"{self.ready['prefix']}10"
        self.base = f"https://{self.web}:8443"

    def password(self, username: str) -> str:
        return (self.folder / "secrets" / username).read_text()

    def anonymous(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", _Named())
        session.verify = str(self.folder / "pki" / "ca.pem")
        session.headers["Host"] = f"{NAME}:8443"
        return session

    def token(self, username: str) -> requests.Session:
        """A client with a bearer token."""
        session = self.anonymous()
        answer = session.post(
            f"{self.base}/api/auth/token",
            json={"username": username, "password": self.password(username)},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return session

    def browser(self, username: str) -> requests.Session:
        """A client that logged in with the form."""
        session = self.anonymous()
        answer = self.submit_login(session, username, self.password(username))
        assert answer.status_code == 303, answer.text
        return session

    def submit_login(self, session: requests.Session, username: str, password: str) -> requests.Response:
        form = session.get(f"{self.base}/login", timeout=10)
        return session.post(
            f"{self.base}/login",
            data={"username": username, "password": password, "csrf_token": self.form_token(form.text)},
            allow_redirects=False,
            timeout=10,
        )

    @staticmethod
    def form_token(page: str) -> str:
        """The hidden token of the first form of a page."""
        found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page)
        assert found, page
        return found.group(1)

    def invoice(self, owner: requests.Session, **changes: object) -> dict[str, Any]:
        """A new invoice of the owner's company."""
        body = {"customer": "C", "reference": secrets.token_hex(8), "amount_cents": 5, "due": "2030-01-01"}
        answer = owner.post(f"{self.base}/api/invoices", json=body | changes, timeout=10)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Lab]:
    """A laboratory in that folder; told to stop at the end, and killed if it does not."""
    with start(folder, *arguments) as process:
        try:
            yield Lab(folder, process, wait_until_ready(process))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """`ledgerlab up`, not waited for."""
    command = [sys.executable, "-m", "ledgerlab", "up", "--dir", str(folder), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_until_ready(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The line that says ready."""
    assert process.stdout is not None
    assert process.stderr is not None
    assert select.select([process.stdout], [], [], 60)[0], "not ready within 60 s"
    line = process.stdout.readline()
    assert line, process.stderr.read().decode()
    facts: dict[str, Any] = json.loads(line)
    assert facts["ready"] is True
    return facts


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A place with a short path: sockets live in it."""
    path = Path(tempfile.mkdtemp(prefix="ll-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def launch(short_folder: Path) -> Iterator[Callable[..., Lab]]:
    """Starts laboratories that are gone after the test, whatever happens in it."""
    with contextlib.ExitStack() as stack:

        def launch_one(name: str, *arguments: str) -> Lab:
            return stack.enter_context(running(short_folder / name, *arguments))

        yield launch_one


@pytest.fixture(scope="session")
def lab(short_folder: Path) -> Iterator[Lab]:
    """A healthy laboratory."""
    with running(short_folder / "healthy", "--mode", "loopback") as healthy:
        yield healthy


@pytest.fixture(scope="session")
def broken_lab(short_folder: Path) -> Iterator[Lab]:
    """All defects that can be seen together."""
    flags = [part for name in TOGETHER for part in ("--defect", name)]
    with running(short_folder / "broken", "--mode", "loopback", *flags) as broken:
        yield broken
