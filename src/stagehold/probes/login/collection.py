"""Many logins of one account, for the identifiers that come of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from stagehold.environment.access import Account, BasicFlow
from stagehold.errors import NotApplicable, ProbeError
from stagehold.network.pace import Search
from stagehold.probes.login.driver import Attempt, LoginDriver
from stagehold.probes.login.identifiers import Findings, Sample, judge_identifiers, worst
from stagehold.probes.login.sacrifice import Sacrifice, sacrifices

CONCURRENCY = 4
ENOUGH = 60
"""Logins that show what the judgement claims to find: counters, clocks, repetitions, places that never change."""
_FEWEST = 20
"""Logins below which nothing is said at all, as for `policy.session_samples`."""
PATIENCE = 20.0
"""Seconds after which a slow login is not repeated more often than that."""


@dataclass(frozen=True)
class IdentifierReport:
    """What the identifiers of many logins show."""

    alias: str
    flow: str
    logins: int
    seconds: float
    findings: tuple[Findings, ...]
    wanted: int = 0
    """Logins that were declared; more than `logins` where they are slow."""

    @property
    def faults(self) -> tuple[str, ...]:
        """Every fault, with the credential it is of."""
        return worst(self.findings)

    def summary(self) -> str:
        """What happened, in words."""
        slow = f" (of {self.wanted}, for they took {self.seconds:.0f} s)" if self.logins < self.wanted else ""
        if self.faults:
            return f"{self.logins} logins{slow} by {self.flow}: {'; '.join(self.faults)}"
        kinds = ", ".join(f"{one.name} ({one.kind}, {one.bits:.0f} bits)" for one in self.findings)
        return f"{self.logins} logins{slow} by {self.flow} show nothing that helps guessing: {kinds}"

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: credential, samples, kind, bits, faults."""
        return (one.row() for one in self.findings)


def collect_identifiers(
    driver: LoginDriver, candidates: Iterable[Account], cookie_names: Iterable[str], *, samples: int, within: Search
) -> IdentifierReport:
    """Log in many times, four at a time, and judge the identifiers.

    Args:
        driver: logs in.
        candidates: sacrificial accounts of one flow.
        cookie_names: the session cookies of the flow; its token is judged where there is one.
        samples: how many logins at most; where they are slow, no more than are enough.
        within: their time.

    Raises:
        NotApplicable: HTTP Basic has no identifier.
        ProbeError: a login failed, such as by a rate limit, or gave no identifier; or the time was over before there
            were enough of them.
    """
    candidates = tuple(candidates)
    if candidates and isinstance(driver.flow(candidates[0]), BasicFlow):
        raise NotApplicable(f"{candidates[0].flow} is HTTP Basic: there is no session identifier")
    (sacrifice,) = sacrifices(driver, candidates)
    wanted = tuple(cookie_names)
    found: dict[str, list[Sample]] = {}
    logins = 0
    for logins, told in enumerate(_logins(sacrifice, samples, within), 1):
        moment, attempt = _sound(logins, samples, sacrifice, told)
        for name, value in _identifiers(attempt, wanted):
            found.setdefault(name, []).append(Sample(value, moment))
    account = sacrifice.account
    needed = min(samples, ENOUGH)
    if not found and logins:
        raise ProbeError(f"the logins of {account.alias} gave neither a session cookie nor a token")
    findings: tuple[Findings, ...] = ()
    if logins >= min(needed, _FEWEST):
        findings = tuple(judge_identifiers(name, values, account.user) for name, values in found.items())
    if logins < needed and not worst(findings):
        within.is_over(account.flow)
        raise ProbeError(
            f"{logins} logins of {account.alias} are too few to tell, {needed} are needed: {within.stopped}"
        )
    return IdentifierReport(account.alias, account.flow, logins, within.seconds - within.left, findings, samples)


def _logins(sacrifice: Sacrifice, samples: int, within: Search) -> Iterator[tuple[float, Attempt]]:
    """Logins in the order in which they began, four at a time; where they are slow, as many as are enough."""
    within.expect(samples)
    running: deque[Future[tuple[float, Attempt]]] = deque()
    begun = 0
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        while True:
            spent = within.seconds - within.left
            while len(running) < CONCURRENCY and begun < samples and (begun < ENOUGH or spent < PATIENCE):
                if within.left <= 0:
                    break
                running.append(pool.submit(_log_in, sacrifice))
                begun += 1
            if not running:
                return
            answer = running.popleft().result()
            within.count()
            yield answer


def _log_in(sacrifice: Sacrifice) -> tuple[float, Attempt]:
    driver, account = sacrifice.driver, sacrifice.account
    attempt = driver.attempt(account, driver.password(account))
    return time.time(), attempt


def _sound(number: int, samples: int, sacrifice: Sacrifice, told: tuple[float, Attempt]) -> tuple[float, Attempt]:
    attempt = told[1]
    if attempt.identity is None:
        why = attempt.layer or attempt.broken or "it was refused"
        raise ProbeError(
            f"login {number} of {samples} of {sacrifice.account.alias} did not work: {why}",
            remedy="Let the machine that runs the gate log in as often, or lower `policy.session_samples`.",
        )
    return told


def _identifiers(attempt: Attempt, cookie_names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    session = attempt.session
    if session is None:
        return
    for item in session.credentials():
        if item.kind == "cookie" and item.name in cookie_names:
            yield f"cookie {item.name}", item.value
    if session.token:
        yield "token", session.token
