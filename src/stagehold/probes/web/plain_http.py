"""What the plain-HTTP port of a target does: is closed, redirects to https, refuses everything, or serves.

Sources: ASVS 12.2.1 and 4.1.2, RFC 9110 section 15.4, MDN HTTP Observatory (redirection), CWE-319.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

import requests

from stagehold.command_lines import curl
from stagehold.environment.access import FormFlow, TokenFlow
from stagehold.environment.model import Environment, Target
from stagehold.errors import ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.network.rules import normal
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.fill import flows_of
from stagehold.probes.web.set_cookie import issued_cookies

PERMANENT = {301, 308}
LONGEST_NOTE = 2048
"""Bytes: servers put a line of HTML into a redirect (RFC 9110 section 15.4.2), and no page is that short."""
_REFUSALS = {400, 403, 404, 405, 410, 421, 426}
_BUSY = 429
_FAULT = range(500, 600)
_CONTENT = re.compile(rb"<(form|input|script|iframe)\b", re.IGNORECASE)
_PATIENCE = 5.0
_HUNG_UP = (ConnectionResetError, BrokenPipeError)
"""`http.client.RemoteDisconnected` is one of the first kind."""


@dataclass(frozen=True)
class PlainAnswer:
    """One answer over plain HTTP and what is wrong with it, in words (empty: nothing)."""

    address: str
    what: str
    method: str
    url: str
    status: int
    location: str
    size: int
    """Bytes of the body."""
    cookies: tuple[str, ...]
    """Names only."""
    complaint: str


@dataclass(frozen=True)
class PlainHttp:
    """The plain-HTTP port of one target at all its addresses."""

    target: Target
    port: int
    closed: tuple[str, ...]
    """Addresses where nothing answers on the port, in words, while https works there."""
    answers: tuple[PlainAnswer, ...]
    troubles: tuple[str, ...] = ()
    """Answers that tell of a limit or a fault and not of what the port does."""

    @property
    def wrong(self) -> tuple[PlainAnswer, ...]:
        """The answers that are neither a permanent redirect to https nor part of a refusal of everything."""
        return tuple(answer for answer in self.answers if answer.complaint)

    @property
    def summary(self) -> str:
        """What was seen, in words."""
        seen = list(self.closed)
        if self.answers:
            statuses = ", ".join(map(str, sorted({answer.status for answer in self.answers})))
            seen.append(f"{len(self.answers)} answers with status {statuses}")
        return "; ".join(seen)

    def require_complete(self) -> None:
        """Raise ProbeError when an answer told nothing; called after the assertion, for a failure stays one."""
        if self.troubles:
            raise ProbeError("; ".join(self.troubles[:5]))

    @property
    def reproduction(self) -> str:
        """A command line that shows the first thing that is wrong, or the redirect."""
        host = f"[{self.target.host}]" if ":" in self.target.host else self.target.host
        answer = next(iter(self.wrong or self.answers), None)
        if answer is None:
            return curl(f"http://{host}:{self.port}/")
        return curl(answer.url, method=answer.method, address=answer.address)


def look_at_plain_http(
    environment: Environment, network: Network, target: Target, connect: Callable[..., HttpClient]
) -> PlainHttp:
    """Ask the plain-HTTP port of a target for a handful of paths, at each address, without following redirects.

    Raises:
        Uncovered: the target declares no plain port and none can be guessed.
        ProbeError: neither the port nor https answers at an address, an answer is broken, or everything is refused
            there and over https alike.
    """
    secure = target.base_url.startswith("https")
    port = target.plain_port if secure else target.port
    if port is None:
        raise Uncovered(f"target {target.name}: needs `http_port`")
    # Where no browser needs the redirect, whether there is one is another question (`plain_api`), asked of https only.
    redirects_judged = target.kind == "browser" or not secure or bool(of_browsers(environment, target, port))
    closed: list[str] = []
    answers: list[PlainAnswer] = []
    troubles: list[str] = []
    for address in network.addresses(target.host):
        client = connect(target, address=address)
        reason = why_closed(network, target, port, address)
        if reason:
            # The control: silence counts only where the same address answers over https.
            client.request("GET", "/")
            closed.append(f"{address} port {port}: {reason}")
            continue
        seen, silent = _answered(client, target, port, asks_of(environment, target))
        if silent and not seen:
            client.request("GET", "/")
            closed.append(f"{address} port {port}: hangs up on every request")
            continue
        troubles += [f"{ask.method} {ask.path} over plain HTTP at {address} is hung up on" for ask in silent]
        told = [(ask, response) for ask, response in seen if not is_trouble(response.status_code)]
        troubles += [
            f"{ask.method} {ask.path} over plain HTTP at {address} is answered {response.status_code}, "
            "which tells of a limit or a fault and not of what the port does"
            for ask, response in seen
            if is_trouble(response.status_code)
        ]
        answers += _judged(client, address, told, redirects_judged=redirects_judged) if told else []
    return PlainHttp(target, port, tuple(closed), tuple(answers), tuple(troubles))


@dataclass(frozen=True)
class Ask:
    """One request over plain HTTP, and what it asks for in words."""

    what: str
    path: str
    method: str = "GET"


_Seen = tuple[Ask, requests.Response]


def asks_of(environment: Environment, target: Target) -> tuple[Ask, ...]:
    """The start page, login pages, the API, and two paths nobody has thought of; forms are posted without content."""
    asks = [Ask("start page", "/")]
    same_host = {other.name for other in environment.targets if normal(other.host) == normal(target.host)}
    for name, flow in flows_of(environment).items():
        if flow.target not in same_host:
            continue
        if isinstance(flow, FormFlow):
            asks += [Ask(f"login page of {name}", flow.page), Ask(f"login of {name}", flow.page, "POST")]
        elif isinstance(flow, TokenFlow):
            asks.append(Ask(f"login of {name}", flow.login.path, "POST"))
        asks.append(Ask(f"private page of {name}", flow.whoami.path))
    unknown = f"/not-there-{secrets.token_hex(6)}"
    asks += [Ask("unknown page", unknown), Ask("unknown API path", f"/api{unknown}?page=1")]
    asks.append(Ask("unknown page, POST", unknown, "POST"))
    return tuple({(ask.method, ask.path): ask for ask in asks}.values())


def why_closed(network: Network, target: Target, port: int, address: str) -> str:
    """That connections are refused or not answered, in words; empty when one is made."""
    reason = ""
    for _ in range(2):  # one packet may be lost
        try:
            network.connect(target.host, port, seconds=_PATIENCE, address=address).close()
        except ProbeError as error:
            if isinstance(error.__cause__, ConnectionRefusedError):
                return "refuses connections"
            reason = "does not answer"
        else:
            return ""
    return reason


def send_plain(
    client: HttpClient, target: Target, port: int, ask: Ask, headers: Mapping[str, str] | None = None
) -> requests.Response:
    """The answer to one request over plain HTTP, redirects not followed (errors as for `HttpClient.request`)."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    data = b"" if ask.method == "POST" else None
    return client.request(ask.method, f"http://{host}:{port}{ask.path}", data=data, headers=headers)


