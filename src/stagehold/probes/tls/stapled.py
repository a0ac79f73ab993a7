"""Whether a stapled OCSP answer says of a certificate that it is not revoked; pure, with the time given.

An answer counts only if it is about this certificate of this issuer, in date, and signed by the issuer or by somebody
whom the issuer itself has authorised (RFC 6960 sections 3.2 and 4.2.2.2). One that does not count proves nothing, in
neither direction: anybody could have made it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from stagehold.probes.tls.revocation_list import BROKEN_HASHES, UNREADABLE, Answer, may, out_of_date, utc

SOURCE = "stapled answer"
_MUST_STAPLE = {x509.TLSFeatureType.status_request, x509.TLSFeatureType.status_request_v2}


def judge_staple(data: bytes, leaf: x509.Certificate, issuer: x509.Certificate, now: datetime) -> Answer:
    """What a stapled answer says of a certificate.

    Args:
        data: DER of the OCSP response.
        leaf: the certificate.
        issuer: who issued it, by a path that leads to the anchor.
        now: with its time zone.
    """
    try:
        response = ocsp.load_der_ocsp_response(data)
        if problem := _unusable(response, leaf, issuer, now):
            return Answer(SOURCE, "unknown", problem, data=data)
        status, until, since = response.certificate_status, response.next_update_utc, response.revocation_time_utc
    except UNREADABLE as error:
        return Answer(SOURCE, "unknown", f"it cannot be read: {str(error)[:120]}", data=data)
    if status is ocsp.OCSPCertStatus.REVOKED:
        return Answer(SOURCE, "revoked", f"revoked on {utc(since)}" if since else "revoked", until, data)
    if status is not ocsp.OCSPCertStatus.GOOD:
        return Answer(SOURCE, "unknown", "its responder does not know the certificate", data=data)
    return Answer(SOURCE, "good", "its responder says good", until, data)


def must_staple(leaf: x509.Certificate) -> bool:
    """Whether a certificate binds its server to staple an answer (RFC 7633)."""
    try:
        features = leaf.extensions.get_extension_for_class(x509.TLSFeature).value
    except x509.ExtensionNotFound:
        return False
    return not _MUST_STAPLE.isdisjoint(features)


def _unusable(response: ocsp.OCSPResponse, leaf: x509.Certificate, issuer: x509.Certificate, now: datetime) -> str:
    """Why the answer does not count; empty when it does."""
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        name = response.response_status.name.lower().replace("_", " ")
        return f"it is no answer, but the error `{name}`"
    singles = list(response.responses)
    if len(singles) != 1:
        return f"it speaks of {len(singles)} certificates, not of one"
    problem = _about_another(singles[0], leaf, issuer) or _forged(response, issuer, now) or _not_understood(response)
    if not problem and (wrong := out_of_date(response.this_update_utc, response.next_update_utc, now)):
        problem = f"it {wrong}"
    return problem


def _about_another(single: ocsp.OCSPSingleResponse, leaf: x509.Certificate, issuer: x509.Certificate) -> str:
    asked = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, single.hash_algorithm).build()
    if single.serial_number != asked.serial_number:
        return f"it is about another certificate (serial number {single.serial_number:x})"
    same = (single.issuer_name_hash, single.issuer_key_hash) == (asked.issuer_name_hash, asked.issuer_key_hash)
    return "" if same else "it is about a certificate of another issuer"


def _forged(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> str:
    """Why the answer is not one of the issuer's, or of somebody it authorised; empty when it is."""
    algorithm = response.signature_hash_algorithm
    if algorithm is not None and algorithm.name in BROKEN_HASHES:
        return f"it is signed with {algorithm.name.upper()}, which anybody may have done"
    named = [one for one in (issuer, *response.certificates) if _is_responder(response, one)]
    signers = [one for one in named if _signed_by(response, one)]
    if not signers:
        return "its signature is not by the responder it names, or that one's certificate is missing"
    refusals = [refusal for one in signers if (refusal := _unauthorised(one, issuer, now))]
    return refusals[0] if len(refusals) == len(signers) else ""


def _is_responder(response: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    if response.responder_name is not None:
        return response.responder_name == certificate.subject
    return response.responder_key_hash == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def _signed_by(response: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    key, algorithm = certificate.public_key(), response.signature_hash_algorithm
    signature, signed = response.signature, response.tbs_response_bytes
    try:
        if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) and algorithm is None:
            key.verify(signature, signed)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(signature, signed, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _unauthorised(signer: x509.Certificate, issuer: x509.Certificate, now: datetime) -> str:
    if signer == issuer:
        return ""
    who = signer.subject.rfc4514_string()
    try:
        signer.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return f"{who}, who signed it, was not authorised by the issuer"
    try:
        purposes = list(signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        purposes = []
    if ExtendedKeyUsageOID.OCSP_SIGNING not in purposes or not may(signer, "digital_signature"):
        return f"{who}, who signed it, is not authorised to sign such answers"
    if wrong := out_of_date(signer.not_valid_before_utc, signer.not_valid_after_utc, now):
        return f"the certificate of {who}, who signed it, {wrong}"
    return ""


def _not_understood(response: ocsp.OCSPResponse) -> str:
    unknown: Iterator[str] = (
        extension.oid.dotted_string
        for extensions in (response.extensions, response.single_extensions)
        for extension in extensions
        if extension.critical
    )
    found = next(unknown, "")
    return f"it has a critical extension that is not understood ({found})" if found else ""
