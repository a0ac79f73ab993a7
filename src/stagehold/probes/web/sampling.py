"""Responses of every kind a target gives to strangers and to a user: what the header checks judge.

Pages, errors, files of pages, answers of the API: each once, read only, within a budget of requests.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup

from stagehold.environment.access import BasicFlow, FormFlow
from stagehold.environment.model import Environment, Target
from stagehold.errors import ProbeError
from stagehold.probes.access.operations import Operations, build_call
from stagehold.probes.access.oracle import interference
from stagehold.probes.web.fill import flows_of
from stagehold.probes.web.reply import Reply
from stagehold.probes.web.visitor import ANONYMOUS, Visitor

MOST_OPERATIONS = 25
MOST_FILES = 12
_FILES_PER_KIND = 3
ENDS_SESSION = re.compile(r"log[-_]?(?:out|off)|sign[-_]?(?:out|off)|revoke", re.IGNORECASE)


@dataclass(frozen=True)
class Samples:
    """What a target answered, and what stays unknown."""

    target: str
    replies: tuple[Reply, ...]
    gaps: tuple[str, ...] = ()
    """Why a response could not be seen, in words."""

    @property
    def with_body(self) -> tuple[Reply, ...]:
        """Replies of the service that hold something; 1xx, 204, 304 and answers to HEAD never do."""
        return tuple(
            reply
            for reply in self.replies
            if reply.body and reply.method != "HEAD" and reply.status not in {204, 205, 304} and not reply.by_parser
        )

    @property
    def pages(self) -> tuple[Reply, ...]:
        """HTML that a browser shows; bodies of redirects and downloads are not."""
        return tuple(r for r in self.with_body if r.is_html and not r.redirects and not r.is_download)

    def require_seen(self) -> None:
        """Raise ProbeError when something was not seen."""
        if self.gaps:
            raise ProbeError(f"not every response of {self.target} could be seen: {'; '.join(self.gaps[:5])}")

    def require_complete(self) -> None:
        """Raise ProbeError when something was not seen, or no good answer was: silence proves nothing."""
        self.require_seen()
        if not any(reply.succeeded for reply in self.replies):
            statuses = sorted({reply.status for reply in self.replies})
            raise ProbeError(
                f"none of the {len(self.replies)} answers of {self.target} is a 2xx response (statuses {statuses})",
                remedy="Declare a flow, a version probe or an inventory of this target, so that a good page is known.",
            )


def sample_replies(
    environment: Environment, target: Target, who: Sequence[Visitor], operations: Operations | None
) -> Samples:
    """Ask for everything that is known to be there, and for what is not.

    Args:
        environment: names login pages, private pages, the API description and the version.
        target: where.
        who: a stranger first.
        operations: the inventory; its reading operations without path parameters are asked for.
    """
    collector = _Collector()
    for visitor in who:
        stranger = visitor.name == ANONYMOUS
        for what, path in _pages(environment, target, anonymous=stranger):
            collector.page(visitor, what, path)
        if stranger:
            collector.page(visitor, "start page, again", "/")
            collector.malformed(visitor)
        for what, url in _operations(operations, environment, target, anonymous=stranger):
            collector.page(visitor, what, url)
        for url in linked_files(collector.of(visitor), target):
            collector.page(visitor, "file of a page", url)
        # A server that serves one connection at a time would wait for us while somebody else asks.
        visitor.let_go()
    return Samples(target.name, tuple(collector.replies), tuple(dict.fromkeys(collector.gaps)))


class _Collector:
    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.gaps: list[str] = []

    def of(self, visitor: Visitor) -> list[Reply]:
        return [reply for reply in self.replies if reply.who == visitor.name]

    def page(self, visitor: Visitor, what: str, path: str) -> None:
        try:
            replies = visitor.follow(what, path)
        except ProbeError as error:
            self.gaps.append(f"{what} as {visitor.name}: {error}")
            return
        self.replies += replies
        self.gaps += [f"{reply}: {blocked}" for reply in replies if (blocked := interference(reply.answer))]

    def malformed(self, visitor: Visitor) -> None:
        # Servers and proxies refuse it with a page of their own, or hang up, which says nothing.
        try:
            self.replies.append(replace(visitor.ask("malformed escape", "/", raw_target="/%zz"), malformed=True))
        except ProbeError:
            return


def _pages(environment: Environment, target: Target, *, anonymous: bool) -> list[tuple[str, str]]:
    asks = [("start page", "/"), ("page that does not exist", f"/not-there-{secrets.token_hex(6)}")]
    for name, flow in flows_of(environment).items():
        if flow.target != target.name:
            continue
        if isinstance(flow, FormFlow) and anonymous:
            asks.append((f"login page of {name}", flow.page))
        asks.append((f"private page of {name}", flow.whoami.path))
    inventory = environment.inventory
    described = inventory.openapi if inventory is not None and inventory.target == target.name else None
    if described is not None and not described.startswith("file:"):
        asks.append(("API description", described))
    probe = environment.release.version_probe
    if probe is not None and probe.target == target.name:
        asks.append(("version", probe.path))
    return asks


def _operations(
    operations: Operations | None, environment: Environment, target: Target, *, anonymous: bool
) -> list[tuple[str, str]]:
    """Reading operations without path parameters; one that ends the session would end the sampling too."""
    if operations is None or operations.target.base_url != target.base_url:
        return []
    ends = {
        flow.logout.path.partition("?")[0]
        for flow in flows_of(environment).values()
        if not isinstance(flow, BasicFlow) and flow.logout is not None
    }
    found = [
        (str(operation), build_call(operation, target, {}).url)
        for operation in (*operations.public, *(() if anonymous else operations.private))
        if operation.method == "GET" and not operation.path_parameters
        if operation.path not in ends and not ENDS_SESSION.search(operation.path)
    ]
    return found[:MOST_OPERATIONS]


def linked_files(replies: Iterable[Reply], target: Target) -> list[str]:
    """Scripts, styles, images, fonts and manifests of this origin that pages name, a few of each kind."""
    found: dict[str, None] = {}
    kinds: Counter[str] = Counter()
    for reply in replies:
        if not reply.is_html or not reply.body:
            continue
        page = BeautifulSoup(reply.text, "html.parser")
        base = page.find("base", href=True)
        here = urljoin(reply.url, str(base["href"])) if base is not None else reply.url
        named = [tag.get("src") for tag in page.find_all(["script", "img"])]
        named += [tag.get("href") for tag in page.find_all("link") if not _leads_to_a_page(tag.get("rel"))]
        for link in named:
            url = urljoin(here, str(link)).partition("#")[0] if link else ""
            if urlsplit(url).netloc != urlsplit(target.base_url).netloc or url in found:
                continue
            kind = urlsplit(url).path.rpartition(".")[2]
            kinds[kind] += 1
            if kinds[kind] <= _FILES_PER_KIND:
                found[url] = None
    return list(found)[:MOST_FILES]


def _leads_to_a_page(rel: object) -> bool:
    words = {str(word).lower() for word in (rel if isinstance(rel, list) else [rel])}
    return bool(words & {"canonical", "alternate", "next", "prev", "preconnect", "dns-prefetch", "author", "help"})
