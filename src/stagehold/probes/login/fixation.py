"""Whether a session identifier that somebody else knows is worth anything after the login.

As an attacker would: an identifier is put into the victim's browser before the login, and used from another
client afterwards. One is what the service itself hands to strangers, the other is made up.

Sources: OWASP ASVS 5.0.0 7.2.4; WSTG-SESS-03; CWE-384.
"""

from __future__ import annotations

import copy
import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass, replace

from stagehold.command_lines import credential, curl
from stagehold.environment.access import FormFlow
from stagehold.errors import ProbeError
from stagehold.probes.login.driver import Sessions
from stagehold.probes.login.session import Credential, Session
from stagehold.probes.login.session_cookies import SessionCookies

_PAGES = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@dataclass(frozen=True)
class Planted:
    """What became of one identifier that was known before the login."""

    what: str
    logged_in: bool
    """Whether the victim was logged in with it in the browser."""
    kept: bool
    """Whether the victim's session goes on under it."""
    opens: bool
    """Whether it opens `whoami` from another client."""


@dataclass(frozen=True)
class FixationReport:
    """What became of every planted identifier."""

    alias: str
    flow: str
    names: tuple[str, ...]
    planted: tuple[Planted, ...]
    before_login: bool
    """Whether the service gives a session cookie to strangers."""
    reproduction: str

    @property
    def fixed(self) -> tuple[Planted, ...]:
        """Identifiers that are authenticated now."""
        return tuple(item for item in self.planted if item.opens)

    def summary(self) -> str:
        """What happened, in words."""
        if self.fixed:
            what = " and ".join(item.what for item in self.fixed)
            return f"after {self.alias} logged in by {self.flow}, {what} opens whoami from another client"
        told = " and ".join(item.what for item in self.planted)
        return f"{told} opens nothing after {self.alias} logged in by {self.flow}"

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: identifier, victim logged in, kept by the victim's session, opens whoami."""
        for item in self.planted:
            yield item.what, *("yes" if flag else "no" for flag in (item.logged_in, item.kept, item.opens))


def plant_identifiers(sessions: Sessions, cookies: SessionCookies) -> FixationReport:
    """Plant identifiers, log in over them, and use them elsewhere.

    Args:
        sessions: the lane's; sessions of its own are made.
        cookies: the session cookies of the flow, with their values in a session that has just begun.

    Raises:
        ProbeError: a login without anything planted does not work, or a captured cookie cannot be replayed,
            so that a refusal would prove nothing.
    """
    account = sessions.driver.environment.account(cookies.alias)
    if cookies.session.clone_with(*cookies.session.credentials()).whoami() is None:
        raise ProbeError(f"the session cookie of {account.alias} does not work in a clean client")
    handed = _handed_to_strangers(sessions, cookies)
    ours = [item for item in handed if item.name in cookies.names]
    made_up = [_with_value(item, _like(item.value)) for item in cookies.credentials]
    planted = [_plant(sessions, cookies, "an identifier chosen by the client", made_up)]
    if ours:
        what = "the identifier from before the login"
        planted.insert(0, _plant(sessions, cookies, what, handed))
    elif handed:
        # The victim's login needs the other cookies, and they may turn out to be the session afterwards.
        planted.insert(0, _plant(sessions, cookies, "what strangers hold before the login", handed))
    sessions.login_fresh(account.alias)
    base, whoami = cookies.session.target.base_url, cookies.session.flow.whoami.path
    return FixationReport(
        account.alias,
        account.flow,
        cookies.names,
        tuple(planted),
        bool(ours),
        curl(
            f"{base}{account_page(cookies.session)}",
            credentials=[credential("cookie", cookies.names[0], "CHOSEN")],
            notes=[f"CHOSEN is any value of such a form; log in with it in a browser, then ask {whoami} with it alone"],
        ),
    )


def account_page(session: Session) -> str:
    """The path where the login begins."""
    flow = session.flow
    return flow.page if isinstance(flow, FormFlow) else getattr(flow, "login", flow.whoami).path


def _handed_to_strangers(sessions: Sessions, cookies: SessionCookies) -> list[Credential]:
    """Every cookie that a client without any gets where the login begins."""
    account = cookies.session.account
    stranger = Session(account, cookies.session.flow, connect=sessions.driver.connect, target=cookies.session.target)
    flow = cookies.session.flow
    begin = flow.page if isinstance(flow, FormFlow) else "/"
    stranger.client.request("GET", begin, headers=_PAGES, allow_redirects=True)
    if stranger.whoami() is not None:
        raise ProbeError(f"whoami shows {account.alias} to a client that did not log in")
    return list(stranger.credentials())


def _plant(sessions: Sessions, cookies: SessionCookies, what: str, planted: list[Credential]) -> Planted:
    account = cookies.session.account
    driver = sessions.driver
    attempt = driver.attempt(account, driver.password(account), planted=planted)
    if attempt.layer or attempt.broken:
        raise ProbeError(f"{account.alias} cannot log in over {what}: {attempt.layer or attempt.broken}")
    victim = attempt.session
    if victim is None:
        raise ProbeError(f"the login of {account.alias} left no session to look at")
    logged_in = attempt.identity is not None
    if logged_in and victim.clone_with(*victim.credentials()).whoami() is None:
        raise ProbeError(f"the cookies of {account.alias} do not work in a clean client, so a refusal proves nothing")
    known = {(item.name, item.value) for item in planted if item.name in cookies.names}
    held = {(item.name, item.value) for item in victim.credentials()}
    opens = victim.clone_with(*planted).whoami() is not None
    return Planted(what, logged_in, bool(known & held), opens)


def _with_value(credential: Credential, value: str) -> Credential:
    cookie = copy.copy(credential.cookie)
    if cookie is not None:
        cookie.value = value
    return replace(credential, value=value, cookie=cookie)


def _like(value: str) -> str:
    """A value as a client would choose it: as long, with letters and digits in the same places."""
    return "".join(
        secrets.choice("0123456789abcdef")
        if sign in string.hexdigits
        else secrets.choice(string.ascii_letters)
        if sign.isalpha()
        else sign
        for sign in value
    )
