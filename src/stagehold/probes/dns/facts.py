"""What the public is told of a zone by one server, and what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stagehold.environment.dns import DnsZone
from stagehold.errors import ProbeError
from stagehold.probes.dns.addresses import not_public
from stagehold.probes.dns.answers import Answer, Apex
from stagehold.probes.dns.transfer import Transfer, Verdict

INTERNAL_ENDS = (
    ".internal", ".intranet", ".private", ".corp", ".home", ".lan", ".local", ".localdomain", ".home.arpa",
    ".localhost",
)  # fmt: skip
"""Ends of names that are no business of public DNS (RFC 6762 appendix G, RFC 8375, RFC 6761, ICANN on `.internal`)."""
_SHOWN = 8


@dataclass(frozen=True)
class ServerAnswers:
    """One server at one address, asked about one zone."""

    zone: DnsZone
    host: str
    port: int
    address: str
    apex: Apex | None = None
    transfers: tuple[Transfer, ...] = ()
    public: tuple[Answer, ...] = ()
    internal: tuple[Answer, ...] = ()
    strangers: tuple[tuple[Answer, Answer], ...] = ()
    """Pairs of answers to names made up at random, side by side, for each parent of a name that is asked."""
    required: frozenset[str] = frozenset()
    """Public names without which nothing is known: they must have an address, or lead somewhere."""
    strange_servers: tuple[str, ...] = ()
    """Name servers of the zone that are not among the declared ones."""
    elsewhere: frozenset[str] = frozenset()
    """Names that aliases lead to and that are asked for at the servers of another declared zone."""
    problem: str = ""
    """Why not everything was asked; empty when it was."""

    def __str__(self) -> str:
        return f"{self.zone.origin} at {self.host} ({self.address} port {self.port})"

    @property
    def complaints(self) -> tuple[str, ...]:
        """What is wrong, in words."""
        return tuple(dict.fromkeys((*self._handed_out(), *self._private(), *self._known_inside(), *self._ends())))

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is not known, in words."""
        return tuple(dict.fromkeys(self._doubts()))

    def _handed_out(self) -> Iterator[str]:
        for transfer in self.transfers:
            if transfer.verdict is Verdict.OPEN:
                shown = ", ".join(transfer.records[:_SHOWN]) + (", …" if len(transfer.records) > _SHOWN else "")
                yield f"hands out the zone to anybody who asks by {transfer.kind}: {shown}"

    def _private(self) -> Iterator[str]:
        for answer in (*self.public, *self.internal):
            for owner, address in answer.addresses:
                kind = not_public(address)
                if kind and not (self.zone.may_be_private(answer.name) or self.zone.may_be_private(owner)):
                    yield f"{answer.name} has the address {address}, {kind}"
        for answer, _ in self.strangers:
            for _, address in answer.addresses:
                kind = not_public(address)
                parent = answer.name.partition(".")[2]
                if kind and not self.zone.may_be_private(answer.name):
                    yield f"any name below {parent} has the address {address}, {kind}"

    def _known_inside(self) -> Iterator[str]:
        for answer in self.internal:
            if answer.answered and not self._is_wildcard(answer) and not self._is_random(answer):
                yield f"the internal name {answer.name} is known: {answer.said}"

    def _ends(self) -> Iterator[str]:
        inside = {self.zone.full(name) for name in self.zone.internal_names}
        for answer in self.public:
            for name in answer.aliases:
                if name in inside or name.endswith(INTERNAL_ENDS):
                    yield f"{answer.name} leads to the internal name {name}"
        if self.apex is not None:
            for name in (*self.apex.servers, self.apex.primary):
                if name.endswith(INTERNAL_ENDS):
                    yield f"its own records name the internal server {name}"

    def _is_wildcard(self, answer: Answer) -> bool:
        """Whether the server says the same of any name there, so that it tells nothing of this one."""
        pair = self._beside(answer)
        return pair is not None and pair[0].alike == pair[1].alike == answer.alike

    def _is_random(self, answer: Answer) -> bool:
        """Whether names there are answered differently each time, so that nothing can be compared."""
        pair = self._beside(answer)
        return pair is not None and all(one.answered for one in pair) and pair[0].alike != pair[1].alike

    def _beside(self, answer: Answer) -> tuple[Answer, Answer] | None:
        parent = answer.name.partition(".")[2]
        return next((pair for pair in self.strangers if pair[0].name.partition(".")[2] == parent), None)

    def _doubts(self) -> Iterator[str]:
        if self.problem:
            yield self.problem
        for transfer in self.transfers:
            if transfer.verdict is Verdict.UNKNOWN:
                yield f"whether it hands out the zone by {transfer.kind} is not known: {transfer.how}"
        strangers = [answer for pair in self.strangers for answer in pair]
        yield from (answer.problem for answer in (*self.public, *self.internal, *strangers) if answer.problem)
        for answer in self.public:
            if answer.name in self.required and not answer.problem and not answer.answered:
                yield f"{answer.name} is meant to be found and {answer.said}"
            yield from self._ways_out(answer)
        for answer in self.internal:
            if answer.answered and self._is_random(answer):
                yield f"{answer.name} cannot be told from other names, which are answered differently each time"
        for name in self.strange_servers:
            yield f"{name} serves {self.zone.origin} as well and is not declared among its servers"

    def _ways_out(self, answer: Answer) -> Iterator[str]:
        if not answer.aliases or answer.addresses or answer.problem:
            return
        end = answer.aliases[-1]
        if self.zone.holds(end):
            yield f"{answer.name} leads to {end}, which has no address"
        elif end not in self.elsewhere and not self.zone.may_lead_to(end):
            yield (
                f"{answer.name} leads out of the zone to {end}, whose address is not looked up: declare its zone, "
                "or name it in `outside_names`"
            )


@dataclass(frozen=True)
class PublicDns:
    """Every declared zone at every address of its declared servers."""

    seen: tuple[ServerAnswers, ...]

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is wrong, in words."""
        return tuple(f"{server}: {'; '.join(server.complaints)}" for server in self.seen if server.complaints)

    @property
    def reproduction(self) -> str:
        """A command line that shows the worst that was seen, or asks for the zone."""
        server = next((server for server in self.seen if server.complaints), self.seen[0])
        given = f"dig @{server.address} -p {server.port} +norecurse"
        if not server.complaints or server.complaints[0].startswith("hands out"):
            opened = next((t.kind for t in server.transfers if t.verdict is Verdict.OPEN), "AXFR")
            serial = server.apex.serial if server.apex else 1
            return f"{given} {server.zone.origin} {opened if opened == 'AXFR' else f'IXFR={(serial - 1) % 2**32}'}"
        named = [a.name for a in (*server.internal, *server.public) if any(a.name in c for c in server.complaints)]
        name = named[0] if named else server.zone.origin
        return f"{given} {name} A {name} AAAA" if named else f"{given} {name} SOA {name} NS"

    def require_complete(self) -> None:
        """Raise ProbeError when something of some server is not known; called after the assertion."""
        if doubts := [f"{server}: {'; '.join(server.doubts)}" for server in self.seen if server.doubts]:
            raise ProbeError("; ".join(doubts))
        if not self.seen:
            raise ProbeError("no name server was asked")
