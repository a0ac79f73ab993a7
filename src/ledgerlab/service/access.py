"""Who may call a handler: `Bookkeeper`, `MainUser`, `AnyUser`, as annotations of its first parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security.utils import get_authorization_scheme_param

from ledgerlab.service import partner_tokens, sessions
from ledgerlab.service.database import Database
from ledgerlab.service.models import Role
from ledgerlab.service.sessions import Principal

COOKIE = "__Host-ledger"
_SAFE = frozenset({"GET", "HEAD"})


class LoginRequired(Exception):
    """A page was asked for without a session; answered with a redirect to the login page."""


def presented_token(request: Request) -> str:
    """The session's token: sent as it is, within a partner's signed token, or for reading in the pages' cookie.

    A cookie alone must not change anything.
    """
    scheme, token = get_authorization_scheme_param(request.headers.get("Authorization"))
    if scheme.lower() == "bearer":
        return partner_tokens.session_of(request.app.state.settings, token) if "." in token else token
    return request.cookies.get(COOKIE, "") if request.method in _SAFE else ""


def _find(request: Request, db: Database, token: str) -> Principal | None:
    return sessions.find(db, request.app.state.settings, token) if token else None


def api_guard(*roles: Role) -> Callable[..., Principal]:
    """A dependency: 401 without a session, 403 with a role that is not among `roles`."""

    def guard(request: Request, db: Database) -> Principal:
        who = _find(request, db, presented_token(request))
        if who is None:
            raise HTTPException(401, "Log in first.", headers={"WWW-Authenticate": "Bearer"})
        if who.role not in roles:
            raise HTTPException(403, "Your role does not allow this.")
        return who

    return guard


def page_guard(*roles: Role) -> Callable[..., Principal]:
    """A dependency for pages: to the login page without a session, 403 with another role."""

    def guard(request: Request, db: Database) -> Principal:
        who = _find(request, db, request.cookies.get(COOKIE, ""))
        if who is None:
            raise LoginRequired
        if who.role not in roles:
            raise HTTPException(403, "Your role does not allow this.")
        return who

    return guard


AnyUser = Annotated[Principal, Depends(api_guard(*Role))]
Bookkeeper = Annotated[Principal, Depends(api_guard(Role.MAIN_USER, Role.ACCOUNTANT))]
MainUser = Annotated[Principal, Depends(api_guard(Role.MAIN_USER))]
PageUser = Annotated[Principal, Depends(page_guard(*Role))]
PageBookkeeper = Annotated[Principal, Depends(page_guard(Role.MAIN_USER, Role.ACCOUNTANT))]
PageMainUser = Annotated[Principal, Depends(page_guard(Role.MAIN_USER))]
