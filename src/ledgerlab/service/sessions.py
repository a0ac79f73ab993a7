"""Logins: opening, finding and ending them; locking accounts whose passwords are being guessed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ledgerlab.service.config import Settings
from ledgerlab.service.models import Company, LoginSession, Role, User
from ledgerlab.service.security import new_token, password_matches, token_hash

LOG = logging.getLogger("ledger.security")


@dataclass(frozen=True)
class Principal:
    """Who sends a request."""

    user_id: int
    username: str
    full_name: str
    role: Role
    company_id: int
    company: str
    company_name: str
    token: str
    """What the client presented; ends with `revoke`."""


def log_in(db: Session, settings: Settings, username: str, password: str, kind: str) -> str | None:
    """Opens a session and returns its token, or None: wrong, locked and disabled look the same to the caller.

    The account's row stays locked while the password is compared, so that guesses in parallel are counted
    one by one.
    """
    now = datetime.now(UTC)
    user = db.scalar(select(User).where(User.username == username).with_for_update())
    correct = password_matches(user.password_hash if user else None, password)
    if user is None:
        LOG.warning("login refused", extra={"facts": {"user": username, "why": "unknown user"}})
        return None
    locked = user.locked_until is not None and user.locked_until > now
    if locked or not user.active or not correct:
        if not locked:
            user.failed_logins += 1
            if user.failed_logins >= settings.lockout_failures:
                user.locked_until = now + timedelta(minutes=settings.lockout_minutes)
                user.failed_logins = 0
        db.commit()
        why = "locked" if locked else "disabled" if not user.active else "wrong password"
        LOG.warning("login refused", extra={"facts": {"user": username, "why": why}})
        return None
    user.failed_logins = 0
    user.locked_until = None
    token = new_token()
    db.add(LoginSession(token_hash=token_hash(token), user_id=user.id, kind=kind, created_at=now, seen_at=now))
    db.commit()
    LOG.info("logged in", extra={"facts": {"user": username, "kind": kind}})
    return token


def find(db: Session, settings: Settings, token: str) -> Principal | None:
    """Whose session the token opens; None when unknown, idle too long, too old, or the person is disabled."""
    now = datetime.now(UTC)
    row = db.execute(
        select(LoginSession.seen_at, User, Company)
        .join(User, User.id == LoginSession.user_id)
        .join(Company, Company.id == User.company_id)
        .where(
            LoginSession.token_hash == token_hash(token),
            LoginSession.created_at > now - timedelta(hours=settings.session_hours),
            LoginSession.seen_at > now - timedelta(minutes=settings.idle_minutes),
            User.active,
        )
    ).one_or_none()
    if row is None:
        return None
    seen_at, user, company = row
    if now - seen_at > timedelta(minutes=1):  # once a minute is exact enough and spares a write per request
        db.execute(update(LoginSession).where(LoginSession.token_hash == token_hash(token)).values(seen_at=now))
        db.commit()
    return Principal(
        user.id, user.username, user.full_name, Role(user.role), company.id, company.key, company.name, token
    )


def revoke(db: Session, token: str) -> None:
    """Ends the session on the server, whatever the client keeps."""
    db.execute(delete(LoginSession).where(LoginSession.token_hash == token_hash(token)))
    db.commit()


def revoke_all(db: Session, user_id: int) -> None:
    """Ends every session of a person; the caller commits."""
    db.execute(delete(LoginSession).where(LoginSession.user_id == user_id))
