"""Guessing one password many times, then giving the right one: does the service still let it in at once?

Judged by the correct attempt alone: a limiter that only slows wrong guesses, or a page that says "locked"
and lets the right password in, is no limiter.

Sources: OWASP ASVS 6.3.1; NIST SP 800-63B-4 section 3.2.2 (at most 100 failures); PCI DSS 4.0.1 requirement
8.3.4 (at most 10); WSTG-ATHN-03; CWE-307.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from stagehold.environment.access import Account
from stagehold.errors import ProbeError
from stagehold.probes.login.driver import Attempt, LoginDriver, LoginRefused

HARD_CAP = 100
"""NIST SP 800-63B-4 section 3.2.2."""
PATIENCE = 30.0
"""Seconds for one attempt, so that a limiter that answers late is seen as one."""
DELAYED = 5.0
"""Seconds, and times the usual duration, from which the correct password counts as delayed."""
_CANDIDATES = 5


@dataclass(frozen=True)
class Guess:
    """One line of the attempt table."""

    number: int
    password: str
    """`wrong` or `correct`; never the password."""
    status: int | None
    seconds: float
    result: str


@dataclass(frozen=True)
class LockoutReport:
    """What one sacrificial account went through."""

    alias: str
    flow: str
    failures: int
    usual_seconds: float
    guesses: tuple[Guess, ...]
    final: Attempt
    wrong_accepted: int | None = None
    """Number of the guess whose wrong password logged somebody in."""
    tried_before: tuple[str, ...] = ()
    """Accounts that were already locked, from an earlier run."""

    @property
    def delayed(self) -> bool:
        """The correct password was let in only after a wait that stops guessing."""
        return self.final.seconds >= max(DELAYED, DELAYED * self.usual_seconds)

    @property
    def stopped(self) -> bool:
        """The correct password was refused, challenged or delayed."""
        return self.wrong_accepted is None and (self.final.identity is None or self.delayed)

    def expected(self) -> str:
        """What was expected, in words."""
        return (
            f"after {self.failures} wrong passwords the correct one of {self.alias} ({self.flow}) is not let in at once"
        )

    def summary(self) -> str:
        """What happened, in words."""
        if self.wrong_accepted is not None:
            return f"{self.alias} logged in with wrong password number {self.wrong_accepted}"
        tail = f"after {self.failures} wrong passwords the correct one of {self.alias} ({self.flow}) was "
        if self.final.identity is None:
            return tail + (f"refused: {self.final.layer}" if self.final.layer else "refused or challenged")
        if self.delayed:
            return tail + f"let in after {self.final.seconds:.1f} s instead of {self.usual_seconds:.1f} s"
        return tail + f"let in at once ({self.final.seconds:.1f} s)"

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: number, password, status, seconds, result."""
        for guess in self.guesses:
            yield guess.number, guess.password, guess.status or "", f"{guess.seconds:.2f}", guess.result


def guess_passwords(driver: LoginDriver, candidates: Iterable[Account], max_failures: int) -> LockoutReport:
    """Lock the first of the candidates that still logs in.

    Args:
        driver: logs in; its patience is extended to `PATIENCE`.
        candidates: sacrificial accounts of one flow.
        max_failures: after how many wrong passwords the right one must not work at once.

    Raises:
        ProbeError: none of the candidates logs in with its own password, or the service failed meanwhile.
        ValueError: an account was given that may not be locked.
    """
    driver = replace(driver, timeout=max(driver.timeout, PATIENCE))
    account, control, locked = _first_open(driver, tuple(candidates)[:_CANDIDATES])
    failures = min(max_failures, HARD_CAP)
    guesses = [_row(0, "correct", control)]
    broken = ""
    for number in range(1, failures + 1):
        attempt = driver.attempt(account, f"wrong-{secrets.token_hex(8)}")
        if attempt.broken and not broken:
            broken = f"wrong password {number} on {account.alias}: {attempt.broken}, so nothing can be said"
        guesses.append(_row(number, "wrong", attempt))
        if attempt.identity is not None:
            return _report(account, failures, control, guesses, attempt, locked, wrong=number)
    final = driver.attempt(account, driver.password(account))
    if final.broken:
        other = _somebody_else(driver, account)
        if other is None:
            raise ProbeError(
                broken or f"the correct password of {account.alias} then got {final.broken}, which is no refusal"
            )
        # Some services refuse a locked account with a server error; it is one while others still get in.
        final = replace(final, layer=f"{final.broken}, while {other} still logs in", broken="")
    elif broken and final.identity is not None:
        raise ProbeError(broken)
    guesses.append(_row(failures + 1, "correct", final))
    return _report(account, failures, control, guesses, final, locked)


def _first_open(driver: LoginDriver, candidates: tuple[Account, ...]) -> tuple[Account, Attempt, list[str]]:
    locked: list[str] = []
    for account in candidates:
        if account.pool != "sacrificial" or not account.lock_ok:
            raise ValueError(f"{account.alias} may not be locked")
        control = driver.attempt(account, driver.password(account))
        if control.broken:
            raise ProbeError(f"{account.alias} cannot log in: {control.broken}")
        if control.identity is not None:
            return account, control, locked
        locked.append(account.alias)
    raise LoginRefused(
        f"none of {', '.join(locked) or 'no account'} logs in with its own password, so a refusal would prove nothing",
        remedy="Unlock the sacrificial accounts (an earlier run may have locked them) or declare more.",
    )


def _somebody_else(driver: LoginDriver, account: Account) -> str | None:
    """The alias of a standard account that logs in by the same flow right now: the service itself works."""
    for other in driver.environment.accounts:
        if other.pool == "standard" and other.flow == account.flow:
            return other.alias if driver.attempt(other, driver.password(other)).identity is not None else None
    return None


def _row(number: int, password: str, attempt: Attempt) -> Guess:
    result = "logged in" if attempt.identity is not None else attempt.layer or attempt.broken or "refused"
    return Guess(number, password, attempt.status, attempt.seconds, result)


def _report(
    account: Account,
    failures: int,
    control: Attempt,
    guesses: list[Guess],
    final: Attempt,
    locked: list[str],
    wrong: int | None = None,
) -> LockoutReport:
    return LockoutReport(
        account.alias, account.flow, failures, control.seconds, tuple(guesses), final, wrong, tuple(locked)
    )
