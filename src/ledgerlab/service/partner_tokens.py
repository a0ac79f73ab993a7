"""Signed tokens (JWT, RFC 7519) for partners' programs: short-lived, and ended with the session they carry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt

from ledgerlab.service.config import Settings

_ALGORITHM = "HS256"


def issue(settings: Settings, session: str) -> str:
    """A token that stands for a session for `partner_minutes`."""
    now = datetime.now(UTC)
    claims = {
        "iss": settings.partner_name,
        "sid": session,
        "iat": now,
        "exp": now + timedelta(minutes=settings.partner_minutes),
    }
    return jwt.encode(claims, settings.partner_key, _ALGORITHM)


def session_of(settings: Settings, token: str) -> str:
    """The session that a token stands for; empty when the token is not ours, or is too old."""
    try:
        claims = jwt.decode(
            token,
            settings.partner_key,
            algorithms=[_ALGORITHM],
            issuer=settings.partner_name,
            options={"require": ["exp", "iss", "sid"]},
        )
    except jwt.InvalidTokenError:
        return ""
    return str(claims["sid"])
