"""A logged-in person: requests, `whoami`, and the credentials the client holds. Secrets stay out of reprs."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.cookiejar import Cookie
from typing import Any, Literal, cast
from urllib.parse import urljoin, urlsplit

import requests
from requests.cookies import get_cookie_header

from stagehold.environment.access import Account, BasicFlow, Flow, WhoAmI
from stagehold.environment.model import Target
from stagehold.environment.placeholders import person_values
from stagehold.errors import NotAllowed, ProbeError, Uncovered
from stagehold.probes.access.oracle import Answer, interference
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.fill import FilledRequest, fill, fill_text, point
from stagehold.probes.web.forms import csrf_inputs, csrf_meta, find_form_for, find_link_to, read_forms
from stagehold.probes.web.set_cookie import IssuedCookie, issued_cookies
from stagehold.redaction.registry import KNOWN

_HOPS = 5
_PAGES = "text/html,application/xhtml+xml,*/*;q=0.8"
_IDLE = 1.5
_SAFE = {"GET", "HEAD", "OPTIONS"}
_REFUSED = {400, 401, 403, 404, 410, 419, 440}
_CSRF_COOKIE = re.compile(r"csrf|xsrf", re.IGNORECASE)
_SCALAR = (str, int)


@dataclass(frozen=True)
class Identity:
    """Whose session it is, as the service says; None where `whoami` declares no such pointer."""

    user: str | None
    company: str | None = None
    role: str | None = None


@dataclass(frozen=True)
class Credential:
    """One secret a client holds after login: a cookie, or a header that is sent along."""

    kind: Literal["cookie", "header"]
    name: str
    value: str = field(repr=False)
    cookie: Cookie | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Session:
    """What one login gave: a client with its cookies and headers. Made by `login.LoginDriver`."""

    def __init__(
        self,
        account: Account,
        flow: Flow,
        *,
        connect: Callable[[Target], HttpClient],
        target: Target,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.account = account
        self.flow = flow
        self.target = target
        self.client = connect(target)
        self.told = ""
        """What `whoami` answered last, in words."""
        self.token = ""
        """What a `json_token` login returned."""
        self.landing = ""
        """HTML of the page the login led to, where scripts find their CSRF token."""
        self.issued: list[IssuedCookie] = []
        """Every Set-Cookie line that came, in order."""
        self.last: requests.Response | None = None
        """What answered last."""
        self.client.session.hooks["response"].append(self._hear)
        self._connect = connect
        self._headers = dict(headers or {})
        self._used = time.monotonic()
        self._elsewhere: dict[str, HttpClient] = {}
        self._tokens: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Session({self.account.alias})"

    def authenticate(self, name: str, value: str) -> None:
        """Send this header with every request from now on."""
        KNOWN.add_token(f"sessions.{self.account.alias}.{name}", value)
        self._headers[name] = value

    def auth_headers(self) -> dict[str, str]:
        """Headers, `Cookie` included, by which another client is this person at this target."""
        prepared = requests.Request("GET", f"{self.target.base_url}/").prepare()
        cookies: str | None = get_cookie_header(self.client.session.cookies, prepared)  # type: ignore[no-untyped-call]
        return {**self._headers, **({"Cookie": cookies} if cookies else {})}

    def request(
        self,
        method: str,
        path: str,
        *,
        json: object | None = None,
        data: Mapping[str, str] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        allow_redirects: bool = False,
        target: Target | None = None,
    ) -> requests.Response:
        """Send a request as this person, as a browser's script would; errors as `HttpClient.request`.

        Args:
            method: the HTTP method.
            path: under the base URL of `target`, or an absolute URL.
            json: sent as a JSON body.
            data: sent as a form, or as it is.
            headers: win over the session's own.
            allow_redirects: follow redirects.
            target: default: the target of the login flow. Cookies go along as far as their domain allows.
        """
        client = self._at(target)
        self._leave_idle_connections(client)
        sent = {
            **self._headers,
            **(script_headers(client, self.landing) if method not in _SAFE else {}),
            **(headers or {}),
        }
        response = client.request(method, path, json=json, data=data, headers=sent, allow_redirects=allow_redirects)
        if response.status_code >= 500:  # noqa: PLR2004 - RFC 9110 section 15.6
            # Servers drop the connection after a crash, and the next request would be lost on it.
            client.let_go()
        return response

    def let_go(self, target: Target | None = None) -> None:
        """Close the connections to a target that are kept and that no request runs on."""
        self._at(target).let_go()

    def send(self, filled: FilledRequest, target: Target | None = None) -> requests.Response:
        """Send a declared request whose placeholders are filled, after a look at its page when it has one."""
        if filled.page is not None:
            filled = self._as_from(filled.page, filled, target)
        return self.request(
            filled.method,
            filled.path,
            json=filled.json,
            data=filled.data,
            headers=filled.headers,
            target=target,
        )

    def whoami(self) -> Identity | None:
        """Ask the service whose session this is; None: nobody's.

        Raises:
            ProbeError: the answer tells neither (5xx, 429, a block page, something that is no identity).
        """
        path, text = self.flow.whoami.path, self.flow.whoami.contains
        self.told = f"{path} leads out of the environment"
        answer = self._ask(path)
        if answer is None:
            return None
        what = "with" if text and answer.holds(fill_text(text, person_values(self.account))) else "without"
        self.told = f"{path} answered {answer.status}" + (f" {what} {text!r}" if text and answer.succeeded else "")
        return read_identity(answer, self.flow.whoami, self.account)

    def credentials(self) -> tuple[Credential, ...]:
        """Every secret the client holds now."""
        cookies = [
            Credential("cookie", cookie.name, cookie.value, cookie)
            for cookie in iter_cookies(self.client)
            if cookie.value
        ]
        return (*cookies, *(Credential("header", name, value) for name, value in self._headers.items()))

    def clone_with(self, *credentials: Credential) -> Session:
        """The same person with only these credentials, in a clean client that shares nothing."""
        headers = {item.name: item.value for item in credentials if item.kind == "header"}
        clone = Session(self.account, self.flow, connect=self._connect, target=self.target, headers=headers)
        for item in credentials:
            if item.cookie is not None:
                clone.client.session.cookies.set_cookie(copy.copy(item.cookie))
        return clone

    def logout(self) -> requests.Response:
        """Log out as declared, hidden inputs of the logout form carried along; redirects are not followed.

        Raises:
            Uncovered: no logout is declared for this flow.
            ProbeError: it could not be sent.
        """
        if isinstance(self.flow, BasicFlow) or self.flow.logout is None:
            raise Uncovered(f"needs `flows.{self.account.flow}.logout` in the environment")
        # Revocation by RFC 7009 names the token in its body.
        filled = fill(
            self.flow.logout, {**person_values(self.account), **({"token": self.token} if self.token else {})}
        )
        page = None if self.flow.kind == "json_token" else self.flow.logout_page or self.flow.whoami.path
        if page is not None and filled.page is None and filled.method == "POST":
            filled = replace(filled, page=page)
        if page is not None and filled.method == "GET":
            filled = replace(filled, path=self._link(page, filled.path))
        return self.send(filled)

    def _link(self, page: str, path: str) -> str:
        """The link of a page that leads to `path`, with the token its query may hold; else the path itself."""
        response = self.request("GET", page, headers={"Accept": _PAGES}, allow_redirects=True)
        if "html" not in response.headers.get("content-type", ""):
            return path
        return find_link_to(response.text, response.url, self.client.url(path)) or path

    def _as_from(self, page: str, filled: FilledRequest, target: Target | None) -> FilledRequest:
        """The request with the hidden inputs of its form on that page.

        Where the page shows no such form, because it is of an object of somebody else, the session's CSRF
        token from the last page goes along: a refusal for want of a token would tell nothing about rights.
        """
        response = self.request("GET", page, headers={"Accept": _PAGES}, allow_redirects=True, target=target)
        carried: dict[str, str] = {}
        if "html" in response.headers.get("content-type", ""):
            self._tokens |= csrf_inputs(response.text, response.url)
            for name, token in self._tokens.items():
                KNOWN.add_token(f"sessions.{self.account.alias}.{name}", token)
            if csrf_meta(response.text):
                self.landing = response.text
            form = find_form_for(response.text, response.url, self._at(target).url(filled.path))
            carried = form.carried if form is not None else {}
        carried = carried or self._tokens
        if filled.json is not None or filled.raw is not None or not carried:
            return filled
        return replace(filled, form={**carried, **(filled.form or {})})

    def _ask(self, path: str) -> Answer | None:
        """Follow a page's redirects by hand: one that leads out of the environment shows nobody."""
        url = path
        for hop in range(_HOPS + 1):
            try:
                answer = Answer.of(self.request("GET", url))
            except NotAllowed:
                if hop == 0:
                    raise
                return None
            if answer.redirect is None:
                return answer
            if urlsplit(answer.redirect).hostname != self.target.host and self._headers:
                return None  # A token is not carried to another host.
            url = answer.redirect
        raise ProbeError(f"{path}: more than {_HOPS} redirects, so whoami tells nobody's name")

    def _hear(self, response: requests.Response, **_: object) -> None:
        self.last = response
        issued = issued_cookies(response)
        for cookie in issued:
            KNOWN.add_token(f"sessions.{self.account.alias}.{cookie.name}", cookie.value)
        self.issued += issued

    def _at(self, target: Target | None) -> HttpClient:
        if target is None or target.name == self.target.name:
            return self.client
        if target.name not in self._elsewhere:
            client = self._connect(target)
            client.session.cookies = self.client.session.cookies
            self._elsewhere[target.name] = client
        return self._elsewhere[target.name]

    def _leave_idle_connections(self, client: HttpClient) -> None:
        """A request that crosses the server's closing of an idle connection would be lost without an answer."""
        now = time.monotonic()
        if now - self._used > _IDLE:
            client.let_go()
        self._used = now


