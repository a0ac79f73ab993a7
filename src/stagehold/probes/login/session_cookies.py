"""Which cookies are the session, found out by taking them away, and how they were sent.

A session cookie is one without which `whoami` shows nobody, or which alone opens it. Cookies of load
balancers, of languages and of CSRF protection do neither.

Sources: OWASP ASVS 5.0.0 3.3; WSTG-SESS-02; RFC 6265bis.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stagehold.command_lines import curl, with_notes
from stagehold.environment.access import Account, BasicFlow
from stagehold.errors import NotApplicable, ProbeError
from stagehold.probes.login.driver import Sessions
from stagehold.probes.login.session import Credential, Session
from stagehold.probes.web.set_cookie import IssuedCookie


@dataclass(frozen=True)
class SessionCookies:
    """The session cookies of one flow."""

    alias: str
    flow: str
    session: Session
    credentials: tuple[Credential, ...]
    """Those cookies, as the client holds them after login."""
    issued: tuple[IssuedCookie, ...]
    """Every line that set one of them, from the login page to the first private page."""
    others: tuple[str, ...]
    """Names of cookies that are not the session."""
    declared: bool
    """Named by `sessions.cookies` instead of measured."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(dict.fromkeys(credential.name for credential in self.credentials))

    def lacking(self, sound: Callable[[IssuedCookie], bool]) -> tuple[IssuedCookie, ...]:
        """Lines for which this is not true."""
        return tuple(line for line in self.issued if not sound(line))

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: cookie, sent by, Set-Cookie without the value."""
        for line in self.issued:
            yield line.name, line.url, line.masked()

    def reproduction(self, check: str, lacking: Sequence[IssuedCookie] = ()) -> str:
        """A command that shows the first line that lacks something, or the first; a login is left to the check."""
        line = next((line for line in lacking or self.issued if line.method == "GET"), None)
        if line is None:
            url = (lacking or self.issued)[0].url
            note = f"or log in with a browser as {self.alias} and read Set-Cookie in the answer of {url}"
            return with_notes(f"stagehold check ENVIRONMENT {check}", [note])
        shown = shlex.quote(f"^set-cookie: {line.name}=")
        return f"{curl(line.url)} | grep -i {shown}"


def observe_session_cookies(sessions: Sessions, account: Account, declared: tuple[str, ...] = ()) -> SessionCookies:
    """Log in and find out which cookies are the session.

    Args:
        sessions: the lane's; a session of its own is made.
        account: whose login.
        declared: `sessions.cookies`, which goes before what is measured.

    Raises:
        NotApplicable: the session needs no cookie.
        ProbeError: the credentials do not work in a clean client, or no cookie can be told to be the session.
    """
    if isinstance(sessions.driver.flow(account), BasicFlow):
        raise NotApplicable(f"{account.flow} is HTTP Basic: every request carries the credentials, no cookie is needed")
    session = sessions.login_fresh(account.alias)
    held = session.credentials()
    if not held or session.clone_with(*held).whoami() is None:
        raise ProbeError(f"the credentials of {account.alias} do not work in a clean client")
    cookies = tuple(item for item in held if item.kind == "cookie")
    named = tuple(item for item in cookies if item.name in declared)
    found = named or tuple(item for item in cookies if _is_session(session, held, item))
    if not found:
        headers = tuple(item for item in held if item.kind == "header")
        if headers and session.clone_with(*headers).whoami() is not None:
            names = ", ".join(str(item) for item in headers)
            raise NotApplicable(f"{account.flow}: {names} alone opens whoami; {_amount(cookies)} the session")
        raise ProbeError(
            f"whoami of {account.alias} needs none of its {len(cookies)} cookies alone, so the session is not known",
            remedy="Name the session cookies in `sessions.cookies`.",
        )
    known = {item.name for item in found}
    issued = tuple(line for line in session.issued if line.name in known and not line.deletes)
    if not issued:
        raise ProbeError(f"no Set-Cookie of {', '.join(sorted(known))} was seen")
    others = tuple(sorted({item.name for item in cookies} - known))
    return SessionCookies(account.alias, account.flow, session, found, issued, others, declared=bool(named))


def _is_session(session: Session, held: tuple[Credential, ...], item: Credential) -> bool:
    if session.clone_with(item).whoami() is not None:
        return True
    return session.clone_with(*(other for other in held if other is not item)).whoami() is None


def _amount(cookies: tuple[Credential, ...]) -> str:
    return f"none of {len(cookies)} cookies is" if cookies else "no cookie is"
