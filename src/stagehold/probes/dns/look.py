"""Asks every declared name server, at every address, what it tells the public of its zones."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from stagehold.environment.dns import DnsZone, NameServer
from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.model import Traffic
from stagehold.network.door import Network
from stagehold.network.rules import normal, parse_address
from stagehold.probes.dns.answers import Answer, ask_addresses, ask_apex
from stagehold.probes.dns.facts import PublicDns, ServerAnswers
from stagehold.probes.dns.talk import Line
from stagehold.probes.dns.transfer import ask_for_zone


def look_at_dns(network: Network, environment: Environment) -> PublicDns:
    """Ask for each zone itself, for its public and its internal names, and for names that are made up.

    Raises:
        NotAllowed: no consent to ordinary traffic.
        DeniedByProduction: a server is production.
    """
    network.require(Traffic.ORDINARY)
    seen: list[ServerAnswers] = []
    for zone in environment.dns.zones:
        names = public_names(environment, zone)
        for server in zone.servers:
            try:
                addresses = network.addresses(server.host)
            except ProbeError as error:
                seen.append(ServerAnswers(zone, server.host, server.port, "no address", problem=str(error)))
                continue
            seen += [look_at(network, zone, server, address, names) for address in addresses]
    for _ in environment.dns.zones:
        followed = [_follow(network, environment, server, seen) for server in seen]
        if followed == seen:
            break
        seen = followed
    return PublicDns(tuple(seen))


def _follow(
    network: Network, environment: Environment, server: ServerAnswers, all_seen: Iterable[ServerAnswers]
) -> ServerAnswers:
    """The same, with the names in its zone that aliases of other zones lead to, which must be there."""
    asked = {answer.name for answer in server.public}
    ends = {
        answer.aliases[-1]: environment.dns.zone_of(answer.aliases[-1])
        for other in all_seen
        for answer in other.public
        if answer.aliases and not other.zone.holds(answer.aliases[-1])
    }
    known = replace(
        server, elsewhere=frozenset(end for end, zone in ends.items() if zone is not None and zone is not server.zone)
    )
    wanted = sorted(end for end, zone in ends.items() if zone is server.zone and end not in asked)
    if server.apex is None or server.problem or not wanted:
        return known
    line = Line(network, server.host, server.port, server.address)
    try:
        found = tuple(ask_addresses(line, server.zone.origin, name) for name in wanted)
    except ProbeError as error:
        return replace(known, problem=str(error))
    return replace(known, public=(*known.public, *found), required=known.required | frozenset(wanted))


def public_names(environment: Environment, zone: DnsZone) -> Mapping[str, bool]:
    """Names of a zone that the public is meant to find, each with whether it must be there.

    Hosts of targets and of TLS endpoints whose addresses are declared work without DNS, so they may be missing.
    """
    found = {zone.full(name): True for name in zone.names}
    hosts = [(name, bool(t.addresses)) for t in environment.targets for name in (t.host, *t.names)]
    hosts += [(name, bool(e.addresses)) for e in environment.tls_endpoints for name in (e.host, e.name)]
    for host, pinned in hosts:
        if parse_address(host) is None and environment.dns.zone_of(normal(host)) is zone:
            found[normal(host)] = found.get(normal(host), False) or not pinned
    found.setdefault(zone.origin, False)
    return found


def look_at(
    network: Network, zone: DnsZone, server: NameServer, address: str, names: Mapping[str, bool]
) -> ServerAnswers:
    """What one server says at one address; where it stops answering, that is its `problem`."""
    line = Line(network, server.host, server.port, address)
    known = ServerAnswers(
        zone, server.host, server.port, address, required=frozenset(name for name, must in names.items() if must)
    )
    try:
        for seen in _steps(line, known, names):
            known = seen
    except ProbeError as error:
        return replace(known, problem=str(error))
    return known


def _steps(line: Line, seen: ServerAnswers, names: Mapping[str, bool]) -> Iterator[ServerAnswers]:
    """What is known after each question."""
    zone = seen.zone
    apex = ask_apex(line, zone.origin)
    seen = replace(seen, apex=apex)
    yield seen
    for kind in ("AXFR", "IXFR"):
        seen = replace(seen, transfers=(*seen.transfers, ask_for_zone(line, zone.origin, kind, apex.serial)))
        yield seen
    inside = [zone.full(name) for name in zone.internal_names]
    for name in names:
        seen = replace(seen, public=(*seen.public, ask_addresses(line, zone.origin, name)))
        yield seen
    for name in inside:
        seen = replace(seen, internal=(*seen.internal, ask_addresses(line, zone.origin, name)))
        yield seen
    for parent in _parents(zone, inside):
        pair = (_stranger(line, zone, parent), _stranger(line, zone, parent))
        seen = replace(seen, strangers=(*seen.strangers, pair))
        yield seen
    yield replace(seen, strange_servers=tuple(_undeclared(line, zone, apex.servers)))


def _parents(zone: DnsZone, names: Iterable[str]) -> Iterable[str]:
    """Below which names are made up: the zone, and whatever the internal names lie below."""
    parents = (name.partition(".")[2] for name in names if name != zone.origin)
    return dict.fromkeys((zone.origin, *parents))


def _stranger(line: Line, zone: DnsZone, parent: str) -> Answer:
    return ask_addresses(line, zone.origin, f"stagehold-{secrets.token_hex(6)}.{parent}")


def _undeclared(line: Line, zone: DnsZone, servers: Iterable[str]) -> Iterator[str]:
    """Name servers of the zone that are declared neither by name nor by every address they have."""
    declared = {normal(server.host) for server in zone.servers}
    numbers = {address for server in zone.servers for address in line.network.addresses(server.host)}
    for name in servers:
        if name in declared:
            continue
        found = ask_addresses(line, zone.origin, name) if zone.holds(name) else None
        if found is None or not found.addresses or {address for _, address in found.addresses} - numbers:
            yield name
