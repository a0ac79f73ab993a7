"""Served certificates as evidence: a table, and a ladder that shows which certificate signed which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from stagehold.probes.tls.certificates import subject_names
from stagehold.probes.tls.facts import ServedChain

COLUMNS = (
    "address", "chain", "position", "subject", "issuer", "names", "not before", "not after", "key", "sha256",
)  # fmt: skip
_WIDTH, _STEP, _BOX = 760, 96, 68
_LOOK = 'fill="#f4f6f8" stroke="#5b6770"'


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


def ladder(certificates: Sequence[x509.Certificate]) -> str:
    """An SVG of one served chain, leaf at the bottom; a broken rung says that the next did not sign it."""
    height = _STEP * len(certificates) + 10
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">']
    for position, certificate in enumerate(certificates):
        top = height - _STEP * (position + 1) + 15
        if position + 1 < len(certificates):
            parts.append(_rung(top, signed=_signed(certificate, certificates[position + 1])))
        parts.append(f'<rect x="5" y="{top}" width="{_WIDTH - 10}" height="{_BOX}" rx="6" {_LOOK}/>')
        parts.extend(
            f'<text x="18" y="{top + 20 + 18 * row}">{escape(line[:100])}</text>'
            for row, line in enumerate(_caption(certificate))
        )
    return "".join([*parts, "</svg>"])


def _caption(certificate: x509.Certificate) -> tuple[str, str, str]:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return (
        certificate.subject.rfc4514_string() or " ".join(subject_names(certificate)),
        f"issued by {certificate.issuer.rfc4514_string()}",
        f"{start:%Y-%m-%d} to {end:%Y-%m-%d} UTC, {key_of(certificate)}",
    )


def _rung(top: int, *, signed: bool) -> str:
    look = 'stroke="#2e7d32"' if signed else 'stroke="#b3261e" stroke-dasharray="5 4"'
    return f'<line x1="40" y1="{top}" x2="40" y2="{top - _STEP + _BOX}" stroke-width="4" {look}/>'


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - a picture: anything that keeps it from verifying is a broken rung
        return False
    return True
