"""Passwords that are not the password: wrong, empty, missing, of another type, or padded with blanks.

Whether one of them opened a session is told by `whoami` alone: logins fail with 200 as well. A server error
is no session either, as long as the correct password works before and after.

Sources: OWASP ASVS 5.0.0 6.2.8 and 15.3.5; WSTG-ATHN-04; CWE-287, CWE-843.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from stagehold.command_lines import curl, header_of
from stagehold.environment.access import Account, Flow
from stagehold.errors import ProbeError
from stagehold.probes.login.driver import LoginDriver
from stagehold.probes.login.sacrifice import sacrifices
from stagehold.probes.login.submission import ABSENT, carries_fields, carries_types


@dataclass(frozen=True)
class Variant:
    """Something to send in place of the password."""

    name: str
    value: object = field(repr=False)


@dataclass(frozen=True)
class Trial:
    """What came of one variant."""

    variant: str
    status: int | None
    """Of the answer to the login; None for flows that send the password with every request."""
    opened: bool
    note: str


@dataclass(frozen=True)
class PasswordReport:
    """What one account's login accepts."""

    alias: str
    flow: str
    trials: tuple[Trial, ...]
    controls: int
    """How often the correct password worked in between."""
    reproduction: str

    @property
    def accepted(self) -> tuple[str, ...]:
        """Variants that opened a session."""
        return tuple(trial.variant for trial in self.trials if trial.opened)

    def summary(self) -> str:
        """What happened, in words."""
        if self.accepted:
            return f"{self.alias} is logged in by {self.flow} with {', '.join(self.accepted)}"
        return (
            f"none of {len(self.trials)} other passwords logs {self.alias} in by {self.flow}; "
            f"the correct one worked {self.controls} times in between"
        )

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: password sent, status, session, note."""
        for trial in self.trials:
            yield trial.variant, trial.status or "", "opened" if trial.opened else "none", trial.note


def variants(flow: Flow, password: str) -> tuple[Variant, ...]:
    """What can be sent in place of the password by this flow."""
    wrong = f"wrong-{secrets.token_hex(8)}"
    found = [
        Variant("a wrong password", wrong),
        Variant("an empty password", ""),
        Variant("a blank before the password", f" {password}"),
        Variant("a blank after the password", f"{password} "),
    ]
    if carries_types(flow):
        found += [
            Variant("no password field", ABSENT),
            Variant("null", None),
            Variant("true", True),
            Variant("false", False),
            Variant("the number 0", 0),
            Variant("an empty array", []),
            Variant("an array with the password", [password]),
            Variant("an object", {"$ne": ""}),
        ]
    elif carries_fields(flow):
        found += [
            Variant("no password field", ABSENT),
            Variant("an array with a wrong password", [wrong]),
            Variant("an array with the password", [password]),
        ]
    else:
        found.append(Variant("no password", ABSENT))
    return tuple(found)


def try_passwords(
    driver: LoginDriver, candidates: Iterable[Account], *, max_failures: int | None = None
) -> PasswordReport:
    """Try every variant on the first candidate that logs in.

    Args:
        driver: logs in.
        candidates: sacrificial accounts of one flow.
        max_failures: `policy.lockout.max_failures`, where declared.

    Raises:
        ProbeError: a control failed, or a rate limit or a block page answered instead of the login.
    """
    (sacrifice,) = sacrifices(driver, candidates, max_failures=max_failures)
    account = sacrifice.account
    flow = driver.flow(account)
    trials: list[Trial] = []
    unheard = ""
    for variant in variants(flow, driver.password(account).reveal()):
        attempt = sacrifice.fail(variant.value)
        opened = attempt.identity is not None
        if attempt.layer and not opened:
            unheard = f"{variant.name} of {account.alias} was not looked at: {attempt.layer}"
            break
        if opened:
            sacrifice.failures = 0
        note = attempt.broken or ("" if not opened else "whoami shows the person")
        trials.append(Trial(variant.name, attempt.status, opened, note))
    if not any(trial.opened for trial in trials):
        if unheard:
            raise ProbeError(unheard)
        sacrifice.succeed()
    whoami = driver.environment.target(flow.target).base_url + flow.whoami.path
    held, note = header_of(account.alias)
    return PasswordReport(
        account.alias,
        account.flow,
        tuple(trials),
        sacrifice.controls,
        curl(
            whoami,
            credentials=[held],
            notes=[f"{note}, opened with one of the passwords that are no password"],
        ),
    )
