"""Fixtures of the ports suite: one scan of all TCP ports for each host and version of IP, from outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stagehold.context import LaneContext
from stagehold.environment.model import Environment, Host
from stagehold.errors import NotApplicable
from stagehold.network.door import Network
from stagehold.plugin.drawings import ports_of
from stagehold.plugin.evidence import EvidenceRecorder
from stagehold.probes.consoles.search import ConsoleSearch, search
from stagehold.probes.ports.facts import PortScan
from stagehold.probes.ports.ipv6 import NameAnswer, names_of, require_ipv6, require_route
from stagehold.probes.ports.scan import scan_host
from stagehold.probes.ports.services import HostServices, look_at_services
from stagehold.probes.ports.vantage import require_vantage

VANTAGE = "external"


@pytest.fixture(scope="session")
def port_scan(context: LaneContext, network: Network, exposed_host: Host) -> PortScan:
    """Every TCP port of a host's IPv4 addresses as seen from outside, measured once."""
    environment = context.environment
    if not exposed_host.ipv4:
        raise NotApplicable(f"{exposed_host.name} has no IPv4 address; NET-007 judges its IPv6 addresses")
    require_vantage(VANTAGE, environment.vantage[VANTAGE], context.folder)
    return scan_host(network, environment, exposed_host, addresses=exposed_host.ipv4, vantage=VANTAGE)


@pytest.fixture(scope="session")
def ipv6_names(network: Network, environment: Environment) -> tuple[NameAnswer, ...]:
    """The declared names with their addresses."""
    return names_of(network, environment)


@pytest.fixture(scope="session")
def ipv6_scan_of(
    context: LaneContext, network: Network, ipv6_names: tuple[NameAnswer, ...]
) -> Callable[[Host], PortScan]:
    """Scans every TCP port of a host's IPv6 addresses; says so where there are none, or none is declared."""

    def scan(host: Host) -> PortScan:
        environment = context.environment
        addresses = require_ipv6(host, environment, ipv6_names)
        require_vantage(VANTAGE, environment.vantage[VANTAGE], context.folder)
        require_route(addresses)
        return scan_host(network, environment, host, addresses=addresses, vantage=VANTAGE)

    return scan


@pytest.fixture(scope="session")
def host_services(context: LaneContext, network: Network, exposed_host: Host) -> HostServices:
    """What every declared port of a host speaks, asked once."""
    environment = context.environment
    require_vantage(VANTAGE, environment.vantage[VANTAGE], context.folder)
    return look_at_services(network, environment, exposed_host, VANTAGE)


@pytest.fixture(scope="session")
def console_search(network: Network, environment: Environment) -> ConsoleSearch:
    """Every declared web listener, searched for database consoles once."""
    return search(network, environment, VANTAGE)


@pytest.fixture
def port_evidence(port_scan: PortScan, attach_ports: Callable[[PortScan], None]) -> None:
    """Attaches what was expected and seen on IPv4, and nmap's own words."""
    attach_ports(port_scan)


@pytest.fixture
def attach_ports(evidence: EvidenceRecorder) -> Callable[[PortScan], None]:
    """Attaches what was expected and seen in a scan, and nmap's own words."""

    def attach(scan: PortScan) -> None:
        columns = ("host", "address", "port", "expected", "observed", "reason")
        evidence.table("ports", columns, scan.matrix())
        evidence.figure(f"ports of {scan.host.name}", *ports_of(scan))
        for one in scan.addresses:
            for run in one.runs:
                evidence.file(f"nmap {one.address}", run.xml.encode(), "application/xml", "xml")

    return attach
