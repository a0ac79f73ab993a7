"""Puts strangers' services on stage: certificates, people, a loopback address each, nginx in front where it belongs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import selectors
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import playwright

from tests.free_ports import free_port
from tests.probes.pki import Authority, write_chain
from tests.probes.tls_servers import fresh_address

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NODE = Path(playwright.__file__).parent / "driver" / "node"
EXPRESS = ROOT / ".tools" / "express" / "node_modules"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
STARTING = 30.0


@dataclass(frozen=True)
class Person:
    """Somebody who has an account with the stranger."""

    user: str
    company: str
    role: str = ""
    password: str = field(default_factory=lambda: secrets.token_urlsafe(14), repr=False)


@dataclass(frozen=True)
class Stranger:
    """A service that is up, and the folder its environment is described in."""

    folder: Path
    address: str

    def describe(self, text: str) -> Path:
        """Write the description; `ADDRESS` stands for the address."""
        path = self.folder / "environment.yaml"
        path.write_text(text.replace("ADDRESS", self.address), encoding="utf-8")
        return path


def prepare(folder: Path, name: str, people: Sequence[Person], columns: Sequence[str]) -> None:
    """Certificates for the name, and the people with their passwords: for the service in one file, for us in many."""
    authority = Authority.create()
    write_chain(folder, authority.leaf(name), authority.intermediate)
    (folder / "ca.pem").write_text(authority.root.pem, encoding="ascii")
    (folder / "django.key").write_text(secrets.token_urlsafe(50), encoding="ascii")
    rows = ["\t".join(str(getattr(person, column)) for column in columns) for person in people]
    (folder / "people.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "passwords").mkdir()
    for person in people:
        secret = folder / "passwords" / person.user.partition("@")[0]
        secret.touch(mode=0o600)
        secret.write_text(person.password, encoding="ascii")


@contextlib.contextmanager
def running(command: Sequence[str | Path], **variables: str) -> Iterator[None]:
    """A service that says `ready` on its standard output; ended afterwards."""
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        env={**os.environ, **variables},
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            assert selector.select(STARTING), f"{command} did not get ready"
        assert process.stdout.readline().strip() == "ready"
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def nginx(folder: Path, configuration: str, address: str, port: int) -> Iterator[None]:
    """The web server in the foreground, everything below `folder`."""
    (folder / "nginx").mkdir()
    path = folder / "nginx" / "nginx.conf"
    path.write_text(configuration, encoding="utf-8")
    process = subprocess.Popen(
        [NGINX, "-e", folder / "nginx" / "error.log", "-p", folder, "-c", path], start_new_session=True
    )
    try:
        wait_for(address, port)
        yield
    finally:
        process.terminate()
        process.wait(10)


def wait_for(address: str, port: int) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens at {address}:{port}")


@contextlib.contextmanager
def django_notes(folder: Path, people: Sequence[Person], *faults: str) -> Iterator[Stranger]:
    """A Django site behind nginx."""
    prepare(folder, "notes.stranger.test", people, ("user", "company", "password"))
    address, inner = fresh_address(), free_port()
    tokens = "on" if "names-its-version" in faults else "off"
    configuration = (HERE / "django_notes" / "nginx.conf").read_text(encoding="utf-8")
    # In a network of its own nobody else exists whom the workers could become.
    user = "user root;\n" if os.geteuid() == 0 else ""
    for name, value in (
        ("USER", user),
        ("ADDRESS", address),
        ("INNER", str(inner)),
        ("TOKENS", tokens),
        ("FOLDER", str(folder)),
    ):
        configuration = configuration.replace(name, value)
    command: list[str | Path] = [sys.executable, HERE / "django_notes" / "site.py", folder, str(inner), *faults]
    with running(command), nginx(folder, configuration, address, 8443):
        yield Stranger(folder, address)


@contextlib.contextmanager
def flask_api(folder: Path, people: Sequence[Person], *faults: str) -> Iterator[Stranger]:
    """A Flask API with TLS of its own."""
    prepare(folder, "items.stranger.test", people, ("user", "company", "role", "password"))
    address = fresh_address()
    command: list[str | Path] = [sys.executable, HERE / "flask_api" / "service.py", folder, address, "9443", *faults]
    with running(command):
        yield Stranger(folder, address)


@contextlib.contextmanager
def express_shop(folder: Path, people: Sequence[Person], *faults: str) -> Iterator[Stranger]:
    """An Express application on Node."""
    prepare(folder, "shop.stranger.test", people, ("user", "company", "password"))
    address = fresh_address()
    command: list[str | Path] = [NODE, HERE / "express" / "server.js", folder, address, "7443", *faults]
    with running(command, NODE_PATH=str(EXPRESS)):
        yield Stranger(folder, address)


@dataclass(frozen=True)
class Decided:
    """What a run of the gate came to."""

    code: int
    verdict: dict[str, Any]
    output: str

    def ids(self, outcome: str) -> set[str]:
        """The checks with that outcome."""
        return {check["spec"]["id"] for check in self.verdict["checks"] if check["outcome"] == outcome}

    def kept(self) -> set[str]:
        """The commitments that were proven."""
        return {item["commitment"]["id"] for item in self.verdict["commitments"] if item["state"] == "kept"}

    def reason(self, check: str) -> str:
        """What the check says."""
        return str(next(c["reason"] for c in self.verdict["checks"] if c["spec"]["id"] == check))


@dataclass(frozen=True)
class Checked:
    """What `stagehold check` printed."""

    code: int
    output: str

    @property
    def words(self) -> str:
        """The output without the breaks of its lines."""
        return " ".join(self.output.split())

    def ids(self, outcome: str) -> set[str]:
        """The checks with that outcome, as the table on the terminal names it."""
        return set(re.findall(rf"^. ([A-Z]{{3}}-[0-9]{{3}}) {outcome} ", self.output, re.MULTILINE))


def check(environment: Path, *what: str) -> Checked:
    """`stagehold check`, as a person calls it."""
    return _printed(environment, "check", str(environment), *what)


def plan(environment: Path) -> Checked:
    """`stagehold plan`, which sends nothing."""
    return _printed(environment, "plan", str(environment))


def _printed(environment: Path, *arguments: str) -> Checked:
    command = [sys.executable, "-m", "stagehold", *arguments]
    done = subprocess.run(command, cwd=environment.parent, capture_output=True, text=True, timeout=400, check=False)
    return Checked(done.returncode, done.stdout + done.stderr)


def gate(environment: Path) -> Decided:
    """`stagehold run`, as a pipeline calls it."""
    out = environment.parent / "out"
    command = [sys.executable, "-m", "stagehold", "run", str(environment), "--out", str(out)]
    done = subprocess.run(command, cwd=environment.parent, capture_output=True, text=True, timeout=400, check=False)
    verdict = json.loads((out / "verdict.json").read_text(encoding="utf-8"))
    return Decided(done.returncode, verdict, done.stdout + done.stderr)
