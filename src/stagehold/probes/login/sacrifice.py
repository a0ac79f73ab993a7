"""Accounts that exist to be attacked, and wrong passwords for them without locking them out.

Failures in a row stay below any lock-out that is in use (three and more): a correct login after each two sets
the count back, and shows each time that the account, its password and the way to log in are sound, so that
the refusals in between mean something.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from stagehold.environment.access import Account
from stagehold.errors import ProbeError, Uncovered
from stagehold.probes.login.driver import Attempt, LoginDriver

IN_A_ROW = 2
_CANDIDATES = 5


def lockable(accounts: Iterable[Account], flow: str) -> tuple[Account, ...]:
    """Sacrificial accounts of a flow; nobody else is ever attacked.

    Raises:
        Uncovered: there is none; says what to declare.
    """
    found = tuple(a for a in accounts if a.flow == flow and a.pool == "sacrificial" and a.lock_ok)
    if not found:
        raise Uncovered(
            f"flow `{flow}` has no account that may be attacked; declare one in `accounts` with "
            f"`flow: {flow}`, `pool: sacrificial` and `lock_ok: true`"
        )
    return found


@dataclass
class Sacrifice:
    """One account under attack; every method raises ProbeError when its correct password stops working."""

    driver: LoginDriver
    account: Account
    in_a_row: int = IN_A_ROW
    failures: int = 0
    """Wrong passwords since the last correct one."""
    controls: int = field(default=0, init=False)
    """How often the correct password has worked."""

    def succeed(self) -> Attempt:
        """Log in with the correct password."""
        attempt = self.driver.attempt(self.account, self.driver.password(self.account))
        if attempt.identity is None:
            why = attempt.broken or attempt.layer or "it is refused"
            raise ProbeError(
                f"the correct password of {self.account.alias} does not work after {self.failures} wrong ones "
                f"({why}), so other refusals prove nothing",
                remedy="Unlock the account, or declare more sacrificial accounts of its flow.",
            )
        self.failures = 0
        self.controls += 1
        return attempt

    def fail(self, password: object, *, user: str | None = None) -> Attempt:
        """Try something that should be refused, after a correct login when too much was wrong already."""
        if self.failures >= self.in_a_row:
            self.succeed()
        if user is None:
            self.failures += 1
        return self.driver.attempt(self.account, password, user=user)


def sacrifices(
    driver: LoginDriver, candidates: Iterable[Account], *, wanted: int = 1, max_failures: int | None = None
) -> tuple[Sacrifice, ...]:
    """The first accounts that log in with their own passwords; an earlier run may have locked some.

    Args:
        driver: logs in.
        candidates: sacrificial accounts of one flow.
        wanted: how many, at most.
        max_failures: `policy.lockout.max_failures`, where declared.

    Raises:
        ProbeError: none of the first five logs in.
        ValueError: an account was given that may not be locked.
    """
    in_a_row = IN_A_ROW if max_failures is None else max(1, min(IN_A_ROW, max_failures - 1))
    found: list[Sacrifice] = []
    last: ProbeError | None = None
    for account in tuple(candidates)[: max(_CANDIDATES, wanted)]:
        if account.pool != "sacrificial" or not account.lock_ok:
            raise ValueError(f"{account.alias} may not be locked")
        one = Sacrifice(driver, account, in_a_row)
        try:
            one.succeed()
        except ProbeError as error:
            last = error
            continue
        found.append(one)
        if len(found) == wanted:
            break
    if not found:
        raise last or ProbeError("no sacrificial account was given")
    return tuple(found)
