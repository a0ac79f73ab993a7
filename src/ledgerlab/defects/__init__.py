"""Seeded faults, as data, a module for each suite of checks that finds them; off unless named."""

from __future__ import annotations

from ledgerlab.defects import access, auth, functional, headers, load, ports, tls
from ledgerlab.defects.model import Certificate, Defect, Edit, NewFile

__all__ = ["DEFECTS", "Certificate", "Defect", "Edit", "NewFile", "select"]

DEFECTS: tuple[Defect, ...] = tuple(
    defect for module in (tls, ports, auth, access, headers, functional, load) for defect in module.DEFECTS
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
