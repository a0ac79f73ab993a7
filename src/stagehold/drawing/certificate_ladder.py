"""A certificate chain as a ladder: the leaf first, what vouches for it below, days left as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stagehold.drawing.sheet import MARGIN, WIDTH, Drawing, Sheet, extent, listed

_BOX, _GAP, _BAR = 104, 26, 190


@dataclass(frozen=True)
class Rung:
    """One certificate, in words; dates as `2026-11-24`."""

    subject: str
    issuer: str
    key: str
    """Such as `RSA 2048`."""
    signature: str
    """Such as `sha256 with RSA`."""
    not_before: str
    not_after: str
    days_left: float
    """Until it ends; negative afterwards."""
    lifetime_days: float
    names: tuple[str, ...] = ()
    """Subject alternative names."""
    needed_days: float = 0.0
    """Fewer days left are a finding; drawn as a mark on the bar."""
    problems: tuple[str, ...] = ()
    """What is wrong with it, in words; none: nothing is."""
    signed_by_next: bool | None = None
    """Whether the next one of the ladder signed it; None for the last."""
    served: bool = True
    """False: the anchor, known beforehand."""


def certificate_ladder(rungs: Sequence[Rung], title: str = "") -> Drawing:
    """One box for each certificate, leaf first; a broken rail says that the next did not sign the one above."""
    sheet = Sheet()
    heading = title or "Certificates as served"
    sheet.text(MARGIN, 28, heading, "head", room=WIDTH - 2 * MARGIN)
    y = 44.0
    for position, rung in enumerate(rungs):
        _certificate(sheet, y, rung, _role(rungs, position))
        y += _BOX
        if rung.signed_by_next is not None:
            _rail(sheet, y, signed=rung.signed_by_next)
            y += _GAP
        elif position + 1 < len(rungs):
            y += 10
    return sheet.finish(y + 16, heading, _words(rungs))


def _certificate(sheet: Sheet, y: float, rung: Rung, role: str) -> None:
    tone = "bad" if rung.problems else "good"
    wide = WIDTH - 2 * MARGIN
    sheet.box(MARGIN, y, wide, _BOX, f"edge {tone if rung.problems else 'none'}", radius=5)
    sheet.mark(MARGIN + 18, y + 20, "cross" if rung.problems else "tick", tone)
    right = MARGIN + wide - _BAR - 14
    text = MARGIN + 34
    room = right - text - 16
    sheet.text(text, y + 25, rung.subject or listed(rung.names, 3) or "no subject", "bold", room=room)
    lines = (
        f"names: {listed(rung.names, 5)}" if rung.names else f"issued by {rung.issuer}",
        f"{rung.key} · signed {rung.signature}",
        f"{rung.not_before} to {rung.not_after}",
    )
    for row, line in enumerate(lines):
        sheet.text(text, y + 45 + 17 * row, line, "small muted", room=room)
    verdict = "; ".join(rung.problems) or "nothing wrong with it"
    sheet.text(text, y + 96, verdict, f"small {tone}", room=wide - 60)
    sheet.text(right + _BAR, y + 25, role, "small muted end")
    _bar(sheet, right, y + 40, rung)


def _bar(sheet: Sheet, x: float, y: float, rung: Rung) -> None:
    share = max(0.0, min(1.0, rung.days_left / rung.lifetime_days)) if rung.lifetime_days > 0 else 0.0
    short = rung.days_left < rung.needed_days or rung.days_left <= 0
    tone = "bad" if short else "good"
    sheet.box(x, y, _BAR, 8, "soft none", radius=4)
    if share:
        sheet.box(x, y, max(_BAR * share, 4), 8, f"loud {tone}", radius=4)
    if 0 < rung.needed_days < rung.lifetime_days:
        at = x + _BAR * rung.needed_days / rung.lifetime_days
        sheet.line(at, y - 3, at, y + 11, "mark none")
    sheet.text(x, y + 25, _days(rung), f"small bold {tone}")
    if rung.needed_days > 0:
        words = f"at least {rung.needed_days:.0f}"
        if extent(_days(rung), "small bold") + extent(words, "small") < _BAR - 8:
            sheet.text(x + _BAR, y + 25, words, "small muted end")


def _rail(sheet: Sheet, y: float, *, signed: bool) -> None:
    x = MARGIN + 18
    look = "mark good" if signed else "mark bad dashed"
    sheet.line(x, y + 3, x, y + _GAP - 3, look)
    words = "signed by" if signed else "not signed by the next one served"
    sheet.text(x + 16, y + 17, words, f"small {'muted' if signed else 'bad bold'}")


def _days(rung: Rung) -> str:
    whole = abs(int(rung.days_left))
    days = f"{whole:,} day{'' if whole == 1 else 's'}"
    return f"ended {days} ago" if rung.days_left <= 0 else f"{days} left"


def _role(rungs: Sequence[Rung], position: int) -> str:
    if not rungs[position].served:
        return "anchor, trusted beforehand"
    if position == 0:
        return "leaf"
    return "root" if rungs[position].subject == rungs[position].issuer else "intermediate"


def _words(rungs: Sequence[Rung]) -> str:
    parts = []
    for position, rung in enumerate(rungs):
        name = rung.subject or listed(rung.names, 3)
        names = f" for {listed(rung.names, 5)}" if rung.names else ""
        problems = f", {'; '.join(rung.problems)}" if rung.problems else ""
        broken = ", not signed by the next" if rung.signed_by_next is False else ""
        role = _role(rungs, position)
        parts.append(f"{role[:1].upper()}{role[1:]} {name}{names}: {rung.key}, {_days(rung)}{problems}{broken}.")
    return " ".join(parts) or "No certificate was served."
