"""Logging in and out with a bearer token, and who one is."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ledgerlab.service import partner_tokens, sessions
from ledgerlab.service.access import AnyUser
from ledgerlab.service.database import Database

router = APIRouter(tags=["login"])


class Credentials(BaseModel):
    """A personal user name and password."""

    model_config = ConfigDict(extra="forbid")
    username: Annotated[str, Field(max_length=100)]
    password: Annotated[str, Field(max_length=200)]


class Token(BaseModel):
    """What to send as `Authorization: Bearer …`; `expires_in` in seconds."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a scheme, not a secret
    expires_in: int


class Me(BaseModel):
    """Whose session this is."""

    username: str
    full_name: str
    company: str
    role: str


@router.post("/auth/token")
def log_in(credentials: Credentials, request: Request, db: Database) -> Token:
    """Opens a session; wrong passwords, locked and disabled accounts get the same answer."""
    settings = request.app.state.settings
    token = sessions.log_in(db, settings, credentials.username, credentials.password, "token")
    if token is None:
        raise HTTPException(401, "User name or password is wrong, or the account is locked for a while.")
    return Token(access_token=token, expires_in=settings.session_hours * 3600)


@router.post("/partner/token")
def log_in_partner(credentials: Credentials, request: Request, db: Database) -> Token:
    """Opens a session for a partner's program, which gets a signed token for it."""
    opened = log_in(credentials, request, db)
    settings = request.app.state.settings
    token = partner_tokens.issue(settings, opened.access_token)
    return Token(access_token=token, expires_in=settings.partner_minutes * 60)


@router.post("/auth/logout", status_code=204)
def log_out(who: AnyUser, db: Database) -> Response:
    """Ends the session on the server."""
    sessions.revoke(db, who.token)
    return Response(status_code=204)


@router.get("/me")
def me(who: AnyUser) -> Me:
    """Whose session this is; changes nothing."""
    return Me(username=who.username, full_name=who.full_name, company=who.company, role=who.role)
