"""Pages about vouchers: post, look, approve."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import select

from ledgerlab.service.access import PageBookkeeper, PageMainUser
from ledgerlab.service.bookkeeping import Line, approve_voucher, post_voucher
from ledgerlab.service.database import Database
from ledgerlab.service.models import LedgerAccount, Voucher
from ledgerlab.service.pages.rendering import Text, page, require_form_token, see_other
from ledgerlab.service.tenancy import fetch, scoped

router = APIRouter(prefix="/vouchers")


@router.get("")
def list_page(request: Request, who: PageBookkeeper, db: Database) -> Response:
    """The newest vouchers."""
    rows = db.scalars(scoped(select(Voucher).order_by(Voucher.id.desc()).limit(50), Voucher, who)).all()
    return page(request, "vouchers.html", who, vouchers=rows)


@router.get("/new")
def new_page(request: Request, who: PageBookkeeper, db: Database) -> Response:
    """The form for a simple voucher: one debit and one credit."""
    accounts = db.scalars(select(LedgerAccount).order_by(LedgerAccount.number)).all()
    return page(request, "voucher_new.html", who, accounts=accounts, today=datetime.now(UTC).date())


@router.post("")
def create(
    request: Request,
    who: PageBookkeeper,
    db: Database,
    text: Text,
    day: Annotated[date, Form()],
    debit: Annotated[int, Form()],
    credit: Annotated[int, Form()],
    amount: Annotated[Decimal, Form(gt=0, max_digits=12, decimal_places=2)],
    csrf_token: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Posts the voucher and shows it."""
    require_form_token(request, who, csrf_token)
    cents = int(amount * 100)
    voucher = post_voucher(db, who, day, text, [Line(debit, cents, 0), Line(credit, 0, cents)])
    db.commit()
    return see_other(f"/vouchers/{voucher.id}")


@router.get("/{voucher_id}")
def show(request: Request, who: PageBookkeeper, voucher_id: int, db: Database) -> Response:
    """One voucher with its postings; main users find the button to approve it."""
    return page(request, "voucher.html", who, voucher=fetch(db, Voucher, voucher_id, who))


@router.post("/{voucher_id}/approve")
def approve(
    request: Request,
    who: PageMainUser,
    voucher_id: int,
    db: Database,
    csrf_token: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Approves the voucher and shows it."""
    require_form_token(request, who, csrf_token)
    voucher = fetch(db, Voucher, voucher_id, who, lock=True)
    approve_voucher(db, who, voucher)
    db.commit()
    return see_other(f"/vouchers/{voucher_id}")
