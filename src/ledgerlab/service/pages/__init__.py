"""Server-rendered pages, one module per subject. They are not part of the OpenAPI description."""

from __future__ import annotations

from fastapi import APIRouter

from ledgerlab.service.pages import administration, invoices, login, payslips, vouchers

router = APIRouter(include_in_schema=False)
for module in (login, invoices, vouchers, payslips, administration):
    router.include_router(module.router)
