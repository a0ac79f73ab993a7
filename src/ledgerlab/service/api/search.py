"""One search over the books of a company."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import select

from ledgerlab.service.access import Bookkeeper
from ledgerlab.service.database import Database
from ledgerlab.service.models import Invoice, Voucher
from ledgerlab.service.tenancy import scoped

router = APIRouter(tags=["search"])

_MOST = 50


class Hit(BaseModel):
    """Something that was found."""

    kind: str
    id: int
    text: str


@router.get("/search")
def search(who: Bookkeeper, db: Database, q: Annotated[str, Query(min_length=2, max_length=200)]) -> list[Hit]:
    """Invoices by customer or reference and vouchers by text, the newest first."""
    found = Invoice.customer.icontains(q, autoescape=True) | Invoice.reference.icontains(q, autoescape=True)
    invoices = select(Invoice).where(found).order_by(Invoice.id.desc()).limit(_MOST)
    vouchers = select(Voucher).where(Voucher.text.icontains(q, autoescape=True)).order_by(Voucher.id.desc())
    return [
        *(Hit(kind="invoice", id=row.id, text=row.reference) for row in db.scalars(scoped(invoices, Invoice, who))),
        *(
            Hit(kind="voucher", id=row.id, text=row.text)
            for row in db.scalars(scoped(vouchers.limit(_MOST), Voucher, who))
        ),
    ]
