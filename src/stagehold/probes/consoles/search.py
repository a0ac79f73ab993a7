"""Looks for web consoles on every web listener an environment declares."""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.model import Traffic
from stagehold.network.door import Network
from stagehold.network.pace import Asking, Search
from stagehold.network.rules import normal, parse_address
from stagehold.probes.consoles.fingerprints import Console, Kind, Page, consoles, paths, recognise
from stagehold.probes.consoles.visit import Place, Visitor
from stagehold.probes.ports.conversation import Listener
from stagehold.probes.ports.recognition import canonical
from stagehold.probes.ports.services import identify, name_at

_BUSY = 429
_FORBIDDEN = 403
_FAULT = range(500, 600)
_SUCCESS = range(200, 300)


@dataclass(frozen=True)
class _Approved:
    """A management interface that may lie at a place, and below which path (it ends with a slash)."""

    console: Console
    path: str

    @property
    def inside(self) -> tuple[str, ...]:
        """Paths that must give strangers nothing."""
        return tuple(self.path + path for path in self.console.inside)

    def covers(self, name: str, page: Page) -> bool:
        """Whether a page of a product is what was approved."""
        return name == self.console.name and f"{page.path.partition('?')[0]}/".startswith(self.path)


@dataclass(frozen=True)
class FoundConsole:
    """A console that was recognised."""

    place: Place
    path: str
    status: int
    name: str
    marks: str

    def __str__(self) -> str:
        return f"{self.name} at {self.place.url}{self.path} ({self.place.address}, status {self.status})"


@dataclass(frozen=True)
class Looked:
    """One place and what came of it: consoles, and the paths of which it is not known."""

    place: Place
    found: tuple[FoundConsole, ...] = ()
    statuses: dict[str, int] = field(default_factory=dict)
    """Path to the status of its answer."""
    problem: str = ""
    """Why it is not known whether there is a console; empty when it is."""
    nothing: str = ""
    """Why there is nothing to look for, such as a closed port; empty when it was looked at."""


@dataclass(frozen=True)
class ConsoleSearch:
    """All places of an environment."""

    places: tuple[Looked, ...]

    @property
    def found(self) -> tuple[FoundConsole, ...]:
        """Every console, once for each place and product."""
        return tuple(console for looked in self.places for console in looked.found)

    @property
    def requests(self) -> int:
        """How many paths were asked for."""
        return sum(len(looked.statuses) for looked in self.places)

    def require_complete(self) -> None:
        """Raise ProbeError when of some place it is not known whether there is a console."""
        if problems := [f"{looked.place}: {looked.problem}" for looked in self.places if looked.problem]:
            raise ProbeError("; ".join(problems))
        if not self.requests:
            raise ProbeError("nothing answered as a web server, so nothing was searched")


def search(
    network: Network, environment: Environment, vantage: str, within: Search, kind: Kind = Kind.DATABASES
) -> ConsoleSearch:
    """Ask every web listener for every path a console is known to lie at. GET only, as fast and as long as `within`.

    A management interface that is approved at its place counts as found only where it gives anonymous callers content.

    Raises:
        ProbeError: a name did not resolve. What goes wrong with one place stays with it.
    """
    places = list(dict.fromkeys(_places(network, environment, vantage)))
    seen = []
    for index, place in enumerate(places):
        within.remaining(len(paths(kind)) * (len(places) - index))
        seen.append(_look(network, place, kind, _approved(environment, place, kind), within))
    return ConsoleSearch(tuple(seen))


def _approved(environment: Environment, place: Place, kind: Kind) -> tuple[_Approved, ...]:
    """What may lie at a place; a database console may not, whoever approves it."""
    if kind is not Kind.MANAGEMENT:
        return ()
    known = {console.name: console for console in consoles(kind)}
    return tuple(
        _Approved(known[item.name], item.path.rstrip("/") + "/")
        for item in environment.approved_software
        if item.name in known and item.port == place.port and normal(item.host) in {normal(place.name), place.address}
    )


def _places(network: Network, environment: Environment, vantage: str) -> Iterator[Place]:
    """Targets by each of their names, then web ports of hosts that belong to no target; one address of each family."""
    known: set[tuple[str, int]] = set()
    for target in environment.targets:
        for name in dict.fromkeys((target.host, *target.names)):
            addresses = network.addresses(name)
            known |= {(address, target.port) for address in addresses}
            families = {(":" in address): address for address in reversed(addresses)}
            for address in families.values():
                yield Place(target.base_url.startswith("https"), name, target.port, address, target=True)
    for host in environment.hosts:
        for port in host.ports:
            service = canonical(port.service)
            if port.proto != "tcp" or vantage not in port.from_ or service not in {"http", "https"}:
                continue
            for address in (*host.ipv4, *host.ipv6):
                number = str(parse_address(address))
                if (number, port.port) not in known:
                    name = name_at(environment, network, number, port.port)
                    yield Place(service == "https", name, port.port, number, target=False)


