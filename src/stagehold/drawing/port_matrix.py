"""Which ports a host shows: what is declared beside what was seen, mismatches first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stagehold.drawing.sheet import MARGIN, WIDTH, Drawing, Mark, Sheet, listed

_LABEL, _EXPECTED, _CELL, _ROW = 230, 130, 190, 26
_QUIET = 8
"""Ports closed as expected are listed one by one up to this number of places, else counted by class."""


@dataclass(frozen=True)
class PortSeen:
    """One port at one place."""

    place: str
    """Host and address, such as `web 192.0.2.7`."""
    port: int
    observed: str
    """`open`, `closed` or `filtered`; anything else counts as not known."""
    expected_open: bool
    name: str = ""
    """What is declared there or usually listens there, such as `PostgreSQL`."""
    kind: str = ""
    """Class for grouping: `database`, `management`, ... ; "" for none."""
    proto: str = "tcp"


def port_matrix(ports: Sequence[PortSeen], title: str = "") -> Drawing:
    """One row for each port that is declared, open or not known; the others are counted by class."""
    places = list(dict.fromkeys(seen.place for seen in ports))
    rows: dict[tuple[int, str], dict[str, PortSeen]] = {}
    for seen in ports:
        rows.setdefault((seen.port, seen.proto), {})[seen.place] = seen
    shown = {key: row for key, row in rows.items() if any(_worth_a_row(seen) for seen in row.values())}
    order = sorted(shown, key=lambda key: (min(_rank(seen) for seen in shown[key].values()), key))
    quiet = [row for key, row in rows.items() if key not in shown]
    cell = max(_CELL, (WIDTH - 2 * MARGIN - _LABEL - _EXPECTED) / max(len(places), 1))
    left = MARGIN + _LABEL + _EXPECTED
    sheet = Sheet(max(WIDTH, left + cell * len(places) + MARGIN))
    heading = title or "Ports: declared and seen"
    sheet.text(MARGIN, 28, heading, "head", room=sheet.width - 2 * MARGIN)
    y = 58.0
    sheet.text(MARGIN, y, "port", "small muted")
    sheet.text(MARGIN + _LABEL, y, "declared", "small muted")
    for number, place in enumerate(places):
        sheet.text(left + cell * number + 4, y, place, "small bold", room=cell - 8)
    y += 8
    for key in order:
        y = _row(sheet, y, shown[key], places, cell)
    if not order:
        sheet.text(MARGIN, y + 18, "No port is declared or open.")
        y += _ROW
    for words in _counted(quiet):
        sheet.line(MARGIN, y + 6, sheet.width - MARGIN, y + 6)
        sheet.mark(MARGIN + 6, y + 20, "barred", "good")
        sheet.text(MARGIN + 20, y + 24, words, "small", room=sheet.width - 2 * MARGIN - 20)
        y += 28
    return sheet.finish(y + 14, heading, _words(ports, places))


def _row(sheet: Sheet, y: float, row: dict[str, PortSeen], places: Sequence[str], cell: float) -> float:
    first = next(iter(row.values()))
    sheet.line(MARGIN, y, sheet.width - MARGIN, y)
    number = f"{first.port}/{first.proto}"
    sheet.text(MARGIN, y + 18, number, "mono bold")
    sheet.text(MARGIN + 76, y + 18, first.name, "small", room=_LABEL - 84)
    expectations = {seen.expected_open for seen in row.values()}
    declared = "differs" if len(expectations) > 1 else "open" if first.expected_open else "not open"
    sheet.text(MARGIN + _LABEL, y + 18, declared, "small")
    left = MARGIN + _LABEL + _EXPECTED
    for index, place in enumerate(places):
        if seen := row.get(place):
            sheet.cell(left + cell * index + 2, y + 3, cell - 4, _ROW - 5, mark := _mark(seen), word=mark.word)
    return y + _ROW


def _mark(seen: PortSeen) -> Mark:
    if seen.observed not in {"open", "closed", "filtered"}:
        return Mark(seen.observed or "not known", "question", "open")
    if seen.observed == "open":
        return (
            Mark("open", "tick", "good") if seen.expected_open else Mark("OPEN, undeclared", "cross", "bad", loud=True)
        )
    if seen.expected_open:
        return Mark(f"NOT OPEN: {seen.observed}", "barred", "bad", loud=True)
    return Mark(seen.observed, "barred", "good")


def _rank(seen: PortSeen) -> int:
    mark = _mark(seen)
    return 0 if mark.loud else 1 if mark.tone == "open" else 2


def _worth_a_row(seen: PortSeen) -> bool:
    return seen.expected_open or seen.observed not in {"closed", "filtered"}


def _counted(rows: Sequence[dict[str, PortSeen]]) -> list[str]:
    kinds: dict[str, list[PortSeen]] = {}
    for row in rows:
        first = next(iter(row.values()))
        kinds.setdefault(first.kind, []).append(first)
    return [
        f"{len(found)} {f'{kind} ' if kind else 'other '}ports not open, as declared: "
        + listed([str(seen.port) for seen in sorted(found, key=lambda seen: seen.port)], _QUIET)
        for kind, found in sorted(kinds.items())
    ]


def _words(ports: Sequence[PortSeen], places: Sequence[str]) -> str:
    surplus = [
        f"{s.port}{f' ({s.name})' if s.name else ''} at {s.place}" for s in ports if _is(s, open_=True, bad=True)
    ]
    missing = [f"{s.port} at {s.place} is {s.observed}" for s in ports if _is(s, open_=False, bad=True)]
    unknown = [f"{s.port} at {s.place}" for s in ports if _mark(s).tone == "open"]
    right = [f"{s.port} at {s.place}" for s in ports if _is(s, open_=True, bad=False)]
    parts = [f"Ports of {listed(list(places))}."] if places else ["No port was looked at."]
    for words, found in (
        ("Open though not declared", surplus),
        ("Declared open and not open", missing),
        ("Not known", unknown),
        ("Open as declared", right),
    ):
        if found:
            parts.append(f"{words}: {listed(found, 8)}.")
    if ports and not surplus and not missing and not unknown:
        parts.append("Everything else that matters is not open.")
    return " ".join(parts)


def _is(seen: PortSeen, *, open_: bool, bad: bool) -> bool:
    mark = _mark(seen)
    return mark.tone == ("bad" if bad else "good") and (seen.observed == "open") is open_
