"""A certificate authority of its own: root, intermediate, and the certificate of the service (RFC 5280)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ledgerlab.defects import Certificate

LIFETIME = timedelta(days=90)


def issue(folder: Path, name: str, how: Certificate) -> None:
    """Writes `ca.pem` (the root), `server.pem` (leaf, then intermediate) and `server.key` (mode 0600).

    The keys of the authorities are never stored: nothing else can be issued later.
    """
    now = datetime.now(UTC)
    root_key, intermediate_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root_name, intermediate_name = _name("Ledgerlab Root"), _name("Ledgerlab Issuing")
    years = timedelta(days=3650)
    root = (
        _builder(root_name, root_name, root_key, root_key, now - timedelta(days=1), now + years)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    intermediate = (
        _builder(intermediate_name, root_name, intermediate_key, root_key, now - timedelta(days=1), now + years / 2)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    host = how.name or name
    expires = now + timedelta(days=how.days_left, hours=1)
    leaf = (
        _builder(_name(host), intermediate_name, key, intermediate_key, min(expires - LIFETIME, now), expires)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(intermediate_key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    (folder / "ca.pem").write_bytes(_pem(root))
    (folder / "server.pem").write_bytes(_pem(leaf) + (_pem(intermediate) if how.with_intermediate else b""))
    key_file = folder / "server.key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    begins: datetime,
    expires: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(expires)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Ledgerlab Demo"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
