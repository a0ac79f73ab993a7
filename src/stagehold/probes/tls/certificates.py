"""Judgement of served certificates, one question per function; pure, with the time as an argument.

The questions are kept apart so that one fault fails one check: `path_problem` asks whether the chain leads to
the declared anchor and nothing else, `name_problem` whether the leaf names the host, `date_problems` whether
everything is in date. Sources: RFC 5280 section 6, RFC 9525, ASVS 12.2.2 and 12.3.4, CWE-295, 297, 298.
"""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import service_identity
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from OpenSSL import crypto
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address

from stagehold.errors import ProbeError, Uncovered
from stagehold.probes.tls.strength import weaknesses
from stagehold.tls_profile.model import Profile

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h, which pyOpenSSL does not name."""


@dataclass(frozen=True)
class Anchors:
    """The certificates that chains must lead to; `partial` when none of them is self-signed."""

    certificates: tuple[x509.Certificate, ...]
    partial: bool
    name: str
    public: bool = False


def read_anchors(ca_file: Path | None) -> Anchors:
    """The declared private CA, or the public store (Mozilla's, as shipped by certifi) when `ca_file` is None.

    Of a file that holds a self-signed root only the roots are anchors: an intermediate beside it must not
    stand in for one that the server forgot to send. Without a root its certificates themselves are anchors.

    Raises:
        ProbeError: the file cannot be read or holds no certificate.
    """
    path = ca_file or Path(certifi.where())
    try:
        with warnings.catch_warnings():
            # The public store holds a root whose serial number is zero.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ProbeError(f"the trust anchors in {path.name} cannot be read: {error}") from error
    roots = tuple(certificate for certificate in found if certificate.issuer == certificate.subject)
    name = "the declared private CA" if ca_file else "the public certificate store"
    return Anchors(roots or tuple(found), partial=not roots, name=name, public=ca_file is None)


def path_problem(certificates: Sequence[x509.Certificate], anchors: Anchors, now: datetime) -> str | None:
    """Why the served chain (leaf first) does not lead to an anchor; None when it does.

    Nothing is fetched, the name is not looked at, keys of any strength are accepted, and dates are set aside:
    an expired certificate is the business of `date_problems`.
    """
    first = _verify(certificates, anchors, now=now)
    if isinstance(first, str):
        second = _verify(certificates, anchors, now=None)
        return second if isinstance(second, str) else None
    return None


def verified_path(
    certificates: Sequence[x509.Certificate], anchors: Anchors, now: datetime
) -> tuple[x509.Certificate, ...]:
    """The path from the leaf to the anchor, one that is in date if there is one; empty when there is none."""
    for moment in (now, None):
        found = _verify(certificates, anchors, now=moment)
        if not isinstance(found, str):
            return found
    return ()


def _verify(
    certificates: Sequence[x509.Certificate], anchors: Anchors, *, now: datetime | None
) -> tuple[x509.Certificate, ...] | str:
    store = crypto.X509Store()
    for anchor in anchors.certificates:
        store.add_cert(crypto.X509.from_cryptography(anchor))
    flags = crypto.X509StoreFlags.PARTIAL_CHAIN if anchors.partial else 0
    if now is None:
        flags |= _NO_CHECK_TIME
    else:
        store.set_time(now.astimezone(UTC).replace(tzinfo=None))
    if flags:
        store.set_flags(flags)
    leaf, *others = (crypto.X509.from_cryptography(certificate) for certificate in certificates)
    context = crypto.X509StoreContext(store, leaf, chain=others)
    try:
        return tuple(certificate.to_cryptography() for certificate in context.get_verified_chain())
    except crypto.X509StoreContextError as error:
        culprit = error.certificate.to_cryptography().subject.rfc4514_string()
        return f"{error.args[0]} (at {culprit}; {len(certificates)} served, anchor: {anchors.name})"


def name_problem(leaf: x509.Certificate, host: str) -> str | None:
    """Why the leaf does not name the host; None when it does.

    RFC 9525: DNS names match a DNS subject alternative name (wildcards as the whole first label only),
    literal addresses an IP one; the common name is ignored.
    """
    host = host.strip("[]").rstrip(".")
    try:
        if _address(host) is not None:
            verify_certificate_ip_address(leaf, host)
        else:
            verify_certificate_hostname(leaf, host)
    except (service_identity.VerificationError, service_identity.CertificateError):
        return f"the certificate is for {', '.join(subject_names(leaf)) or 'no name at all'}, not for {host}"
    return None


def subject_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and addresses among the subject alternative names."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (
        *names.get_values_for_type(x509.DNSName),
        *(str(address) for address in names.get_values_for_type(x509.IPAddress)),
    )


def needed_days(leaf: x509.Certificate, declared: int | str) -> float:
    """Days that must be left: what is declared, or for `auto` a third of the lifetime, at most 30.

    For lifetimes of 42 days and more a third is at least the 14 days that people need to act; shorter ones
    are renewed by machines, and a floor of 14 days would be one that a six-day certificate can never meet.
    """
    if isinstance(declared, int):
        return float(declared)
    lifetime = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    return min(30.0, lifetime / timedelta(days=1) / 3)


def days_left(certificate: x509.Certificate, now: datetime) -> float:
    """Days until the certificate expires; negative afterwards."""
    return (certificate.not_valid_after_utc - now) / timedelta(days=1)


def date_problems(
    leaf: x509.Certificate, others: Iterable[x509.Certificate], now: datetime, declared: int | str = "auto"
) -> tuple[str, ...]:
    """What is out of date now, and whether the leaf expires too soon.

    Args:
        leaf: judged for its validity and for `needed_days`.
        others: judged for their validity: what else was served, and the anchor the chain leads to.
        now: with its time zone.
        declared: the profile's `min_days_left`.
    """
    problems = [problem for certificate in (leaf, *others) if (problem := _outside_validity(certificate, now))]
    left, needed = days_left(leaf, now), needed_days(leaf, declared)
    if 0 <= left < needed:
        problems.append(
            f"{_subject(leaf)} expires in {left:.1f} days ({_utc(leaf.not_valid_after_utc)}); "
            f"at least {needed:.1f} are required"
        )
    return tuple(dict.fromkeys(problems))


def lifetime_days(certificate: x509.Certificate) -> float:
    """Days from the first second of a certificate's validity through its last."""
    lasts = certificate.not_valid_after_utc - certificate.not_valid_before_utc + timedelta(seconds=1)
    return lasts / timedelta(days=1)


def _outside_validity(certificate: x509.Certificate, now: datetime) -> str | None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < start:
        return f"{_subject(certificate)} is not valid before {_utc(start)}"
    if now > end:
        return f"{_subject(certificate)} expired {-days_left(certificate, now):.1f} days ago ({_utc(end)})"
    return None


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or ", ".join(subject_names(certificate)) or "a certificate"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


@dataclass(frozen=True)
class CertificateRules:
    """The questions above with the profile and what an environment declares filled in; a served chain is leaf first."""

    anchors: Anchors
    profile: Profile
    now: datetime
    private_days: int | None = None
    """The longest lifetime of a certificate of the declared private CA."""

    @property
    def min_days_left(self) -> int | str:
        """Days that the leaf must have left, or `auto` (see `needed_days`)."""
        return self.profile.min_days_left.value

    def untrusted(self, chain: Sequence[x509.Certificate]) -> str | None:
        """Why the chain does not lead to the declared anchor (see `path_problem`)."""
        return path_problem(chain, self.anchors, self.now)

    def misnamed(self, chain: Sequence[x509.Certificate], host: str) -> str | None:
        """Why the leaf does not name the host (see `name_problem`)."""
        return name_problem(chain[0], host)

    def out_of_date(self, chain: Sequence[x509.Certificate]) -> tuple[str, ...]:
        """What is not in date: the leaf, the rest that was served, the anchor (see `date_problems`)."""
        others = (*chain[1:], *verified_path(chain, self.anchors, self.now)[1:])
        return date_problems(chain[0], others, self.now, self.min_days_left)

    def longest(self, chain: Sequence[x509.Certificate]) -> int:
        """The longest lifetime in days that the leaf may have.

        Raises:
            Uncovered: the CA is private, and no lifetime is declared for it.
        """
        if self.anchors.public:
            return self.profile.public_cap(chain[0].not_valid_before_utc)
        if self.private_days is None:
            raise Uncovered("needs `tls.trust.max_lifetime_days_private`: public caps do not bind a private CA")
        return self.private_days

    def long_lived(self, chain: Sequence[x509.Certificate]) -> str:
        """Why the leaf lives too long, in words; empty when it does not (Uncovered: see `longest`)."""
        days, most = lifetime_days(chain[0]), self.longest(chain)
        return f"{_subject(chain[0])} lives {days:.1f} days; {most} are allowed" if days > most else ""

    def weak(self, chain: Sequence[x509.Certificate]) -> tuple[str, ...]:
        """Weak keys and signatures of the leaf and of what leads from it to the anchor (see `weaknesses`)."""
        path = verified_path(chain, self.anchors, self.now)
        return weaknesses(path[:-1] if len(path) > 1 else path or chain, self.profile)

    def least_days_left(self, chain: Sequence[x509.Certificate]) -> str:
        """Days the leaf has and needs, in words."""
        return (
            f"{days_left(chain[0], self.now):.1f} days left, {needed_days(chain[0], self.min_days_left):.1f} required"
        )
