"""Many logins of one account, for the identifiers that come of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from stagehold.environment.access import Account, BasicFlow
from stagehold.errors import NotApplicable, ProbeError
from stagehold.probes.login.driver import Attempt, LoginDriver
from stagehold.probes.login.identifiers import Findings, Sample, judge_identifiers, worst
from stagehold.probes.login.sacrifice import Sacrifice, sacrifices

CONCURRENCY = 4


@dataclass(frozen=True)
class IdentifierReport:
    """What the identifiers of many logins show."""

    alias: str
    flow: str
    logins: int
    seconds: float
    findings: tuple[Findings, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """Every fault, with the credential it is of."""
        return worst(self.findings)

    def summary(self) -> str:
        """What happened, in words."""
        if self.faults:
            return f"{self.logins} logins by {self.flow}: {'; '.join(self.faults)}"
        kinds = ", ".join(f"{one.name} ({one.kind}, {one.bits:.0f} bits)" for one in self.findings)
        return f"{self.logins} logins by {self.flow} show nothing that helps guessing: {kinds}"

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: credential, samples, kind, bits, faults."""
        return (one.row() for one in self.findings)


def collect_identifiers(
    driver: LoginDriver, candidates: Iterable[Account], cookie_names: Iterable[str], *, samples: int
) -> IdentifierReport:
    """Log in many times, four at a time, and judge the identifiers.

    Args:
        driver: logs in.
        candidates: sacrificial accounts of one flow.
        cookie_names: the session cookies of the flow; its token is judged where there is one.
        samples: how many logins.

    Raises:
        NotApplicable: HTTP Basic has no identifier.
        ProbeError: a login failed, such as by a rate limit, or gave no identifier.
    """
    candidates = tuple(candidates)
    if candidates and isinstance(driver.flow(candidates[0]), BasicFlow):
        raise NotApplicable(f"{candidates[0].flow} is HTTP Basic: there is no session identifier")
    (sacrifice,) = sacrifices(driver, candidates)
    wanted = tuple(cookie_names)
    began = time.monotonic()
    found: dict[str, list[Sample]] = {}
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        futures = [pool.submit(_log_in, sacrifice) for _ in range(samples)]
        try:
            for number, future in enumerate(futures, 1):
                moment, attempt = _sound(number, samples, sacrifice, future.result())
                for name, value in _identifiers(attempt, wanted):
                    found.setdefault(name, []).append(Sample(value, moment))
        finally:
            for future in futures:
                future.cancel()
    account = sacrifice.account
    if not found:
        raise ProbeError(f"the logins of {account.alias} gave neither a session cookie nor a token")
    findings = tuple(judge_identifiers(name, values, account.user) for name, values in found.items())
    return IdentifierReport(account.alias, account.flow, samples, time.monotonic() - began, findings)


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
