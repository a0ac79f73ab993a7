"""Fixtures for journeys written in Python: people in the browser, programs at the API, both logged in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from stagehold.context import LaneContext
from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.model import Outcome, Traffic
from stagehold.plugin.evidence import EvidenceRecorder
from stagehold.plugin.state import PHASES
from stagehold.probes.browser.journeys import open_as
from stagehold.probes.browser.launch import Chromium
from stagehold.probes.browser.person import Person
from stagehold.probes.login.driver import Sessions
from stagehold.probes.login.session import Session


class Api:
    """One person's session at the API of its flow's target, or of another: `get`, `post`, … answer like `requests`.

    Paths are relative to the target. Redirects are not followed unless asked for. A target that cannot be reached
    raises ProbeError, which makes the check inconclusive; a status never raises.
    """

    def __init__(self, session: Session, environment: Environment) -> None:
        self._session = session
        self._environment = environment

    def request(
        self,
        method: str,
        path: str,
        *,
        json: object | None = None,
        data: dict[str, str] | bytes | None = None,
        headers: dict[str, str] | None = None,
        allow_redirects: bool = False,
        target: str | None = None,
    ) -> requests.Response:
        """Send a request as this person, CSRF token and origin included where a page's script would send them."""
        elsewhere = self._environment.target(target) if target is not None else None
        return self._session.request(
            method, path, json=json, data=data, headers=headers, allow_redirects=allow_redirects, target=elsewhere
        )

    def get(self, path: str, *, headers: dict[str, str] | None = None, target: str | None = None) -> requests.Response:
        """GET the path."""
        return self.request("GET", path, headers=headers, target=target)

    def post(
        self, path: str, *, json: object | None = None, data: dict[str, str] | None = None, target: str | None = None
    ) -> requests.Response:
        """POST JSON or a form."""
        return self.request("POST", path, json=json, data=data, target=target)

    def put(self, path: str, *, json: object | None = None, target: str | None = None) -> requests.Response:
        """PUT JSON."""
        return self.request("PUT", path, json=json, target=target)

    def patch(self, path: str, *, json: object | None = None, target: str | None = None) -> requests.Response:
        """PATCH with JSON."""
        return self.request("PATCH", path, json=json, target=target)

    def delete(self, path: str, *, target: str | None = None) -> requests.Response:
        """DELETE the path."""
        return self.request("DELETE", path, target=target)


@pytest.fixture
def api_as(context: LaneContext, sessions: Sessions) -> Callable[[str], Api]:
    """`api_as("alias")` is a session of its own for the account: logging out of it disturbs nobody."""

    def make(alias: str) -> Api:
        _require_account(context.environment, alias)
        return Api(sessions.driver.login(context.environment.account(alias)), context.environment)

    return make


@pytest.fixture
def people_at_pages() -> list[Person]:
    """Everybody that this check has let into a browser."""
    return []


@pytest.fixture
def troubles(people_at_pages: list[Person]) -> Callable[[], tuple[str, ...]]:
    """`troubles()` says what broke so far on the pages of `page_as`, as FUN-003 sees it; nothing: an empty tuple.

    Raises:
        ProbeError: it cannot be told whether the service is to blame.
    """

    def tell() -> tuple[str, ...]:
        found: list[str] = []
        seen = []
        for person in people_at_pages:
            if not person.page.is_closed():
                person.rest()
            seen.append(person.watch.seen())
            found += map(str, seen[-1].certain)
        if not found:
            for one in seen:
                one.require_undisturbed()
        return tuple(found)

    return tell


@pytest.fixture
def page_as(
    request: pytest.FixtureRequest,
    context: LaneContext,
    browser: Chromium,
    sessions: Sessions,
    evidence: EvidenceRecorder,
    people_at_pages: list[Person],
    tmp_path: Path,
) -> Iterator[Callable[[str], Page]]:
    """`page_as("alias")` is a page of a clean browser in which the account has logged in through the login page.

    Relative paths of `page.goto` are those of the flow's target. A screenshot of every open page is attached when the
    check does not pass; with `stagehold check --trace` a Playwright trace, begun after the login, always is. What
    broke on the way is attached, too; it is the check that judges it (`troubles`).
    """
    context.network.require(Traffic.ORDINARY)
    people = people_at_pages
    with ExitStack() as contexts:

        def make(alias: str) -> Page:
            _require_account(context.environment, alias)
            person = contexts.enter_context(open_as(browser, sessions.driver, alias))
            if context.trace:
                person.context.tracing.start(screenshots=True, snapshots=True)
            people.append(person)
            return person.page

        yield make
        open_phases = [judged for judged in request.node.stash.get(PHASES, []) if judged.outcome is not Outcome.PASSED]
        for number, person in enumerate(people, start=1):
            name = f"{person.account.alias} {number}"
            if open_phases and (shown := person.picture()):
                evidence.png(f"screenshot {name}", shown)
            if told := person.watch.seen().troubles:
                evidence.text(f"what broke on the way {name}", "\n".join(map(str, told)))
            if context.trace:
                _keep_trace(person, evidence, tmp_path / f"trace-{number}.zip", f"trace {name}")


def _require_account(environment: Environment, alias: str) -> None:
    known = [account.alias for account in environment.accounts]
    if alias not in known:
        raise ProbeError(f"there is no account {alias!r} in the environment; there are: {', '.join(known) or 'none'}")


def _keep_trace(person: Person, evidence: EvidenceRecorder, path: Path, name: str) -> None:
    with suppress(PlaywrightError):  # a page that is gone has nothing left to show
        person.context.tracing.stop(path=path)
        evidence.file(name, path.read_bytes(), "application/zip", "zip")
