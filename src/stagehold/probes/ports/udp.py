"""Which UDP services of a host answer, of those that attackers look for first.

Only an answer proves exposure: silence is what a firewall and a service that dislikes the question have in common.
So each port is asked in the words of its protocol (nmap's payloads), three times where it stays silent, and the
scan counts only while something shows that UDP gets there and back at all: an answer, or the ICMP message
"port unreachable" (RFC 792), from this host or from another declared one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stagehold.command_lines import nmap
from stagehold.environment.model import Environment, Host
from stagehold.errors import ProbeError
from stagehold.model import Traffic
from stagehold.network.door import Network
from stagehold.probes.ports.agents import HERE, Agent
from stagehold.probes.ports.budget import PacketBudget
from stagehold.probes.ports.nmap_runs import NmapRun, PortState, run_nmap

UDP: dict[int, str] = {
    53: "DNS",
    69: "TFTP",
    111: "rpcbind",
    123: "NTP",
    137: "NetBIOS",
    161: "SNMP",
    389: "LDAP",
    500: "IKE",
    623: "IPMI",
    1194: "OpenVPN",
    1434: "SQL Server browser",
    1701: "L2TP",
    1900: "SSDP",
    5353: "mDNS",
    5683: "CoAP",
    11211: "memcached",
}
"""Sources: WSTG-CONF-01; the amplifiers of CISA's alert TA14-017A; vendors' default ports."""

_OWN_WORDS = {1434: b"\x02"}
"""What this nmap has no words for: CLNT_BCAST_EX of the SQL Server Resolution Protocol (MS-SQLR 2.2.1)."""
_TIMES = 3
_RATE = 200
_SECONDS = 60
_ANSWERED = {"open", "closed"}


@dataclass(frozen=True)
class UdpAddress:
    """One address and what its UDP ports answered."""

    address: str
    states: Mapping[int, PortState]
    runs: tuple[NmapRun, ...]
    control: str
    """What showed that UDP gets there and back."""

    @property
    def open(self) -> frozenset[int]:
        """Ports that answered."""
        return frozenset(port for port, state in self.states.items() if state.state == "open")


@dataclass(frozen=True)
class UdpScan:
    """The UDP ports of one host, seen from one vantage. Frozen facts."""

    host: Host
    vantage: str
    addresses: tuple[UdpAddress, ...]

    @property
    def declared(self) -> frozenset[int]:
        """UDP ports declared open for this vantage."""
        return declared_udp(self.host, self.vantage)

    def name(self, port: int) -> str:
        """The port with its declared service, or with what usually listens there, such as `161 (SNMP)`."""
        declared = next((p.service for p in self.host.ports if p.port == port and p.proto == "udp" and p.service), "")
        usual = declared or UDP.get(port, "")
        return f"{port} ({usual})" if usual else str(port)

    @property
    def reproduction(self) -> str:
        """A command line that shows the first undeclared answer, or asks where one would come from."""
        address, port = next(iter(self.surplus()), (self.addresses[0].address, 161))
        return nmap(address, [port], "-sU")

    def surplus(self) -> tuple[tuple[str, int], ...]:
        """Address and port of what answers and is not declared."""
        return tuple((one.address, port) for one in self.addresses for port in sorted(one.open - self.declared))

    def matrix(self) -> tuple[tuple[str, str, int, str, str, str], ...]:
        """Rows of host, address, port, expected, observed, reason."""
        return tuple(
            (
                self.host.name,
                one.address,
                port,
                "may answer" if port in self.declared else "no answer",
                state.state,
                state.reason,
            )
            for one in self.addresses
            for port, state in sorted(one.states.items())
        )


def declared_udp(host: Host, vantage: str) -> frozenset[int]:
    """UDP ports a host declares open for a vantage."""
    return frozenset(port.port for port in host.ports if port.proto == "udp" and vantage in port.from_)


def scan_udp(
    network: Network,
    environment: Environment,
    host: Host,
    *,
    addresses: Sequence[str],
    vantage: str = "external",
    agent: Agent = HERE,
    budget: PacketBudget | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> UdpScan:
    """Ask the UDP ports of `UDP`, the declared ones and two chosen at random, at each address.

    Raises:
        NotAllowed: not declared, denied as production, or no consent to intrusive traffic.
        ProbeError: no raw sockets; nothing shows that UDP gets there and back; something answers on every port; an
            answer did not come again; nmap failed.
    """
    network.require(Traffic.INTRUSIVE)
    if not agent.may_scan_half_open():
        raise ProbeError(
            "UDP cannot be scanned: this process may not use raw sockets",
            remedy="Run the ports suite with the capability CAP_NET_RAW, or in a container that has it.",
        )
    shared = budget or PacketBudget(environment.policy.max_packets_per_second)
    ask = _Questions(agent, shared)
    found = []
    for address in addresses:
        if address not in network.addresses(address):
            raise ProbeError(f"{address} is not what the network would dial for it")
        say(f"{host.name} from {vantage}: UDP of {address}")
        high = set(random.sample(range(49152, 65536), 2))
        runs = ask.all(address, set(UDP) | declared_udp(host, vantage) | high)
        states = {port: state for run in runs for port, state in run.ports.items()}
        opens = {port for port, state in states.items() if state.state == "open"}
        _refuse_everything(address, opens - declared_udp(host, vantage), high)
        if lost := opens - {port for run in ask.once(address, opens) for port in run.in_state("open")}:
            raise ProbeError(f"{address} UDP port {', '.join(map(str, sorted(lost)))} answered once and not again")
        control = _own_control(states) or _others_control(network, environment, host, vantage, address, ask)
        if not control:
            raise ProbeError(
                f"no UDP packet came back from {address} or any other declared host: "
                f"whether UDP leaves the vantage `{vantage}` at all is not known",
                remedy="Declare a UDP service that answers this vantage, or let one host refuse UDP (ICMP).",
            )
        found.append(UdpAddress(address, states, tuple(runs), control))
    return UdpScan(host, vantage, tuple(found))


class _Questions:
    """Asks UDP ports with nmap, each in the words of its protocol."""

    def __init__(self, agent: Agent, budget: PacketBudget) -> None:
        self._agent, self._budget = agent, budget

    def all(self, address: str, ports: set[int]) -> list[NmapRun]:
        """Every port, those that stay silent three times."""
        runs: list[NmapRun] = []
        silent = ports
        for _ in range(_TIMES):
            now = self.once(address, silent)
            runs += now
            silent = {port for run in now for port in run.in_state("open|filtered")}
        return runs

    def once(self, address: str, ports: set[int]) -> list[NmapRun]:
        """Every port, once."""
        special = {port: words for port, words in _OWN_WORDS.items() if port in ports}
        usual = ports - set(special)
        runs = [self._run(address, usual)] if usual else []
        return runs + [self._run(address, {port}, words) for port, words in special.items()]

    def _run(self, address: str, ports: set[int], payload: bytes = b"") -> NmapRun:
        with self._budget.lease() as lease:
            return run_nmap(
                address,
                ports,
                raw=True,
                seconds=_SECONDS,
                min_rate=min(_RATE, lease),
                max_rate=lease,
                retries=1,
                proto="udp",
                payload=payload,
                agent=self._agent,
            )


def _refuse_everything(address: str, surplus: set[int], high: set[int]) -> None:
    if surplus & high or len(surplus) > len(UDP) // 2:
        raise ProbeError(
            f"{len(surplus)} undeclared UDP ports of {address} answer"
            f"{', one chosen at random among them' if surplus & high else ''}: something answers for every port"
        )


def _own_control(states: Mapping[int, PortState]) -> str:
    seen = next(((port, s) for port, s in sorted(states.items()) if s.state in _ANSWERED), None)
    return f"port {seen[0]} is {seen[1].state} ({seen[1].reason})" if seen else ""


def _others_control(
    network: Network, environment: Environment, host: Host, vantage: str, silent: str, ask: _Questions
) -> str:
    """What another declared host answers over the same version of IP."""
    end = time.monotonic() + _SECONDS
    for other in environment.hosts:
        if other.name == host.name or time.monotonic() > end:
            continue
        for address in other.ipv6 if ":" in silent else other.ipv4:
            network.addresses(address)
            ports = set(declared_udp(other, vantage)) | set(random.sample(range(49152, 65536), 1))
            try:
                runs = ask.once(address, ports)
            except ProbeError:
                # A host that cannot be asked is no control; the next one may be.
                continue
            for run in runs:
                if told := _own_control(run.ports):
                    return f"{other.name} {address} {told}"
    return ""
