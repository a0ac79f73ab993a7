"""JSON Web Tokens as text: reading them, and signing what is not genuine.

Sources: RFC 7515, RFC 7518, RFC 7519.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_THREE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: dict[str, ec.EllipticCurve] = {"256": ec.SECP256R1(), "384": ec.SECP384R1(), "512": ec.SECP521R1()}

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True)
class Jwt:
    """A signed token in its compact form. All of it is secret."""

    header: dict[str, Any] = field(repr=False)
    payload: dict[str, Any] = field(repr=False)
    text: str = field(repr=False)

    @property
    def algorithm(self) -> str:
        """As the header says."""
        return str(self.header.get("alg", ""))

    @property
    def signing_input(self) -> str:
        """What the signature is over."""
        return self.text.rpartition(".")[0]

    @property
    def signature(self) -> bytes:
        """The bytes of the signature."""
        return _decode(self.text.rpartition(".")[2])

    def forged(self, header: dict[str, Any], signature: bytes | None = None) -> str:
        """The same claims under another header, with this signature or the genuine one."""
        own = self.signature if signature is None else signature
        return f"{signing_input(header, self.payload)}.{encode(own)}"


def read_jwt(text: str) -> Jwt | None:
    """The token, None when the text is none: three parts, a JSON header with `alg`, a JSON object of claims."""
    if not _THREE.fullmatch(text):
        return None
    try:
        header, payload = (json.loads(_decode(part)) for part in text.split(".")[:2])
    except ValueError:
        return None
    if not (isinstance(header, dict) and isinstance(payload, dict) and "alg" in header):
        return None
    return Jwt(header, payload, text)


def signing_input(header: dict[str, Any], payload: dict[str, Any]) -> str:
    """Header and claims, encoded."""
    return ".".join(encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, payload))


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def hmac_signature(algorithm: str, key: bytes, text: str) -> bytes:
    """HS256, HS384 or HS512."""
    return hmac.new(key, text.encode(), getattr(hashlib, f"sha{algorithm[2:]}")).digest()


def new_key(algorithm: str) -> PrivateKey | None:
    """A fresh key for an asymmetric algorithm; None for the others."""
    if algorithm[:2] in {"RS", "PS"}:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm[:2] == "ES" and algorithm[2:] in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm[2:]])
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return None


def signature_with(key: PrivateKey, algorithm: str, text: str) -> bytes:
    """Sign with an asymmetric algorithm (RFC 7518 section 3, RFC 8037)."""
    data = text.encode()
    if isinstance(key, rsa.RSAPrivateKey):
        digest = _HASHES[algorithm[2:]]
        if algorithm.startswith("PS"):
            return key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return key.sign(data, padding.PKCS1v15(), digest)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.curve.key_size + 7) // 8
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(_HASHES[algorithm[2:]])))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return key.sign(data)


def public_jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    """The public half as a JWK (RFC 7517)."""
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}


def public_key_of(jwk: dict[str, Any]) -> PublicKey | None:
    """The key a JWK describes; None when it is of another kind or broken."""
    try:
        if jwk.get("kty") == "RSA":
            return rsa.RSAPublicNumbers(_integer(jwk["e"]), _integer(jwk["n"])).public_key()
        if jwk.get("kty") == "EC":
            curve = _CURVES[{"P-256": "256", "P-384": "384", "P-521": "512"}[jwk["crv"]]]
            return ec.EllipticCurvePublicNumbers(_integer(jwk["x"]), _integer(jwk["y"]), curve).public_key()
        if jwk.get("kty") == "OKP" and jwk.get("crv") == "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(_decode(jwk["x"]))
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    return None


def _number(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _integer(text: str) -> int:
    return int.from_bytes(_decode(text), "big")


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from error
