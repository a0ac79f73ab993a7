"""Fixture of the ports suite: one scan of all TCP ports for each host, from outside."""

from __future__ import annotations

import pytest

from stagehold.context import LaneContext
from stagehold.environment.model import Host
from stagehold.network.door import Network
from stagehold.plugin.evidence import EvidenceRecorder
from stagehold.probes.ports.facts import PortScan
from stagehold.probes.ports.scan import scan_host
from stagehold.probes.ports.vantage import require_vantage

VANTAGE = "external"


@pytest.fixture(scope="session")
def port_scan(context: LaneContext, network: Network, exposed_host: Host) -> PortScan:
    """Every TCP port of a host as seen from outside, measured once."""
    environment = context.environment
    require_vantage(VANTAGE, environment.vantage[VANTAGE], context.folder)
    return scan_host(network, environment, exposed_host, vantage=VANTAGE)


@pytest.fixture
def port_evidence(port_scan: PortScan, evidence: EvidenceRecorder) -> None:
    """Attaches what was expected and seen, and nmap's own words."""
    columns = ("host", "address", "port", "expected", "observed", "reason")
    evidence.table("ports", columns, port_scan.matrix())
    for one in port_scan.addresses:
        for run in one.runs:
            evidence.file(f"nmap {one.address}", run.xml.encode(), "application/xml", "xml")
