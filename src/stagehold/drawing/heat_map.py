"""Who may do what, and who could: roles beside operations, what leaks first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from stagehold.drawing.sheet import MARGIN, WIDTH, Drawing, Mark, Sheet, extent, listed

_ROW, _HEAD, _LABEL, _CELL, _SLIM, _LONGEST_ROLE = 20, 24, 300, 96, 48, 150


class Access(StrEnum):
    """What became of one role's try at one operation, worst first."""

    LEAK = "leak"
    """Declared denied, and let in."""
    LOCKED_OUT = "wrongly denied"
    """Declared allowed, and refused."""
    UNDECIDED = "could not check"
    NOT_TESTED = "not tested"
    GRANTED = "granted"
    """Declared allowed, and let in."""
    DENIED = "denied"
    """Declared denied, and refused."""


MARKS = {
    Access.LEAK: Mark("LEAK", "cross", "bad", loud=True),
    Access.LOCKED_OUT: Mark("refused", "barred", "open", loud=True),
    Access.UNDECIDED: Mark("", "question", "open"),
    Access.NOT_TESTED: Mark("", "dot", "empty"),
    Access.GRANTED: Mark("", "tick", "good"),
    Access.DENIED: Mark("", "barred", "none"),
}
_MEANING = {
    Access.LEAK: "let in, though denied",
    Access.LOCKED_OUT: "refused, though allowed",
    Access.UNDECIDED: "could not check",
    Access.NOT_TESTED: "not tested",
    Access.GRANTED: "let in, as declared",
    Access.DENIED: "refused, as declared",
}


@dataclass(frozen=True)
class Operation:
    """One row: an operation such as `GET /api/invoices/{id}`, and one state for each role."""

    name: str
    cells: tuple[Access, ...]
    group: str = ""
    """Rows of one group stay together under its name, such as a tag of the OpenAPI; "" for none."""


def access_heat_map(roles: Sequence[str], operations: Sequence[Operation], title: str = "") -> Drawing:
    """Operations with a finding first, by how bad it is; then the others by group, in the given order.

    Raises:
        ValueError: an operation has not exactly one cell for each role.
    """
    if any(len(operation.cells) != len(roles) for operation in operations):
        raise ValueError("every operation needs one cell for each role")
    loud = sorted((o for o in operations if _finding(o)), key=_worst)
    quiet = [o for o in operations if not _finding(o)]
    cell = max(_SLIM, min(_CELL, (WIDTH - 2 * MARGIN - _LABEL) / max(len(roles), 1)))
    turned = any(extent(role, "small bold") > cell - 6 for role in roles)
    longest = min(max((extent(role, "small bold") for role in roles), default=0), _LONGEST_ROLE)
    head = _HEAD + longest * 0.64 if turned else _HEAD
    sheet = Sheet(max(WIDTH, 2 * MARGIN + _LABEL + cell * len(roles) + (longest / 2 if turned else 0)))
    count = Counter(state for operation in operations for state in operation.cells)
    sheet.text(MARGIN, 28, title or "What each role could do", "head", room=sheet.width - 2 * MARGIN)
    y = sheet.legend(42, [(MARKS[state], f"{_MEANING[state]}: {count[state]}") for state in Access if count[state]])
    y += head
    for number, role in enumerate(roles):
        x = MARGIN + _LABEL + cell * number
        if turned:
            sheet.text(x + cell / 2 + 2, y - 8, role, "small bold", room=_LONGEST_ROLE, turn=-40)
        else:
            sheet.text(x + cell / 2, y - 8, role, "small bold mid")
    y = _rows(sheet, y, loud, cell, heading="Differs from what is declared" if loud else "")
    groups: dict[str, list[Operation]] = {}
    for operation in quiet:
        groups.setdefault(operation.group, []).append(operation)
    plain = "As declared" if loud else ""
    for group, members in groups.items():
        y = _rows(sheet, y, members, cell, heading=group or plain)
    return sheet.finish(y + 12, title or "What each role could do", _words(roles, operations, count))


def _rows(sheet: Sheet, y: float, operations: Sequence[Operation], cell: float, heading: str) -> float:
    if heading and operations:
        sheet.text(MARGIN, y + 16, heading, "small muted", room=_LABEL - 8)
        y += 24
    for operation in operations:
        sheet.text(MARGIN, y + 14, operation.name, "mono", room=_LABEL - 10)
        for number, state in enumerate(operation.cells):
            mark = MARKS[state]
            x = MARGIN + _LABEL + cell * number
            word = mark.word if extent(mark.word, "small bold") < cell - 24 else ""
            sheet.cell(x + 1, y + 1, cell - 2, _ROW - 2, mark, word=word)
        y += _ROW
    return y + (6 if operations else 0)


def _finding(operation: Operation) -> bool:
    return bool({Access.LEAK, Access.LOCKED_OUT} & set(operation.cells))


def _worst(operation: Operation) -> int:
    order = list(Access)
    return min(order.index(state) for state in operation.cells)


def _words(roles: Sequence[str], operations: Sequence[Operation], count: Counter[Access]) -> str:
    parts = [f"{len(operations)} operations for {len(roles)} roles ({listed(list(roles))}): "]
    parts.append(", ".join(f"{count[state]} {_MEANING[state]}" for state in Access if count[state]) + ".")
    for state in (Access.LEAK, Access.LOCKED_OUT):
        where = [
            f"{role}: {operation.name}"
            for operation in operations
            for role, found in zip(roles, operation.cells, strict=True)
            if found is state
        ]
        if where:
            parts.append(f" {_MEANING[state].capitalize()}: {listed(where, 8)}.")
    return "".join(parts)
