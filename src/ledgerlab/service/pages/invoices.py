"""Pages about invoices."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import select

from ledgerlab.service.access import PageBookkeeper
from ledgerlab.service.bookkeeping import audit
from ledgerlab.service.database import Database
from ledgerlab.service.models import Invoice
from ledgerlab.service.pages.rendering import Text, page, require_form_token, see_other
from ledgerlab.service.tenancy import fetch, scoped

router = APIRouter(prefix="/invoices")

Amount = Annotated[Decimal, Form(gt=0, max_digits=12, decimal_places=2)]


@router.get("")
def list_page(request: Request, who: PageBookkeeper, db: Database) -> Response:
    """The newest invoices."""
    rows = db.scalars(scoped(select(Invoice).order_by(Invoice.id.desc()).limit(50), Invoice, who)).all()
    return page(request, "invoices.html", who, invoices=rows)


@router.get("/new")
def new_page(request: Request, who: PageBookkeeper) -> Response:
    """The form for a new invoice."""
    return page(request, "invoice_new.html", who, today=datetime.now(UTC).date())


@router.post("")
def create(
    request: Request,
    who: PageBookkeeper,
    db: Database,
    customer: Text,
    reference: Text,
    amount: Amount,
    due: Annotated[date, Form()],
    csrf_token: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Creates the invoice and shows it."""
    require_form_token(request, who, csrf_token)
    invoice = Invoice(
        company_id=who.company_id,
        created_by=who.user_id,
        created_at=datetime.now(UTC),
        customer=customer,
        reference=reference,
        amount_cents=int(amount * 100),
        due=due,
    )
    db.add(invoice)
    db.flush()
    audit(db, who, "create invoice", f"invoice {invoice.id}")
    db.commit()
    return see_other(f"/invoices/{invoice.id}")


@router.get("/{invoice_id}")
def show(request: Request, who: PageBookkeeper, invoice_id: int, db: Database) -> Response:
    """One invoice."""
    return page(request, "invoice.html", who, invoice=fetch(db, Invoice, invoice_id, who))
