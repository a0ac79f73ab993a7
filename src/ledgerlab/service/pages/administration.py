"""Pages about reports and people."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy import select

from ledgerlab.service.access import PageBookkeeper, PageMainUser
from ledgerlab.service.bookkeeping import trial_balance
from ledgerlab.service.database import Database
from ledgerlab.service.models import User
from ledgerlab.service.pages.rendering import page
from ledgerlab.service.tenancy import scoped

router = APIRouter()


@router.get("/reports")
def reports_page(request: Request, who: PageBookkeeper, db: Database) -> Response:
    """The trial balance."""
    return page(request, "reports.html", who, rows=trial_balance(db, who))


@router.get("/users")
def users_page(request: Request, who: PageMainUser, db: Database) -> Response:
    """The people of the company."""
    rows = db.scalars(scoped(select(User).order_by(User.username), User, who)).all()
    return page(request, "users.html", who, users=rows)
