"""Sales invoices of the caller's company."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from ledgerlab.service.access import Bookkeeper
from ledgerlab.service.bookkeeping import audit, claim_key
from ledgerlab.service.database import Database
from ledgerlab.service.models import Invoice, InvoiceStatus
from ledgerlab.service.tenancy import fetch, scoped

router = APIRouter(prefix="/invoices", tags=["invoices"])

Text = Annotated[str, Field(min_length=1, max_length=200)]
Cents = Annotated[int, Field(gt=0, le=10**12)]
IdempotencyKey = Annotated[str | None, Header(max_length=200)]


class NewInvoice(BaseModel):
    """What a client may say about an invoice; company, author and times are the server's business."""

    model_config = ConfigDict(extra="forbid")
    customer: Text
    reference: Text
    amount_cents: Cents
    due: date
    status: InvoiceStatus = InvoiceStatus.DRAFT


class InvoiceChange(BaseModel):
    """A partial change."""

    model_config = ConfigDict(extra="forbid")
    customer: Text | None = None
    reference: Text | None = None
    amount_cents: Cents | None = None
    due: date | None = None
    status: InvoiceStatus | None = None


class InvoiceOut(BaseModel):
    """An invoice as its company sees it."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    customer: str
    reference: str
    amount_cents: int
    due: date
    status: str


@router.get("")
def list_invoices(who: Bookkeeper, db: Database, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[InvoiceOut]:
    """The newest invoices first."""
    rows = db.scalars(scoped(select(Invoice).order_by(Invoice.id.desc()).limit(limit), Invoice, who))
    return [InvoiceOut.model_validate(row) for row in rows]


@router.post("", status_code=201)
def create_invoice(
    who: Bookkeeper, body: NewInvoice, db: Database, idempotency_key: IdempotencyKey = None
) -> InvoiceOut:
    """A new invoice; with an `Idempotency-Key`, repeating the request gives the same invoice."""
    claim = claim_key(db, who, idempotency_key, b"invoice" + body.model_dump_json().encode())
    if claim and claim.object_id is not None:
        return InvoiceOut.model_validate(fetch(db, Invoice, claim.object_id, who))
    invoice = Invoice(
        company_id=who.company_id,
        created_by=who.user_id,
        created_at=datetime.now(UTC),
        **body.model_dump(mode="python"),
    )
    db.add(invoice)
    db.flush()
    if claim:
        claim.object_id = invoice.id
    audit(db, who, "create invoice", f"invoice {invoice.id}")
    db.commit()
    return InvoiceOut.model_validate(invoice)


@router.get("/export.csv")
def export_invoices(who: Bookkeeper, db: Database) -> Response:
    """All invoices of the company as CSV (RFC 4180)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "customer", "reference", "amount_cents", "due", "status"])
    for row in db.scalars(scoped(select(Invoice).order_by(Invoice.id), Invoice, who)):
        writer.writerow([row.id, _cell(row.customer), _cell(row.reference), row.amount_cents, row.due, row.status])
    return Response(
        out.getvalue(),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="invoices.csv"'},
    )


@router.get("/{invoice_id}")
def read_invoice(who: Bookkeeper, invoice_id: int, db: Database) -> InvoiceOut:
    """One invoice."""
    return InvoiceOut.model_validate(fetch(db, Invoice, invoice_id, who))


@router.put("/{invoice_id}")
def replace_invoice(who: Bookkeeper, invoice_id: int, body: NewInvoice, db: Database) -> InvoiceOut:
    """Replaces what a client may say about the invoice."""
    return _update(who, invoice_id, body.model_dump(), db)


@router.patch("/{invoice_id}")
def change_invoice(who: Bookkeeper, invoice_id: int, body: InvoiceChange, db: Database) -> InvoiceOut:
    """Changes the given fields."""
    return _update(who, invoice_id, body.model_dump(exclude_none=True), db)


@router.delete("/{invoice_id}", status_code=204)
def delete_invoice(who: Bookkeeper, invoice_id: int, db: Database) -> Response:
    """Removes the invoice."""
    db.delete(fetch(db, Invoice, invoice_id, who, lock=True))
    audit(db, who, "delete invoice", f"invoice {invoice_id}")
    db.commit()
    return Response(status_code=204)


def _update(who: Bookkeeper, invoice_id: int, values: dict[str, object], db: Database) -> InvoiceOut:
    invoice = fetch(db, Invoice, invoice_id, who, lock=True)
    for name, value in values.items():
        setattr(invoice, name, value)
    audit(db, who, "change invoice", f"invoice {invoice_id}")
    db.commit()
    return InvoiceOut.model_validate(invoice)


def _cell(text: str) -> str:
    # A spreadsheet must not take a customer's name for a formula (CWE-1236).
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
