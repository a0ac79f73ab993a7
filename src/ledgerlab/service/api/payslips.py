"""Payslips: one's own; the accountant and the main user see those of their company."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from ledgerlab.service.access import AnyUser
from ledgerlab.service.database import Database
from ledgerlab.service.models import Payslip, Role
from ledgerlab.service.sessions import Principal
from ledgerlab.service.tenancy import Statement, scoped

router = APIRouter(prefix="/payslips", tags=["payslips"])


class PayslipOut(BaseModel):
    """What a person earned in a month, in cents."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    user_id: int
    period: str
    gross_cents: int
    tax_cents: int


def visible(who: Principal) -> Statement:
    """The payslips this person may see, newest first."""
    statement = scoped(select(Payslip).order_by(Payslip.id.desc()), Payslip, who)
    return statement.where(Payslip.user_id == who.user_id) if who.role == Role.EMPLOYEE else statement


@router.get("")
def list_payslips(who: AnyUser, db: Database) -> list[PayslipOut]:
    """The payslips this person may see."""
    return [PayslipOut.model_validate(row) for row in db.scalars(visible(who).limit(200))]


@router.get("/{payslip_id}")
def read_payslip(who: AnyUser, payslip_id: int, db: Database) -> PayslipOut:
    """One payslip; another person's looks as if it did not exist."""
    row = db.scalar(visible(who).where(Payslip.id == payslip_id)) if payslip_id < 2**63 else None
    if row is None:
        raise HTTPException(404, "There is no such object.")
    return PayslipOut.model_validate(row)
