"""Reports and the chart of accounts."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from ledgerlab.service.access import AnyUser, Bookkeeper
from ledgerlab.service.bookkeeping import trial_balance
from ledgerlab.service.database import Database
from ledgerlab.service.models import LedgerAccount

router = APIRouter(tags=["reports"])


class AccountOut(BaseModel):
    """An account of the chart."""

    model_config = ConfigDict(from_attributes=True)
    number: int
    name: str


class BalanceRow(BaseModel):
    """Sums of one account, in cents."""

    account: int
    name: str
    debit: int
    credit: int


class TrialBalance(BaseModel):
    """Sums of all accounts, in cents; `difference` is zero as long as the books are right."""

    debit_total: int
    credit_total: int
    difference: int
    rows: list[BalanceRow]


@router.get("/reports/trial-balance")
def read_trial_balance(who: Bookkeeper, db: Database) -> TrialBalance:
    """The company's trial balance."""
    rows = [
        BalanceRow(account=row.account, name=row.name, debit=row.debit, credit=row.credit)
        for row in trial_balance(db, who)
    ]
    debit, credit = sum(row.debit for row in rows), sum(row.credit for row in rows)
    return TrialBalance(debit_total=debit, credit_total=credit, difference=debit - credit, rows=rows)


@router.get("/accounts")
def chart_of_accounts(who: AnyUser, db: Database) -> list[AccountOut]:  # noqa: ARG001 - the guard
    """The chart of accounts, for whoever works with the service."""
    return [AccountOut.model_validate(row) for row in db.scalars(select(LedgerAccount).order_by(LedgerAccount.number))]