def _answered(client: HttpClient, target: Target, port: int, asks: Sequence[Ask]) -> tuple[list[_Seen], list[Ask]]:
    """The answers, and what was asked for where the server hung up without one, twice (errors as for `send_plain`)."""
    seen: list[_Seen] = []
    silent: list[Ask] = []
    for ask in asks:
        for last in (False, True):
            try:
                seen.append((ask, send_plain(client, target, port, ask)))
            except ProbeError as error:
                if not hung_up(error):
                    raise
                silent += [ask] if last else []
            else:
                break
    return seen, silent


def hung_up(error: BaseException | None) -> bool:
    """Whether the server ended the connection without a word, however deep the libraries wrapped that."""
    for _ in range(10):
        if error is None or isinstance(error, _HUNG_UP):
            break
        error = next((arg for arg in error.args if isinstance(arg, BaseException)), None) or error.__cause__
    return isinstance(error, _HUNG_UP)


def of_browsers(environment: Environment, target: Target, port: int | None) -> list[str]:
    """Targets of browsers under one name with this one, at this plain port, or at any where None is given."""
    names = {normal(name) for name in target.names}
    return [
        other.name
        for other in environment.targets
        if other.kind == "browser"
        and port in {None, other.plain_port}
        and names & {normal(name) for name in other.names}
    ]


