"""What each declared open port speaks: the declared protocol is tried first, then everything else we know.

Own greetings decide; what nmap's version detection says of the ports in doubt is a second opinion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from stagehold.command_lines import nmap
from stagehold.environment.model import Environment, Host
from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.model import Traffic
from stagehold.network.door import Network
from stagehold.network.rules import parse_address
from stagehold.probes.ports.conversation import Listener, greet, greet_inside_tls, listen
from stagehold.probes.ports.nmap_services import Opinion, ask_nmap
from stagehold.probes.ports.recognition import (
    DATABASES,
    GREETINGS,
    MAY_BE_INSIDE_TLS,
    OVER_TLS,
    SYNONYMS,
    canonical,
    spoken_by,
)

_VAGUE = frozenset({"http", "https", "tls"})
"""Much else is spoken inside these; to see them contradicts no service that is unknown here."""


@dataclass(frozen=True)
class SpokenService:
    """One declared port at one address, and the protocol it was heard to speak."""

    address: str
    port: int
    declared: str
    seen: str
    """A protocol of `recognition.SYNONYMS` or nmap's name for it; empty when nothing was recognised."""
    how: str
    """By which greeting it was recognised, or why it was not."""
    first: str = ""
    """The first bytes, printable."""
    second_opinion: str = ""

    @property
    def reproduction(self) -> str:
        """A command line that asks what answers there."""
        return nmap(self.address, [self.port], "-sV", "--version-light")

    @property
    def wrong(self) -> bool:
        """Whether it is certain that something else than the declared service answers."""
        if not self.declared:
            return self.seen in DATABASES
        return bool(self.seen) and not self._right and not self._vague

    @property
    def known(self) -> bool:
        """Whether it is certain what answers."""
        return bool(self.seen) and (self._right or not self._vague)

    @property
    def _right(self) -> bool:
        return spoken_by(self.declared, self.seen)

    @property
    def _vague(self) -> bool:
        wanted = canonical(self.declared)
        return (self.seen == "tls" and wanted in MAY_BE_INSIDE_TLS) or (wanted not in SYNONYMS and self.seen in _VAGUE)

    def __str__(self) -> str:
        return f"{self.address} port {self.port} speaks {self.seen or 'nothing known'} ({self.how})"


@dataclass(frozen=True)
class HostServices:
    """All declared ports of a host at all its addresses."""

    host: Host
    spoken: tuple[SpokenService, ...]

    @property
    def wrong(self) -> tuple[SpokenService, ...]:
        """Ports that certainly speak something else than declared; or a database, where nothing is declared."""
        return tuple(item for item in self.spoken if item.wrong)

    def require_known(self) -> None:
        """Make sure that nothing is left open.

        Raises:
            ProbeError: a port whose service is declared was not recognised.
            Uncovered: a port declares no service.
        """
        if unknown := [item for item in self.spoken if item.declared and not item.known]:
            raise ProbeError(
                "not recognised: " + "; ".join(f"{item}, declared {item.declared}" for item in unknown),
                remedy="Look at the second opinion among the evidence; correct `service`, or the listener.",
            )
        if silent := sorted({item.port for item in self.spoken if not item.declared}):
            raise Uncovered(f"{self.host.name}: port {', '.join(map(str, silent))} declares no `service`")


def look_at_services(network: Network, environment: Environment, host: Host, vantage: str) -> HostServices:
    """Greet every TCP port that the host declares open for a vantage, at every address.

    Raises:
        NotAllowed: not declared, production, or no consent to intrusive traffic.
        NotApplicable: the host declares no such port.
        ProbeError: a port accepts no connection.
    """
    network.require(Traffic.INTRUSIVE)
    ports = [port for port in host.ports if port.proto == "tcp" and vantage in port.from_]
    if not ports:
        raise NotApplicable(f"{host.name} declares no open TCP port for the vantage `{vantage}`")
    found = []
    for address in (*host.ipv4, *host.ipv6):
        seen = [
            identify(
                Listener(network, address, port.port, name_at(environment, network, address, port.port)), port.service
            )
            for port in ports
        ]
        doubtful = [item for item in seen if not item.known and not item.wrong]
        opinions = ask_nmap(network, address, [item.port for item in doubtful]) if doubtful else {}
        found += [_with_opinion(item, opinions) for item in seen]
    return HostServices(host, tuple(found))


def name_at(environment: Environment, network: Network, address: str, port: int) -> str:
    """A name to ask for at an address: listeners may answer differently, or not at all, without one.

    A name that is declared for this very port comes first, then one of any other port of the address.
    """
    known = [(target.host, target.host, target.port) for target in environment.targets]
    known += [(endpoint.host, endpoint.name, endpoint.port) for endpoint in environment.tls_endpoints]
    there = [
        (declared != port, name)
        for host, name, declared in known
        if parse_address(name) is None and address in network.addresses(host)
    ]
    return min(there, key=lambda item: item[0])[1] if there else address


def _with_opinion(item: SpokenService, opinions: Mapping[int, Opinion]) -> SpokenService:
    opinion = opinions.get(item.port)
    if opinion is None:
        return item
    told = replace(item, second_opinion=opinion.words)
    service = canonical(opinion.service)
    # nmap does not say here whether it heard something inside TLS.
    if item.known or item.wrong or not opinion.certain or OVER_TLS.get(service) == canonical(item.declared):
        return told
    return replace(told, seen=service, how="nmap recognised it; our own greetings did not")


def identify(listener: Listener, service: str) -> SpokenService:
    """What answers at a listener, the declared service's greeting tried first (ProbeError: no connection)."""
    wanted = canonical(service)
    best, first = ("", ""), b""
    for attempt in _order(wanted):
        seen, reply = _try(listener, attempt)
        first = first or reply
        if seen and seen != "tls":
            return SpokenService(listener.address, listener.port, service, seen, f"by {attempt}", _printable(reply))
        if seen:
            best = (seen, "by tls; nothing known answers inside")
            if wanted == seen:
                break
    seen, how = best
    if not seen:
        how = "its answers belong to no protocol known here" if first else "no greeting was answered"
    return SpokenService(listener.address, listener.port, service, seen, how, _printable(first))


def _try(listener: Listener, attempt: str) -> tuple[str, bytes]:
    if attempt == "tls":
        return greet_inside_tls(listener)
    if attempt == "silence":
        return listen(listener)
    seen, reply = greet(listener, attempt)
    if seen == "http" and b" 400 " in reply[:16]:
        # TLS listeners complain about plain HTTP in plain HTTP.
        inside, inner_reply = greet_inside_tls(listener)
        return (inside, inner_reply) if inside else (seen, reply)
    return seen, reply


def _order(wanted: str) -> Iterable[str]:
    """Greetings to try, the declared service's first; then silence, in which servers that speak first speak."""
    if wanted in {*OVER_TLS.values(), "tls"}:
        first = "tls"
    elif wanted in GREETINGS:
        first = wanted
    else:
        first = "silence"
    return dict.fromkeys((first, "silence", "tls", *GREETINGS))


def _printable(reply: bytes) -> str:
    return repr(reply[:60])[2:-1]
