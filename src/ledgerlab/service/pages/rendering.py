"""Templates, and the tokens that protect their forms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import jinja2
from fastapi import Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from ledgerlab.service.security import form_token, form_token_matches
from ledgerlab.service.sessions import Principal


def _money(cents: int) -> str:
    return f"{cents / 100:,.2f}"


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    auto_reload=False,
)
_TEMPLATES.filters["money"] = _money

Text = Annotated[str, Form(min_length=1, max_length=200)]


def page(request: Request, template: str, who: Principal | None, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A rendered page; forms in it carry `csrf`, which belongs to the visitor's cookie."""
    key = request.app.state.settings.form_key
    values.setdefault("csrf", form_token(key, who.token) if who else "")
    return HTMLResponse(_TEMPLATES.get_template(template).render(who=who, **values), status_code=status)


def require_form_token(request: Request, who: Principal, submitted: str) -> None:
    """403 unless the form was rendered for this very session (CWE-352)."""
    if not form_token_matches(request.app.state.settings.form_key, who.token, submitted):
        raise HTTPException(403, "This form has expired. Open the page again.")


def see_other(path: str) -> RedirectResponse:
    """After a successful form."""
    return RedirectResponse(path, 303)
