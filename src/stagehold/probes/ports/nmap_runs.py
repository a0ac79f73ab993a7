"""One nmap run over one address, and the strict reading of its XML.

nmap's exit code and summary are not trusted: the run must say that it finished well, and every port asked for
must be accounted for with a state and a reason, else the scan is a ProbeError.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import nmap

from stagehold.errors import ProbeError

ALL_PORTS = range(1, 65536)
STATES = {"open", "closed", "filtered"}
UNREACHABLE = {"host-unreach", "net-unreach"}
"""Reasons that tell of a missing way or machine, not of a filter."""
_NO_NMAP = "Install nmap (`stagehold doctor --install`)."
_HARMLESS = re.compile(r"^(warning: |rttvar has grown)", re.IGNORECASE)


@dataclass(frozen=True)
class PortState:
    """What nmap says of a port: `open`, `closed` or `filtered`, and why (`syn-ack`, `reset`, ...)."""

    state: str
    reason: str


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


def run_nmap(
    address: str, ports: Iterable[int], *, raw: bool, seconds: float, min_rate: int = 0, retries: int = 2
) -> NmapRun:
    """Scan TCP ports of one numeric address.

    Args:
        address: a literal address; a name is refused, because nmap answers an unresolvable one with nothing.
        ports: what to scan.
        raw: half-open scan (needs raw sockets), else plain connects.
        seconds: after which nmap is ended.
        min_rate: packets per second, 0 to let nmap choose.
        retries: how often an unanswered probe is sent again.

    Raises:
        ProbeError: nmap is missing, was ended, failed, complained, or did not account for every port.
    """
    wanted = sorted(set(ports))
    version = ipaddress.ip_address(address).version
    arguments = " ".join(
        [
            "-Pn -n --reason -T4",
            "-6" if version == 6 else "",  # noqa: PLR2004 - the IP version
            "--privileged -sS" if raw else "--unprivileged -sT",
            f"--max-retries {retries} --host-timeout {max(int(seconds), 1)}s",
            f"--min-rate {min_rate}" if min_rate else "",
        ]
    )
    started = time.monotonic()
    try:
        scanner = nmap.PortScanner()
        result = scanner.scan(
            hosts=address, ports=port_ranges(wanted), arguments=arguments, timeout=max(int(seconds) + 5, 1)
        )
    except nmap.PortScannerTimeout as error:
        raise ProbeError(f"nmap did not finish with {address} within {seconds:g} s") from error
    except nmap.PortScannerError as error:
        remedy = _NO_NMAP if "not found" in str(error) else ""
        raise ProbeError(f"nmap failed on {address}: {error}", remedy=remedy) from error
    except (ET.ParseError, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise ProbeError(f"nmap's answer about {address} cannot be read: {error}", remedy=_NO_NMAP) from error
    complaints = {
        line.strip()
        for text in result["nmap"]["scaninfo"].get("error", ())
        for line in str(text).splitlines()
        if line.strip() and not _HARMLESS.match(line.strip())
    }
    if complaints:
        raise ProbeError(f"nmap complained about {address}: {'; '.join(sorted(complaints))}")
    if scanner.all_hosts() != [address]:
        raise ProbeError(f"nmap looked at {scanner.all_hosts() or 'no host at all'} instead of {address}")
    last = scanner.get_nmap_last_output()
    xml = last.decode("utf-8", "replace") if isinstance(last, bytes) else str(last)
    states, tool = read_xml(xml, address, wanted)
    return NmapRun(address, states, xml, tool, time.monotonic() - started)


def read_xml(xml: str, address: str, wanted: Iterable[int]) -> tuple[dict[int, PortState], str]:
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
    for ports, state in _groups(host, address):
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
    if strange := {state.state for state in states.values()} - STATES:
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
        raise ProbeError(f"nmap gave up on {address}: it ran into its time limit")
    return hosts[0]


def _groups(host: ET.Element, address: str) -> Iterable[tuple[Iterable[int], PortState]]:
    for element in host.findall("ports/port"):
        state = element.find("state")
        if element.get("protocol") == "tcp" and state is not None:
            yield (
                [int(element.get("portid", "0"))],
                PortState(state.get("state", ""), state.get("reason", "")),
            )
    for extra in host.findall("ports/extraports"):
        counted = 0
        for reasons in extra.findall("extrareasons"):
            ports = read_ranges(reasons.get("ports", ""))
            if reasons.get("proto") != "tcp" or len(ports) != int(reasons.get("count", "-1")):
                raise ProbeError(f"nmap's summary of {address} does not add up")
            counted += len(ports)
            yield ports, PortState(extra.get("state", ""), reasons.get("reason", ""))
        if counted != int(extra.get("count", "-1")):
            raise ProbeError(f"nmap's summary of {address} does not add up")


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
