"""The one place where queries are limited to the caller's company.

Every handler that reads or changes company data gets it through `scoped` or `fetch`.
"""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import HTTPException
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ledgerlab.service.models import AuditEvent, Invoice, Payslip, Posting, User, Voucher
from ledgerlab.service.sessions import Principal

Statement = Select[*tuple[Any, ...]]
Owned = TypeVar("Owned", AuditEvent, Invoice, Payslip, Posting, User, Voucher)


def scoped(statement: Statement, model: type[Owned], who: Principal) -> Statement:
    """The statement, limited to rows of `model` that belong to the caller's company."""
    return statement.where(model.company_id == who.company_id)


def fetch(db: Session, model: type[Owned], object_id: int, who: Principal, *, lock: bool = False) -> Owned:
    """The caller's company's object of that id.

    Raises:
        HTTPException: 404, the same for what does not exist and for what belongs to another company.
    """
    statement = scoped(select(model).where(model.id == object_id), model, who)
    found = db.scalar(statement.with_for_update() if lock else statement) if object_id < 2**63 else None
    if found is None:
        raise HTTPException(404, "There is no such object.")
    return found  # type: ignore[no-any-return]
