"""What twins of the headers suite are looked at with: a description, and everything the suite's fixtures do."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server

from stagehold.environment.model import Environment, Target
from stagehold.network.door import Network
from stagehold.probes.access.operations import load_operations
from stagehold.probes.login.driver import LoginDriver, Sessions
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.exposure.search import find_endpoints, find_files
from stagehold.probes.web.exposure.sweep import Exposure
from stagehold.probes.web.provocation import provoke
from stagehold.probes.web.sampling import Samples, sample_replies
from stagehold.probes.web.survey import Survey, survey_pages, survey_types, survey_versions
from stagehold.probes.web.visitor import visitors


@dataclass(frozen=True)
class Site:
    """A described site with the checks' eyes on it."""

    environment: Environment
    folder: Path

    def __post_init__(self) -> None:
        network = Network.build(self.environment)
        sessions = Sessions(LoginDriver(self.environment, network, self.folder, None))
        target = self.environment.targets[0]

        def connect(where: Target) -> HttpClient:
            return HttpClient(network, where, ca_file=None, timeout=5.0)

        who = visitors(self.environment, target, connect, sessions)
        operations = None
        if self.environment.inventory is not None:
            operations = load_operations(self.environment, sessions, self.folder)
        object.__setattr__(self, "_seen", (target, who, operations))

    @property
    def _all(self) -> Any:
        return self.__dict__["_seen"]

    def samples(self) -> Samples:
        """As the fixture `samples`."""
        target, who, operations = self._all
        return sample_replies(self.environment, target, who, operations)

    def pages(self) -> Survey:
        """As `page_policies`, where pages are expected."""
        return survey_pages(self.samples(), pages_expected=True)

    def types(self) -> Survey:
        """As `content_types`."""
        return survey_types(self.samples())

    def versions(self) -> Survey:
        """As `told_versions`."""
        return survey_versions(self.samples(), self.environment.disclosure.versions)

    def errors(self) -> Survey:
        """As `provoked_errors`, with consent to `canary-write`."""
        target, who, operations = self._all
        return provoke(self.environment, target, who, operations, seen=self.samples(), writing=True)

    def endpoints(self) -> Exposure:
        """As `served_endpoints`."""
        target, who, _ = self._all
        return find_endpoints(self.environment, target, who, self.samples())

    def files(self) -> Exposure:
        """As `served_files`."""
        target, who, _ = self._all
        return find_files(target, who[0], self.samples())


def site(url: str, folder: Path, **keys: Any) -> Site:
    """A site at a URL, described with these further keys."""
    document = {"environment": {"id": "twin"}, "targets": [{"name": "app", "base_url": url}], **keys}
    return Site(Environment.model_validate(document), folder)


def complaints(survey: Survey) -> set[str]:
    """What is complained about; the survey must be complete where that is nothing."""
    found = {complaint for item in survey.wrong for complaint in item.complaints}
    if not found:
        survey.require_complete()
    return found


def found(exposure: Exposure) -> set[str]:
    """What is served; the search must be complete where that is nothing."""
    kinds = {find.what for find in exposure.finds}
    if not kinds:
        exposure.require_complete()
    return kinds


@contextlib.contextmanager
def serving(app: Any) -> Iterator[str]:
    """A WSGI application on a loopback port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@contextlib.contextmanager
def running(command: Sequence[str], port: int, *, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """A server of its own process, once its port answers."""
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "the server ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing answers on port {port}")
