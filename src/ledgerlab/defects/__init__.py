"""Seeded faults, as data, a module for each suite of checks that finds them; off unless named."""

from __future__ import annotations

from itertools import combinations

from ledgerlab.defects import access, auth, functional, headers, load, ports, tls
from ledgerlab.defects.model import Certificate, Defect, Edit, NewFile

__all__ = ["DEFECTS", "Certificate", "Defect", "Edit", "NewFile", "clashes", "select"]

DEFECTS: tuple[Defect, ...] = tuple(
    defect for module in (tls, ports, auth, access, headers, functional, load) for defect in module.DEFECTS
)


def clashes() -> list[tuple[str, str]]:
    """Pairs that cannot be switched on together, or of which the one would undo the other."""
    return [(a.name, b.name) for a, b in combinations(DEFECTS, 2) if _same_things(a) & _same_things(b)]


def _same_things(defect: Defect) -> set[object]:
    """What a defect changes of which there is one only."""
    edited: set[object] = {edit.before for edit in defect.edits} | {new.file for new in defect.files}
    things: set[object] = {*defect.settings, *edited, *(("certificate",) if defect.certificate else ())}
    if defect.database_exposed or defect.database_on_ipv6 or defect.open_to_office:
        things.add("the database's port at its outer addresses")
    return things


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
