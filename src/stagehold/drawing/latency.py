"""Latency over time beside its limits, and below it whether the load was really offered."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stagehold.drawing.sheet import MARGIN, WIDTH, Drawing, Sheet

_LEFT, _PLOT, _STRIP = 78, 116, 54
_LOOKS = {0.5: "series thin", 0.95: "series thick", 0.99: "series middle dashed"}
_ROOM_ABOVE = 1.25
Place = Callable[[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Second:
    """One second of one kind of request; latencies in milliseconds by share, infinite where fewer were answered."""

    second: int
    """From the end of the warm-up; negative before."""
    latency_ms: dict[float, float]
    due: int
    right: int
    """Answered right, in whatever time."""


@dataclass(frozen=True)
class Requests:
    """One kind of request over time, and over the whole measured part."""

    name: str
    seconds: tuple[Second, ...]
    limits_ms: dict[float, float] = field(default_factory=dict)
    """Share, such as 0.95, to the limit it must be answered within."""
    total_ms: dict[float, float] = field(default_factory=dict)
    """Share to what it was answered within."""

    @property
    def wrong(self) -> int:
        """Requests that were due and got no right answer."""
        return sum(second.due - second.right for second in self.seconds)


def latency_over_time(kinds: Sequence[Requests], rate: float = 0.0, title: str = "") -> Drawing:
    """One panel for each kind of request and a strip with the requests due and answered right in each second.

    Args:
        kinds: in the order shown.
        rate: the declared arrivals of each second, all kinds together; 0 when not known.
        title: for a heading of one's own.
    """
    kinds = [kind for kind in kinds if kind.seconds]
    sheet = Sheet()
    heading = title or "Latency from the instant a request was due"
    sheet.text(MARGIN, 28, heading, "head", room=WIDTH - 2 * MARGIN)
    sheet.text(MARGIN, 47, "thick: 95 % of a second within · dashed: 99 % · thin: 50 %", "small muted")
    sheet.text(MARGIN, 64, "cross: seconds in which requests got no right answer", "small muted")
    y = 92.0
    span = _span(kinds)
    for kind in kinds:
        y = _panel(sheet, y, kind, span)
    if kinds:
        y = _strip(sheet, y, kinds, span, rate)
    return sheet.finish(y + 6, heading, _words(kinds, rate))


def _panel(sheet: Sheet, y: float, kind: Requests, span: tuple[int, int]) -> float:
    finite = [v for s in kind.seconds for v in s.latency_ms.values() if math.isfinite(v)]
    top = max([*finite, *(limit * _ROOM_ABOVE for limit in kind.limits_ms.values()), 1.0])
    place = _placed(span, y + 12, _PLOT, top)
    sheet.text(MARGIN, y, kind.name, "mono bold", room=240)
    sheet.text(WIDTH - MARGIN, y, _judged(kind), "small end", room=470)
    _axis(sheet, place, span, (0.0, top / 2, top), "ms")
    for share, limit in sorted(kind.limits_ms.items()):
        left, right = place(span[0], limit)[0], WIDTH - MARGIN
        height = place(0, limit)[1]
        sheet.line(left, height, right, height, "mark open dashed")
        sheet.text(right, height - 5, f"limit {limit:g} ms for {_percent(share)}", "small open end")
    for share, look in _LOOKS.items():
        drawn = [
            place(s.second, s.latency_ms[share])
            for s in kind.seconds
            if math.isfinite(s.latency_ms.get(share, math.inf))
        ]
        if drawn:
            sheet.curve(drawn, look)
    for second in kind.seconds:
        if second.right < second.due:
            sheet.mark(place(second.second, 0)[0], y + 14, "cross", "bad")
    return y + _PLOT + 48


def _strip(sheet: Sheet, y: float, kinds: Sequence[Requests], span: tuple[int, int], rate: float) -> float:
    due = _per_second(kinds, lambda second: second.due)
    right = _per_second(kinds, lambda second: second.right)
    top = max([*due.values(), rate, 1.0]) * _ROOM_ABOVE
    place = _placed(span, y + 12, _STRIP, top)
    sheet.text(MARGIN, y, "requests of each second", "small bold")
    sheet.text(WIDTH - MARGIN, y, "line: answered right · thin line: due · dashed: declared rate", "small muted end")
    _axis(sheet, place, span, (0.0, top), "/s")
    if rate:
        height = place(0, rate)[1]
        sheet.line(_LEFT, height, WIDTH - MARGIN, height, "mark none dashed")
    sheet.curve((place(second, count) for second, count in sorted(due.items())), "series thin")
    sheet.curve((place(second, count) for second, count in sorted(right.items())), "series thick")
    base = place(0, 0)[1]
    sheet.text(WIDTH - MARGIN, base + 17, f"{span[1] + 1} s", "small muted end")
    if span[0] < 0 <= span[1]:
        sheet.text(place(-0.5, 0)[0], base + 17, "measured from here", "small muted")
    else:
        sheet.text(_LEFT, base + 17, f"{span[0]} s", "small muted")
    return base + 26


def _axis(sheet: Sheet, place: Place, span: tuple[int, int], values: Sequence[float], unit: str) -> None:
    for value in values:
        height = place(0, value)[1]
        sheet.line(_LEFT, height, WIDTH - MARGIN, height)
        sheet.text(_LEFT - 8, height + 4, f"{value:,.0f} {unit}", "small muted end")
    if span[0] < 0 <= span[1]:
        across, top = place(-0.5, values[-1])
        sheet.line(across, top, across, place(0, 0)[1], "mark none dashed")


def _placed(span: tuple[int, int], y: float, height: float, top: float) -> Place:
    first, last = span

    def place(second: float, value: float) -> tuple[float, float]:
        across = (second - first + 0.5) / (last - first + 1)
        return _LEFT + (WIDTH - MARGIN - _LEFT) * across, y + height * (1 - min(value, top) / top)

    return place


def _span(kinds: Sequence[Requests]) -> tuple[int, int]:
    seconds = [second.second for kind in kinds for second in kind.seconds] or [0]
    return min(seconds), max(seconds)


def _per_second(kinds: Sequence[Requests], count: Callable[[Second], int]) -> dict[int, int]:
    total: dict[int, int] = {}
    for kind in kinds:
        for second in kind.seconds:
            total[second.second] = total.get(second.second, 0) + count(second)
    return total


def _judged(kind: Requests) -> str:
    parts = [
        f"{_percent(share)} within {kind.total_ms[share]:,.0f} ms (limit {limit:g})"
        if math.isfinite(kind.total_ms.get(share, math.inf))
        else f"less than {_percent(share)} answered right (limit {limit:g} ms)"
        for share, limit in sorted(kind.limits_ms.items())
    ]
    return " · ".join(parts)


def _words(kinds: Sequence[Requests], rate: float) -> str:
    if not kinds:
        return "No request was counted."
    parts = []
    for kind in kinds:
        judged = f"{_judged(kind)}, " if kind.limits_ms else ""
        parts.append(f"{kind.name}: {judged}{kind.wrong:,} without a right answer.")
    due = sum(second.due for kind in kinds for second in kind.seconds)
    first, last = _span(kinds)
    asked = f", declared {rate:g}" if rate else ""
    parts.append(f"{due / (last - first + 1):.1f} requests a second were due{asked}.")
    return " ".join(parts)


def _percent(share: float) -> str:
    return f"{share * 100:g} %"
