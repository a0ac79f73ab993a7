"""What twins of the headers suite are looked at with: a description, and everything the suite's fixtures do."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from stagehold.environment.model import Environment, Target
from stagehold.errors import NotApplicable, ProbeError
from stagehold.network.door import Network
from stagehold.network.pace import Pace
from stagehold.probes.access.operations import load_operations
from stagehold.probes.consoles.search import ConsoleSearch, search
from stagehold.probes.login.driver import LoginDriver, Sessions
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.exposure.search import find_endpoints, find_files
from stagehold.probes.web.exposure.sweep import Exposure
from stagehold.probes.web.plain_http import PlainHttp, look_at_plain_http
from stagehold.probes.web.provocation import provoke
from stagehold.probes.web.sampling import Samples, sample_replies
from stagehold.probes.web.survey import Survey, survey_pages, survey_types, survey_versions
from stagehold.probes.web.visitor import visitors

PASSED: set[str] = set()
"""No complaint, and complete."""
NOT_APPLICABLE = {"not applicable"}


class Site:
    """A described site with the checks' eyes on it; `pages_expected` as people open it in a browser."""

    def __init__(
        self, environment: Environment, folder: Path, *, ca_file: Path | None = None, pages_expected: bool = True
    ) -> None:
        self.environment = environment
        self.pages_expected = pages_expected
        self.network = Network.build(environment)
        self.target = environment.targets[0]
        self._ca_file = ca_file
        sessions = Sessions(LoginDriver(environment, self.network, folder, ca_file))
        self._who = visitors(environment, self.target, self.connect, sessions)
        described = environment.inventory is not None
        self._operations = load_operations(environment, sessions, folder) if described else None

    def connect(self, where: Target, **options: Any) -> HttpClient:
        """As the fixture `http`."""
        return HttpClient(self.network, where, ca_file=self._ca_file, timeout=5.0, **options)

    def samples(self) -> Samples:
        """As the fixture `samples`."""
        return sample_replies(self.environment, self.target, self._who, self._operations)

    def errors(self, seen: Samples) -> Survey:
        """As `provoked_errors`, with consent to `canary-write`."""
        within = Pace().search()
        return provoke(
            self.environment, self.target, self._who, self._operations, seen=seen, writing=True, within=within
        )

    def endpoints(self) -> Exposure:
        """As `served_endpoints`."""
        return find_endpoints(self.environment, self.target, self._who, self.samples(), Pace().search())

    def files(self) -> Exposure:
        """As `served_files`."""
        return find_files(self.target, self._who[0], self.samples(), Pace().search())

    def consoles(self) -> ConsoleSearch:
        """As `console_search`."""
        return search(self.network, self.environment, "external", Pace().search())

    def plain(self) -> PlainHttp:
        """As `plain_http`."""
        return look_at_plain_http(self.environment, self.network, self.target, self.connect)

    def responses(self) -> dict[str, set[str]]:
        """What the checks of responses say, by check; those that pass are left out."""
        seen = self.samples()
        own = self.environment.disclosure.versions
        return _failed(
            {
                "HDR-002": lambda: complaints(survey_pages(seen, pages_expected=self.pages_expected)),
                "HDR-005": lambda: complaints(survey_types(seen)),
                "HDR-010": lambda: complaints(survey_versions(seen, own)),
                "HDR-012": lambda: complaints(self.errors(seen)),
            }
        )

    def exposures(self) -> dict[str, set[str]]:
        """What the checks of what is served say, by check; those that pass are left out."""
        return _failed(
            {
                "HDR-013": lambda: served(self.endpoints()),
                "HDR-014": lambda: served(self.files()),
                "NET-009": lambda: consoles(self.consoles()),
            }
        )


def _failed(checks: Mapping[str, Callable[[], set[str]]]) -> dict[str, set[str]]:
    said = {}
    for name, look in checks.items():
        try:
            said[name] = look()
        except NotApplicable:
            said[name] = NOT_APPLICABLE
        except ProbeError as error:
            said[name] = {f"inconclusive: {error}"}
    return {name: words for name, words in said.items() if words != PASSED}


def site(
    url: str, folder: Path, *, addresses: Sequence[str] = (), http_port: int | None = None, ca_file: Path | None = None,
    pages_expected: bool = True, **keys: Any,
) -> Site:  # fmt: skip
    """A site at a URL, described with these further keys."""
    target = {"name": "app", "base_url": url, "addresses": addresses, "http_port": http_port}
    document = {"environment": {"id": "twin"}, "targets": [target], **keys}
    environment = Environment.model_validate(document)
    return Site(environment, folder, ca_file=ca_file, pages_expected=pages_expected)


def complaints(survey: Survey) -> set[str]:
    """What is complained about; the survey must be complete where that is nothing."""
    found = {complaint for item in survey.wrong for complaint in item.complaints}
    if not found:
        survey.require_complete()
    return found


def served(exposure: Exposure) -> set[str]:
    """What is served; the search must be complete where that is nothing."""
    kinds = {find.what for find in exposure.finds}
    if not kinds:
        exposure.require_complete()
    return kinds


def consoles(looked: ConsoleSearch) -> set[str]:
    """Consoles that are reachable; the search must be complete where there are none."""
    names = {found.name for found in looked.found}
    if not names:
        looked.require_complete()
    return names


def over_plain_http(looked: PlainHttp) -> set[str]:
    """What is wrong over plain HTTP; the answers must be complete where that is nothing."""
    words = {answer.complaint for answer in looked.wrong}
    if not words:
        looked.require_complete()
    return words


@contextlib.contextmanager
def serving(app: Any, *, banner: str = "web") -> Iterator[str]:
    """A WSGI application on a loopback port; `banner` is its Server header."""

    class Handler(WSGIRequestHandler):
        def version_string(self) -> str:
            return banner

        def log_request(self, *_: object) -> None:
            """Keep the tests' output clean."""

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@contextlib.contextmanager
def running(command: Sequence[str | Path], port: int, *, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """A server of its own process, once its port answers."""
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "the server ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing answers on port {port}")
