"""What pages load from and submit to without TLS, as the pages themselves say it, before a browser mends it.

Three witnesses, because Chromium rewrites pictures of secure pages to https before it asks for them and blocks the rest
(W3C Mixed Content): the requests it made, the attributes of the document from its first moment on, and its own
messages about mixed content. Sources: OWASP ASVS 5.0.0 12.2.1 and 4.4.1; WSTG-CRYP-03; CWE-319.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, WebSocket
from playwright.sync_api import Error as PlaywrightError

from stagehold.errors import ProbeError

_PLAIN = {"http", "ws"}
_MOST, _WIDTH = 200, 200
_REDIRECTS = range(300, 400)
_MIXED = "Mixed Content:"
_URL = re.compile(r"""['"<]((?:http|ws)://[^'">\s]+)""")
_UPGRADE = "upgrade-insecure-requests"
_TELL = "__stageholdLoads"
_LOOK = """() => {
    const tell = window.TELL;
    if (!tell) return;
    const page = location.href;
    const loading =
        /(^|\\s)(stylesheet|icon|apple-touch-icon|mask-icon|preload|modulepreload|prefetch|manifest)(\\s|$)/i;
    const named = {
        img: ["src", "srcset"], source: ["src", "srcset"], script: ["src"], iframe: ["src"], frame: ["src"],
        embed: ["src"], object: ["data"], video: ["src", "poster"], audio: ["src"], track: ["src"], input: ["src",
        "formaction"], button: ["formaction"], form: ["action"], image: ["href", "xlink:href"], use: ["href",
        "xlink:href"], link: ["href", "imagesrcset"], a: ["ping"], area: ["ping"],
    };
    const urls = (attribute, value) => {
        if (attribute.endsWith("srcset"))
            return value.split(/,\\s+|,(?=https?:)/).map(one => one.trim().split(/\\s+/)[0]);
        if (attribute === "ping") return value.trim().split(/\\s+/);
        return [value.trim()];
    };
    const look = element => {
        const tag = element.localName;
        for (const attribute of Object.hasOwn(named, tag) ? named[tag] : []) {
            const value = element.getAttribute(attribute);
            if (value === null || (tag === "link" && !loading.test(element.getAttribute("rel") || ""))) continue;
            for (const one of urls(attribute, value)) {
                try {
                    const url = new URL(one, element.baseURI);
                    if (url.protocol === "http:") tell(page, `${tag} ${attribute}`, url.origin + url.pathname);
                } catch {}
            }
        }
        if (tag === "meta" && /^content-security-policy$/i.test(element.httpEquiv) &&
            /upgrade-insecure-requests/i.test(element.content)) tell(page, "upgrade-insecure-requests", "");
    };
    const within = node => {
        if (node.nodeType !== Node.ELEMENT_NODE) return;
        look(node);
        node.querySelectorAll("*").forEach(look);
    };
    new MutationObserver(changes => changes.forEach(change => {
        if (change.type === "attributes") look(change.target);
        change.addedNodes.forEach(within);
    })).observe(document, {subtree: true, childList: true, attributes: true});
    if (document.documentElement) within(document.documentElement);
    tell(page, "read", "");
}"""


@dataclass(frozen=True)
class PlainLoad:
    """One address without TLS that a page loads from or submits to."""

    how: str
    """What names it, such as `img src`, `form action`, `request (script)`."""
    page: str
    """Path of the page, as far as the browser tells."""
    url: str
    """Without its query, which may hold anything."""
    times: int = 1

    def __str__(self) -> str:
        return f"{self.how} {self.url}{f' on {self.page}' if self.page else ''}"