def read_identity(answer: Answer, whoami: WhoAmI, account: Account) -> Identity | None:
    """Read a `whoami` answer; None when it shows nobody.

    Raises:
        ProbeError: it tells neither, or nothing declared could tell.
    """
    if whoami.user is None and whoami.contains is None:
        raise ProbeError(
            f"`flows.{account.flow}.whoami` names nothing that tells a person",
            remedy="Declare `whoami.user` (a JSON pointer) or `whoami.contains`.",
        )
    what = f"whoami of {account.alias} ({answer.method} {urlsplit(answer.url).path})"
    if blocked := interference(answer):
        raise ProbeError(f"{what} cannot tell: {blocked}")
    if answer.status in _REFUSED:
        return None
    if not answer.succeeded:
        raise ProbeError(f"{what} answered {answer.status}, which tells neither a person nor a refusal")
    if whoami.contains is not None and not answer.holds(fill_text(whoami.contains, person_values(account))):
        return None
    told_by_page = account.user if whoami.contains and "{user}" in whoami.contains else None
    if whoami.user is None and whoami.company is None and whoami.role is None:
        return Identity(told_by_page)
    document = answer.document()
    if document is None:
        if any(form.passwords for form in read_forms(answer.body, answer.url)):
            return None
        raise ProbeError(
            f"{what} answered {answer.status} without JSON, so {whoami.user or 'its pointers'} tell nothing"
        )
    values = [
        None if pointer is None else _scalar(document, pointer, what)
        for pointer in (whoami.user, whoami.company, whoami.role)
    ]
    if whoami.user is not None and values[0] is None:
        return None
    return Identity(values[0] or told_by_page, values[1], values[2])


