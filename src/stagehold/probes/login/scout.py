"""Looks for the login of a target without any account, and says what to declare: for people who describe it.

Pages are looked at as a visitor would, a dozen at most; nothing is filled in or sent. What is found is never
judged: what is expected is declared by a person, who reviews the draft.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from bs4 import BeautifulSoup

from stagehold.environment.access import FormFields, FormFlow
from stagehold.environment.model import Environment, Target
from stagehold.errors import NotAllowed, ProbeError
from stagehold.model import Traffic
from stagehold.network.door import Network
from stagehold.probes.access.operations import declared_operation, is_denied
from stagehold.probes.login.drafts import basic_draft, form_draft, token_draft
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.login_form import LoginForm, UnclearLogin, find_login_form

USUAL = (
    "/login", "/accounts/login/", "/signin", "/users/sign_in", "/wp-login.php", "/Account/Login",
    "/Identity/Account/Login", "/auth/login",
)  # fmt: skip
_MOST_PAGES = 14
_WORDS = re.compile(r"log[\s_-]?(in|on)\b|sign[\s_-]?in\b", re.IGNORECASE)
_BACK = re.compile(r"(^|[&_])(next|return|redirect|url|goto|from|back|service)", re.IGNORECASE)
_ACCEPT = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
_WHY = (
    "a login counts when a page that the person alone can read names the person, and which page that is cannot be "
    "seen without an account"
)


@dataclass(frozen=True)
class Sighting:
    """What was found of the login of one target."""

    target: str
    found: str
    """Such as `login form found at /accounts/login/: fields …`."""
    declare: str
    """Which key to declare, and why nobody but a person can."""
    draft: str = ""
    """YAML to review and complete; words in capitals are not known."""

    def __str__(self) -> str:
        lines = [f"{self.target}: {self.found}", *([f"declare {self.declare}"] if self.declare else [])]
        return "\n".join([*lines, *(f"  {line}" for line in self.draft.splitlines())])


@dataclass(frozen=True)
class _Page:
    asked: str
    response: requests.Response

    @property
    def path(self) -> str:
        return urlsplit(self.response.url).path.partition(";")[0]

    def address(self, target: Target) -> str:
        """The path to declare: where a redirect within the target led, without what it is told to come back to."""
        led = urlsplit(self.response.url)
        if not self.response.history or led.hostname != target.host:
            return self.asked
        return _under(target, self.path) + (f"?{led.query}" if led.query and not _BACK.search(led.query) else "")

    @property
    def html(self) -> str:
        return self.response.text if "html" in self.response.headers.get("content-type", "") else ""


def scout(environment: Environment, network: Network, ca_file: Path | None) -> tuple[Sighting, ...]:
    """What can be seen of the login of every target; a target that cannot be reached says so."""
    if Traffic.ORDINARY not in network.consent:
        return ()
    return tuple(
        _look(environment, HttpClient(network, target, ca_file=ca_file), target) for target in environment.targets
    )


def _look(environment: Environment, client: HttpClient, target: Target) -> Sighting:
    declared = {
        name: flow
        for name, flow in environment.flows.items()
        if isinstance(flow, FormFlow) and flow.target == target.name
    }
    flow = next(iter(declared), target.name)
    fields = declared[flow].fields if flow in declared else FormFields()
    unclear: UnclearLogin | None = None
    seen: list[_Page] = []
    try:
        for page in _pages(environment, client, [item.page for item in declared.values()]):
            seen.append(page)
            try:
                return _by_form(target, flow, page, find_login_form(page.html, page.response.url, fields))
            except UnclearLogin as error:
                unclear = unclear or error
            except ProbeError:
                continue
    except NotAllowed as elsewhere:
        return Sighting(
            target.name,
            f"its login leads out of the environment: {elsewhere}",
            "that host as a target of its own, and the flow with `target` naming it; cookies and `whoami` stay here",
        )
    except ProbeError as error:
        return Sighting(target.name, f"cannot be looked at: {error}", "")
    if not seen:
        return Sighting(target.name, "every page that could hold a login is forbidden by `deny.operations`", "")
    return _without_form(target, flow, seen, unclear)


def _pages(environment: Environment, client: HttpClient, declared: list[str]) -> Iterator[_Page]:
    """Declared login pages, the start page, what it links to as a login, and the usual places; each page once."""
    target = client.target
    queue = [*declared, "/", *USUAL]
    known: set[str] = set()
    while queue and len(known) < _MOST_PAGES:
        asked = queue.pop(0)
        if asked in known or is_denied(declared_operation("GET", asked, target), environment, target):
            continue
        known.add(asked)
        page = _Page(asked, client.request("GET", asked, headers=_ACCEPT, allow_redirects=True))
        yield page
        if asked == "/":
            queue = [*_links(page, target), *queue]


def _links(page: _Page, target: Target) -> list[str]:
    found = []
    for tag in BeautifulSoup(page.html, "html.parser").find_all("a", href=True):
        link = urlsplit(urljoin(page.response.url, str(tag["href"])))
        if link.hostname == target.host and _WORDS.search(f"{tag.get_text(' ', strip=True)} {link.path}"):
            found.append(_under(target, link.path) + (f"?{link.query}" if link.query else ""))
    return list(dict.fromkeys(found))[:3]


def _under(target: Target, path: str) -> str:
    """A path of the origin as the description writes it: below the base URL."""
    return path.removeprefix(urlsplit(target.base_url).path.rstrip("/"))


def _by_form(target: Target, flow: str, page: _Page, login: LoginForm) -> Sighting:
    found = f"login form found at {page.path}: fields {login.form.describe()}"
    if login.form.method != "POST":
        return Sighting(
            target.name,
            f"{found}; its method is {login.form.method}, so a script must be sending it",
            f"the request of that script as `flows.{flow}` of `kind: json_token`, because {_WHY}",
            token_draft(flow, target.name, login.user, login.password),
        )
    return Sighting(
        target.name,
        found,
        f"`flows.{flow}.whoami`, because {_WHY}",
        form_draft(flow, target.name, page.address(target)),
    )


def _without_form(target: Target, flow: str, seen: list[_Page], unclear: UnclearLogin | None) -> Sighting:
    if unclear is not None:
        remedy = unclear.remedy.replace("flows.<name>", f"flows.{flow}")
        return Sighting(target.name, str(unclear), f"what only a person can tell apart. {remedy}")
    challenges = {
        word.lower()
        for page in seen
        for value in [page.response.headers.get("WWW-Authenticate", "")]
        for word in re.findall(r"(?:^|,\s*)([A-Za-z]+)(?=\s|,|$)", value)
    }
    places = f"{len(seen)} pages ({', '.join(page.asked for page in seen[:3])}, ...)"
    if "basic" in challenges:
        return Sighting(
            target.name,
            "it asks for HTTP Basic credentials",
            f"`flows.{flow}.whoami`, because {_WHY}",
            basic_draft(flow, target.name),
        )
    script = any("<script" in page.html.lower() for page in seen if page.response.ok)
    if script or "bearer" in challenges or not any(page.html for page in seen):
        why = "pages are drawn by scripts" if script else "it answers programs, not browsers"
        return Sighting(
            target.name,
            f"no login form on {places}: {why}",
            f"the request that logs in, as `flows.{flow}` of `kind: json_token` (a browser's developer tools show it), "
            f"and its `whoami`, because {_WHY}",
            token_draft(flow, target.name, "USER", "PASSWORD"),
        )
    return Sighting(
        target.name,
        f"no login form on {places}",
        f"the page that holds it in `flows.{flow}.page`, because nothing on the start page leads there",
        form_draft(flow, target.name, "/PAGE"),
    )
