"""From what probes observed to what drawings show: facts put in another form, nothing judged anew.

Each function returns the drawing with its words, ready for `evidence.figure(name, *drawing)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from stagehold.drawing import Drawing
from stagehold.drawing.certificate_ladder import Rung, certificate_ladder
from stagehold.drawing.port_matrix import PortSeen, port_matrix
from stagehold.drawing.protocol_grid import VersionSeen, Wanted, protocol_grid
from stagehold.drawing.sheet import listed
from stagehold.probes.ports.classes import MANAGEMENT
from stagehold.probes.ports.facts import OUTSIDE, AddressPorts, PortScan
from stagehold.probes.tls.certificates import CertificateRules, days_left, needed_days, subject_names, verified_path
from stagehold.probes.tls.certificates_table import key_of
from stagehold.probes.tls.facts import COMMANDS, ServedChain, TlsScan
from stagehold.tls_profile.model import Profile


def protocols_of(scan: TlsScan, profile: Profile) -> Drawing:
    """What every address of an endpoint answered to every version."""
    seen = []
    # What is spoken there stands in the title; here is room for the name.
    name = f"{scan.endpoint.name}:{scan.endpoint.port}"
    for one in scan.addresses:
        for version in COMMANDS:
            fact = one.versions.get(version)
            known = fact is not None and not one.problem and (bool(fact.accepted) or not fact.problem)
            seen.append(
                VersionSeen(
                    endpoint=name,
                    address=one.address,
                    version=version,
                    accepted=bool(fact.accepted) if fact is not None and known else None,
                    wanted=_wanted(version, profile),
                )
            )
    return protocol_grid(seen)


def chain_of(chain: ServedChain, rules: CertificateRules, names: Sequence[str]) -> Drawing:
    """One served chain, with the anchor it leads to, and what the rules find wrong with it."""
    path = verified_path(chain.certificates, rules.anchors, rules.now)
    anchor = [path[-1]] if path and path[-1] not in chain.certificates else []
    row = [*chain.certificates, *anchor]
    wrong: list[list[str]] = [_own_problems(certificate, rules, leaf=n == 0) for n, certificate in enumerate(row)]
    wrong[0] += [f"is not for {name}" for name in names if rules.misnamed(chain.certificates, name)]
    if problem := rules.untrusted(chain.certificates):
        wrong[len(chain.certificates) - 1].append(f"leads to no anchor: {problem}")
    rungs = [
        _rung(certificate, rules, row[n + 1] if n + 1 < len(row) else None, tuple(wrong[n]), n)
        for n, certificate in enumerate(row)
    ]
    shown = [rung if n < len(chain.certificates) else _unserved(rung) for n, rung in enumerate(rungs)]
    return certificate_ladder(shown, f"Certificates for {listed(names, 2)} as {chain.address} sends them")


def ports_of(scan: PortScan) -> Drawing:
    """The ports of a host that matter: declared, open, or of a database or a management interface."""
    matter = scan.declared | scan.database_class | frozenset(MANAGEMENT)
    seen = [_port(scan, one, port) for one in scan.addresses for port in sorted(one.open | matter)]
    return port_matrix(seen, f"Ports of {scan.host.name}, seen from {scan.vantage}")


def _wanted(version: str, profile: Profile) -> Wanted:
    if version not in profile.accepted_versions:
        return Wanted.REFUSED
    return Wanted.ACCEPTED if version == "TLS 1.3" and profile.require_tls13.value else Wanted.EITHER


def _own_problems(certificate: x509.Certificate, rules: CertificateRules, *, leaf: bool) -> list[str]:
    """What is wrong with one certificate by itself."""
    left = days_left(certificate, rules.now)
    found = []
    if certificate.not_valid_before_utc > rules.now:
        found.append("is not valid yet")
    if left < 0:
        found.append("is out of date")
    elif leaf and left < needed_days(certificate, rules.min_days_left):
        found.append("ends too soon")
    return found


def _rung(
    certificate: x509.Certificate,
    rules: CertificateRules,
    issuer: x509.Certificate | None,
    problems: tuple[str, ...],
    position: int,
) -> Rung:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Rung(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        key=key_of(certificate),
        signature=_signature(certificate),
        not_before=_day(start),
        not_after=_day(end),
        days_left=days_left(certificate, rules.now),
        lifetime_days=(end - start).total_seconds() / 86_400,
        names=subject_names(certificate),
        needed_days=needed_days(certificate, rules.min_days_left) if position == 0 else 0.0,
        problems=problems,
        signed_by_next=None if issuer is None else _signed(certificate, issuer),
    )


def _unserved(rung: Rung) -> Rung:
    return Rung(**{**vars(rung), "served": False})


def _port(scan: PortScan, one: AddressPorts, port: int) -> PortSeen:
    database = port in scan.database_class
    forbidden = database and scan.vantage == OUTSIDE
    return PortSeen(
        place=f"{scan.host.name} {one.address}",
        port=port,
        observed="open" if port in one.open else one.state(port),
        expected_open=port in scan.declared and not forbidden,
        name=scan.name(port).partition(" (")[2].removesuffix(")"),
        kind="database" if database else "management" if port in MANAGEMENT else "",
    )


def _signature(certificate: x509.Certificate) -> str:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "by an unknown algorithm"
    return f"with {algorithm.name.upper()}" if algorithm else "without a separate hash"


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - a picture: anything that keeps it from verifying is a broken rail
        return False
    return True


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
