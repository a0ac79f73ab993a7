"""The port probe: every TCP port of a host's addresses, seen from one vantage, with guards against blindness.

A port scan proves absence, so each way in which it can be blind is looked for, and when found a ProbeError:

- nmap must account for all 65,535 ports (`nmap_runs`);
- a lost packet looks like a filter: silent ports are asked again, ever slower, until a whole pass gets no answer
  from any of them;
- each open port must accept a plain connection of our own afterwards, which also shows that nobody shut the
  scanner out half-way; a host without open ports must still answer (a reset is an answer) after the scan;
- a host that is silent on every port although something should be reachable there is a dead route. One that
  declares nothing for this vantage is allowed to be silent (that is what a firewall before a database looks
  like), provided another declared host answers this vantage at that very time;
- a host on which everything is open is a SYN proxy or a tarpit;
- on loopback, a port that is also open on an address nobody declared belongs to the machine, not to the host.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Mapping, Sequence

from stagehold.environment.model import Environment, Host
from stagehold.errors import ProbeError
from stagehold.model import Traffic
from stagehold.network.door import Network
from stagehold.probes.ports.facts import AddressPorts, PortScan, declared_ports
from stagehold.probes.ports.nmap_runs import ALL_PORTS, UNREACHABLE, NmapRun, PortState, run_nmap
from stagehold.probes.ports.vantage import may_use_raw_sockets

TARPIT = 100
"""More undeclared open ports than this are no inventory but something that answers for everybody."""
PASSES = 5
"""At most so often silent ports are asked again; a port is silent when a whole pass found no more answers."""
_LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
_FOREIGN_LOOPBACK = ("127.254.254.254", "127.253.253.253", "127.252.252.252")


def scan_host(
    network: Network,
    environment: Environment,
    host: Host,
    *,
    addresses: Sequence[str] | None = None,
    vantage: str = "external",
    deadline: float = 300.0,
    min_rate: int = 5000,
) -> PortScan:
    """Scan all TCP ports of addresses of a host: each may be filtered differently.

    Args:
        network: must allow the host's addresses and intrusive traffic.
        environment: names the other hosts that serve as control of the vantage.
        host: what is scanned.
        addresses: those of its addresses to scan; default: all, IPv6 included.
        vantage: whose declarations count; the process must already look from there.
        deadline: seconds for the whole host.
        min_rate: packets per second to addresses that do not answer.

    Raises:
        NotAllowed: not declared, denied as production, or no consent to intrusive traffic.
        ProbeError: see the module.
    """
    network.require(Traffic.INTRUSIVE)
    started = time.monotonic()
    end = started + deadline
    found = []
    for address in (*host.ipv4, *host.ipv6) if addresses is None else addresses:
        if address not in network.addresses(address):
            raise ProbeError(f"{address} is not what the network would dial for it")
        found.append(_scan_address(network, environment, host, address, vantage, end, min_rate))
    return PortScan(host, vantage, tuple(found), time.monotonic() - started)


def _scan_address(
    network: Network,
    environment: Environment,
    host: Host,
    address: str,
    vantage: str,
    end: float,
    min_rate: int,
) -> AddressPorts:
    declared = declared_ports(host, vantage)
    runs = _passes(address, end, min_rate)
    # An answer outranks silence, and only silent ports are asked again.
    states = {port: state for run in runs for port, state in run.ports.items()}
    opens = {port for port, state in states.items() if state.state == "open"}
    if problem := tarpit(address, opens - declared):
        raise ProbeError(problem)
    _require_alive(network, environment, host, address, vantage, states)
    for port in sorted(opens):
        if not _answers(network, address, port, accept_reset=False):
            raise ProbeError(f"{address} port {port} was open for nmap and then refused a plain connection")
    _refuse_interference(host, address, opens - declared, environment)
    return AddressPorts(address, states, frozenset(opens), tuple(runs))


def _passes(address: str, end: float, min_rate: int) -> list[NmapRun]:
    """All ports, then the silent ones again and again until a whole pass gets no answer from any of them."""
    raw = may_use_raw_sockets()
    runs = [run_nmap(address, ALL_PORTS, raw=raw, seconds=_left(end, address), min_rate=min_rate)]
    for attempt in range(1, PASSES):
        silent = runs[-1].in_state("filtered")
        if not silent:
            return runs
        rate = min_rate if attempt == 1 else min_rate // (4**attempt)
        runs.append(run_nmap(address, silent, raw=raw, seconds=_left(end, address), min_rate=rate, retries=1))
        if runs[-1].in_state("filtered") == silent:
            return runs
    raise ProbeError(
        f"packets to {address} get lost: after {PASSES} passes there still are ports that answer for the first time",
        remedy="Scan from a quieter machine or a nearer place.",
    )


def tarpit(address: str, unexpected: set[int]) -> str:
    """Why the answers are too many to be true, or nothing."""
    if len(unexpected) <= TARPIT:
        return ""
    return (
        f"{len(unexpected)} undeclared ports of {address} are open: something answers for every port "
        "(a SYN proxy, an intrusion prevention system or a tarpit), so nothing can be said of any of them"
    )


def _require_alive(
    network: Network,
    environment: Environment,
    host: Host,
    address: str,
    vantage: str,
    states: Mapping[int, PortState],
) -> None:
    reasons = {state.reason for state in states.values()}
    if reasons <= UNREACHABLE:
        raise ProbeError(f"the network says that {address} is unreachable ({', '.join(sorted(reasons))})")
    answered = [port for port, state in states.items() if state.state == "open"] or [
        port for port, state in states.items() if state.state == "closed"
    ]
    if answered:
        if not any(_answers(network, address, port, accept_reset=True) for port in answered[:3]):
            raise ProbeError(
                f"{address} stopped answering during the scan: something shut the scanner out",
                remedy="Let the scanner's address pass the intrusion prevention system, then run again.",
            )
        return
    if declared_ports(host, vantage):
        raise ProbeError(f"{address} answers on no port at all, not even a declared one: a dead route or a dead host")
    if not _vantage_works(network, environment, host, vantage, address):
        raise ProbeError(
            f"{address} answers on no port, and no other declared host answers this vantage either: "
            "silence proves nothing here"
        )


def _vantage_works(network: Network, environment: Environment, host: Host, vantage: str, silent: str) -> bool:
    """Whether another host answers over the same version of IP: a route for one says nothing of the other."""
    return any(
        _answers(network, address, port, accept_reset=False)
        for other in environment.hosts
        if other.name != host.name
        for address in (other.ipv6 if ":" in silent else other.ipv4)
        for port in sorted(declared_ports(other, vantage))
    )


def _answers(network: Network, address: str, port: int, *, accept_reset: bool) -> bool:
    """Whether the address answers on the port now; one second try, since one packet may be lost."""
    for seconds in (2.0, 4.0):
        try:
            network.connect(address, port, seconds=seconds).close()
        except ProbeError as error:
            if isinstance(error.__cause__, ConnectionRefusedError):
                return accept_reset
        else:
            return True
    return False


def _refuse_interference(host: Host, address: str, unexpected: set[int], environment: Environment) -> None:
    if ipaddress.ip_address(address) not in _LOOPBACK:
        return
    declared = {number for other in environment.hosts for number in other.ipv4}
    foreign = next(number for number in _FOREIGN_LOOPBACK if number not in declared)
    # Never leaves the machine, so it is none of the allow-list's business.
    shared = [port for port in sorted(unexpected) if _connects(foreign, port)]
    if shared:
        raise ProbeError(
            f"port {', '.join(map(str, shared))} of {address} ({host.name}) is a listener of this machine: "
            f"it also answers on {foreign}, which no environment declares",
            remedy="Stop that listener, bind it to an address of its own, or run in a network namespace.",
        )


def _connects(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=2.0).close()
    except OSError:
        return False
    return True


def _left(end: float, address: str) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise ProbeError(f"the time for scanning was used up before {address}")
    return left
