"""Seeded faults, as data: what an engineer could get wrong, one thing at a time.

A fault in code is an edit of the deployed copy of the service; a fault of configuration changes a setting,
the certificate, the database's listener or an account. The service itself knows nothing of any of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Edit:
    """Replaces `before`, which occurs exactly once in the file (a path below `ledgerlab/service`)."""

    file: str
    before: str
    after: str


@dataclass(frozen=True)
class Certificate:
    """How the certificate of the partners' name is issued and served."""

    name: str | None = None
    """Instead of the service's own name."""
    days_left: int = 90
    with_intermediate: bool = True


@dataclass(frozen=True)
class Defect:
    """One fault; off unless named."""

    name: str
    breaks: str
    edits: tuple[Edit, ...] = ()
    in_candidate: bool = True
    """False: the edit is in what was deployed, but not in the build that is to be released."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Overrides of `ledgerlab.service.config.Settings`; `{web}` and `{database}` become addresses."""
    certificate: Certificate | None = None
    database_exposed: bool = False
    disabled_accounts: tuple[str, ...] = ()


DEFECTS: tuple[Defect, ...] = (
    Defect(
        "tls-1.1-accepted",
        "The https listener still accepts TLS 1.1, for some old client.",
        settings={
            "minimum_tls": "TLSv1_1",
            "ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0",
        },
    ),
    Defect(
        "incomplete-chain",
        "Under the partners' name the intermediate certificate is not served.",
        certificate=Certificate(with_intermediate=False),
    ),
    Defect(
        "certificate-for-other-name",
        "Under the partners' name the certificate of another service is installed.",
        certificate=Certificate(name="payroll.demo.test"),
    ),
    Defect(
        "certificate-expires-soon",
        "The certificate of the partners' name has three days left; nobody renewed it.",
        certificate=Certificate(days_left=3),
    ),
    Defect(
        "debug-port-open",
        "The operations listener with the metrics is bound to the public address.",
        settings={"operations": "{web}:8081"},
    ),
    Defect(
        "redirect-listener-down",
        "Nothing answers on the plain-HTTP port any more, so typed addresses lead nowhere.",
        settings={"redirect_port": None},
    ),
    Defect(
        "database-exposed",
        "PostgreSQL listens on the database host's public address as well.",
        database_exposed=True,
    ),
    Defect(
        "account-disabled",
        "The account b_acct was disabled and cannot log in.",
        disabled_accounts=("b_acct",),
    ),
    Defect(
        "login-limiter-removed",
        "Locked accounts are let in: the lock is written but no longer looked at.",
        edits=(
            Edit(
                "sessions.py",
                "    locked = user.locked_until is not None and user.locked_until > now\n",
                "    locked = False  # support: main users were locked out on Monday mornings\n",
            ),
        ),
    ),
    Defect(
        "logout-keeps-session",
        "Logging out forgets the session in the browser but not on the server.",
        edits=(
            Edit("api/auth.py", "    sessions.revoke(db, who.token)\n", ""),
            Edit("pages/login.py", "    sessions.revoke(db, who.token)\n", ""),
        ),
    ),
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
        "hsts-missing-on-errors",
        "Strict-Transport-Security is sent with successful answers and redirects only.",
        edits=(
            Edit(
                "middleware.py",
                '                headers["Strict-Transport-Security"] = HSTS\n',
                '                if status < 400:\n                    headers["Strict-Transport-Security"] = HSTS\n',
            ),
        ),
    ),
    Defect(
        "previous-build-deployed",
        "The previous build is still running: the deployment did not happen.",
        edits=(Edit("version.py", 'RELEASE = "1.4.0"', 'RELEASE = "1.3.2"'),),
        in_candidate=False,
    ),
    Defect(
        "approve-handler-broken",
        "The Approve button answers as if it had worked, and the voucher stays as it was.",
        edits=(
            Edit(
                "pages/vouchers.py",
                "    approve_voucher(db, who, voucher)\n    db.commit()\n",
                "    approve_voucher(db, who, voucher)\n",
            ),
        ),
    ),
    Defect(
        "slow-endpoint",
        "The invoice list waits two seconds for the standby on every request.",
        edits=(
            Edit(
                "api/invoices.py",
                '    """The newest invoices first."""\n',
                '    """The newest invoices first."""\n    time.sleep(2)  # the standby is sometimes a moment behind\n',
            ),
            Edit("api/invoices.py", "import csv\nimport io\n", "import csv\nimport io\nimport time\n"),
        ),
    ),
)


def select(names: tuple[str, ...]) -> tuple[Defect, ...]:
    """The defects of these names.

    Raises:
        ValueError: a name is unknown; says which names there are.
    """
    known = {defect.name: defect for defect in DEFECTS}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"unknown defect {', '.join(unknown)}; there are: {', '.join(known)}")
    return tuple(known[name] for name in dict.fromkeys(names))
