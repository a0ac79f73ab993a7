"""A certificate authority of its own: root, intermediate, and the certificates of the service (RFC 5280)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ledgerlab.defects import Certificate

LIFETIME = timedelta(days=90)
LIST_LIFETIME = timedelta(days=1)
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Authority:
    """Root and intermediate. Their keys live in this object only: nothing can be issued without this process."""

    def __init__(self, revocation_list_url: str, beside: Mapping[str, Sequence[str]] | None = None) -> None:
        """`beside`: names that stand in a certificate beside the one it is issued for."""
        self._list_url = revocation_list_url
        self._beside = beside or {}
        self._revoked: dict[int, datetime] = {}
        now = datetime.now(UTC)
        root_key, self._key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root_name, self._name = _name("Ledgerlab Root"), _name("Ledgerlab Issuing")
        years = timedelta(days=3650)
        self.root = (
            _builder(root_name, root_name, root_key, root_key, now - timedelta(days=1), now + years)
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        self.intermediate = (
            _builder(self._name, root_name, self._key, root_key, now - timedelta(days=1), now + years / 2)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .sign(root_key, hashes.SHA256())
        )

    def issue(self, folder: Path, name: str, partner_name: str, partner: Certificate, mail_name: str) -> None:
        """Writes `ca.pem` (the root), and for both names of the service and the mail server's a chain and a key (0600).

        `server.pem` (leaf, then intermediate) and `server.key` are those of the name that people use, and
        always sound, like `mail.pem`; `partners.pem` and `partners.key` are issued as `partner` says.
        """
        now = datetime.now(UTC)
        folder.mkdir(exist_ok=True)
        (folder / "ca.pem").write_bytes(_pem(self.root))
        for stem, host, how in (
            ("server", name, Certificate()),
            ("mail", mail_name, Certificate()),
            ("partners", partner.name or partner_name, partner),
        ):
            key = _key(how.rsa_bits)
            leaf = self._leaf(host, how, key, now)
            if how.revoked:
                self._revoked[leaf.serial_number] = now
            chain = _pem(leaf) + (_pem(self.intermediate) if how.with_intermediate else b"")
            (folder / f"{stem}.pem").write_bytes(chain)
            key_file = folder / f"{stem}.key"
            key_file.touch(mode=0o600)
            key_file.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )

    def revocation_list(self) -> bytes:
        """What the authority has revoked, signed just now (RFC 5280 section 5), DER."""
        now = datetime.now(UTC)
        listed = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(now)
            .next_update(now + LIST_LIFETIME)
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for number, moment in self._revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(moment)
            reason = x509.CRLReason(x509.ReasonFlags.key_compromise)
            listed = listed.add_revoked_certificate(entry.add_extension(reason, critical=False).build())
        return listed.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def _leaf(self, host: str, how: Certificate, key: _Key, now: datetime) -> x509.Certificate:
        expires = now + timedelta(days=how.days_left, hours=1)
        names = (host, *self._beside.get(host, ()))
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(self._list_url)], None, None, None)
        return (
            _builder(_name(host), self._name, key, self._key, min(expires - LIFETIME, now), expires)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .add_extension(x509.CRLDistributionPoints([point]), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _key(rsa_bits: int | None) -> _Key:
    if rsa_bits is None:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, rsa_bits)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: _Key,
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
