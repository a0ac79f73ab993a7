"""A small, fast and whole gate that ends in GO when nothing is injected, in a network and mounts of its own.

Run below `unshare --user --map-root-user --net --mount` (`in_a_world_of_our_own`): the service is a process on a host
behind a wire, so that port scans see nothing of the machine, cables can be cut, and disks of any size can be mounted.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.service import NAME, PLAIN_PORT, PORT, TEXT
from tests.ports.stage import StagedHost, staged
from tests.probes.pki import Authority, write_chain

ROOT = Path(__file__).parents[2]
ADDRESS = "10.88.0.10"
DIGEST, OTHER_DIGEST = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
_STARTING = 30.0

ENVIRONMENT = f"""\
environment: {{id: faults, owner: shop}}
statement: statement.yaml
release: {{expected_digest: "{DIGEST}", version_probe: {{target: web, path: /version, field: /digest, samples: 2}}}}
targets:
  - {{name: web, base_url: "https://{NAME}:{PORT}", addresses: [{ADDRESS}], http_port: {PLAIN_PORT}}}
tls:
  trust: {{kind: private, ca_file: ca.pem, max_lifetime_days_private: 400}}
  revocation: none
vantage: {{external: {{agent: local, egress: [10.88.0.1]}}}}
deny: {{production: {{cidrs: [10.99.0.0/16]}}}}
policy: {{deadline: DEADLINE, lane_deadline: LANE}}
"""
HOSTS = f"""\
hosts:
  - {{name: web, ipv4: [{ADDRESS}], ports: [{{port: {PORT}, service: https}}, {{port: {PLAIN_PORT}, service: http}}]}}
consent: {{classes: [evidence, ordinary, intrusive]}}
"""
LOAD = f"""\
slo: {{p95_ms: {{default: 5000}}, p99_ms: {{default: 9000}}, error_rate: 0.05}}
load:
  target: web
  allow_colocated: true
  requests: [{{name: start, path: /, contains: {TEXT}}}]
  profiles: {{release: {{rate: 30, seconds: 12, warm_up: 1, arrivals: constant}}}}
"""
SMALL = "consent: {classes: [evidence]}\n"
"""Nothing but looking is consented to: the checks that remain take a second."""
STATEMENT = """\
schema: stagehold/statement/1
title: What a shop promises
commitments:
  - {id: T1, text: Browsers are told to use TLS., owner: shop, safeguards: [transport-policy]}
  - {id: T2, text: What was tested is what runs., owner: shop, safeguards: [release-identity]}
"""


def in_a_world_of_our_own(*command: str) -> list[str]:
    """The command in a network and mounts of its own, with every right in them."""
    return ["unshare", "--user", "--map-root-user", "--net", "--mount", "--", *command]


@dataclass
class Stage:
    """The service, its description, and a place for runs."""

    folder: Path
    inside: int
    """A process in the network of the host."""
    authority: Authority
    service: subprocess.Popen[str] | None = None
    runs: int = 0
    mounted: list[Path] = field(default_factory=list)
    """What lies over programs; taken away again before the next fault."""

    def tidy(self) -> None:
        """As it was at the beginning: the service up and well, nothing described but what is always."""
        self.unmount()
        (self.folder / "behave").write_text("", encoding="ascii")
        (self.folder / "digest").write_text(DIGEST, encoding="ascii")
        for name in ("own", "waivers.yaml", "bin"):
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        write_chain(self.folder, self.authority.leaf(NAME), self.authority.intermediate)
        (self.folder / "statement.yaml").write_text(STATEMENT, encoding="utf-8")
        if self.service is None or self.service.poll() is not None:
            self.serve()

    def unmount(self) -> None:
        """Take away what faults have mounted; at once, whoever still has a file open there."""
        while self.mounted:
            subprocess.run(["umount", "-l", str(self.mounted.pop())], check=True, timeout=10)

    def serve(self) -> None:
        """Start the service on the host."""
        command = ["nsenter", "-t", str(self.inside), "--net", "--", sys.executable, "-P", "-m", "tests.faults.service"]
        self.service = subprocess.Popen(
            [*command, str(self.folder), ADDRESS],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self.service.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.service.stdout, selectors.EVENT_READ)
            assert selector.select(_STARTING), "the service did not get ready"
        assert self.service.stdout.readline().strip() == "ready"

    def end_service(self) -> None:
        """Kill it, as a machine that dies."""
        if self.service is not None:
            self.service.kill()
            self.service.wait(10)

    def describe(self, *parts: str, suite: str = "", deadline: int = 90, lane: int = 60) -> Path:
        """The environment file, with more keys and a suite of the company's own."""
        text = ENVIRONMENT.replace("DEADLINE", str(deadline)).replace("LANE", str(lane)) + "".join(parts)
        if suite:
            (self.folder / "own").mkdir(exist_ok=True)
            (self.folder / "own" / "test_own.py").write_text(suite, encoding="utf-8")
            text += "suites: [own]\n"
        path = self.folder / "environment.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def out(self) -> Path:
        """A new place for a run's folder."""
        self.runs += 1
        return self.folder / "runs" / str(self.runs) / "out"


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """The stage, up and well."""
    with staged(StagedHost(10)) as pid, tempfile.TemporaryDirectory(prefix="stagehold-faults-") as place:
        folder = Path(place)
        folder.chmod(0o755)
        authority = Authority.create()
        authority.ca_file(folder)
        (folder / "runs").mkdir()
        found = Stage(folder, pid, authority)
        try:
            found.tidy()
            yield found
        finally:
            found.end_service()
            found.unmount()


def gate_command(environment: Path, out: Path, *more: str) -> list[str]:
    """The gate, as a pipeline calls it."""
    return [sys.executable, "-P", "-m", "stagehold", "run", str(environment), "--out", str(out), *more]
