"""What goes wrong in a browser while somebody uses it: server errors, uncaught page errors, failed requests."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Request, Response, WebError
from playwright.sync_api import Error as PlaywrightError

from stagehold.errors import ProbeError
from stagehold.probes.browser.launch import Chromium

_CLIENT_ERROR, _TOO_MANY, _SERVER_ERROR = 400, 429, 500
_NEEDED = {"script", "stylesheet"}
"""What a page is not itself without: an error status for one of these is a failed request."""
_DECORATION = {"image", "font", "media", "ping"}
"""What no script waits for."""
_GIVEN_UP = "net::ERR_ABORTED"
"""The browser itself gave up: a prefetch that was not needed, a page that was left, a download."""
_ANSWERED = "net::ERR_HTTP_RESPONSE_CODE_FAILURE"
"""There was an answer, an error status without a body; the status is judged."""
_ICON = "/favicon.ico"
"""Browsers ask for it where no page names it."""
_MOST, _WIDTH = 200, 300
_CHANGING = re.compile(r"shc-[0-9a-f-]+|[0-9a-f]{8}-[0-9a-f-]{27}|\d+")


class Kind(StrEnum):
    """What a trouble is."""

    SERVER_ERROR = "server error"
    PAGE_ERROR = "uncaught page error"
    FAILED_REQUEST = "failed request"


@dataclass(frozen=True)
class Trouble:
    """Something that must not happen while people work."""

    kind: Kind
    what: str
    page: str
    """Path of the page it first happened on, as far as the browser tells."""
    times: int = 1

    def __str__(self) -> str:
        more = f", {self.times} times" if self.times > 1 else ""
        return f"{self.kind}{f' on {self.page}' if self.page else ''}: {self.what}{more}"

    @property
    def lasting(self) -> str:
        """In words that stay the same from run to run: without the numbers of objects."""
        if self.kind is Kind.PAGE_ERROR:
            return f"{self.kind}: {_CHANGING.sub('…', self.what)}"
        what, mark, answer = self.what.rpartition(": ")
        return f"{self.kind}: {_CHANGING.sub('…', what)}{mark}{answer}"


@dataclass(frozen=True)
class Seen:
    """What a watch saw up to a moment."""

    troubles: tuple[Trouble, ...] = ()
    spared: tuple[Trouble, ...] = ()
    """Noticed and not held against the service."""
    kept_out: tuple[str, ...] = ()
    """Hosts with ports that pages wanted scripts or data of and that the environment does not declare."""
    unreached: tuple[str, ...] = ()
    """Declared hosts with ports that could not be connected to."""
    limited: bool = False
    """Whether the service answered 429 (too many requests)."""

    @property
    def server_errors(self) -> tuple[str, ...]:
        """In words, such as `POST /approve: 500`."""
        return tuple(trouble.what for trouble in self.troubles if trouble.kind is Kind.SERVER_ERROR)

    @property
    def doubtful(self) -> tuple[Trouble, ...]:
        """Page errors that may be the gate's own doing: something that the pages wanted was kept from them."""
        return tuple(t for t in self.troubles if t.kind is Kind.PAGE_ERROR) if self.kept_out else ()

    @property
    def certain(self) -> tuple[Trouble, ...]:
        """The troubles that are the service's own."""
        return tuple(trouble for trouble in self.troubles if trouble not in self.doubtful)

    def require_undisturbed(self) -> None:
        """Raise ProbeError when something outside the service may have caused or hidden a trouble."""
        if self.doubtful:
            raise ProbeError(
                f"{self.doubtful[0]}; but the pages wanted {', '.join(self.kept_out)}, which the environment does not "
                "declare and which was therefore kept from them",
                remedy="Declare the host as a target if it belongs to the environment, or let pages stand its absence.",
            )
        if self.unreached:
            raise ProbeError(f"no connection to {', '.join(self.unreached)} on the way")


