"""Fixtures of the ports suite: one scan of all TCP ports for each host, version of IP and vantage."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator

import pytest

from stagehold.context import LaneContext
from stagehold.environment.model import Environment, Host
from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.network.pace import Pace
from stagehold.plugin.drawings import ports_of
from stagehold.plugin.evidence import EvidenceRecorder
from stagehold.plugin.state import LOG
from stagehold.probes.consoles.fingerprints import Kind
from stagehold.probes.consoles.search import ConsoleSearch, search
from stagehold.probes.ports.approval import PROPOSAL, Comparison, compare, digest_of, observed, proposal, read_approval
from stagehold.probes.ports.facts import PortScan
from stagehold.probes.ports.ipv6 import NameAnswer, names_of, require_ipv6, require_route
from stagehold.probes.ports.ledger import ENTRY, FirewallTest, newest, read_ledger
from stagehold.probes.ports.origins import Origins, ask_origins
from stagehold.probes.ports.services import HostServices, look_at_services
from stagehold.probes.ports.survey import Survey, addresses_of
from stagehold.probes.ports.udp import UdpScan
from stagehold.probes.ports.unknown_names import UnknownNames, look_for_strangers
from stagehold.probes.ports.vantage import require_vantage

VANTAGE = "external"


@pytest.fixture(scope="session")
def survey(pytestconfig: pytest.Config, context: LaneContext, network: Network) -> Iterator[Survey]:
    """All scans of this run; at its end, what was seen is written down for whoever approves it."""
    log = pytestconfig.stash[LOG]

    def tell(words: str) -> None:
        log.write("progress", suite="ports", note=words)

    made = Survey(network, context.environment, context.folder, tell)
    yield made
    made.close()
    _write_proposal(context, made)


@pytest.fixture(scope="session")
def port_scan(survey: Survey, exposed_host: Host) -> PortScan:
    """Every TCP port of a host's IPv4 addresses as seen from outside, measured once."""
    if not exposed_host.ipv4:
        raise NotApplicable(f"{exposed_host.name} has no IPv4 address; NET-007 judges its IPv6 addresses")
    return survey.tcp(exposed_host)


@pytest.fixture(scope="session")
def ipv6_names(network: Network, environment: Environment) -> tuple[NameAnswer, ...]:
    """The declared names with their addresses."""
    return names_of(network, environment)


@pytest.fixture(scope="session")
def ipv6_scan_of(
    environment: Environment, survey: Survey, ipv6_names: tuple[NameAnswer, ...]
) -> Callable[[Host], PortScan]:
    """Scans every TCP port of a host's IPv6 addresses; says so where there are none, or none is declared."""

    def scan(host: Host) -> PortScan:
        addresses = require_ipv6(host, environment, ipv6_names)
        survey.agent(VANTAGE)
        require_route(addresses)
        return survey.tcp(host, version="6")

    return scan


@pytest.fixture(scope="session")
def vantage_scan(survey: Survey, exposed_host: Host, other_vantage: str) -> PortScan:
    """Every TCP port of all of a host's addresses as seen from another vantage than the outside."""
    return survey.tcp(exposed_host, other_vantage, "46")


@pytest.fixture(scope="session")
def told_of_outside(survey: Survey, exposed_host: Host) -> frozenset[tuple[str, str, int]]:
    """`open` or `missing`, address and port: what NET-001 to NET-007 say already; nothing where it was not seen."""
    told: set[tuple[str, str, int]] = set()
    for version in ("4", "6"):
        if not addresses_of(exposed_host, version):
            continue
        with contextlib.suppress(ProbeError):
            scan = survey.tcp(exposed_host, VANTAGE, version)
            told.update(("open", address, port) for address, port in scan.surplus())
            told.update(("missing", address, port) for address, port, _ in scan.not_open_at(scan.declared))
    return frozenset(told)


