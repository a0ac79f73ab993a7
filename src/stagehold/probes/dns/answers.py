"""What a name server says of one name: its addresses, and where its aliases lead. Nothing is judged.

Sources: RFC 1034 sections 3.6.2 and 4.3.2, RFC 2308 (NXDOMAIN and NODATA).
"""

from __future__ import annotations

from dataclasses import dataclass

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from stagehold.errors import ProbeError
from stagehold.probes.dns.talk import Line, plain

KINDS = ("A", "AAAA")
_STEPS = 8
"""Aliases that are followed, one after the other."""


@dataclass(frozen=True)
class Answer:
    """What one server says of the addresses of one name."""

    name: str
    exists: bool
    """False: NXDOMAIN for every kind of address."""
    addresses: tuple[tuple[str, str], ...] = ()
    """Owner and address of each address record, in order."""
    aliases: tuple[str, ...] = ()
    """Names that it leads to, one after the other."""
    problem: str = ""
    """Why it is not known what the server says; empty when it is."""

    @property
    def answered(self) -> bool:
        """Whether anything at all is said of the name: an address or an alias."""
        return bool(self.addresses or self.aliases)

    @property
    def said(self) -> str:
        """In words."""
        if self.problem:
            return self.problem
        told = [f"alias of {name}" for name in self.aliases] + [f"{address}" for _, address in self.addresses]
        return ", ".join(told) or ("no address" if self.exists else "does not exist")

    @property
    def alike(self) -> tuple[object, ...]:
        """What is left without the name itself: two names of one wildcard have this in common."""
        return (
            frozenset(("" if owner == self.name else owner, address) for owner, address in self.addresses),
            self.aliases,
            self.exists,
        )


def ask_addresses(line: Line, zone: str, name: str) -> Answer:
    """Ask for A and AAAA of a name; aliases within the zone are followed at the same server.

    Raises:
        ProbeError: no answer came.
    """
    addresses: dict[tuple[str, str], None] = {}
    aliases: dict[str, None] = {}
    exists = False
    for kind in KINDS:
        asked = name
        for _ in range(_STEPS):
            message = line.ask(asked, kind)
            code = message.rcode()
            if problem := _problem(message, zone, asked, kind):
                return Answer(name, True, tuple(addresses), tuple(aliases), problem)
            exists = exists or code == dns.rcode.NOERROR or bool(aliases)
            end, steps = _follow(message, asked)
            aliases.update(dict.fromkeys(steps))
            exists = exists or bool(steps)
            found = _addresses(message, end, kind)
            addresses.update(dict.fromkeys(found))
            if found or end == asked or not _within(zone, end) or code != dns.rcode.NOERROR:
                break
            asked = end
        else:
            problem = f"more than {_STEPS} aliases one after the other"
            return Answer(name, True, tuple(addresses), tuple(aliases), problem)
    return Answer(name, exists, tuple(addresses), tuple(aliases))


def _within(zone: str, name: str) -> bool:
    return name == zone or name.endswith(f".{zone}")


def _problem(message: dns.message.Message, zone: str, name: str, kind: str) -> str:
    code = message.rcode()
    if code not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        return f"answered {dns.rcode.to_text(code)} to {kind} {name}"
    if message.answer and message.flags & dns.flags.AA:
        return ""
    delegated = [
        plain(record.name)
        for record in message.authority
        if record.rdtype == dns.rdatatype.NS and plain(record.name) != zone and _within(zone, plain(record.name))
    ]
    if delegated and not message.answer:
        return f"{delegated[0]} is delegated to other servers; declare it in `dns.zones` to have them asked"
    return "" if message.flags & dns.flags.AA else f"answered {kind} {name} without authority"


def _follow(message: dns.message.Message, asked: str) -> tuple[str, list[str]]:
    """The last name that the aliases of an answer lead to, and every step there."""
    leads = {
        plain(record.name): plain(record[0].target) for record in message.answer if record.rdtype == dns.rdatatype.CNAME
    }
    name, steps = asked, list[str]()
    while name in leads and leads[name] not in steps and len(steps) < _STEPS:
        name = leads[name]
        steps.append(name)
    return name, steps


def _addresses(message: dns.message.Message, end: str, kind: str) -> list[tuple[str, str]]:
    """Address records of an answer; those of other names than the last are told as well."""
    wanted = dns.rdatatype.from_text(kind)
    found = [(plain(record.name), str(record[0].address)) for record in message.answer if record.rdtype == wanted]
    return sorted(found, key=lambda item: (item[0] != end, item))


@dataclass(frozen=True)
class Apex:
    """What a server says of the zone itself."""

    serial: int
    primary: str
    """The SOA's MNAME."""
    servers: tuple[str, ...] = ()
    """Names of the zone's NS records."""


def ask_apex(line: Line, zone: str) -> Apex:
    """The zone's SOA over UDP and TCP, and its NS records; the control of everything else.

    Raises:
        ProbeError: the server does not answer, or not with authority for this zone.
    """
    _authority(line.ask(zone, "SOA"), zone, "UDP")
    serial, primary = _authority(line.ask_by_tcp(zone, "SOA"), zone, "TCP")
    message = line.ask(zone, "NS")
    servers = tuple(
        sorted(
            plain(item[0].target)
            for item in message.answer
            if item.rdtype == dns.rdatatype.NS and plain(item.name) == zone
        )
    )
    if not servers:
        raise ProbeError(f"names no name server of {zone}: {dns.rcode.to_text(message.rcode())} to NS")
    return Apex(serial, primary, servers)


def _authority(message: dns.message.Message, zone: str, way: str) -> tuple[int, str]:
    code = message.rcode()
    if code != dns.rcode.NOERROR:
        raise ProbeError(f"does not serve {zone}: answered {dns.rcode.to_text(code)} to SOA over {way}")
    if not message.flags & dns.flags.AA:
        raise ProbeError(f"does not serve {zone}: answered SOA over {way} without authority")
    for record in message.answer:
        if record.rdtype == dns.rdatatype.SOA and plain(record.name) == zone:
            return int(record[0].serial), plain(record[0].mname)
    raise ProbeError(f"does not serve {zone}: no SOA of it in the answer over {way}")
