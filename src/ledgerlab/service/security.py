"""Passwords, random tokens and the tokens that protect forms."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _HASHER.hash(secrets.token_urlsafe(32))


def hash_password(password: str) -> str:
    """An argon2id hash in PHC format."""
    return _HASHER.hash(password)


def password_matches(stored: str | None, password: str) -> bool:
    """Whether the password is right; without a stored hash the same work is done, so timing tells nothing."""
    try:
        _HASHER.verify(stored or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def new_token() -> str:
    """256 random bits, as text."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is stored of a token. A plain hash is enough for 256 random bits."""
    return hashlib.sha256(token.encode()).digest()


def form_token(key: str, holder: str) -> str:
    """The hidden field of a form for whoever holds the cookie value `holder`: a signed double submit."""
    return hmac.new(key.encode(), b"form:" + holder.encode(), hashlib.sha256).hexdigest()


def form_token_matches(key: str, holder: str, submitted: str) -> bool:
    """Whether a submitted hidden field belongs to the cookie value `holder`."""
    return bool(holder) and hmac.compare_digest(form_token(key, holder).encode(), submitted.encode())
