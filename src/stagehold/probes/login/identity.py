"""Logging in and comparing who the service says it is with who was declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stagehold.environment.access import Account, WhoAmI
from stagehold.errors import ProbeError
from stagehold.probes.login.driver import LoginRefused, Sessions
from stagehold.probes.login.session import Identity, Session


@dataclass(frozen=True)
class LoginResult:
    """What came of one declared account's login."""

    account: Account
    identity: Identity | None
    refusal: str = ""
    """Why nobody was logged in; holds no secret."""
    mismatches: tuple[str, ...] = ()
    """What the service says differently from what is declared."""
    compared: tuple[str, ...] = ()
    """Which of user, company and role were compared."""

    @property
    def works(self) -> bool:
        """The person is logged in, as the very person declared."""
        return self.identity is not None and not self.mismatches

    def expected(self) -> str:
        """What was expected, in words."""
        account = self.account
        declared = {"user": account.user, "company": account.company, "role": account.role}
        parts = [f"{name} {declared[name]}" for name in self.compared or ("user",)]
        return f"{account.alias} logs in by {account.flow} as {', '.join(parts)}"

    def observed(self) -> str:
        """What was observed, in words."""
        if self.identity is None:
            return self.refusal
        if self.mismatches:
            return f"{self.account.alias} logs in, but {'; '.join(self.mismatches)}"
        return f"logged in as declared ({', '.join(self.compared)} compared)"


def try_login(sessions: Sessions, account: Account, companies: Mapping[str, str]) -> LoginResult:
    """Log an account in and compare.

    Args:
        sessions: the lane's sessions; the login is shared with later checks.
        account: who.
        companies: key to display name, `tenancy.companies`; `whoami` may show either.

    Raises:
        ProbeError: it cannot be told whether the account is logged in, or as whom.
    """
    whoami = sessions.driver.flow(account).whoami
    try:
        session = sessions.of(account.alias)
        identity = session.whoami()
    except LoginRefused as refused:
        return LoginResult(account, None, str(refused))
    if identity is None:
        return LoginResult(account, None, f"{account.alias} logged in and is nobody at the next request")
    if identity.user is None:
        raise ProbeError(
            f"`flows.{account.flow}.whoami` does not tell the user, so {account.alias} may be anybody",
            remedy="Declare `whoami.user`, or `{user}` inside `whoami.contains`.",
        )
    _require_nobody(session)
    mismatches = compare(identity, account, companies, whoami)
    compared = tuple(
        name
        for name, pointer, declared in (
            ("user", True, account.user),
            ("company", whoami.company, account.company),
            ("role", whoami.role, account.role),
        )
        if pointer and declared
    )
    return LoginResult(account, identity, "", mismatches, compared)


def _require_nobody(session: Session) -> None:
    """The control: a client that never logged in is nobody, or whoami tells nothing of those who did."""
    stranger = session.clone_with()
    try:
        identity = stranger.whoami()
    except ProbeError:
        return  # An error names nobody either.
    if identity is not None:
        shown = identity.user or identity.company or identity.role
        raise ProbeError(
            f"whoami of {session.account.flow} shows {shown or 'somebody'} to a client that never logged in "
            f"({stranger.told}), so it tells nothing of those who did",
            remedy=f"Declare in `flows.{session.account.flow}.whoami` a page that the logged-in person alone can read, "
            "or a text that only that person's page holds.",
        )


def compare(identity: Identity, account: Account, companies: Mapping[str, str], whoami: WhoAmI) -> tuple[str, ...]:
    """What differs between who the service says it is and who was declared; letter case of user names aside."""
    found: list[str] = []
    if (identity.user or "").casefold() != account.user.casefold():
        found.append(f"whoami shows user {identity.user}, expected {account.user}")
    if whoami.company is not None and account.company is not None:
        names = {account.company, companies.get(account.company, account.company)}
        if identity.company not in names:
            found.append(f"whoami shows company {identity.company}, expected {' or '.join(sorted(names))}")
    if whoami.role is not None and account.role is not None and identity.role != account.role:
        found.append(f"whoami shows role {identity.role}, expected {account.role}")
    return tuple(found)