def iter_cookies(client: HttpClient) -> Iterator[Cookie]:
    """The cookies of a client's jar."""
    # The stubs say that a jar yields names, as a mapping would; it yields cookies.
    yield from cast("Iterable[Cookie]", client.session.cookies)


def script_headers(client: HttpClient, html: str) -> dict[str, str]:
    """What a page's own script adds to a write in a cookie session: origin and CSRF token.

    Args:
        client: whose cookies.
        html: the page that the script is on.
    """
    cookies: list[Cookie] = list(iter_cookies(client))
    if not cookies:
        return {}
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(client.target.base_url))
    tokens = {
        name: cookie.value
        for cookie in cookies
        if cookie.value and _CSRF_COOKIE.search(cookie.name)
        for name in ("X-CSRFToken", "X-XSRF-TOKEN", "X-CSRF-Token")
    }
    return {"Origin": origin, "Referer": f"{origin}/", **tokens, **csrf_meta(html)}


def login_url(session_target: Target, page: str) -> str:
    """The absolute URL of a declared page of a target."""
    return page if "://" in page else urljoin(f"{session_target.base_url}/", page.lstrip("/"))


def _scalar(document: Any, pointer: str, what: str) -> str | None:
    value = point(document, pointer)
    if value is None or value is False or value == "":
        return None
    if not isinstance(value, _SCALAR) or value is True:
        raise ProbeError(f"{what}: {pointer} holds a {type(value).__name__}, expected a name")
    return str(value)
