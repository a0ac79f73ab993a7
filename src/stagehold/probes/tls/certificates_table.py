"""Served certificates as evidence: a table."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from stagehold.probes.tls.certificates import subject_names
from stagehold.probes.tls.facts import ServedChain

COLUMNS = (
    "address", "chain", "position", "subject", "issuer", "names", "not before", "not after", "key", "sha256",
)  # fmt: skip


def certificate_rows(chains: Iterable[ServedChain]) -> list[tuple[object, ...]]:
    """One row for each certificate in the order served; position 0 is the leaf. Columns: `COLUMNS`."""
    return [
        (
            chain.address,
            number,
            position,
            certificate.subject.rfc4514_string(),
            certificate.issuer.rfc4514_string(),
            " ".join(subject_names(certificate)),
            certificate.not_valid_before_utc.isoformat(),
            certificate.not_valid_after_utc.isoformat(),
            key_of(certificate),
            certificate.fingerprint(hashes.SHA256()).hex(),
        )
        for number, chain in enumerate(chains, start=1)
        for position, certificate in enumerate(chain.certificates)
    ]


def key_of(certificate: x509.Certificate) -> str:
    """Kind and size of the public key, such as `EC secp256r1` or `RSA 2048`."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        return f"{'RSA' if isinstance(key, rsa.RSAPublicKey) else 'DSA'} {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.strip("_").removesuffix("PublicKey")
