"""Vouchers: balanced double entries, posted by the accountant and approved by the main user."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from ledgerlab.service.access import Bookkeeper, MainUser
from ledgerlab.service.bookkeeping import Line, approve_voucher, claim_key, post_voucher
from ledgerlab.service.database import Database
from ledgerlab.service.models import Voucher, VoucherStatus
from ledgerlab.service.tenancy import fetch, scoped

router = APIRouter(prefix="/vouchers", tags=["vouchers"])

Cents = Annotated[int, Field(ge=0, le=10**12)]


class PostingIn(BaseModel):
    """A line: either a debit or a credit, in cents."""

    model_config = ConfigDict(extra="forbid")
    account: Annotated[int, Field(ge=1000, le=9999)]
    debit_cents: Cents = 0
    credit_cents: Cents = 0


class NewVoucher(BaseModel):
    """A double entry to be posted."""

    model_config = ConfigDict(extra="forbid")
    day: date
    text: Annotated[str, Field(min_length=1, max_length=200)]
    postings: Annotated[list[PostingIn], Field(min_length=2, max_length=100)]


class PostingOut(BaseModel):
    """A line as it stands in the books."""

    model_config = ConfigDict(from_attributes=True)
    account: int
    debit_cents: int
    credit_cents: int


class VoucherOut(BaseModel):
    """A voucher as its company sees it."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    day: date
    text: str
    status: str
    postings: list[PostingOut]


@router.get("")
def list_vouchers(
    who: Bookkeeper,
    db: Database,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    status: VoucherStatus | None = None,
) -> list[VoucherOut]:
    """The newest vouchers first, of one status if asked."""
    statement = select(Voucher).order_by(Voucher.id.desc()).limit(limit)
    if status is not None:
        statement = statement.where(Voucher.status == status)
    rows = db.scalars(scoped(statement, Voucher, who))
    return [VoucherOut.model_validate(row) for row in rows]


@router.post("", status_code=201)
def create_voucher(
    who: Bookkeeper,
    body: NewVoucher,
    db: Database,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> VoucherOut:
    """Posts a voucher; with an `Idempotency-Key`, repeating the request has no second effect."""
    claim = claim_key(db, who, idempotency_key, b"voucher" + body.model_dump_json().encode())
    if claim and claim.object_id is not None:
        return VoucherOut.model_validate(fetch(db, Voucher, claim.object_id, who))
    lines = [Line(line.account, line.debit_cents, line.credit_cents) for line in body.postings]
    voucher = post_voucher(db, who, body.day, body.text, lines)
    if claim:
        claim.object_id = voucher.id
    db.commit()
    return VoucherOut.model_validate(voucher)


@router.get("/{voucher_id}")
def read_voucher(who: Bookkeeper, voucher_id: int, db: Database) -> VoucherOut:
    """One voucher with its postings."""
    return VoucherOut.model_validate(fetch(db, Voucher, voucher_id, who))


@router.post("/{voucher_id}/approve")
def approve(who: MainUser, voucher_id: int, db: Database) -> VoucherOut:
    """Approves a posted voucher."""
    voucher = fetch(db, Voucher, voucher_id, who, lock=True)
    approve_voucher(db, who, voucher)
    db.commit()
    return VoucherOut.model_validate(voucher)
