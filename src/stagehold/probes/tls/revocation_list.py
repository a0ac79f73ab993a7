"""Whether a certificate revocation list says of a certificate that it is not revoked; pure, with the time given.

A list counts only if nothing about it is in doubt (RFC 5280 section 6.3.3): it is of the certificate's own issuer and
signed by it, complete, in date, about this certificate, and without critical extensions that are not understood here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

TOLERANCE = timedelta(minutes=5)
"""By how much an issuer's clock may be ahead of ours."""
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What `cryptography` raises over things that are not what they should be."""
BROKEN_HASHES = {"md5", "sha1"}
_PEM = b"-----BEGIN X509 CRL-----"
Status = Literal["good", "revoked", "unknown"]


@dataclass(frozen=True)
class Answer:
    """What one source says of one certificate; `unknown` where it does not count, and the words say why."""

    source: str
    """A URL, a file, or `stapled answer`."""
    status: Status
    words: str
    until: datetime | None = None
    """When the source says something newer."""
    data: bytes = b""
    """The list or the answer, as it came."""


def judge_list(
    data: bytes,
    leaf: x509.Certificate,
    issuer: x509.Certificate,
    now: datetime,
    *,
    source: str,
    points: Collection[str] = (),
) -> Answer:
    """What a list says of a certificate.

    Args:
        data: DER, or PEM.
        leaf: the certificate.
        issuer: who issued it, by a path that leads to the anchor.
        now: with its time zone.
        source: where the list came from.
        points: URLs of the certificate's distribution points that need no other issuer; a list for some points only
            must be for one of them.
    """
    try:
        load = x509.load_pem_x509_crl if data.lstrip().startswith(_PEM) else x509.load_der_x509_crl
        revoked_list = load(data)
        problem = _unusable(revoked_list, issuer, now) or _other_scope(revoked_list, set(points) or {source})
        if problem:
            return Answer(source, "unknown", problem, data=data)
        entry = revoked_list.get_revoked_certificate_by_serial_number(leaf.serial_number)
        if entry is not None:
            return Answer(source, "revoked", _revoked(entry), revoked_list.next_update_utc, data)
        if any(extension.critical for other in revoked_list for extension in other.extensions):
            # RFC 5280 section 5.3: then the list says nothing of any certificate.
            return Answer(source, "unknown", "an entry of the list has a critical extension", data=data)
    except UNREADABLE as error:
        return Answer(source, "unknown", f"what is there is no readable CRL: {str(error)[:120]}", data=data)
    return Answer(source, "good", "the list does not name it", revoked_list.next_update_utc, data)


def out_of_date(begins: datetime, ends: datetime | None, now: datetime) -> str:
    """Why something that holds from one moment to another does not count now; empty when it does."""
    if begins > now + TOLERANCE:
        return f"is not valid before {utc(begins)}"
    if ends is None:
        return "does not say until when it holds"
    return f"expired on {utc(ends)}" if now > ends else ""


def utc(moment: datetime) -> str:
    """A moment to the minute."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def may(certificate: x509.Certificate, right: str) -> bool:
    """Whether a certificate's key usage names a right such as `crl_sign`, or there is no key usage at all."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return bool(getattr(usage, right))


def _unusable(revoked_list: x509.CertificateRevocationList, issuer: x509.Certificate, now: datetime) -> str:
    if revoked_list.issuer != issuer.subject:
        return f"the list is of {revoked_list.issuer.rfc4514_string()}, not of {issuer.subject.rfc4514_string()}"
    algorithm = revoked_list.signature_hash_algorithm
    if algorithm is not None and algorithm.name in BROKEN_HASHES:
        return f"the list is signed with {algorithm.name.upper()}, which anybody may have done"
    if not may(issuer, "crl_sign"):
        return "the issuer's certificate does not allow it to sign lists"
    if not revoked_list.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type] # others: TypeError
        return "the list's signature is not the issuer's"
    problem = out_of_date(revoked_list.last_update_utc, revoked_list.next_update_utc, now)
    return f"the list {problem}" if problem else ""


def _other_scope(revoked_list: x509.CertificateRevocationList, points: Collection[str]) -> str:
    for extension in revoked_list.extensions:
        value = extension.value
        if isinstance(value, x509.DeltaCRLIndicator):
            return "the list is a delta: it holds changes only"
        if isinstance(value, x509.IssuingDistributionPoint):
            if problem := _other_certificates(value, points):
                return problem
        elif extension.critical:
            return f"the list has a critical extension that is not understood ({extension.oid.dotted_string})"
    return ""


def _other_certificates(scope: x509.IssuingDistributionPoint, points: Collection[str]) -> str:
    if scope.indirect_crl:
        return "the list is indirect: it speaks for several authorities"
    if scope.only_contains_ca_certs or scope.only_contains_attribute_certs:
        return "the list is not about certificates of servers"
    if scope.only_some_reasons is not None:
        return "the list holds some reasons only"
    if scope.relative_name is not None:
        return "the list names its distribution point in a way that is not understood"
    if scope.full_name is not None:
        names = {name.value for name in scope.full_name if isinstance(name, x509.UniformResourceIdentifier)}
        if not names.intersection(points):
            return f"the list is for another distribution point ({', '.join(sorted(names)) or 'no URL'})"
    return ""


def _revoked(entry: x509.RevokedCertificate) -> str:
    try:
        reason = f" ({entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value})"
    except (x509.ExtensionNotFound, *UNREADABLE):
        reason = ""
    return f"revoked on {utc(entry.revocation_date_utc)}{reason}"
