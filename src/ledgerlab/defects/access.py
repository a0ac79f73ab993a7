"""Faults of rights."""

from __future__ import annotations

from ledgerlab.defects.model import Defect, Edit

DEFECTS: tuple[Defect, ...] = (
    Defect(
        "anonymous-operation",
        "The login guard is missing on GET /api/accounts.",
        edits=(
            Edit(
                "api/reports.py",
                "def chart_of_accounts(who: AnyUser, db: Database) -> list[AccountOut]:",
                "def chart_of_accounts(db: Database) -> list[AccountOut]:",
            ),
        ),
    ),
    Defect(
        "tenant-predicate-missing-on-read",
        "GET /api/invoices/{invoice_id} finds invoices of every company.",
        edits=(
            Edit(
                "api/invoices.py",
                '    """One invoice."""\n    return InvoiceOut.model_validate(fetch(db, Invoice, invoice_id, who))\n',
                '    """One invoice."""\n    invoice = db.get(Invoice, invoice_id)\n    if invoice is None:\n'
                '        raise HTTPException(404, "There is no such object.")\n'
                "    return InvoiceOut.model_validate(invoice)\n",
            ),
            Edit(
                "api/invoices.py",
                "from fastapi import APIRouter, Header, Query, Response\n",
                "from fastapi import APIRouter, Header, HTTPException, Query, Response\n",
            ),
        ),
    ),
    Defect(
        "tenant-predicate-missing-on-write",
        "PUT and PATCH of an invoice change invoices of every company.",
        edits=(
            Edit(
                "api/invoices.py",
                "    invoice = fetch(db, Invoice, invoice_id, who, lock=True)\n    for name, value in",
                "    invoice = db.get_one(Invoice, invoice_id, with_for_update=True)\n    for name, value in",
            ),
        ),
    ),
    Defect(
        "tenant-filter-missing-on-search",
        "GET /api/search finds invoices of every company.",
        edits=(
            Edit(
                "api/search.py",
                "for row in db.scalars(scoped(invoices, Invoice, who))),",
                "for row in db.scalars(invoices)),",
            ),
        ),
    ),
    Defect(
        "role-check-missing-on-report",
        "GET /api/reports/trial-balance is open to every role.",
        edits=(
            Edit(
                "api/reports.py",
                "def read_trial_balance(who: Bookkeeper, db: Database) -> TrialBalance:",
                "def read_trial_balance(who: AnyUser, db: Database) -> TrialBalance:",
            ),
        ),
    ),
    Defect(
        "role-check-missing-on-change",
        "Accountants approve vouchers, which only main users may.",
        edits=(
            Edit(
                "api/vouchers.py",
                "def approve(who: MainUser, voucher_id: int, db: Database) -> VoucherOut:",
                "def approve(who: Bookkeeper, voucher_id: int, db: Database) -> VoucherOut:",
            ),
        ),
    ),
    Defect(
        "grant-revoked",
        "Accountants cannot export the invoices any more.",
        edits=(
            Edit(
                "api/invoices.py",
                "def export_invoices(who: Bookkeeper, db: Database) -> Response:",
                "def export_invoices(who: MainUser, db: Database) -> Response:",
            ),
            Edit(
                "api/invoices.py",
                "from ledgerlab.service.access import Bookkeeper\n",
                "from ledgerlab.service.access import Bookkeeper, MainUser\n",
            ),
        ),
    ),
)
