"""Fixtures of the TLS suite: one scan for each endpoint, and the rules its certificates are judged by."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from stagehold.environment.model import Environment, TlsEndpoint
from stagehold.network.door import Network
from stagehold.plugin.evidence import EvidenceRecorder
from stagehold.probes.tls.certificates import CertificateRules, read_anchors
from stagehold.probes.tls.certificates_table import COLUMNS, certificate_rows, ladder
from stagehold.probes.tls.facts import TlsScan
from stagehold.probes.tls.scan import scan_endpoint


@pytest.fixture(scope="session")
def tls_scan(network: Network, endpoint: TlsEndpoint) -> TlsScan:
    """Versions, suites and chains at every address of an endpoint, measured once."""
    return scan_endpoint(network, endpoint)


@pytest.fixture(scope="session")
def certificate_rules(environment: Environment, ca_file: Path | None) -> CertificateRules:
    """The declared trust and margin, at the present time."""
    return CertificateRules(read_anchors(ca_file), environment.tls.profile.min_days_left, datetime.now(UTC))


@pytest.fixture(scope="session")
def served_names(environment: Environment, endpoint: TlsEndpoint) -> tuple[str, ...]:
    """The endpoint's own name, and names of a target behind it that no endpoint was declared for."""
    covered = {other.name for other in environment.tls_endpoints}
    behind = [
        name
        for target in environment.targets
        if target.base_url.startswith("https") and (target.host, target.port) == (endpoint.name, endpoint.port)
        for name in target.names
        if name not in covered
    ]
    return tuple(dict.fromkeys((endpoint.name, *behind)))


@pytest.fixture
def certificate_evidence(tls_scan: TlsScan, evidence: EvidenceRecorder) -> None:
    """Attaches what was served: table, drawing, PEM."""
    chains = tls_scan.chains
    evidence.table("served certificates", COLUMNS, certificate_rows(chains))
    for chain in chains:
        evidence.svg(f"chain at {chain.address}", ladder(chain.certificates))
        evidence.file(f"chain at {chain.address}", chain.pem.encode(), "application/x-pem-file", "pem")
    evidence.reproduce(
        f"openssl s_client -connect {tls_scan.dialled} -servername {tls_scan.endpoint.name} -showcerts </dev/null"
    )
