"""Who plays the roles: accounts of one company, one for each role and way of logging in.

One company, because what another company is refused says nothing about roles.
"""

from __future__ import annotations

from dataclasses import dataclass

from stagehold.environment.access import Account
from stagehold.environment.model import Environment
from stagehold.errors import Uncovered


@dataclass(frozen=True)
class Cast:
    """The accounts that the matrix is tried with."""

    company: str | None
    roles: tuple[str, ...]
    """All roles of the environment, also those without an account in the company."""
    accounts: tuple[Account, ...]
    """Of the company, at most one for each role and flow."""

    def of(self, role: str) -> tuple[Account, ...]:
        """The role's accounts, one for each flow."""
        return tuple(account for account in self.accounts if account.role == role)

    def playing(self, role: str, flows: frozenset[str]) -> tuple[Account, ...]:
        """The role's accounts that log in by one of these flows."""
        return tuple(account for account in self.of(role) if account.flow in flows)


def choose_cast(environment: Environment) -> Cast:
    """The company with most of the roles, then most ways of logging in, then most fixtures.

    Raises:
        Uncovered: no standard account has a role.
    """
    people = [account for account in environment.accounts if account.pool == "standard" and account.role]
    if not people:
        raise Uncovered("needs standard accounts with a `role`")
    owners = {fixture.owner for fixture in environment.fixtures}

    def worth(company: str | None) -> tuple[int, int, int]:
        members = [account for account in people if account.company == company]
        ways = {(account.role, account.flow) for account in members}
        return len({a.role for a in members}), len(ways), sum(account.alias in owners for account in members)

    company = max(dict.fromkeys(account.company for account in people), key=worth)
    chosen: dict[tuple[str | None, str], Account] = {}
    # Owners first: they can make what the role is tried on.
    for account in sorted(people, key=lambda account: account.alias not in owners):
        if account.company == company:
            chosen.setdefault((account.role, account.flow), account)
    declared = environment.access_matrix.roles if environment.access_matrix else ()
    # Of accounts that exist to be locked out, too: a role that nobody plays is not tried, and says so.
    roles = dict.fromkeys([*declared, *(str(account.role) for account in environment.accounts if account.role)])
    return Cast(company, tuple(roles), tuple(chosen.values()))