@pytest.fixture(scope="session")
def udp_scan(survey: Survey, exposed_host: Host) -> UdpScan:
    """The UDP ports of a host as seen from outside; a host that is dead to TCP says nothing about UDP either."""
    if exposed_host.ipv4:
        survey.tcp(exposed_host)
    if exposed_host.ipv6:
        require_route(exposed_host.ipv6)
    return survey.udp(exposed_host, addresses_of(exposed_host, "46"))


@pytest.fixture(scope="session")
def port_matrix(context: LaneContext, survey: Survey) -> Comparison:
    """Every host from every vantage beside what was approved; any scan that could not be made is a reason for none."""
    environment, name = context.environment, context.environment.baselines.ports
    if name is None:
        raise Uncovered("needs `baselines.ports` in the environment")
    today = dt.datetime.now(dt.UTC).date()
    approval = read_approval(context.folder / name, environment.environment.id, today)
    scans = []
    for vantage in environment.vantage:
        for version in ("4", "6") if vantage == VANTAGE else ("46",):
            hosts = [host for host in environment.hosts if addresses_of(host, version)]
            if vantage == VANTAGE and version == "6" and hosts:
                require_route([address for host in hosts for address in host.ipv6])
            scans += [survey.tcp(host, vantage, version) for host in hosts]
    if not scans:
        raise ProbeError("there is no host that could be scanned")
    return compare(scans, approval)


@pytest.fixture(scope="session")
def last_firewall_test(context: LaneContext) -> FirewallTest | None:
    """The newest complete test of the ledger, of every declared host and from outside."""
    described, environment = context.environment.evidence.firewall_tests, context.environment
    if described is None:
        raise Uncovered("needs `evidence.firewall_tests` in the environment")
    tests = read_ledger(context.folder / described.file)
    hosts = [host.name for host in environment.hosts]
    return newest(tests, environment.environment.id, VANTAGE, hosts, dt.datetime.now(dt.UTC))


def _write_proposal(context: LaneContext, survey: Survey) -> None:
    """Only what was seen completely is written: a matrix with a gap must not be approved."""
    environment, now = context.environment, dt.datetime.now(dt.UTC)
    if scans := survey.complete(environment.vantage):
        _, matrix = observed(scans)
        text = proposal(environment.environment.id, matrix, now.date())
        (context.run_folder / PROPOSAL).write_text(text, encoding="utf-8")
    if scans := survey.complete([VANTAGE]):
        _, matrix = observed(scans)
        entry = FirewallTest(
            environment=environment.environment.id,
            finished=now,
            vantage=VANTAGE,
            complete=True,
            hosts=tuple(dict.fromkeys(scan.host.name for scan in scans)),
            digest=digest_of(matrix),
        )
        (context.run_folder / ENTRY).write_text(entry.model_dump_json(by_alias=True) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def host_services(context: LaneContext, network: Network, exposed_host: Host) -> HostServices:
    """What every declared port of a host speaks, asked once."""
    environment = context.environment
    require_vantage(VANTAGE, environment.vantage[VANTAGE], context.folder)
    return look_at_services(network, environment, exposed_host, VANTAGE)


@pytest.fixture(scope="session")
def console_search(network: Network, environment: Environment, pace: Pace) -> ConsoleSearch:
    """Every declared web listener, searched for database consoles once."""
    return search(network, environment, VANTAGE, pace.search())


@pytest.fixture(scope="session")
def management_search(network: Network, environment: Environment, pace: Pace) -> ConsoleSearch:
    """Every declared web listener, searched for management interfaces of third parties once."""
    return search(network, environment, VANTAGE, pace.search(), Kind.MANAGEMENT)


@pytest.fixture(scope="session")
def unknown_names(network: Network, environment: Environment, pace: Pace) -> UnknownNames:
    """What every named target does with requests for names that nobody declared."""
    return look_for_strangers(network, environment, pace.search())


@pytest.fixture(scope="session")
def origins(network: Network, environment: Environment, pace: Pace) -> Origins:
    """What every declared origin says to whoever goes around the CDN before it."""
    return ask_origins(network, environment, pace.search())


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
