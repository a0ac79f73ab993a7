"""What a port scan has observed: every TCP port of a host's addresses, beside what the host declares. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stagehold.command_lines import nmap
from stagehold.environment.model import Host
from stagehold.errors import NotApplicable
from stagehold.probes.ports.classes import DATABASE, MANAGEMENT, OFTEN_APPLICATIONS, describe
from stagehold.probes.ports.nmap_runs import ALL_PORTS, NmapRun, PortState

OUTSIDE = "external"
"""The vantage from which no database may be reached, whatever is declared."""


@dataclass(frozen=True)
class AddressPorts:
    """One address, all its TCP ports."""

    address: str
    states: Mapping[int, PortState]
    open: frozenset[int]
    """Open for nmap and for a connection of our own."""
    runs: tuple[NmapRun, ...]

    def state(self, port: int) -> str:
        """`open`, `closed` or `filtered`."""
        return self.states[port].state


@dataclass(frozen=True)
class PortScan:
    """All TCP ports of one host, seen from one vantage. Frozen facts."""

    host: Host
    vantage: str
    addresses: tuple[AddressPorts, ...]
    seconds: float

    @property
    def declared(self) -> frozenset[int]:
        """The TCP ports declared open for this vantage."""
        return declared_ports(self.host, self.vantage)

    @property
    def required(self) -> frozenset[int]:
        """The declared ports, where there are any.

        Raises:
            NotApplicable: the host declares none for this vantage.
        """
        if not self.declared:
            raise NotApplicable(f"{self.host.name} declares no open TCP port for the vantage `{self.vantage}`")
        return self.declared

    @property
    def database_class(self) -> frozenset[int]:
        """Default database ports and those the host declares as `db`."""
        return frozenset(DATABASE) | {port.port for port in self.host.ports if port.port_class == "db"}

    @property
    def management_class(self) -> frozenset[int]:
        """Default ports of management interfaces and those the host declares as `management`; databases left out."""
        declared = {port.port for port in self.host.ports if port.port_class == "management"}
        applications = {
            port.port
            for port in self.host.ports
            if port.port_class == "app" and "port_class" in port.model_fields_set and port.port in OFTEN_APPLICATIONS
        }
        return (frozenset(MANAGEMENT) - applications | declared) - self.database_class

    @property
    def management_allowed(self) -> frozenset[int]:
        """Management ports that the description opens for this vantage by name: `from` must be written out."""
        return frozenset(
            port.port
            for port in self.host.ports
            if port.proto == "tcp"
            and port.port_class == "management"
            and "from_" in port.model_fields_set
            and self.vantage in port.from_
        )

    @property
    def tool(self) -> str:
        """Name and version of what scanned."""
        return self.addresses[0].runs[0].tool

    @property
    def expectation(self) -> str:
        """What the description says of this host, in words."""
        ports = ", ".join(map(self.name, sorted(self.declared)))
        return f"open from `{self.vantage}`: {ports}" if ports else f"nothing open from `{self.vantage}`"

    def name(self, port: int) -> str:
        """The port with its declared service, or with what usually listens there."""
        declared = next((item.service for item in self.host.ports if item.port == port and item.service), "")
        return f"{port} ({declared})" if declared else describe(port)

    def reproduction(self, where: Iterable[tuple[str, int]]) -> str:
        """A command line that shows the same: these ports, or the whole scan where there are none."""
        found = sorted(set(where))
        if not found:
            return nmap(self.addresses[0].address)
        ports: dict[str, list[int]] = {}
        for address, port in found:
            ports.setdefault(address, []).append(port)
        return "; ".join(nmap(address, numbers) for address, numbers in ports.items())

    def open_at(self, ports: Iterable[int]) -> tuple[tuple[str, int], ...]:
        """Address and port of those that are open."""
        wanted = set(ports)
        return tuple((one.address, port) for one in self.addresses for port in sorted(one.open & wanted))

    def surplus(self) -> tuple[tuple[str, int], ...]:
        """Address and port of everything open that must not be: undeclared, a database's, or of management.

        From another vantage than the outside, databases and management are open where they are declared for it.
        """
        unexpected = frozenset(ALL_PORTS) - self.declared
        if self.vantage != OUTSIDE:
            return self.open_at(unexpected)
        return self.open_at(unexpected | self.database_class | self.management_class - self.management_allowed)

    def not_open_at(self, ports: Iterable[int]) -> tuple[tuple[str, int, str], ...]:
        """Address, port and state of those that are not open."""
        wanted = sorted(set(ports))
        return tuple(
            (one.address, port, one.state(port)) for one in self.addresses for port in wanted if port not in one.open
        )

    def matrix(self) -> tuple[tuple[str, str, int, str, str, str], ...]:
        """Rows of host, address, port, expected, observed, reason: what is open, declared or a database's."""
        rows = []
        for one in self.addresses:
            for port in sorted(one.open | self.declared | self.database_class | self.management_class):
                seen = one.states[port]
                expected = "open" if port in self.declared else "not open"
                rows.append((self.host.name, one.address, port, expected, seen.state, seen.reason))
        return tuple(rows)


def declared_ports(host: Host, vantage: str) -> frozenset[int]:
    """TCP ports a host declares open for a vantage."""
    return frozenset(port.port for port in host.ports if port.proto == "tcp" and vantage in port.from_)