class Watch:
    """Listens to every page of a browser context from now on; `seen` is what it heard so far.

    First-party is what the environment declares: targets, TLS endpoints, hosts. The door keeps everything else out,
    so it is nobody's trouble here, and neither is what pages write to the console.
    """

    def __init__(self, context: BrowserContext, chromium: Chromium) -> None:
        self._chromium = chromium
        self._told: dict[bool, Counter[tuple[Kind, str]]] = {True: Counter(), False: Counter()}
        self._pages: dict[tuple[Kind, str], str] = {}
        self._wanted: set[tuple[str, int]] = set()
        self._asked: set[tuple[str, int]] = set()
        self._before = len(chromium.refusals)
        self._limited = False
        context.on("response", self._response)
        context.on("requestfailed", self._failed)
        context.on("weberror", self._error)

    def seen(self) -> Seen:
        """What was heard so far."""
        dead = {(item.host, item.port) for item in self._chromium.refusals[self._before :] if item.allowed}
        return Seen(
            troubles=self._troubles(held=True),
            spared=self._troubles(held=False),
            kept_out=tuple(sorted(f"{host}:{port}" for host, port in self._wanted)),
            unreached=tuple(sorted(f"{host}:{port}" for host, port in self._asked & dead)),
            limited=self._limited,
        )

    def _troubles(self, *, held: bool) -> tuple[Trouble, ...]:
        return tuple(
            Trouble(key[0], key[1], self._pages[key], times) for key, times in self._told[held].most_common(_MOST)
        )

    def _response(self, response: Response) -> None:
        request = response.request
        if not self._is_own(request):
            return
        self._limited = self._limited or response.status == _TOO_MANY
        what = f"{_named(request)}: {response.status}"
        if response.status >= _SERVER_ERROR:
            # The proxy answers in the place of a plain-HTTP address that it cannot reach.
            self._note(Kind.SERVER_ERROR, what, _page_of(request), held=not self._unreachable(request))
        elif response.status >= _CLIENT_ERROR and not request.is_navigation_request():
            self._note(Kind.FAILED_REQUEST, what, _page_of(request), held=request.resource_type in _NEEDED)

    def _failed(self, request: Request) -> None:
        failure = request.failure or "no answer"
        if not self._is_own(request) or _ANSWERED in failure:
            return
        spared = _GIVEN_UP in failure or urlsplit(request.url).path == _ICON or self._unreachable(request)
        self._note(Kind.FAILED_REQUEST, f"{_named(request)}: {failure}", _page_of(request), held=not spared)

    def _error(self, error: WebError) -> None:
        told = error.error
        what = f"{told.name or 'Error'}: {told.message}".partition("\n")[0][:_WIDTH]
        page = urlsplit(error.page.url).path if error.page is not None else ""
        self._note(Kind.PAGE_ERROR, what, page, held=True)

    def _note(self, kind: Kind, what: str, page: str, *, held: bool) -> None:
        self._told[held][kind, what] += 1
        self._pages.setdefault((kind, what), page)

    def _is_own(self, request: Request) -> bool:
        """Whether the request was for the environment; remembers where it went."""
        where = _destination(request.url)
        if where is None:
            return False  # data:, blob: and the like are answered by the browser itself
        if self._chromium.network.declares(*where):
            self._asked.add(where)
            return True
        if request.resource_type not in _DECORATION:
            self._wanted.add(where)
        return False

    def _unreachable(self, request: Request) -> bool:
        where = _destination(request.url)
        return any(item.allowed and (item.host, item.port) == where for item in self._chromium.refusals[self._before :])


def _destination(url: str) -> tuple[str, int] | None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https", "ws", "wss"} or not parts.hostname:
        return None
    try:
        return parts.hostname, parts.port or (443 if parts.scheme in {"https", "wss"} else 80)
    except ValueError:
        return None


def _named(request: Request) -> str:
    """Method and path; queries may hold anything."""
    return f"{request.method} {urlsplit(request.url).path}"


def _page_of(request: Request) -> str:
    """Path of the page that asked; "" while there is none yet."""
    try:
        return "" if request.is_navigation_request() else urlsplit(request.frame.url).path
    except PlaywrightError:
        return ""
