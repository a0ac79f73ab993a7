"""Certificates for the tests: a root, an intermediate and leaves with any fault wanted."""

from __future__ import annotations

import datetime as dt
import ipaddress
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    ca: bool = False,
    names: tuple[str, ...] = (),
    start: float = -100,
    end: float = 265,
    key: Key | None = None,
    more: Iterable[x509.ExtensionType] = (),
) -> Issued:
    """A certificate valid from `start` to `end` days from now; without an issuer it signs itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + start * DAY)
        .not_valid_after(NOW + end * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    signer = issuer.key if issuer else key
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
    for extension in more:
        builder = builder.add_extension(extension, critical=False)
    edwards = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return Issued(builder.sign(signer, None if edwards else hashes.SHA256()), key)


def signed_with(digest: str, issued: Issued, issuer: Issued) -> Issued:
    """The same certificate with a signature that `cryptography` refuses to make, such as `sha1`: openssl does."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in (("ca.pem", issuer.pem), ("ca.key", issuer.key_pem)):
            (folder / file).write_text(text)
        for file, text in (("it.pem", issued.pem), ("it.key", issued.key_pem)):
            (folder / file).write_text(text)
        ask = "-x509toreq -in it.pem -key it.key -copy_extensions copyall -out it.csr"
        sign = f"-req -in it.csr -CA ca.pem -CAkey ca.key -{digest} -copy_extensions copyall -set_serial 77 -days 365"
        for command in (ask, sign):
            done = subprocess.run(
                ["openssl", "x509", *command.split()], cwd=folder, capture_output=True, check=True, timeout=20
            )
    return replace(issued, certificate=x509.load_pem_x509_certificate(done.stdout))


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(frozen=True)
class Authority:
    """A root with an intermediate below it."""

    root: Issued
    intermediate: Issued

    @classmethod
    def create(cls, name: str = "Test") -> Authority:
        root = issue(f"{name} Root", ca=True, start=-1000, end=3000)
        return cls(root, issue(f"{name} Intermediate", root, ca=True, start=-500, end=1000))

    def leaf(
        self,
        *names: str,
        start: float = -100,
        end: float = 265,
        key: Key | None = None,
        more: Iterable[x509.ExtensionType] = (),
    ) -> Issued:
        name = names[0] if names else "no name"
        return issue(name, self.intermediate, names=names, start=start, end=end, key=key, more=more)

    def ca_file(self, folder: Path) -> Path:
        path = folder / "ca.pem"
        path.write_text(self.root.pem)
        return path


def write_chain(folder: Path, leaf: Issued, *others: Issued) -> tuple[Path, Path]:
    """The files a server loads: the chain as given, leaf first, and the leaf's key."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_text(leaf.pem + "".join(other.pem for other in others))
    key.write_text(leaf.key_pem)
    return chain, key
