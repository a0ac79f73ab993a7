"""Whether the login tells a user name that exists from one that does not.

Pairs of logins with a wrong password, one for a sacrificial account and one for a name nobody has, in turns.
What every answer of one kind shows, and none of the other, tells them apart.

Sources: OWASP ASVS 5.0.0 6.3.8; WSTG-IDNT-04; CWE-204.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stagehold.environment.access import Account
from stagehold.errors import ProbeError
from stagehold.probes.login.answer_facts import Differences, differences, facts_of
from stagehold.probes.login.driver import Attempt, LoginDriver
from stagehold.probes.login.sacrifice import sacrifices

PAIRS = 3
_SHORTEST = 10
_SHOWN = 20
_SERVER_ERROR = 500


@dataclass(frozen=True)
class EnumerationReport:
    """What tells existing and unknown users apart at one flow's login."""

    flow: str
    aliases: tuple[str, ...]
    pairs: int
    differences: Differences
    statuses: tuple[tuple[int | None, int | None], ...]
    """Of the answers to the login, known and unknown, per pair."""
    compared: int
    """How many facts the first answer showed."""
    controls: int
    reproduction: str

    def summary(self) -> str:
        """What happened, in words."""
        if not self.differences:
            return f"{self.flow}: {self.pairs} pairs of answers ({self.compared} facts each) show no difference"
        known = _words(self.differences.only_first)
        unknown = _words(self.differences.only_second)
        return f"{self.flow}: for a user who exists {known}; for an unknown one {unknown}"

    def pairs_table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: pair, statuses, facts compared."""
        for number, (known, unknown) in enumerate(self.statuses, 1):
            yield number, known or "", unknown or "", self.compared

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: shown for, what."""
        for fact in self.differences.only_first[:_SHOWN]:
            yield "existing user only", fact
        for fact in self.differences.only_second[:_SHOWN]:
            yield "unknown user only", fact


def compare_users(
    driver: LoginDriver, candidates: Iterable[Account], *, max_failures: int | None = None
) -> EnumerationReport:
    """Log in with wrong passwords, in turns as somebody and as nobody.

    Args:
        driver: logs in.
        candidates: sacrificial accounts of one flow; several are used where there are.
        max_failures: `policy.lockout.max_failures`, where declared.

    Raises:
        ProbeError: a control failed, a limit or a server error answered, or a wrong password logged in.
    """
    people = sacrifices(driver, candidates, wanted=PAIRS, max_failures=max_failures)
    known: list[frozenset[str]] = []
    unknown: list[frozenset[str]] = []
    statuses = []
    for number in range(PAIRS):
        person = people[number % len(people)]
        stranger = nobody_like(person.account.user)
        wrong = f"wrong-{secrets.token_hex(8)}"
        one = _refused(person.fail(wrong), person.account.user)
        two = _refused(person.fail(wrong, user=stranger), "nobody")
        known.append(facts_of(one.answers, person.account.user))
        unknown.append(facts_of(two.answers, stranger))
        statuses.append((one.status, two.status))
    for person in people:
        person.succeed()
    if all(status is not None and status >= _SERVER_ERROR for pair in statuses for status in pair):
        raise ProbeError(f"every wrong password got {statuses[0][0]}, which is no answer of a login")
    account = people[0].account
    flow = driver.flow(account)
    return EnumerationReport(
        account.flow,
        tuple(person.account.alias for person in people),
        PAIRS,
        differences(known, unknown),
        tuple(statuses),
        len(known[0]),
        sum(person.controls for person in people),
        f"stagehold check ENVIRONMENT AUT-003  # log in at {driver.environment.target(flow.target).base_url} with a "
        "wrong password, as $USER and as a made-up name",
    )


def nobody_like(user: str) -> str:
    """A name nobody has, written as this one is: letters, digits and signs in the same places, same domain."""
    local, at, domain = user.partition("@")
    made = "".join(_like(sign) for sign in local)
    return made + "".join(secrets.choice(string.ascii_lowercase) for _ in range(_SHORTEST - len(made))) + at + domain


def _like(sign: str) -> str:
    if sign.isdigit():
        return secrets.choice(string.digits)
    if sign.isalpha():
        return secrets.choice(string.ascii_uppercase if sign.isupper() else string.ascii_lowercase)
    return sign


def _refused(attempt: Attempt, user: str) -> Attempt:
    if attempt.identity is not None:
        raise ProbeError(f"a wrong password logged {user} in, so there is no refusal to compare")
    if attempt.layer:
        raise ProbeError(f"the login of {user} was not looked at: {attempt.layer}")
    return attempt


def _words(facts: tuple[str, ...]) -> str:
    """A few of the facts; those of the body last, because they are long."""
    ordered = sorted(facts, key=lambda fact: (" body " in fact, len(fact)))
    shown = [fact.partition(". ")[2][:160] for fact in ordered[:3]]
    return "the answer shows " + ", ".join(f"“{fact}”" for fact in shown) if shown else "nothing more"