def _look(network: Network, place: Place, kind: Kind, approved: tuple[_Approved, ...], within: Search) -> Looked:
    if within.is_over(place):
        return Looked(place, problem=f"it was not looked at: {within.stopped}")
    visitor = Visitor(network, place)
    try:
        return _sweep(visitor, kind, approved, within)
    except ProbeError as error:
        return Looked(place, problem=str(error), nothing="") if place.target else _excused(network, place, error)
    finally:
        visitor.close()


def _excused(network: Network, place: Place, error: ProbeError) -> Looked:
    """A port of a host that shows no web at all: closed, or something else; other checks judge either."""
    if isinstance(error.__cause__, ConnectionRefusedError):
        return Looked(place, nothing="the port is closed")
    if Traffic.INTRUSIVE in network.consent:
        listener = Listener(network, place.address, place.port, place.name)
        try:
            spoken = identify(listener, "https" if place.secure else "http")
        except ProbeError as again:
            return Looked(place, problem=str(again))
        if spoken.wrong:
            return Looked(place, nothing=f"no web: the port speaks {spoken.seen}")
    return Looked(place, problem=str(error))


def _sweep(visitor: Visitor, kind: Kind, approved: tuple[_Approved, ...], within: Search) -> Looked:
    unknown = f"/{secrets.token_hex(8)}"
    start, control = visitor.get("/"), visitor.get(unknown)
    for page in (start, control):
        _require_answer(visitor.place, page)
    if start.status == control.status == _FORBIDDEN:
        raise ProbeError("every path is refused with 403, as a web application firewall does: nothing can be seen")
    statuses = {"/": start.status, unknown: control.status}
    found: dict[str, FoundConsole] = {}
    doubts: list[str] = []
    inside = {path: one.console for one in approved for path in one.inside}
    seen: set[str] = set()
    closed: set[str] = set()
    known = {console.name: console for console in consoles(kind)}
    asked = (("/", start), (unknown, control))
    wanted = (*paths(kind), *(one.path for one in approved), *inside)
    for path, page in (*asked, *_pages(visitor, wanted, statuses, doubts, control, within)):
        owner = inside.get(path)
        for name, marks in recognise(page, control, kind).items():
            allowed = any(one.covers(name, page) for one in approved)
            if not allowed or known[name].gives_content(page, inside=owner is not None):
                found.setdefault(name, FoundConsole(visitor.place, page.path, page.status, name, marks))
            else:
                seen.add(name)
        if owner is None:
            continue
        if owner.asks_to_log_in(page):
            closed.add(owner.name)
        elif page.status in _SUCCESS and page.body != control.body and owner.gives_content(page, inside=True):
            marks = "content for anybody, though it is approved for people who log in"
            found.setdefault(owner.name, FoundConsole(visitor.place, page.path, page.status, owner.name, marks))
    doubts += [f"{name} is there, and nothing of it was seen to ask for a login" for name in sorted(seen - closed)]
    doubts += _afterwards(visitor, unknown, control)
    return Looked(visitor.place, tuple(found.values()), statuses, "" if found else "; ".join(doubts))


def _afterwards(visitor: Visitor, unknown: str, control: Page) -> Iterator[str]:
    """Whether a path that does not exist is answered as before the search."""
    try:
        again = visitor.get(unknown)
    except ProbeError as error:
        yield f"after the search a path that does not exist is not answered: {error}"
        return
    if again.status != control.status:
        yield f"after the search a path that does not exist is answered {again.status}, before {control.status}"


def _pages(
    visitor: Visitor, wanted: Iterable[str], statuses: dict[str, int], doubts: list[str], control: Page, within: Search
) -> Iterator[tuple[str, Page]]:
    asks = [path for path in dict.fromkeys(wanted) if path not in statuses]
    known: set[Hashable] = {control.kind()}
    asking = Asking[str, Page](visitor.get, Page.pause, Page.kind, let_go=visitor.close, known=known)
    seen = 0
    for path, page in within.ask_all(visitor.place, asks, asking):
        seen += 1
        if isinstance(page, ProbeError):
            doubts.append(str(page))
            return
        statuses[path] = page.status
        if page.status == _BUSY:
            doubts.append(f"{path} is answered 429: a limit was reached")
            return
        if page.status in _FAULT and page.status != control.status:
            doubts.append(f"{path} is answered {page.status}: whatever lies there is broken at the moment")
        yield path, page
    if seen < len(asks):
        doubts.append(f"{len(asks) - seen} of {len(asks)} paths were not asked for: {within.stopped}")


def _require_answer(place: Place, page: Page) -> None:
    if page.status == _BUSY or page.status in _FAULT:
        raise ProbeError(f"{page.path} of {place} is answered {page.status}: nothing can be seen behind that")
