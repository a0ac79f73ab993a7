"""Logging in by any declared flow. Success is defined by `whoami` alone, never by a status or a page's text.

A cached session per account and lane (`Sessions`) keeps the traffic low: a login that failed is remembered
and not tried again, because repeated failures would lock the account.
"""

from __future__ import annotations

import base64
import copy
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests

from stagehold.environment.access import Account, BasicFlow, Flow, FormFlow, TokenFlow
from stagehold.environment.model import Environment, Target
from stagehold.environment.placeholders import person_values
from stagehold.environment.secrets import resolve
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.access.oracle import Answer, LoginPages, interference
from stagehold.probes.login.session import Credential, Identity, Session, login_url
from stagehold.probes.login.submission import basic_pair, fill_login, form_data
from stagehold.probes.login.token_places import tokens_elsewhere
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.fill import flow_of, flows_of, point
from stagehold.probes.web.forms import login_signatures
from stagehold.probes.web.login_form import LoginForm, find_login_form
from stagehold.redaction.registry import KNOWN
from stagehold.redaction.secret import Secret

__all__ = ["Attempt", "Credential", "Identity", "LoginDriver", "LoginRefused", "Session", "Sessions"]

_BROWSER_ACCEPT = "text/html,application/xhtml+xml,*/*;q=0.8"


class LoginRefused(ProbeError):
    """The login was processed and `whoami` shows nobody: the service does not know this person."""


@dataclass(frozen=True)
class Attempt:
    """One login attempt with any password: what answered, after how long, and whose session came of it."""

    status: int | None
    """Status of the answer to the password; None for flows that send it with every request."""
    seconds: float
    identity: Identity | None
    layer: str = ""
    """Who refused, when it was a limit or a block page and not the application's login."""
    broken: str = ""
    """Why the attempt tells nothing: the service failed."""
    note: str = ""
    session: Session | None = None
    answers: tuple[requests.Response, ...] = field(default=(), repr=False)
    """What came back for the password: every redirect, then the page it led to."""


