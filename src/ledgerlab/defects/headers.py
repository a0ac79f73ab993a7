"""Faults of what single responses say."""

from __future__ import annotations

from ledgerlab.defects.model import Defect, Edit

DEFECTS: tuple[Defect, ...] = (
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
)
