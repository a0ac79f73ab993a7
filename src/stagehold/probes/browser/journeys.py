"""A declared journey, walked in the real browser, with its result read by API in another session."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError

from stagehold.environment.access import BasicFlow
from stagehold.environment.model import Journey, JourneyResult, Step
from stagehold.errors import ProbeError
from stagehold.probes.browser.launch import Chromium
from stagehold.probes.browser.person import Person, Stuck
from stagehold.probes.browser.plain_loads import LoadListener, Loads
from stagehold.probes.browser.watch import Seen, Watch
from stagehold.probes.login.driver import LoginDriver, Sessions

RESULT_SECONDS = 10.0
CANARY = "{canary}"
_SERVER_ERROR, _TOO_MANY = 500, 429


@dataclass(frozen=True)
class JourneyRun:
    """What came of one journey. `stuck` is empty when every step was done."""

    journey: Journey
    steps: tuple[str, ...]
    """In words, placeholders filled."""
    done: int
    """Steps completed, the login counting as the first."""
    stuck: str
    seen: Seen
    """What went wrong on the way, the login included."""
    loads: Loads
    """What pages loaded and submitted without TLS, the login included."""
    result: str
    """What the API showed, in words; empty when no result is declared or the steps were not completed."""
    result_holds: bool
    picture: bytes | None = field(default=None, repr=False)
    trace: bytes | None = field(default=None, repr=False)

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that keeps the journey from being completed with its expected result."""
        if self.stuck:
            errors = ", ".join(self.seen.server_errors)
            why = f" (server errors on the way: {errors})" if errors else ""
            return (f"step {self.done + 1} ({self.steps[self.done]}): {self.stuck}{why}",)
        return () if self.result_holds else (self.result,)

    def require_whole(self) -> None:
        """Raise ProbeError unless every step was done and nothing from outside got in the way."""
        self.seen.require_undisturbed()
        if self.stuck:
            raise ProbeError(f"{self.done} of {len(self.steps)} steps were done, so the rest was not seen")


def walk(
    journey: Journey, *, chromium: Chromium, sessions: Sessions, canary: str, trace_folder: Path | None = None
) -> JourneyRun:
    """Log in through the page, do the steps, read the result with a fresh session.

    Args:
        journey: as declared.
        chromium: the lane's browser; the journey gets a clean context.
        sessions: for the password and the session that reads the result.
        canary: what `{canary}` becomes.
        trace_folder: where to record Playwright's trace, which holds cookies and page contents, for people at
            work; None records none.

    Raises:
        ProbeError: the target or the browser cannot be used; the service limits requests; the page needs a
            host that the environment does not declare; a result with the canary holds before the journey.
    """
    driver = sessions.driver
    environment = driver.environment
    account = environment.account(journey.account)
    flow = driver.flow(account)
    password = driver.password(account)
    steps = [_filled(step, canary) for step in journey.steps]
    words = (f"log in as {account.alias}", *(_words(step) for step in steps))
    _require_untrue_before(journey, sessions, canary)
    basic = (account.user, password) if isinstance(flow, BasicFlow) else None
    with chromium.context(basic=basic) as context:
        watch, listener = Watch(context, chromium), LoadListener(context)
        done, stuck, picture, trace = 0, "", None, None
        try:
            target, home = environment.target(journey.target), environment.target(flow.target)
            person = Person(context, target, account, flow, home, watch=watch)
            try:
                person.log_in(password)
                done = 1
                # Begun after the login, so that no password is in it.
                if trace_folder is not None:
                    context.tracing.start(screenshots=True, snapshots=True)
                for step in steps:
                    person.do(step)
                    done += 1
                person.rest()
            except Stuck as problem:
                stuck = str(problem)
            seen, loads = watch.seen(), listener.loads()
            if stuck or seen.troubles:
                picture = person.picture()
            if trace_folder is not None and done:
                context.tracing.stop(path=trace_folder / "trace.zip")
                trace = (trace_folder / "trace.zip").read_bytes()
        except PlaywrightError as error:
            raise ProbeError(f"the browser failed: {str(error).partition(chr(10))[0]}") from error
    if stuck:
        _require_undisturbed(seen, words[done], stuck)
    shown, holds = ("", True)
    if not stuck and journey.result is not None:
        shown, holds = _result(journey, journey.result, sessions, canary)
    return JourneyRun(journey, words, done, stuck, seen, loads, shown, holds, picture, trace)