@dataclass(frozen=True)
class LoginDriver:
    """Logs accounts in. Secrets are resolved here, used once, and never part of a message."""

    environment: Environment
    network: Network
    folder: Path
    ca_file: Path | None
    timeout: float = 10.0

    def connect(self, target: Target) -> HttpClient:
        """A clean client."""
        return HttpClient(self.network, target, ca_file=self.ca_file, timeout=self.timeout)

    def flow(self, account: Account) -> Flow:
        """The declared flow of an account (ProbeError when there is none)."""
        try:
            declared = self.environment.flows[account.flow]
        except KeyError:
            raise ProbeError(f"{account.alias}: there is no flow {account.flow!r}") from None
        return flow_of(declared, account)

    def password(self, account: Account) -> Secret:
        """The account's secret, resolved now."""
        return resolve(account.password_ref, self.folder)

    def login(self, account: Account) -> Session:
        """Log in with the declared password.

        Raises:
            LoginRefused: the service answered and the session is nobody's.
            ProbeError: no form, no answer, or an answer that tells nothing.
        """
        attempt = self.attempt(account, self.password(account))
        if attempt.session is not None and attempt.identity is not None:
            return attempt.session
        if attempt.broken or attempt.layer:
            raise ProbeError(f"{account.alias} cannot log in: {attempt.broken or attempt.layer}")
        told = f" ({attempt.session.told})" if attempt.session is not None else ""
        raise LoginRefused(f"{account.alias} is refused: {attempt.note}, and whoami then shows nobody{told}")

    def attempt(
        self,
        account: Account,
        password: object,
        *,
        user: str | None = None,
        planted: Iterable[Credential] = (),
    ) -> Attempt:
        """Try a password in a clean client, as a person would.

        Args:
            account: whose flow and identity.
            password: the secret, text, or any JSON value that the flow's request can carry, or `ABSENT`.
            user: a user name to send instead of the account's.
            planted: cookies that the client holds before it looks at the login page.

        Raises:
            ProbeError: nothing could be tried: no connection, no login form, or whoami cannot tell.
        """
        flow = self.flow(account)
        session = Session(account, flow, connect=self.connect, target=self.environment.target(flow.target))
        for credential in planted:
            if credential.cookie is not None:
                session.client.session.cookies.set_cookie(copy.copy(credential.cookie))
        user = account.user if user is None else user
        password = password.reveal() if isinstance(password, Secret) else password
        began = time.monotonic()
        response: requests.Response | None = None
        match flow:
            case FormFlow():
                response, note = self._by_form(session, flow, user, password)
            case TokenFlow():
                response, note = self._by_token(session, flow, user, password)
            case BasicFlow():
                pair = base64.b64encode(basic_pair(user, password).encode()).decode()
                session.authenticate("Authorization", f"Basic {pair}")
                note = "HTTP Basic credentials sent"
        blocked = interference(Answer.of(response)) if response is not None else ""
        status = response.status_code if response is not None else None
        limited = status is not None and status < 500  # noqa: PLR2004 - server errors are no refusal
        try:
            identity = session.whoami()
        except ProbeError as error:
            if not blocked:
                raise
            identity, note = None, f"{note}; {error}"
        answer = response if response is not None else session.last
        return Attempt(
            status=status,
            seconds=time.monotonic() - began,
            identity=identity,
            layer=blocked if limited else "",
            broken="" if limited else blocked,
            note=note,
            session=session,
            answers=(*answer.history, answer) if answer is not None else (),
        )

    def login_pages(self, target: Target) -> LoginPages:
        """Where the declared form flows log in, and how their pages look, for the denial oracle.

        Raises:
            ProbeError: a declared page cannot be fetched.
        """
        urls: list[str] = []
        signatures: set[tuple[str, tuple[str, ...], tuple[str, ...]]] = set()
        for flow in flows_of(self.environment).values():
            if not isinstance(flow, FormFlow):
                continue
            home = self.environment.target(flow.target)
            urls.append(login_url(home, flow.page))
            if home.name == target.name:
                page = self.connect(home).request("GET", flow.page, allow_redirects=True)
                found = login_signatures(page.text, page.url)
                signatures |= found
                led = urlsplit(page.url)
                if found and led.hostname != home.host:
                    # A login on a host of its own; what it is told to come back to is not part of its address.
                    urls.append(f"{led.scheme}://{led.netloc}{led.path}")
        return LoginPages(tuple(urls), frozenset(signatures))

    def _by_form(self, session: Session, flow: FormFlow, user: str, password: object) -> tuple[requests.Response, str]:
        page = session.client.request("GET", flow.page, headers={"Accept": _BROWSER_ACCEPT}, allow_redirects=True)
        path = urlsplit(page.url).path
        if blocked := interference(Answer.of(page)):
            return page, f"the login page {path} cannot be had: {blocked}"
        try:
            login = find_login_form(page.text, page.url, flow.fields)
        except ProbeError as error:
            status = "" if page.ok else f" (status {page.status_code})"
            raise type(error)(
                f"{error}{status}", remedy=error.remedy.replace("flows.<name>", f"flows.{session.account.flow}")
            ) from None
        response = self._submit(session, login, page.url, form_data(login, user, password))
        if "html" in response.headers.get("content-type", ""):
            session.landing = response.text
        note = (
            f"login form found at {path}: fields {login.form.describe()}; user name sent as {login.user}, password as "
            f"{login.password}; {login.form.method} {urlsplit(login.form.action).path} answered {_trail(response)}"
        )
        return response, note

    def _submit(self, session: Session, login: LoginForm, page_url: str, data: dict[str, str]) -> requests.Response:
        action = urlsplit(login.form.action)
        if urlsplit(page_url).scheme == "https" and action.scheme != "https":
            raise ProbeError(f"the login form posts to {action.scheme}, so the password was not sent")
        if login.form.method != "POST":
            raise ProbeError(
                "the login form would put the password into the address (method GET), so it was not sent",
                remedy="If a script submits it, declare the request behind it as a `json_token` flow.",
            )
        parts = urlsplit(page_url)
        headers = {
            "Referer": page_url,
            "Origin": f"{parts.scheme}://{parts.netloc}",
            "Accept": _BROWSER_ACCEPT,
        }
        return session.client.request("POST", login.form.action, data=data, headers=headers, allow_redirects=True)

    def _by_token(
        self, session: Session, flow: TokenFlow, user: str, password: object
    ) -> tuple[requests.Response, str]:
        filled = fill_login(flow.login, {**person_values(session.account), "user": user}, password)
        response = session.send(filled)
        note = f"{filled.method} {flow.login.path} answered {response.status_code}"
        token = point(Answer.of(response).document(), flow.token)
        if isinstance(token, str) and token:
            session.token = token
            KNOWN.add(f"sessions.{session.account.alias}.token", token)
            name, _, value = flow.header.partition(":")
            session.authenticate(name.strip(), value.strip().replace("{token}", token))
        else:
            note += f" without a token at {flow.token}{tokens_elsewhere(Answer.of(response).document())}"
        return response, note


class Sessions:
    """One login per account and lane; a failed one is remembered, so that no account is hammered."""

    def __init__(self, driver: LoginDriver) -> None:
        self.driver = driver
        self._known: dict[str, Session | ProbeError] = {}

    def of(self, alias: str) -> Session:
        """The session of an account (errors as `LoginDriver.login`, the same every time)."""
        if alias not in self._known:
            try:
                self._known[alias] = self.login_fresh(alias)
            except ProbeError as error:
                self._known[alias] = error
        known = self._known[alias]
        if isinstance(known, ProbeError):
            raise type(known)(str(known), remedy=known.remedy)
        return known

    def alive(self, alias: str) -> Session:
        """The session of an account, logged in once more if it has ended since.

        Raises:
            ProbeError: it cannot be had.
        """
        session = self.of(alias)
        if session.whoami() is None:
            del self._known[alias]
            session = self.of(alias)
        return session

    def login_fresh(self, alias: str) -> Session:
        """A new login in a clean client, not shared with anybody."""
        try:
            account = self.driver.environment.account(alias)
        except KeyError:
            raise ProbeError(f"there is no account {alias!r} in the environment") from None
        return self.driver.login(account)


def _trail(response: requests.Response) -> str:
    return " then ".join(str(step.status_code) for step in (*response.history, response))