@dataclass(frozen=True)
class Loads:
    """What a walk loaded."""

    pages: int = 0
    """Pages that were opened over TLS and whose document was read."""
    requests: int = 0
    """Requests to https and wss."""
    plain: tuple[PlainLoad, ...] = ()
    upgraded: tuple[PlainLoad, ...] = ()
    """Named with http on pages whose own policy makes every browser ask with https."""
    unread: tuple[str, ...] = ()
    """Paths of pages whose document could not be read."""

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: how, page, url, times, judged."""
        for load in self.plain:
            yield load.how, load.page, load.url, load.times, "counts"
        for load in self.upgraded:
            yield load.how, load.page, load.url, load.times, "upgraded by the page's own policy"

    def require_read(self) -> None:
        """Raise ProbeError unless there were pages and all of them were read."""
        if self.unread:
            raise ProbeError(f"the documents of {', '.join(self.unread)} could not be read in the browser")
        if not self.pages:
            raise ProbeError("no page was opened over https, so nothing is known of what pages load")


class LoadListener:
    """Listens to every page of a browser context from now on; `loads` is what it learnt so far."""

    def __init__(self, context: BrowserContext) -> None:
        self._secure = 0
        self._found: Counter[tuple[str, str, str]] = Counter()
        """How, URL of the page, URL."""
        self._documents: set[str] = set()
        self._read: set[str] = set()
        self._upgrading: set[str] = set()
        context.expose_binding(_TELL, self._told)
        context.add_init_script(f"({_LOOK.replace('TELL', _TELL)})()")
        context.on("request", self._request)
        context.on("response", self._response)
        context.on("console", self._console)
        context.on("page", self._page)

    def loads(self) -> Loads:
        """What was learnt so far."""
        plain: list[PlainLoad] = []
        upgraded: list[PlainLoad] = []
        for (how, page, url), times in self._found.most_common(_MOST):
            load = PlainLoad(how, _path(page), url[:_WIDTH], times)
            # Chromium tells of an upgraded request with the address that the page named.
            (upgraded if page in self._upgrading else plain).append(load)
        return Loads(
            pages=len(self._documents & self._read),
            requests=self._secure,
            plain=tuple(plain),
            upgraded=tuple(upgraded),
            unread=tuple(sorted({_path(url) for url in self._documents - self._read})),
        )

    def _told(self, _source: Any, page: str, how: str, url: str) -> None:
        page = _bare(page)
        if how == "read":
            self._read.add(page)
        elif how == _UPGRADE:
            self._upgrading.add(page)
        else:
            self._note(how, page, url)

    def _request(self, request: Request) -> None:
        scheme = urlsplit(request.url).scheme
        if scheme == "https":
            self._secure += 1
        elif scheme in _PLAIN:
            self._note(f"request ({request.resource_type})", _page_of(request), request.url)

    def _response(self, response: Response) -> None:
        request = response.request
        if not request.is_navigation_request() or not _is_main(request) or response.status in _REDIRECTS:
            return
        headers = response.headers
        if urlsplit(response.url).scheme == "https" and headers.get("content-type", "").startswith("text/html"):
            self._documents.add(_bare(response.url))
        if _UPGRADE in headers.get("content-security-policy", "").lower():
            self._upgrading.add(_bare(response.url))

    def _console(self, message: ConsoleMessage) -> None:
        if message.text.startswith(_MIXED):
            for url in _URL.findall(message.text):
                self._note("mixed content", message.page.url if message.page else "", url)

    def _page(self, page: Page) -> None:
        page.on("websocket", lambda socket: self._websocket(page, socket))

    def _websocket(self, page: Page, socket: WebSocket) -> None:
        if urlsplit(socket.url).scheme in _PLAIN:
            self._note("request (websocket)", page.url, socket.url)
        else:
            self._secure += 1

    def _note(self, how: str, page: str, url: str) -> None:
        parts = urlsplit(url)
        bare = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self._found[how, _bare(page), bare] += 1


def _bare(url: str) -> str:
    return url.partition("#")[0]


def _path(url: str) -> str:
    return urlsplit(url).path


def _is_main(request: Request) -> bool:
    try:
        return request.frame.parent_frame is None
    except PlaywrightError:
        return True


def _page_of(request: Request) -> str:
    """URL of the page that asked; "" while there is none yet."""
    try:
        # A frame is asked for by the page around it.
        asking = request.frame.parent_frame if request.is_navigation_request() else request.frame
    except PlaywrightError:
        return ""
    return asking.url if asking is not None else ""
