"""Who asks a target: a stranger, and an ordinary user where an account for it is declared."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from json import dumps
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from stagehold.command_lines import credential, curl, variable
from stagehold.environment.access import Account
from stagehold.environment.model import Environment, Target
from stagehold.errors import NotAllowed
from stagehold.probes.login.driver import Sessions
from stagehold.probes.login.session import Session
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.reply import Reply

ANONYMOUS = "anonymous"
_HOPS = 5
_PAGES = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
_ABOVE_ORDINARY = re.compile(r"admin|root|super|operator|staff|sysop|maintain", re.IGNORECASE)


@dataclass(frozen=True)
class Visitor:
    """Somebody with a browser at one target."""

    name: str
    """`anonymous`, or the account's alias."""
    target: Target
    send: Callable[..., requests.Response]
    credentials: tuple[str, ...] = ()
    """Options of curl, placeholders for secrets."""
    notes: tuple[str, ...] = ()
    """What to set the placeholders to."""
    let_go: Callable[[], None] = lambda: None
    """Closes kept connections that no request runs on."""
    holds: Callable[[], object] = lambda: None
    """The credentials of this moment, to tell whether they change."""

    def ask(
        self,
        what: str,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Reply:
        """One exchange, redirects not followed (errors as `HttpClient.request`)."""
        response = self.send(method, path, headers={**_PAGES, **(headers or {})}, **body)
        return Reply.of(response, what=what, who=self.name, curl=self.reproduce(method, path, headers or {}, **body))

    def follow(self, what: str, path: str) -> list[Reply]:
        """A page and where it redirects to, as long as that is this target: every hop."""
        replies = [self.ask(what, path)]
        while replies[-1].redirects and len(replies) <= _HOPS:
            led = urljoin(replies[-1].url, replies[-1].values("Location")[0]).partition("#")[0]
            if urlsplit(led).netloc != urlsplit(self.target.base_url).netloc or led in {r.url for r in replies}:
                break
            try:
                hop = self.ask(f"{what}, redirected", led)
            except NotAllowed:
                break
            # The query of a redirect may hold a secret of this very session.
            replies.append(replace(hop, curl=self.reproduce("GET", led.partition("?")[0], {})))
        return replies

    def reproduce(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        json: object | None = None,
        data: object | None = None,
        raw_target: str | None = None,
    ) -> str:
        """A curl command that sends the same, placeholders for secrets."""
        url = f"{origin(self.target)}{raw_target}" if raw_target else path
        url = url if "://" in url else f"{self.target.base_url}/{url.lstrip('/')}"
        sent = {"Content-Type": "application/json", **headers} if json is not None else dict(headers)
        body = dumps(json) if json is not None else data.decode("latin-1") if isinstance(data, bytes) else data
        return curl(
            url,
            method=method,
            headers=sent,
            credentials=self.credentials,
            options=("--path-as-is",),
            body=None if body is None else str(body),
            notes=self.notes,
        )


def origin(target: Target) -> str:
    """Scheme, host and port."""
    parts = urlsplit(target.base_url)
    return f"{parts.scheme}://{parts.netloc}"


def visitors(
    environment: Environment, target: Target, connect: Callable[[Target], HttpClient], sessions: Sessions
) -> tuple[Visitor, ...]:
    """A stranger, then an ordinary user if an account can log in here.

    Raises:
        ProbeError: the login of the account failed.
    """
    stranger = connect(target)
    found = [Visitor(ANONYMOUS, target, stranger.request, let_go=stranger.let_go)]
    account = ordinary_account(environment, target)
    if account is not None:
        found.append(_user(sessions.of(account.alias), target))
    return tuple(found)


def ordinary_account(environment: Environment, target: Target) -> Account | None:
    """The last standard account of a login flow at this target whose role is not that of an administrator."""
    fitting = [
        account
        for account in environment.accounts
        if account.pool == "standard"
        and (flow := environment.flows.get(account.flow)) is not None
        and (flow.target == target.name or environment.target(flow.target).base_url == target.base_url)
        and not _ABOVE_ORDINARY.search(f"{account.role or ''} {account.alias}")
    ]
    own = [account for account in fitting if environment.flows[account.flow].target == target.name]
    return next(reversed(own or fitting), None)


def _user(session: Session, target: Target) -> Visitor:
    def send(method: str, path: str, **options: Any) -> requests.Response:
        return session.request(method, path, target=target, **options)

    held = session.credentials()
    names = [f"{'COOKIE' if item.kind == 'cookie' else 'HEADER'}_{variable(item.name)}" for item in held]
    shown = tuple(credential(item.kind, item.name, name) for item, name in zip(held, names, strict=True))
    told = tuple(
        f"{name} is the {item.kind} `{item.name}` of a session of {session.account.alias}"
        for item, name in zip(held, names, strict=True)
    )

    def holds() -> object:
        return [(item.name, item.value) for item in session.credentials()]

    return Visitor(session.account.alias, target, send, shown, told, lambda: session.let_go(target), holds)