def is_trouble(status: int) -> bool:
    """Whether an answer tells of a limit or a fault and not of what the port does."""
    return status == _BUSY or status in _FAULT


def _judged(client: HttpClient, address: str, seen: Sequence[_Seen], *, redirects_judged: bool) -> list[PlainAnswer]:
    blanket = {
        method: refuses_everything([response for ask, response in seen if ask.method == method])
        for method in {ask.method for ask, _ in seen}
    }
    secure = client.target.base_url.startswith("https")
    if blanket.get("GET", False) and not (secure and _differs_over_https(client, seen)):
        raise ProbeError(
            f"every page is refused at {address}, over https as well as over plain HTTP, so it is not known whether "
            "the service itself answers there",
            remedy="Declare a flow with a login page or a `whoami` on this target.",
        )
    return [
        PlainAnswer(
            address=address,
            what=ask.what,
            method=ask.method,
            url=str(response.url),
            status=response.status_code,
            location=response.headers.get("Location", ""),
            size=len(response.content),
            cookies=tuple(cookie.name for cookie in issued_cookies(response)),
            complaint=complaint(
                response, client.target.host, blanket=blanket[ask.method], redirects_judged=redirects_judged
            ),
        )
        for ask, response in seen
    ]


def _differs_over_https(client: HttpClient, seen: Sequence[_Seen]) -> bool:
    return any(
        client.request("GET", ask.path).status_code != response.status_code
        for ask, response in seen
        if ask.method == "GET"
    )


def refuses_everything(responses: Sequence[requests.Response]) -> bool:
    """Whether every path got one and the same client error: as good as closed.

    An application that answers over plain HTTP has different words for its login page and for a page that
    does not exist, and asks for credentials (401) where they are needed.
    """
    statuses = {response.status_code for response in responses}
    return len(statuses) == 1 and statuses <= _REFUSALS


def complaint(response: requests.Response, host: str, *, blanket: bool, redirects_judged: bool = True) -> str:
    """What is wrong with one answer over plain HTTP, in words; empty when nothing is.

    Args:
        response: the answer.
        host: where redirects may lead.
        blanket: whether everything is refused like this.
        redirects_judged: whether it matters where a redirect leads, and for how long.
    """
    status = response.status_code
    problems = []
    if response.headers.get("Set-Cookie"):
        problems.append("sets a cookie")
    if not blanket:
        location = response.headers.get("Location", "")
        goal = _goal(str(response.url), location)
        if not 300 <= status < 400 or not location:  # noqa: PLR2004 - the statuses of redirects
            problems.append(f"answers {status} instead of redirecting")
        elif not redirects_judged:
            pass
        elif goal.scheme != "https":
            problems.append(f"redirects to {location}, which is not https")
        elif normal(goal.hostname or "") != normal(host):
            problems.append(f"redirects to another host, {goal.hostname}")
        elif status not in PERMANENT:
            problems.append(f"redirects for this time only ({status}): browsers come back over plain HTTP")
        if len(response.content) > LONGEST_NOTE or _CONTENT.search(response.content):
            problems.append(f"carries content ({len(response.content)} bytes)")
    return ", ".join(problems)


def _goal(url: str, location: str) -> SplitResult:
    try:
        return urlsplit(urljoin(url, location))
    except ValueError:  # such as a bracket that nothing closes; browsers stay where they are
        return urlsplit(url)
