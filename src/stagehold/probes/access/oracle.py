"""The denial oracle: does an answer refuse, grant, or leave it open? Pure functions over observations.

"Granted" is never inferred from 2xx alone and "denied" never from 4xx alone. The order of the questions is
fixed: content, interference, declared denial, sensible defaults, comparison with an identifier that does not
exist; what is left is unknown, which callers turn into an inconclusive check. Effects of writes are judged in
`isolation`, by reading back.

Sources: OWASP ASVS 8.2.1, 8.4.1; OWASP API1:2023, API2:2023; WSTG-ATHN-04, WSTG-APIT-02; RFC 9110 section 15.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

import requests
from bs4 import BeautifulSoup

from stagehold.environment.access import DenialRule
from stagehold.probes.web.forms import login_signatures


class Ruling(StrEnum):
    """What an answer amounts to."""

    GRANTED = "granted"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    """One response as the oracle sees it. Header names are lower case."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str = field(default="", repr=False)

    @classmethod
    def of(cls, response: requests.Response) -> Answer:
        """From a response; bytes that are no text are kept one to one (Latin-1)."""
        return cls(
            method=str(response.request.method or "GET"),
            url=str(response.request.url or response.url),
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=_text(response),
        )

    @property
    def is_html(self) -> bool:
        """Declared as HTML."""
        return "html" in self.headers.get("content-type", "")

    @property
    def succeeded(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110 section 15.3

    @property
    def redirect(self) -> str | None:
        """Absolute URL a 3xx answer leads to."""
        location = self.headers.get("location")
        return urljoin(self.url, location) if location and 300 <= self.status < 400 else None  # noqa: PLR2004

    @property
    def locations(self) -> tuple[str, ...]:
        """The Location header as sent, and its path and query when it stays on this origin; may be empty."""
        sent = self.headers.get("location", "")
        led, here = urlsplit(urljoin(self.url, sent)), urlsplit(self.url)
        if not sent or (led.scheme, led.netloc) != (here.scheme, here.netloc):
            return (sent,) if sent else ()
        return tuple(dict.fromkeys((sent, led.path + (f"?{led.query}" if led.query else ""))))

    def document(self) -> Any:
        """The JSON body; None when there is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def holds(self, marker: str) -> bool:
        """Whether body, headers or redirect target hold the marker, also percent-encoded."""
        places = [self.body, unquote(self.body), *(unquote(value) for value in self.headers.values())]
        return any(marker in place for place in places)


@dataclass(frozen=True)
class LoginPages:
    """How the login pages of the declared flows look: where they are, and the forms they hold."""

    urls: tuple[str, ...] = ()
    """Absolute URLs."""
    signatures: frozenset[tuple[str, tuple[str, ...], tuple[str, ...]]] = frozenset()

    def is_target(self, url: str) -> bool:
        """Whether a URL is one of these pages, whatever else its query says.

        What the declared page has in its query must be there: where one script serves everything, the query
        alone tells the login page from the others.
        """
        wanted = urlsplit(url)
        return any(
            (page.hostname, page.path.rstrip("/")) == (wanted.hostname, wanted.path.rstrip("/"))
            and set(parse_qsl(page.query, True)) <= set(parse_qsl(wanted.query, True))
            for page in map(urlsplit, self.urls)
        )

    def shown_in(self, answer: Answer) -> bool:
        """Whether a body is a login page: it holds the very form of a declared one."""
        return answer.is_html and bool(self.signatures & login_signatures(answer.body, answer.url))


@dataclass(frozen=True)
class Judgement:
    """A ruling and the step that led to it, in words."""

    ruling: Ruling
    reason: str
    snippet: str = ""
    """A ready-made `denial:` rule to review, when the style is unknown."""
    needs_control: bool = False
    """The answer could also mean that nothing is there: a session must get more from the same place."""


_CHALLENGES = re.compile(
    r"Attention Required! \| Cloudflare|Incapsula incident ID|The requested URL was rejected\. Please consult"
    r"|Generated by cloudfront|Request blocked|mod_security|Access Denied.{0,400}Reference\s*#|sucuri website firewall"
    r"|captcha",
    re.IGNORECASE | re.DOTALL,
)
_BLOCK_HEADERS = ("cf-mitigated", "x-sucuri-block", "x-amzn-waf-action", "x-datadome")
_PROBLEM_KEYS = {
    "error", "errors", "detail", "details", "message", "msg", "code", "type", "title", "status", "instance",
    "error_description", "success", "ok", "trace_id", "request_id", "timestamp", "path", "authenticated",
}  # fmt: skip
_PROBLEM_WITNESS = {"error", "errors", "detail", "message", "error_description", "title"}
_NOISE = re.compile(r"[A-Za-z0-9_+/=-]{16,}|\d{4}-\d\d-\d\d[T ][\d:.+Z-]+")
_REDIRECT_TEXT = 600
_FORGERY = (400, 403, 419, 422)
_FORGED = re.compile(r"\b[cx]srf\b|request forgery|authenticity.?token|page expired|csrf.?token", re.IGNORECASE)
_UNAUTHENTICATED = (401, 403)
_HIDDEN_FROM_OTHERS = (403, 404)
_NOTHING_THERE = (404, 405, 410)


def interference(answer: Answer) -> str:
    """Why an answer is neither a denial nor a grant but somebody in between, or a broken server; else empty."""
    if answer.status == 429:  # noqa: PLR2004 - RFC 6585
        return "429: a rate limit answered"
    if answer.status >= 500 or answer.status in {408, 425}:  # noqa: PLR2004
        return f"{answer.status}: the service failed or was not ready"
    header = next((name for name in _BLOCK_HEADERS if name in answer.headers), None)
    if header:
        return f"{answer.status} with {header}: a protection in front of the service answered"
    if not answer.succeeded and _CHALLENGES.search(answer.body):
        return f"{answer.status} with a block page of a protection in front of the service"
    return ""


def judge_anonymous(  # noqa: PLR0911 - one return per step of the oracle
    answer: Answer,
    *,
    rules: Iterable[DenialRule] = (),
    login_pages: LoginPages = LoginPages(),
    nowhere: Answer | None = None,
    canaries: Iterable[str] = (),
) -> Judgement:
    """Judge what an anonymous caller got from an operation that is not meant for anybody.

    Args:
        answer: the response, redirects not followed.
        rules: declared styles of denial; when there are any, 403 does not count by itself.
        login_pages: of the declared flows.
        nowhere: the answer of the same target to a path that does not exist; recognises shells of
            single-page applications and soft 404s.
        canaries: markers that only a member of the owning company may see.
    """
    rules = tuple(rules)
    if any(answer.holds(canary) for canary in canaries):
        return Judgement(Ruling.GRANTED, "the answer holds the canary of a company")
    if blocked := interference(answer) or _page_behind_redirect(answer):
        return Judgement(Ruling.UNKNOWN, blocked)
    if matching(answer, rules):
        return Judgement(Ruling.DENIED, f"{answer.status}, as declared in `denial`")
    if (sent_to_login := _sent_to_login(answer, login_pages)) is not None:
        return sent_to_login
    # 401 says that credentials are missing (RFC 9110 section 15.5.2), whatever else is declared.
    if answer.status in (_UNAUTHENTICATED[:1] if rules else _UNAUTHENTICATED):
        return Judgement(Ruling.DENIED, str(answer.status))
    if nowhere is not None and answer.succeeded and answer.is_html and same_page(answer, nowhere):
        return Judgement(
            Ruling.DENIED,
            f"{answer.status} with the page that any unknown path gets, no data",
            needs_control=True,
        )
    if answer.status in _NOTHING_THERE:
        return Judgement(Ruling.DENIED, f"{answer.status}, nothing shown", needs_control=True)
    if answer.succeeded:
        return _judge_success(answer)
    return _unknown(answer, "anonymous")


def _page_behind_redirect(answer: Answer) -> str:
    """A handler that goes on after redirecting shows its page to whoever does not follow (CWE-698)."""
    shown = len(visible_text(answer)) if answer.redirect else 0
    return f"{answer.status} carries {shown} characters of content" if shown > _REDIRECT_TEXT else ""


def _sent_to_login(answer: Answer, login_pages: LoginPages) -> Judgement | None:
    """A redirect to the login page, the page itself, or a CSRF filter that stands before it; None: none of them."""
    if answer.redirect and login_pages.is_target(answer.redirect):
        return Judgement(Ruling.DENIED, f"{answer.status} to the login page")
    if login_pages.shown_in(answer):
        return Judgement(Ruling.DENIED, f"{answer.status} with the login page")
    if answer.method not in {"GET", "HEAD"} and answer.status in _FORGERY and _FORGED.search(answer.body):
        return _unknown(answer, "anonymous", "CSRF protection answered, before anybody asked for a login")
    return None


def judge_foreign_read(  # noqa: PLR0911 - one return per step of the oracle
    answer: Answer,
    *,
    canaries: Iterable[str],
    owner: Answer,
    made_up: Answer | None,
    identifiers: tuple[str, str],
    rules: Iterable[DenialRule] = (),
) -> Judgement:
    """Judge what a user of another company got for an object by its identifier.

    Args:
        answer: the response, redirects not followed.
        canaries: markers of the object.
        owner: what the owner got from the same operation.
        made_up: what the same user got for an identifier that does not exist.
        identifiers: the object's and the made-up one, to be ignored where answers echo them.
        rules: declared styles of denial; when there are any, the default statuses do not count.
    """
    rules = tuple(rules)
    if any(answer.holds(canary) for canary in canaries):
        return Judgement(Ruling.GRANTED, f"{answer.status} and the answer holds the object's canary")
    alike = made_up is not None and _essence(answer, identifiers) == _essence(made_up, identifiers)
    if answer.succeeded and not alike and _essence(answer, identifiers) == _essence(owner, identifiers):
        return Judgement(Ruling.GRANTED, f"{answer.status} with the same content as its owner gets")
    if blocked := interference(answer):
        return Judgement(Ruling.UNKNOWN, blocked)
    if matching(answer, rules):
        return Judgement(Ruling.DENIED, f"{answer.status}, as declared in `denial`")
    if not rules and answer.status in _HIDDEN_FROM_OTHERS:
        return Judgement(Ruling.DENIED, str(answer.status))
    if alike:
        return Judgement(Ruling.DENIED, f"{answer.status}, the same as for an identifier that does not exist")
    return _unknown(answer, "tenant")


def matching(answer: Answer, rules: Iterable[DenialRule]) -> bool:
    """Whether one declared rule holds in all its conditions."""
    for rule in rules:
        if answer.status not in rule.status:
            continue
        if rule.location is not None and not any(re.search(rule.location, led) for led in answer.locations):
            continue
        if rule.contains is not None and rule.contains not in answer.body:
            continue
        # A bare 2xx or redirect would call every answer a denial.
        if rule.location is None and rule.contains is None and answer.status < 400:  # noqa: PLR2004
            continue
        return True
    return False


def visible_text(answer: Answer) -> str:
    """What a person reads in a body; hidden inputs and scripts differ between any two renderings."""
    if not answer.is_html:
        return answer.body
    page = BeautifulSoup(answer.body, "html.parser")
    for tag in page(["script", "style"]):
        tag.decompose()
    return page.get_text(" ", strip=True)


def same_page(one: Answer, other: Answer) -> bool:
    """Whether two pages are the same but for tokens, times and their own path."""
    return page_kind(one) == page_kind(other)


def page_kind(answer: Answer) -> tuple[int, str]:
    """What two answers have in common that are the same page."""
    return answer.status, _page(answer)


def _judge_success(answer: Answer) -> Judgement:
    if answer.method not in {"GET", "HEAD"}:
        document = answer.document()
        if is_problem(document):
            return _unknown(answer, "anonymous")
        return Judgement(Ruling.GRANTED, f"{answer.status}: the request was accepted")
    if answer.method == "HEAD":
        return Judgement(Ruling.GRANTED, f"{answer.status} to HEAD")
    document = answer.document()
    if not answer.body.strip() or (document in ([], {}, None, "") and _is_json(answer)):
        return _unknown(answer, "anonymous", "an empty answer tells neither data nor refusal")
    if is_problem(document):
        return _unknown(answer, "anonymous", "it looks like an error message")
    return Judgement(Ruling.GRANTED, f"{answer.status} with {len(answer.body)} characters of content")


def _is_json(answer: Answer) -> bool:
    return "json" in answer.headers.get("content-type", "")


def is_problem(document: Any) -> bool:
    """Whether a JSON document looks like an error message and nothing else (RFC 9457 and its relatives)."""
    if not isinstance(document, dict):
        return False
    keys = {str(key).lower() for key in document}
    return bool(keys & _PROBLEM_WITNESS) and keys <= _PROBLEM_KEYS


def _unknown(answer: Answer, situation: str, why: str = "") -> Judgement:
    reason = f"unknown denial style: {answer.status}"
    if answer.redirect:
        reason += f" to {urlsplit(answer.redirect).path}"
    return Judgement(Ruling.UNKNOWN, f"{reason}, {why}" if why else reason, snippet(answer, situation))


def snippet(answer: Answer, situation: str) -> str:
    """A `denial:` rule that would match the answer, for a person to review; no identifiers of ours in it."""
    rule: dict[str, Any] = {"status": [answer.status]}
    if answer.redirect:
        rule["location"] = f"^{re.escape(urlsplit(answer.redirect).path)}"
    elif answer.status < 400:  # noqa: PLR2004
        rule["contains"] = _message(answer)
    return f"denial: {{TARGET: {{{situation}: [{json.dumps(rule, ensure_ascii=False)}]}}}}"


def _message(answer: Answer) -> str:
    document = answer.document()
    if isinstance(document, dict):
        for key, value in document.items():
            if str(key).lower() in _PROBLEM_WITNESS and isinstance(value, str):
                return value[:60]
    title = re.search(r"<title>\s*(.*?)\s*</title>", answer.body, re.IGNORECASE | re.DOTALL)
    return title[1][:60] if title else "TEXT THAT ONLY A REFUSAL HOLDS"


def _page(answer: Answer) -> str:
    return _NOISE.sub("~", answer.body.replace(urlsplit(answer.url).path, "~"))


def _essence(answer: Answer, identifiers: tuple[str, str]) -> tuple[int, str]:
    """Status and body with times, tokens and the identifiers themselves taken out.

    Identifiers are cut out only as whole words: "1" must not eat the digits of an amount.
    """
    body = answer.body
    document = answer.document()
    if document is not None:
        body = json.dumps(document, sort_keys=True)
    for identifier in identifiers:
        body = re.sub(rf"(?<![A-Za-z0-9_.-]){re.escape(identifier)}(?![A-Za-z0-9_-])", "~", body)
    return answer.status, re.sub(r"\d{4}-\d\d-\d\d[T ][\d:.+Z-]+", "~", body)


def _text(response: requests.Response) -> str:
    kind = response.headers.get("content-type", "")
    if kind.startswith(("image/", "audio/", "video/", "application/pdf", "application/zip", "application/octet")):
        return response.content.decode("latin-1")
    encoding = response.encoding if "charset" in kind else "utf-8"
    try:
        return response.content.decode(encoding or "utf-8")
    except (UnicodeDecodeError, LookupError):
        return response.content.decode("latin-1")
