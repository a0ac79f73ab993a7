"""Which protocol versions the endpoints speak: a refusal is shown as the success it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from stagehold.drawing.sheet import MARGIN, WIDTH, Drawing, Mark, Sheet, listed

_LABEL, _ROW = 180, 40


class Wanted(StrEnum):
    """What is expected of a version."""

    REFUSED = "refused"
    ACCEPTED = "accepted"
    EITHER = "either"


@dataclass(frozen=True)
class VersionSeen:
    """What one endpoint answered to one version."""

    endpoint: str
    """Such as `api.example:443`."""
    version: str
    """Such as `TLS 1.2`."""
    accepted: bool | None
    """None: not known."""
    wanted: Wanted
    address: str = ""
    """Where it was asked, when the endpoint has several addresses."""


def protocol_grid(answers: Sequence[VersionSeen], title: str = "") -> Drawing:
    """Versions in the given order as columns, endpoints as rows."""
    versions = list(dict.fromkeys(seen.version for seen in answers))
    rows = list(dict.fromkeys((seen.endpoint, seen.address) for seen in answers))
    found = {(seen.endpoint, seen.address, seen.version): seen for seen in answers}
    cell = max(90, (WIDTH - 2 * MARGIN - _LABEL) / max(len(versions), 1))
    left = MARGIN + _LABEL
    sheet = Sheet(max(WIDTH, left + cell * len(versions) + MARGIN))
    heading = title or "Protocol versions: offered and answered"
    sheet.text(MARGIN, 28, heading, "head", room=sheet.width - 2 * MARGIN)
    y = 58.0
    for index, version in enumerate(versions):
        sheet.text(left + cell * (index + 0.5), y, version, "small bold mid")
    wanted = {version: {seen.wanted for seen in answers if seen.version == version} for version in versions}
    y += 17
    sheet.text(MARGIN, y, "must be", "small muted")
    for index, version in enumerate(versions):
        words = "or ".join(sorted(wanted[version])) if len(wanted[version]) == 1 else "differs"
        sheet.text(left + cell * (index + 0.5), y, words, "small muted mid")
    y += 9
    for endpoint, address in rows:
        sheet.text(MARGIN, y + (17 if address else 25), endpoint, "mono", room=_LABEL - 8)
        if address:
            sheet.text(MARGIN, y + 33, address, "mono muted", room=_LABEL - 8)
        for index, version in enumerate(versions):
            if seen := found.get((endpoint, address, version)):
                mark = _mark(seen)
                sheet.cell(left + cell * index + 2, y + 2, cell - 4, _ROW - 4, mark, word=mark.word)
        y += _ROW
    return sheet.finish(y + 14, heading, _words(answers))


def _mark(seen: VersionSeen) -> Mark:
    if seen.accepted is None:
        return Mark("not known", "question", "open")
    if seen.accepted:
        return (
            Mark("accepted", "cross", "bad", loud=True)
            if seen.wanted is Wanted.REFUSED
            else Mark("accepted", "tick", "good")
        )
    return (
        Mark("refused", "barred", "bad", loud=True)
        if seen.wanted is Wanted.ACCEPTED
        else Mark("refused", "tick", "good" if seen.wanted is Wanted.REFUSED else "none")
    )


def _place(seen: VersionSeen) -> str:
    return f"{seen.version} by {seen.endpoint}{f' at {seen.address}' if seen.address else ''}"


def _words(answers: Sequence[VersionSeen]) -> str:
    if not answers:
        return "No endpoint was asked."
    parts = []
    for words, found in (
        ("Accepted though it must be refused", [s for s in answers if s.accepted and s.wanted is Wanted.REFUSED]),
        (
            "Refused though it must be accepted",
            [s for s in answers if s.accepted is False and s.wanted is Wanted.ACCEPTED],
        ),
        ("Not known", [s for s in answers if s.accepted is None]),
    ):
        if found:
            parts.append(f"{words}: {listed([_place(seen) for seen in found], 8)}.")
    versions = list(dict.fromkeys(seen.version for seen in answers))
    for words, state in (("Refused by all", False), ("Accepted by all", True)):
        same = [v for v in versions if all(s.accepted is state for s in answers if s.version == v)]
        if same:
            parts.append(f"{words}: {listed(same)}.")
    return " ".join(parts)
