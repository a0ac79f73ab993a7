"""Whether the keys and signatures of certificates are strong enough; pure.

Sources: RFC 9325 section 4.5, ASVS appendix C, CWE-326, CWE-327; how strong is enough says the profile.
"""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from stagehold.errors import ProbeError
from stagehold.tls_profile.model import Profile


def weaknesses(certificates: Iterable[x509.Certificate], profile: Profile) -> tuple[str, ...]:
    """What is weak about these certificates, in words. A self-signed one's signature is of no account.

    Raises:
        ProbeError: nothing was found, and a key or a signature is of a kind that is not known here.
    """
    found: list[str] = []
    unknown: list[str] = []
    for certificate in certificates:
        subject = certificate.subject.rfc4514_string() or "a certificate without subject"
        for question in (_weak_key, _weak_signature):
            try:
                problem = question(certificate, profile)
            except (UnsupportedAlgorithm, ValueError) as error:
                unknown.append(f"{subject}: {error}")
            else:
                found += [f"{subject} {problem}"] if problem else []
    if unknown and not found:
        raise ProbeError(f"the strength of a served certificate cannot be told: {'; '.join(unknown)}")
    return tuple(found)


def _weak_key(certificate: x509.Certificate, profile: Profile) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"has an RSA key of {key.key_size} bits" if key.key_size < profile.least_rsa_bits.value else ""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"has a key on {key.curve.name}" if key.key_size < profile.least_curve_bits.value else ""
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return ""
    return f"has a key of another kind than RSA, EC and EdDSA ({type(key).__name__.strip('_')})"


def _weak_signature(certificate: x509.Certificate, profile: Profile) -> str:
    if certificate.issuer == certificate.subject:
        return ""
    algorithm = certificate.signature_hash_algorithm
    return f"is signed with {algorithm.name.upper()}" if algorithm and algorithm.name in profile.hash_names else ""
