"""The JSON API below `/api`, one module per subject."""

from __future__ import annotations

from fastapi import APIRouter

from ledgerlab.service.api import auth, deployment, invoices, payslips, reports, search, users, vouchers

router = APIRouter(prefix="/api")
for module in (auth, invoices, vouchers, payslips, reports, search, users, deployment):
    router.include_router(module.router)
