"""Fixtures of the TLS suite: one scan for each endpoint, and the rules its certificates are judged by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from stagehold.context import LaneContext
from stagehold.drawing.sheet import listed
from stagehold.environment.model import Environment, Target, TlsEndpoint
from stagehold.errors import Uncovered
from stagehold.network.door import Network
from stagehold.plugin.drawings import chain_of, protocols_of
from stagehold.plugin.evidence import EvidenceRecorder
from stagehold.probes.tls.accepted import AcceptedSuites
from stagehold.probes.tls.certificates import CertificateRules, read_anchors
from stagehold.probes.tls.certificates_table import COLUMNS, certificate_rows
from stagehold.probes.tls.crl_sources import fetch_list
from stagehold.probes.tls.facts import TlsScan
from stagehold.probes.tls.revocation import RevocationFacts, look_at_revocation
from stagehold.probes.tls.side_by_side import Scans
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.clock import ClockReading, read_clock, require_agreement
from stagehold.probes.web.plain_http import PlainHttp, look_at_plain_http
from stagehold.tls_profile.reader import ProfileInForce

_OF_CERTIFICATES = ("least_rsa_bits", "least_curve_bits", "forbidden_hashes", "min_days_left", "public_lifetimes")


@pytest.fixture(scope="session")
def tls_scans(network: Network, environment: Environment) -> Iterator[Scans]:
    """The scans of all endpoints, begun when the first one is wanted."""
    with Scans(network, environment.tls_endpoints) as scans:
        yield scans


@pytest.fixture(scope="session")
def tls_scan(tls_scans: Scans, endpoint: TlsEndpoint) -> TlsScan:
    """Versions, suites and chains at every address of an endpoint, measured once."""
    return tls_scans.of(endpoint)


@pytest.fixture(scope="session")
def tls_profile(context: LaneContext) -> ProfileInForce:
    """What endpoints are judged by: the profile, with what the environment sets in place of its rules."""
    return context.tls_profile


@pytest.fixture(scope="session")
def refused_version(request: pytest.FixtureRequest) -> str:
    """Each version that the profile does not accept."""
    version: str = request.param
    return version


@pytest.fixture(scope="session")
def tls13_required(tls_profile: ProfileInForce) -> None:
    """Uncovered where TLS 1.3 is not claimed."""
    if not tls_profile.rules.require_tls13.value:
        raise Uncovered("`tls.profile.require_tls13` is false: TLS 1.3 is not claimed here")


@pytest.fixture(scope="session")
def accepted_suites(tls_scan: TlsScan) -> AcceptedSuites:
    """The cipher suites an endpoint accepts, by what is wrong with them."""
    return AcceptedSuites(tls_scan)


@pytest.fixture(scope="session")
def certificate_rules(environment: Environment, tls_profile: ProfileInForce, ca_file: Path | None) -> CertificateRules:
    """The profile and the declared trust, at the present time."""
    longest = environment.tls.trust.max_lifetime_days_private
    return CertificateRules(read_anchors(ca_file), tls_profile.rules, datetime.now(UTC), longest)


@pytest.fixture(scope="session")
def clock_readings(environment: Environment, http: Callable[..., HttpClient]) -> tuple[ClockReading, ...]:
    """What each target says of the time."""
    return tuple(read_clock(http(target)) for target in environment.targets)


@pytest.fixture
def agreed_clock(clock_readings: tuple[ClockReading, ...], evidence: EvidenceRecorder) -> None:
    """Nothing can be said of dates while a target contradicts this machine's clock (ProbeError)."""
    rows = [
        (one.target, "" if one.problem else f"{one.offset:+.1f} ± {one.uncertainty:.1f}", one.problem)
        for one in clock_readings
    ]
    evidence.table("clocks", ("target", "seconds ahead of this machine", "not known because"), rows)
    require_agreement(clock_readings)


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


@pytest.fixture(scope="session")
def certificate_revocation(
    tls_scan: TlsScan, certificate_rules: CertificateRules, network: Network, context: LaneContext, ca_file: Path | None
) -> RevocationFacts:
    """What stapled answers and revocation lists say of the certificates of an endpoint."""
    tls = context.environment.tls
    fetch = partial(fetch_list, network=network, folder=context.folder, ca_file=ca_file)
    return look_at_revocation(tls_scan.chains, certificate_rules, fetch, None if tls.revocation == "none" else tls.crl)


@pytest.fixture(scope="session")
def plain_http(
    environment: Environment, network: Network, plain_http_target: Target, http: Callable[..., HttpClient]
) -> PlainHttp:
    """What the plain-HTTP port of a target answers, asked once."""
    return look_at_plain_http(environment, network, plain_http_target, http)


@pytest.fixture
def protocol_evidence(tls_scan: TlsScan, tls_profile: ProfileInForce, evidence: EvidenceRecorder) -> None:
    """Attaches what every address answered to every version, as a drawing, and the profile's rules about it."""
    evidence.figure(f"protocol versions of {tls_scan}", *protocols_of(tls_scan, tls_profile.rules))
    evidence.table("profile", tls_profile.COLUMNS, tls_profile.rows("versions", "require_tls13"))


@pytest.fixture
def certificate_evidence(
    tls_scan: TlsScan,
    tls_profile: ProfileInForce,
    certificate_rules: CertificateRules,
    served_names: tuple[str, ...],
    evidence: EvidenceRecorder,
) -> None:
    """Attaches what was served, as table, drawing and PEM, and the profile's rules about certificates."""
    evidence.table("profile", tls_profile.COLUMNS, tls_profile.rows(*_OF_CERTIFICATES))
    chains = tls_scan.chains
    evidence.table("served certificates", COLUMNS, certificate_rows(chains))
    names = listed(served_names, 2)
    for chain in chains:
        evidence.figure(f"chain for {names} at {chain.address}", *chain_of(chain, certificate_rules, served_names))
        evidence.file(f"chain at {chain.address}", chain.pem.encode(), "application/x-pem-file", "pem")
    evidence.reproduce(
        f"openssl s_client -connect {tls_scan.dialled} -servername {tls_scan.endpoint.name} -showcerts </dev/null"
    )
