"""Logging in and out with a form and a session cookie, and the first page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from ledgerlab.service import sessions
from ledgerlab.service.access import COOKIE, PageUser
from ledgerlab.service.database import Database
from ledgerlab.service.pages.rendering import page, require_form_token, see_other
from ledgerlab.service.security import form_token, form_token_matches, new_token

router = APIRouter()

LOGIN_COOKIE = "__Host-ledger-login"
"""Ties the login form to the browser that got it; worthless as a session."""


def _keep_session(response: Response, token: str) -> None:
    response.set_cookie(
        COOKIE,
        token,
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )


def _login_page(request: Request, *, status: int = 200, problem: str = "") -> Response:
    holder = request.cookies.get(LOGIN_COOKIE) or new_token()
    csrf = form_token(request.app.state.settings.form_key, holder)
    response = page(request, "login.html", None, status=status, problem=problem, csrf=csrf)
    response.set_cookie(LOGIN_COOKIE, holder, path="/", secure=True, httponly=True, samesite="lax")
    return response


@router.get("/login")
def show_login(request: Request) -> Response:
    """The login form."""
    return _login_page(request)


@router.post("/login")
def log_in(
    request: Request,
    db: Database,
    username: Annotated[str, Form(max_length=100)] = "",
    password: Annotated[str, Form(max_length=200)] = "",
    csrf_token: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Opens a session under a new identifier; whatever the browser held before means nothing."""
    settings = request.app.state.settings
    if not form_token_matches(settings.form_key, request.cookies.get(LOGIN_COOKIE, ""), csrf_token):
        return _login_page(request, status=403, problem="The form has expired. Please try again.")
    token = sessions.log_in(db, settings, username, password, "cookie")
    if token is None:
        problem = "User name or password is wrong, or the account is locked for a while."
        return _login_page(request, status=401, problem=problem)
    response = see_other("/")
    _keep_session(response, token)
    response.delete_cookie(LOGIN_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


@router.post("/logout")
def log_out(
    request: Request, who: PageUser, db: Database, csrf_token: Annotated[str, Form(max_length=100)] = ""
) -> Response:
    """Ends the session on the server and forgets the cookie."""
    require_form_token(request, who, csrf_token)
    sessions.revoke(db, who.token)
    response = see_other("/login")
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


@router.get("/")
def home(request: Request, who: PageUser) -> Response:
    """What this person can do here."""
    return page(request, "home.html", who)
