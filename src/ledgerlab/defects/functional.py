"""Faults of what people do every day, and of the deployment."""

from __future__ import annotations

from ledgerlab.defects.model import Defect, Edit

DEFECTS: tuple[Defect, ...] = (
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
        "page-script-throws",
        "The script of all pages sets the earliest due date also where there is no such field, and throws.",
        edits=(
            Edit(
                "static/app.js",
                "if (due) due.min = new Date()",
                "due.min = new Date()",
            ),
        ),
    ),
    Defect(
        "picture-over-plain-http",
        "The logo on all pages comes from a picture server that is named with http.",
        edits=(
            Edit(
                "templates/layout.html",
                '  <a class="brand" href="/">Ledger</a>\n',
                '  <a class="brand" href="/"><img src="http://static.demo.test/logo.svg" alt=""> Ledger</a>\n',
            ),
            Edit("middleware.py", "img-src 'self'; ", "img-src 'self' http://static.demo.test; "),
        ),
    ),
    Defect(
        "production-key-deployed",
        "The configuration was copied from production, and forms are signed with production's key.",
        settings={"form_key": "example-signing-key-of-production-0001"},
    ),
)
