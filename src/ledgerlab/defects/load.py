"""Faults that show under load."""

from __future__ import annotations

from ledgerlab.defects.model import Defect, Edit

DEFECTS: tuple[Defect, ...] = (
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
