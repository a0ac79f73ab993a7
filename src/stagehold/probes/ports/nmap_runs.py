"""One nmap run over one address, wherever it is started, and the strict reading of its XML.

nmap's exit code and summary are not trusted: the run must say that it finished well, and every port asked for
must be accounted for with a state and a reason, else the scan is a ProbeError.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import nmap

from stagehold.errors import ProbeError
from stagehold.probes.ports.agents import HERE, Agent

ALL_PORTS = range(1, 65536)
STATES: Mapping[str, frozenset[str]] = {
    "tcp": frozenset({"open", "closed", "filtered"}),
    "udp": frozenset({"open", "closed", "filtered", "open|filtered"}),
}
"""What nmap may say of a port; for UDP silence is `open|filtered`, which says nothing."""
UNREACHABLE = {"host-unreach", "net-unreach", "dest-unreach", "no-route", "addr-unreach"}
"""Reasons that tell of a missing way or machine, not of a filter."""
_NO_NMAP = "Install nmap (`stagehold doctor --install`)."
_TRIES = 3
_LONGEST_WORDS = 300
_HARMLESS = re.compile(r"^(warning: |rttvar has grown)", re.IGNORECASE)


@dataclass(frozen=True)
class PortState:
    """What nmap says of a port: `open`, `closed` or `filtered`, and why (`syn-ack`, `reset`, ...)."""

    state: str
    reason: str


class PortStates(Mapping[int, PortState]):
    """Ports and their states in 64 KiB, however many: a run keeps every port of every address."""

    def __init__(self, states: Mapping[int, PortState]) -> None:
        """Take over what a mapping of ports holds; at most 255 different states."""
        self._kinds = tuple(dict.fromkeys(states.values()))
        numbers = {state: number for number, state in enumerate(self._kinds, start=1)}
        self._of = bytearray(65536)
        for port, state in states.items():
            self._of[port] = numbers[state]

    def __getitem__(self, port: int) -> PortState:
        number = self._of[port] if 0 <= port < len(self._of) else 0
        if not number:
            raise KeyError(port)
        return self._kinds[number - 1]

    def __iter__(self) -> Iterator[int]:
        return (port for port, number in enumerate(self._of) if number)

    def __len__(self) -> int:
        return len(self._of) - self._of.count(0)


@dataclass(frozen=True)
class NmapRun:
    """One finished scan of one address."""

    address: str
    ports: Mapping[int, PortState]
    xml: str
    tool: str
    seconds: float

    def in_state(self, state: str) -> list[int]:
        """The ports in a state, sorted."""
        return sorted(port for port, seen in self.ports.items() if seen.state == state)


class TimeUp(ProbeError):
    """nmap ran into its time limit."""


def run_nmap(
    address: str,
    ports: Iterable[int],
    *,
    raw: bool,
    seconds: float,
    min_rate: int = 0,
    max_rate: int = 0,
    retries: int = 2,
    proto: str = "tcp",
    payload: bytes = b"",
    agent: Agent = HERE,
) -> NmapRun:
    """Scan ports of one numeric address.

    Args:
        address: a literal address; a name is refused, because nmap answers an unresolvable one with nothing.
        ports: what to scan.
        raw: half-open scan (needs raw sockets), else plain connects. UDP always needs them.
        seconds: after which nmap is ended.
        min_rate: packets per second that it must not fall below, 0 to let nmap choose.
        max_rate: packets per second that it must not exceed, 0 for no limit.
        retries: how often an unanswered probe is sent again.
        proto: `tcp` or `udp`.
        payload: sent in UDP packets; empty: what nmap knows for each port.
        agent: where nmap is started.

    Raises:
        TimeUp: nmap did not finish in time.
        ProbeError: nmap is missing, failed, complained, or did not account for every port.
    """
    wanted = sorted(set(ports))
    version = ipaddress.ip_address(address).version
    way = "--privileged -sU" if proto == "udp" else "--privileged -sS" if raw else "--unprivileged -sT"
    arguments = " ".join(
        [
            "-Pn -n --reason -T4",
            "-6" if version == 6 else "",  # noqa: PLR2004 - the IP version
            way,
            f"--max-retries {retries} --host-timeout {max(int(seconds), 1)}s",
            f"--min-rate {min_rate}" if min_rate else "",
            f"--max-rate {max_rate}" if max_rate else "",
            f"--data {payload.hex()}" if payload else "",
        ]
    )
    started = time.monotonic()
    for _ in range(_TRIES):
        scanner, complaints = _scan(address, port_ranges(wanted), arguments, max(int(seconds) + 5, 1), agent)
        # The question for a neighbour's hardware address gets lost as any packet does; nmap then leaves the host out.
        if complaints or scanner.all_hosts():
            break
    if complaints:
        raise ProbeError(f"nmap complained about {address}: {'; '.join(sorted(complaints))}")
    if scanner.all_hosts() != [address]:
        raise ProbeError(f"nmap looked at {scanner.all_hosts() or 'no host at all'} instead of {address}")
    last = scanner.get_nmap_last_output()
    xml = last.decode("utf-8", "replace") if isinstance(last, bytes) else str(last)
    states, tool = read_xml(xml, address, wanted, proto)
    return NmapRun(address, PortStates(states), xml, tool, time.monotonic() - started)


def _scan(address: str, ports: str, arguments: str, seconds: int, agent: Agent) -> tuple[nmap.PortScanner, set[str]]:
    """Run nmap at the agent; python-nmap's reading of the answer, and what nmap complained about."""
    try:
        scanner = nmap.PortScanner()
        if agent.here:
            result = scanner.scan(hosts=address, ports=ports, arguments=arguments, timeout=seconds)
            said = [str(text) for text in result["nmap"]["scaninfo"].get("error", ())]
        else:
            ran = agent.run(["nmap", "-oX", "-", address, "-p", ports, *arguments.split()], seconds)
            if not ran.output.strip():
                raise ProbeError(f"nmap said nothing at vantage `{agent.vantage}`: {ran.errors.strip()[-300:]}")
            scanner.analyse_nmap_xml_scan(ran.output, ran.errors, [], [])
            said = [ran.errors]
    except nmap.PortScannerTimeout as error:
        raise TimeUp(f"nmap did not finish with {address} within {seconds} s") from error
    except nmap.PortScannerError as error:
        remedy = _NO_NMAP if "not found" in str(error) else ""
        raise ProbeError(f"nmap failed on {address}: {_words(error)}", remedy=remedy) from error
    except (ET.ParseError, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise ProbeError(f"nmap's answer about {address} cannot be read: {error}", remedy=_NO_NMAP) from error
    complaints = {
        line.strip()
        for text in said
        for line in text.splitlines()
        if line.strip() and not _HARMLESS.match(line.strip())
    }
    return scanner, complaints


def _words(error: nmap.PortScannerError) -> str:
    """What python-nmap hands on is whatever nmap printed: nothing, bytes, or a long text that is no XML."""
    said = error.value
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    text = " ".join(text.split())
    if not text:
        return "it ended without printing anything"
    return f"{text[:_LONGEST_WORDS]}…" if len(text) > _LONGEST_WORDS else text


def read_xml(xml: str, address: str, wanted: Iterable[int], proto: str = "tcp") -> tuple[dict[int, PortState], str]:
    """State of every wanted port, and nmap's name and version.

    Raises:
        ProbeError: the run did not end well, the host is not the one or not up, it ran into its time limit,
            or the ports in the answer are not exactly the wanted ones.
    """
    try:
        root = ET.fromstring(xml)  # noqa: S314 - see the import
    except ET.ParseError as error:
        raise ProbeError(f"nmap's answer about {address} cannot be read: {error}") from error
    host = _finished_host(root, address)
    states: dict[int, PortState] = {}
    for ports, state in _groups(host, address, proto):
        for port in ports:
            if port in states:
                raise ProbeError(f"nmap reports port {port} of {address} twice")
            states[port] = state
    expected = set(wanted)
    if states.keys() != expected:
        lost, extra = len(expected - states.keys()), len(states.keys() - expected)
        raise ProbeError(
            f"nmap's scan of {address} is incomplete: {lost} of {len(expected)} ports missing, {extra} not asked for"
        )
    if strange := {state.state for state in states.values()} - STATES[proto]:
        raise ProbeError(f"nmap left ports of {address} undecided: {', '.join(sorted(strange))}")
    return states, f"nmap {root.get('version', '')}".strip()


def _finished_host(root: ET.Element, address: str) -> ET.Element:
    finished = root.find("runstats/finished")
    if finished is None or finished.get("exit") != "success":
        raise ProbeError(f"nmap did not end well on {address}: {_attribute(finished, 'errormsg')}")
    hosts = root.findall("host")
    if len(hosts) != 1 or address not in {item.get("addr") for item in hosts[0].findall("address")}:
        raise ProbeError(f"nmap's answer is not about {address}")
    status = hosts[0].find("status")
    if status is None or status.get("state") != "up":
        raise ProbeError(f"nmap found {address} {_attribute(status, 'state')}: {_attribute(status, 'reason')}")
    if hosts[0].get("timedout") == "true":
        raise TimeUp(f"nmap gave up on {address}: it ran into its time limit")
    return hosts[0]


def _groups(host: ET.Element, address: str, proto: str) -> Iterable[tuple[Iterable[int], PortState]]:
    for element in host.findall("ports/port"):
        state = element.find("state")
        if element.get("protocol") == proto and state is not None:
            yield (
                [int(element.get("portid", "0"))],
                PortState(state.get("state", ""), state.get("reason", "")),
            )
    for extra in host.findall("ports/extraports"):
        counted = 0
        for reasons in extra.findall("extrareasons"):
            ports = read_ranges(reasons.get("ports", ""))
            if reasons.get("proto") != proto or len(ports) != int(reasons.get("count", "-1")):
                raise ProbeError(f"nmap's summary of {address} does not add up")
            counted += len(ports)
            yield ports, PortState(extra.get("state", ""), reasons.get("reason", ""))
        if counted != int(extra.get("count", "-1")):
            raise ProbeError(f"nmap's summary of {address} does not add up")


def unreachable(states: Mapping[int, PortState]) -> str:
    """The network's words for a missing way or machine, where no port answered; empty when it said nothing such.

    Routers limit how often they say so: that they said it for some ports is enough.
    """
    said = {state.reason for state in states.values()} & UNREACHABLE
    return ", ".join(sorted(said)) if all(state.state == "filtered" for state in states.values()) else ""


def port_ranges(ports: Iterable[int]) -> str:
    """Sorted ports in nmap's notation: `1-3,5`."""
    ranges: list[list[int]] = []
    for port in ports:
        if ranges and port == ranges[-1][1] + 1:
            ranges[-1][1] = port
        else:
            ranges.append([port, port])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def read_ranges(text: str) -> list[int]:
    """The inverse of `port_ranges`; ValueError for anything else."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


def _attribute(element: ET.Element | None, name: str) -> str:
    return (element.get(name) if element is not None else None) or "it did not say why"