@contextmanager
def open_as(chromium: Chromium, driver: LoginDriver, alias: str) -> Iterator[Person]:
    """A person logged in through the page, in a clean context whose paths are relative to the flow's target.

    Raises:
        ProbeError: the login does not work: it is a prerequisite here.
    """
    account = driver.environment.account(alias)
    flow = driver.flow(account)
    target = driver.environment.target(flow.target)
    password = driver.password(account)
    basic = (account.user, password) if isinstance(flow, BasicFlow) else None
    with chromium.context(basic=basic, base_url=target.base_url) as context:
        person = Person(context, target, account, flow, target, watch=Watch(context, chromium))
        try:
            person.log_in(password)
        except Stuck as problem:
            raise ProbeError(f"{alias} cannot log in through the page: {problem}") from problem
        yield person


def holds_text(body: str, wanted: str) -> bool:
    """Whether a body holds the text, as it stands or as JSON written in any of the usual ways."""
    if wanted in body:
        return True
    try:
        document = json.loads(body)
    except ValueError:
        return False
    return any(
        wanted in json.dumps(document, ensure_ascii=False, separators=separators)
        for separators in ((", ", ": "), (",", ":"))
    )


def _require_untrue_before(journey: Journey, sessions: Sessions, canary: str) -> None:
    """A result about this run's canary proves nothing when it is there before the journey."""
    result = journey.result
    if result is None or CANARY not in f"{result.path}{result.contains}":
        return
    _, holds = _read(journey, result, sessions, canary)
    if holds:
        raise ProbeError(
            f"the result of journey {journey.name} holds before the journey was made, so it proves nothing",
            remedy="Let `result` name what only this journey brings about.",
        )


def _require_undisturbed(seen: Seen, step: str, stuck: str) -> None:
    if seen.limited:
        raise ProbeError(f"{step}: {stuck}; but the service answered 429 (too many requests) on the way")
    if seen.kept_out:
        raise ProbeError(
            f"{step}: {stuck}; but the page needs {', '.join(seen.kept_out)}, which the environment does not declare",
            remedy="Declare the host as a target if it belongs to the environment.",
        )


def _result(journey: Journey, result: JourneyResult, sessions: Sessions, canary: str) -> tuple[str, bool]:
    """Read until it holds, for a few seconds: services may do their work a moment later."""
    deadline = time.monotonic() + RESULT_SECONDS
    while True:
        shown, holds = _read(journey, result, sessions, canary)
        if holds or time.monotonic() > deadline:
            return shown, holds
        time.sleep(0.5)


def _read(journey: Journey, result: JourneyResult, sessions: Sessions, canary: str) -> tuple[str, bool]:
    alias = result.account or journey.account
    session = sessions.alive(alias)
    path = result.path.replace(CANARY, canary)
    wanted = result.contains.replace(CANARY, canary)
    response = session.request("GET", path)
    if response.status_code >= _SERVER_ERROR or response.status_code == _TOO_MANY:
        raise ProbeError(f"the result of journey {journey.name} cannot be read: {response.status_code}")
    holds = response.ok and holds_text(response.text, wanted)
    verb = "holds" if holds else "does not hold"
    return f"{path} read as {alias} ({response.status_code}) {verb} {wanted!r}", holds


def _filled(step: Step, canary: str) -> Step:
    def put(value: object) -> object:
        if isinstance(value, str):
            return value.replace(CANARY, canary)
        if isinstance(value, dict):
            return {key: put(item) for key, item in value.items()}
        return value

    return Step.model_validate({name: put(value) for name, value in step if value is not None})


def _words(step: Step) -> str:
    name, value = next((name, value) for name, value in step if value is not None)
    if isinstance(value, dict):
        return f"{name} " + ", ".join(f"{label} = {text}" for label, text in value.items())
    return "log out" if name == "log_out" else f"{name} {value}"
