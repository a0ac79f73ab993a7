"""Asks for paths that must not be served, and tells what of it is there.

A path counts as served only by its content. Refusals count only while a page that is known to be there is still
answered: who is blocked half way is not told so.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from stagehold.errors import ProbeError
from stagehold.probes.access.oracle import interference, same_page
from stagehold.probes.web.exposure.signature import HEAD, Signature
from stagehold.probes.web.reply import Reply
from stagehold.probes.web.visitor import Visitor

_CONTROL_EVERY = 60
_LONGEST_PAUSE = 5.0
_TOO_MANY = 429
_MOST_GAPS = 20
_PART = {"Range": f"bytes=0-{HEAD - 1}", "Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Find:
    """Something that is served; its content stays out of every report."""

    what: str
    reply: Reply


@dataclass(frozen=True)
class Exposure:
    """What a sweep found, and what it could not tell."""

    target: str
    asked: int = 0
    finds: tuple[Find, ...] = ()
    gaps: tuple[str, ...] = ()
    baseline: tuple[Reply, ...] = field(default=(), repr=False)
    """Answers to paths that do not exist."""

    def __add__(self, other: Exposure) -> Exposure:
        return Exposure(
            self.target,
            self.asked + other.asked,
            self.finds + other.finds,
            self.gaps + other.gaps,
            self.baseline + other.baseline,
        )

    @property
    def rows(self) -> list[list[object]]:
        """For the evidence: path, as whom, what it is, status, size and SHA-256 of what came."""
        return [
            [urlsplit(f.reply.url).path, f.reply.who, f.what, f.reply.status, len(f.reply.body), f.reply.digest]
            for f in self.finds
        ]

    @property
    def summary(self) -> str:
        """Path, as whom and what it is, of everything found."""
        return "; ".join(f"{urlsplit(f.reply.url).path} as {f.reply.who}: {f.what}" for f in self.finds)

    @property
    def reproduction(self) -> str:
        """A command that shows the first find, or an unknown path."""
        return next((reply.curl for reply in (*(f.reply for f in self.finds), *self.baseline)), "")

    @property
    def unknown_paths(self) -> str:
        """How the target answers paths that do not exist."""
        return ", ".join(f"{r.who} {r.method} {urlsplit(r.url).path}: {r.status}" for r in self.baseline)

    def require_complete(self) -> None:
        """Raise ProbeError when not every path could be told; called after the assertion."""
        if self.gaps:
            more = f" and {len(self.gaps) - 5} more" if len(self.gaps) > 5 else ""  # noqa: PLR2004
            raise ProbeError(f"not every path of {self.target} could be asked for: {'; '.join(self.gaps[:5])}{more}")


def sweep(
    visitor: Visitor,
    wanted: Iterable[Signature],
    roots: Sequence[str],
    *,
    known: Sequence[Reply],
    spared: Sequence[str] = (),
) -> Exposure:
    """Ask for every path of the signatures below every root.

    Args:
        visitor: who asks.
        wanted: what to look for.
        roots: absolute URLs without a slash at their end.
        known: responses of this target to this visitor, one of them good; it is asked for again and again.
        spared: paths below a root that are declared to be meant for anybody.
    """
    sweeper = _Sweeper(visitor, next((r for r in known if r.succeeded and r.method == "GET"), None))
    if sweeper.control is None:
        gap = f"nothing that is known to be there answers {visitor.name} with 2xx, so refusals prove nothing"
        return Exposure(visitor.target.name, gaps=(gap,))
    meant_for_anybody = {path.partition("?")[0].rstrip("/") for path in spared}
    asks: dict[tuple[str, str], list[tuple[Signature, str]]] = {}
    for item in wanted:
        for root in roots:
            for path in item.paths:
                if path.partition("?")[0].rstrip("/") not in meant_for_anybody:
                    asks.setdefault((item.method, f"{root}{path}"), []).append((item, path))
    for root in roots:
        sweeper.learn(root)
    for (method, url), candidates in asks.items():
        if len(sweeper.gaps) >= _MOST_GAPS:
            break
        sweeper.ask(method, url, candidates)
    sweeper.still_there()
    return Exposure(visitor.target.name, len(asks), tuple(sweeper.finds), tuple(sweeper.gaps), tuple(sweeper.baseline))


class _Sweeper:
    def __init__(self, visitor: Visitor, control: Reply | None) -> None:
        self.visitor = visitor
        self.control = control
        self.finds: list[Find] = []
        self.gaps: list[str] = []
        self.baseline: list[Reply] = []
        self._sent = 0

    def learn(self, root: str) -> None:
        """How paths that do not exist are answered: plain, hidden, with an extension."""
        name = f"not-there-{secrets.token_hex(6)}"
        for path in (f"/{name}", f"/.{name}", f"/{name}.zip"):
            reply = self._send("GET", f"{root}{path}", {})
            if reply is not None:
                self.baseline.append(reply)

    def ask(self, method: str, url: str, candidates: Sequence[tuple[Signature, str]]) -> None:
        reply = self._send(method, url, {"json": candidates[0][0].json} if method == "POST" else {})
        if reply is None:
            return
        echoing = any(other.status == reply.status and _repeats(other) for other in self.baseline)
        for item, path in candidates:
            if not item.matches(reply, path if echoing else "") or any(
                same_page(reply.answer, other.answer) for other in self.baseline
            ):
                continue
            if any(item.matches(other) for other in self.baseline):
                self.gaps.append(f"any path answers with what looks like {item.what}")
            else:
                self.finds.append(Find(item.what, reply))
                return

    def still_there(self) -> None:
        """The known page must still be answered as before."""
        assert self.control is not None  # noqa: S101 - `sweep` has looked
        try:
            reply = self.visitor.ask("known page", self.control.url)
        except ProbeError as error:
            self.gaps.append(f"the known page is not answered any more: {error}")
            return
        if not reply.succeeded:
            self.gaps.append(f"the known page {self.control.url} answers {reply.status} now: something blocks")

    def _send(self, method: str, url: str, body: dict[str, Any]) -> Reply | None:
        self._sent += 1
        if self._sent % _CONTROL_EVERY == 0:
            self.still_there()
        try:
            reply = self._once(method, url, body)
            if reply.status == _TOO_MANY:
                time.sleep(_pause(reply))
                reply = self._once(method, url, body)
        except ProbeError as error:
            self.gaps.append(str(error))
            return None
        # Also where every unknown path ends in it: a fault hides what is there from what is not.
        if blocked := interference(reply.answer):
            self.gaps.append(f"{urlsplit(url).path} as {self.visitor.name}: {blocked}")
            return None
        return reply

    def _once(self, method: str, url: str, body: dict[str, Any]) -> Reply:
        reply = self.visitor.ask(url, url, method=method, headers=_PART if method == "GET" else {}, **body)
        led = urljoin(reply.url, reply.values("Location")[0]) if reply.redirects else ""
        # Such as the slash that is missing; a way to the login page or to another host is a refusal.
        if led and led.partition("?")[0].startswith(f"{url.partition('?')[0].rstrip('/')}/"):
            return self.visitor.ask(url, led, headers=_PART)
        return reply


def _repeats(reply: Reply) -> bool:
    return urlsplit(reply.url).path.encode() in reply.body


def _pause(reply: Reply) -> float:
    said = next(iter(reply.values("Retry-After")), "1")
    return min(float(said), _LONGEST_PAUSE) if said.isdigit() else 1.0
