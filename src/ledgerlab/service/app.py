"""The application: routes, errors, and what wraps them."""

from __future__ import annotations

import http
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import text
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from ledgerlab.service import api, pages
from ledgerlab.service.access import LoginRequired
from ledgerlab.service.config import Settings
from ledgerlab.service.database import Database, connect, session_factory
from ledgerlab.service.pages.rendering import page, see_other
from ledgerlab.service.version import RELEASE, RUNNING_DIGEST

FILES = Path(__file__).parent


class _WebRoot(StaticFiles):
    """Files that must lie at the root (robots.txt, .well-known/); anything else is not found, by any method."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(404)
        return await super().get_response(path, scope)


def create_app(settings: Settings) -> FastAPI:
    """The service for these settings; connects to the database when the first request needs it."""
    app = FastAPI(title="Ledger", version=RELEASE, docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.sessions = session_factory(connect(settings.database_url, settings.database_pool))
    app.include_router(api.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=FILES / "static"), name="static")
    # Asked last, so that a file can neither hide a page nor change what a wrong method gets.
    app.router.default = _WebRoot(directory=FILES / "public")
    app.add_exception_handler(HTTPException, _refusal)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(LoginRequired, _to_login)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(Exception, _broken)

    @app.get("/healthz", tags=["operations"])
    def health(db: Database) -> dict[str, str]:
        """Whether the service and its database work."""
        db.execute(text("SELECT 1"))
        return {"status": "ok"}

    @app.get("/version", tags=["operations"])
    def version() -> dict[str, str]:
        """Which build runs here."""
        return {"release": RELEASE, "digest": RUNNING_DIGEST}

    return app


def _answer(request: Request, status: int, detail: object, headers: dict[str, str] | None = None) -> Response:
    """JSON for programs, a page for people; both name the request, neither tells of the inside."""
    request_id = request.scope.get("state", {}).get("request_id", "")
    if request.url.path.startswith(("/api/", "/healthz", "/version", "/openapi.json")):
        return JSONResponse({"detail": detail, "request_id": request_id}, status, headers)
    if not isinstance(detail, str):
        detail = "Please check what you entered."
    title = http.HTTPStatus(status).phrase
    return page(request, "error.html", None, status=status, title=title, detail=detail, request_id=request_id)


def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    return _answer(request, error.status_code, error.detail, dict(error.headers or {}))


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    # The input is left out: it may hold a password, and nobody needs it echoed.
    problems = [{"where": problem["loc"], "problem": problem["msg"]} for problem in error.errors()]
    return _answer(request, 422, problems)


def _unstorable(request: Request, _error: Exception) -> Response:
    # Such as a NUL character, which PostgreSQL has no place for.
    return _answer(request, 422, "Something of this cannot be stored.")


def _to_login(_request: Request, _error: Exception) -> Response:
    return see_other("/login")


def _broken(request: Request, _error: Exception) -> Response:
    return _answer(request, 500, "Something went wrong here. It has been noted.")
