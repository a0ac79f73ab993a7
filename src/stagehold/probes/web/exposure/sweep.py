"""Asks for paths that must not be served, and tells what of it is there.

A path counts as served only by its content. Refusals count only while a page that is known to be there is still
answered: who is blocked half way is not told so.
"""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from stagehold.errors import ProbeError
from stagehold.network.pace import Asking, Search
from stagehold.probes.access.oracle import interference, page_kind, same_page
from stagehold.probes.web.exposure.signature import HEAD, Signature
from stagehold.probes.web.reply import Reply
from stagehold.probes.web.visitor import Visitor

_CONTROL_EVERY = 60
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


@dataclass(frozen=True)
class Ask:
    """One request of a sweep, and what its answer may be."""

    method: str
    url: str
    candidates: tuple[tuple[Signature, str], ...]
    """Each with its path below the root."""

    @property
    def grave(self) -> bool:
        """Whether it is asked for first."""
        return any(item.grave for item, _ in self.candidates)


def asks_for(wanted: Iterable[Signature], roots: Sequence[str], spared: Sequence[str] = ()) -> list[Ask]:
    """Every path of the signatures below every root, each once.

    Args:
        wanted: what to look for.
        roots: absolute URLs without a slash at their end.
        spared: paths below a root that are declared to be meant for anybody.
    """
    meant_for_anybody = {path.partition("?")[0].rstrip("/") for path in spared}
    asks: dict[tuple[str, str], list[tuple[Signature, str]]] = {}
    for item in wanted:
        for root in roots:
            for path in item.paths:
                if path.partition("?")[0].rstrip("/") not in meant_for_anybody:
                    asks.setdefault((item.method, f"{root}{path}"), []).append((item, path))
    return [Ask(method, url, tuple(candidates)) for (method, url), candidates in asks.items()]


def sweep(
    visitor: Visitor, asks: Sequence[Ask], roots: Sequence[str], *, known: Sequence[Reply], search: Search
) -> Exposure:
    """Ask for paths, the gravest first, and tell what of it is there, in the given order.

    Args:
        visitor: who asks.
        asks: what to ask for; `search` expects them already.
        roots: absolute URLs without a slash at their end, below which they lie.
        known: responses of this target to this visitor, one of them good; it is asked for again and again.
        search: how fast, and for how long.
    """
    sweeper = _Sweeper(visitor, next((r for r in known if r.succeeded and r.method == "GET"), None))
    if sweeper.control is None:
        gap = f"nothing that is known to be there answers {visitor.name} with 2xx, so refusals prove nothing"
        return Exposure(visitor.target.name, gaps=(gap,))
    together = sweeper.learn(roots, search)
    place = {id(ask): index for index, ask in enumerate(asks)}
    finds: dict[int, Find] = {}
    gravest_first = sorted(asks, key=lambda ask: not ask.grave)
    since_control = 0
    for ask, answer in search.ask_all(visitor.target.base_url, gravest_first, sweeper.asking(together=together)):
        since_control += 1
        if since_control == _CONTROL_EVERY:
            since_control = 0
            sweeper.still_there()
        if find := sweeper.judge(ask, answer):
            finds[place[id(ask)]] = find
        if len(sweeper.gaps) >= _MOST_GAPS:
            break
    sweeper.still_there()
    # A server that serves one connection at a time would wait for us while somebody else asks.
    visitor.let_go()
    ordered = tuple(finds[index] for index in sorted(finds))
    return Exposure(visitor.target.name, len(asks), ordered, tuple(sweeper.gaps), tuple(sweeper.baseline))


class _Sweeper:
    def __init__(self, visitor: Visitor, control: Reply | None) -> None:
        self.visitor = visitor
        self.control = control
        self.gaps: list[str] = []
        self.baseline: list[Reply] = []

    def asking(self, *, together: bool) -> Asking[Ask, Reply]:
        """How this visitor asks."""
        return Asking(
            self._send,
            Reply.pause,
            self._kind,
            let_go=self.visitor.let_go,
            alive=self._answers,
            together=together,
            known={self._kind(reply) for reply in self.baseline},
        )

    def learn(self, roots: Sequence[str], search: Search) -> bool:
        """How paths that do not exist are answered: plain, hidden, with an extension; and whether several may be asked
        at once: not where credentials change with each answer, which then holds for one answer only.
        """
        held = self.visitor.holds()
        name = f"not-there-{secrets.token_hex(6)}"
        unknown = [f"{root}{path}" for root in roots for path in (f"/{name}", f"/.{name}", f"/{name}.zip")]
        search.expect(len(unknown))
        asks = [Ask("GET", url, ()) for url in unknown]
        for ask, answer in search.ask_all(self.visitor.target.base_url, asks, self.asking(together=False)):
            if (reply := self._usable(ask, answer)) is not None:
                self.baseline.append(reply)
        return self.visitor.holds() == held

    def judge(self, ask: Ask, answer: Reply | ProbeError) -> Find | None:
        """What an answer is, if it is something that must not be there."""
        reply = self._usable(ask, answer)
        if reply is None:
            return None
        echoing = any(other.status == reply.status and _repeats(other) for other in self.baseline)
        for item, path in ask.candidates:
            if not item.matches(reply, path if echoing else "") or any(
                same_page(reply.answer, other.answer) for other in self.baseline
            ):
                continue
            if any(item.matches(other) for other in self.baseline):
                self.gaps.append(f"any path answers with what looks like {item.what}")
            else:
                return Find(item.what, reply)
        return None

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

    def _kind(self, reply: Reply) -> Hashable:
        """Which page it is; only its status where no page of unknown paths is like another."""
        kinds = [page_kind(other.answer) for other in self.baseline]
        return page_kind(reply.answer) if len(set(kinds)) < len(kinds) else (reply.status, reply.media_type)

    def _answers(self) -> bool:
        assert self.control is not None  # noqa: S101 - `sweep` has looked
        try:
            self.visitor.ask("known page", self.control.url)
        except ProbeError:
            return False
        return True

    def _usable(self, ask: Ask, answer: Reply | ProbeError) -> Reply | None:
        if isinstance(answer, ProbeError):
            self.gaps.append(str(answer))
            return None
        # Also where every unknown path ends in it: a fault hides what is there from what is not.
        if blocked := interference(answer.answer):
            self.gaps.append(f"{urlsplit(ask.url).path} as {self.visitor.name}: {blocked}")
            return None
        return answer

    def _send(self, ask: Ask) -> Reply:
        body = {"json": ask.candidates[0][0].json} if ask.method == "POST" else {}
        headers = _PART if ask.method == "GET" else {}
        reply = self.visitor.ask(ask.url, ask.url, method=ask.method, headers=headers, **body)
        led = urljoin(reply.url, reply.values("Location")[0]) if reply.redirects else ""
        # Such as the slash that is missing; a way to the login page or to another host is a refusal.
        if led and led.partition("?")[0].startswith(f"{ask.url.partition('?')[0].rstrip('/')}/"):
            return self.visitor.ask(ask.url, led, headers=_PART)
        return reply


def _repeats(reply: Reply) -> bool:
    return urlsplit(reply.url).path.encode() in reply.body
