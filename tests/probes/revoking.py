"""What the tests' authorities say of certificates: revocation lists and OCSP answers, with any fault wanted."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.probes.pki import DAY, NOW, Issued, Key, issue

MUST_STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])
SIGNS_ANSWERS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
GOOD, REVOKED, UNKNOWN = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN


def points(*urls: str, reasons: frozenset[x509.ReasonFlags] | None = None) -> x509.CRLDistributionPoints:
    """One distribution point with these URLs."""
    names = [x509.UniformResourceIdentifier(url) for url in urls]
    return x509.CRLDistributionPoints([x509.DistributionPoint(names, None, reasons, None)])


def scope(
    *urls: str,
    users: bool = False,
    authorities: bool = False,
    indirect: bool = False,
    reasons: frozenset[x509.ReasonFlags] | None = None,
) -> x509.IssuingDistributionPoint:
    """What a list is about."""
    names = [x509.UniformResourceIdentifier(url) for url in urls] or None
    return x509.IssuingDistributionPoint(names, None, users, authorities, reasons, indirect, False)


def revocation_list(
    issuer: Issued,
    *revoked: Issued,
    start: float = -1,
    end: float = 6,
    critical: Iterable[x509.ExtensionType] = (),
    signer: Issued | None = None,
    entry: x509.ExtensionType | None = None,
) -> bytes:
    """A list (DER) of `issuer`, valid from `start` to `end` days from now.

    Args:
        issuer: whose name it bears, and who signs it unless `signer` does.
        revoked: what it holds.
        start: in days.
        end: in days.
        critical: extensions of the list.
        signer: who really signs it.
        entry: a critical extension of one more entry, about nobody's certificate.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(NOW + start * DAY)
        .next_update(NOW + end * DAY)
        .add_extension(x509.CRLNumber(7), critical=False)
    )
    for extension in critical:
        builder = builder.add_extension(extension, critical=True)
    for one in revoked:
        item = x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number)
        item = item.revocation_date(NOW - DAY)
        item = item.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
        builder = builder.add_revoked_certificate(item.build())
    if entry is not None:
        item = x509.RevokedCertificateBuilder().serial_number(4711).revocation_date(NOW - DAY)
        builder = builder.add_revoked_certificate(item.add_extension(entry, critical=True).build())
    key = (signer or issuer).key
    return builder.sign(key, _digest(key)).public_bytes(Encoding.DER)


def signed_with_sha1(issuer: Issued) -> bytes:
    """An empty list with a signature that `cryptography` refuses to make: openssl does."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ca.pem").write_text(issuer.pem)
        (folder / "ca.key").write_text(issuer.key_pem)
        (folder / "index.txt").touch()
        (folder / "ca.cnf").write_text("[ca]\ndefault_ca = it\n[it]\ndatabase = index.txt\n")
        command = "ca -config ca.cnf -gencrl -crldays 6 -md sha1 -cert ca.pem -keyfile ca.key"
        done = subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, check=True, timeout=20)
    return done.stdout


def answer(
    leaf: Issued,
    issuer: Issued,
    status: ocsp.OCSPCertStatus = GOOD,
    *,
    start: float = -1,
    end: float | None = 6,
    by: Issued | None = None,
    enclosed: Sequence[Issued] = (),
    by_name: bool = False,
    critical: x509.ExtensionType | None = None,
) -> bytes:
    """An OCSP answer (DER).

    Args:
        leaf: about whom.
        issuer: of whom, and the signer unless `by` is.
        status: what it says.
        start: in days from now.
        end: likewise; None: no `nextUpdate`.
        by: who signs it.
        enclosed: certificates in it.
        by_name: it names its signer by name, not by key.
        critical: an extension.
    """
    signer = by or issuer
    revoked = status is REVOKED
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            leaf.certificate,
            issuer.certificate,
            hashes.SHA1(),  # names the certificate, as RFC 5019 wants it
            status,
            NOW + start * DAY,
            None if end is None else NOW + end * DAY,
            NOW - DAY if revoked else None,
            x509.ReasonFlags.key_compromise if revoked else None,
        )
        .responder_id(
            ocsp.OCSPResponderEncoding.NAME if by_name else ocsp.OCSPResponderEncoding.HASH, signer.certificate
        )
    )
    if enclosed:
        builder = builder.certificates([one.certificate for one in enclosed])
    if critical is not None:
        builder = builder.add_extension(critical, critical=True)
    return builder.sign(signer.key, _digest(signer.key)).public_bytes(Encoding.DER)


def _digest(key: Key) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()


def responder(issuer: Issued, *more: x509.ExtensionType, start: float = -10, end: float = 20) -> Issued:
    """A certificate for signing answers, if `more` says so."""
    return issue("responder", issuer, start=start, end=end, more=more)
