"""Faults of what listens where."""

from __future__ import annotations

from ledgerlab.defects.model import Defect

DEFECTS: tuple[Defect, ...] = (
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
)
