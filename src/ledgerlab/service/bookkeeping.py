"""The rules of the books: what pages and API have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from fastapi import HTTPException
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ledgerlab.service.models import (
    AuditEvent,
    IdempotentRequest,
    LedgerAccount,
    Posting,
    Voucher,
    VoucherStatus,
)
from ledgerlab.service.sessions import Principal
from ledgerlab.service.tenancy import scoped


@dataclass(frozen=True)
class Line:
    """One posting to be made; exactly one of the amounts is positive (cents)."""

    account: int
    debit_cents: int
    credit_cents: int


def audit(db: Session, who: Principal, action: str, subject: str) -> None:
    """Notes what is done, in the same transaction as the deed."""
    db.add(
        AuditEvent(
            company_id=who.company_id,
            user_id=who.user_id,
            at=datetime.now(UTC),
            action=action,
            subject=subject,
        )
    )


def post_voucher(db: Session, who: Principal, day: date, text: str, lines: Sequence[Line]) -> Voucher:
    """A new voucher in the caller's company; the caller commits.

    Raises:
        HTTPException: 422 when the lines are not a balanced double entry on known accounts.
    """
    debit, credit = sum(line.debit_cents for line in lines), sum(line.credit_cents for line in lines)
    if len(lines) < 2 or debit != credit or debit <= 0:  # noqa: PLR2004 - a double entry has two sides
        raise HTTPException(422, f"The postings do not balance: debit {debit}, credit {credit} (cents).")
    if any((line.debit_cents > 0) == (line.credit_cents > 0) for line in lines):
        raise HTTPException(422, "Each posting is either a debit or a credit.")
    wanted = {line.account for line in lines}
    known = set(db.scalars(select(LedgerAccount.number).where(LedgerAccount.number.in_(wanted))))
    if wanted - known:
        raise HTTPException(422, f"Unknown accounts: {', '.join(map(str, sorted(wanted - known)))}.")
    voucher = Voucher(
        company_id=who.company_id,
        day=day,
        text=text,
        status=VoucherStatus.POSTED.value,
        created_by=who.user_id,
        created_at=datetime.now(UTC),
        postings=[
            Posting(
                company_id=who.company_id,
                account=line.account,
                debit_cents=line.debit_cents,
                credit_cents=line.credit_cents,
            )
            for line in lines
        ],
    )
    db.add(voucher)
    db.flush()
    audit(db, who, "post voucher", f"voucher {voucher.id}")
    return voucher


def approve_voucher(db: Session, who: Principal, voucher: Voucher) -> None:
    """Approves a posted voucher; the caller commits.

    Raises:
        HTTPException: 409 when it is approved already.
    """
    if voucher.status != VoucherStatus.POSTED:
        raise HTTPException(409, "The voucher is approved already.")
    voucher.status = VoucherStatus.APPROVED.value
    voucher.approved_by = who.user_id
    audit(db, who, "approve voucher", f"voucher {voucher.id}")


def trial_balance(db: Session, who: Principal) -> list[Any]:
    """Rows of (account, name, debit, credit) over all vouchers of the company, in cents."""
    statement = (
        select(
            Posting.account,
            LedgerAccount.name,
            func.sum(Posting.debit_cents).label("debit"),
            func.sum(Posting.credit_cents).label("credit"),
        )
        .join(LedgerAccount, LedgerAccount.number == Posting.account)
        .group_by(Posting.account, LedgerAccount.name)
        .order_by(Posting.account)
    )
    return list(db.execute(scoped(statement, Posting, who)))


def claim_key(db: Session, who: Principal, key: str | None, request: bytes) -> IdempotentRequest | None:
    """Takes an idempotency key for this transaction; None without a key.

    A second request with the key waits for the first one's commit and then sees its `object_id`.

    Raises:
        HTTPException: 409 when the key was used for a different request.
    """
    if not key:
        return None
    digest = hashlib.sha256(request).digest()
    db.execute(
        insert(IdempotentRequest)
        .values(user_id=who.user_id, key=key, request_hash=digest, created_at=datetime.now(UTC))
        .on_conflict_do_nothing()
    )
    claim = db.scalars(
        select(IdempotentRequest).where(IdempotentRequest.user_id == who.user_id, IdempotentRequest.key == key)
    ).one()
    if claim.request_hash != digest:
        raise HTTPException(409, "This Idempotency-Key was used for another request.")
    return claim
