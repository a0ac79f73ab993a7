"""Pages about payslips."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request, Response

from ledgerlab.service.access import PageUser
from ledgerlab.service.api.payslips import visible
from ledgerlab.service.database import Database
from ledgerlab.service.models import Payslip
from ledgerlab.service.pages.rendering import page

router = APIRouter(prefix="/payslips")


@router.get("")
def list_page(request: Request, who: PageUser, db: Database) -> Response:
    """The payslips this person may see."""
    return page(request, "payslips.html", who, payslips=db.scalars(visible(who).limit(50)).all())


@router.get("/{payslip_id}")
def show(request: Request, who: PageUser, payslip_id: int, db: Database) -> Response:
    """One payslip."""
    row = db.scalar(visible(who).where(Payslip.id == payslip_id)) if payslip_id < 2**63 else None
    if row is None:
        raise HTTPException(404, "There is no such object.")
    return page(request, "payslip.html", who, payslip=row)
