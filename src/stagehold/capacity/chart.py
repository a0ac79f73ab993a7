"""Latency over time as a drawing: one panel per kind of request, its limits as lines, failures marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from stagehold.probes.load.observation import Cell, LoadRun, percentile_ms

WIDTH, PANEL, LEFT, RIGHT, TOP = 760, 170, 64, 16, 44
PLOT = PANEL - 52
INK, MUTED, LINE, LIMIT, BAD = "#1a1a1a", "#5a5a5a", "#0b5fa5", "#9a5b00", "#b00020"
Point = tuple[float, float]


def latency_chart(run: LoadRun, limits: dict[str, dict[float, float]]) -> str:
    """An SVG with p50 and p95 of each second, for evidence; the numbers are also in its description.

    Args:
        run: the counts.
        limits: request name to share (0.95) to limit in ms.
    """
    panels = [_panel(run, name, limits.get(name, {}), index) for index, name in enumerate(run.names)]
    height = TOP + PANEL * len(panels)
    summary = "; ".join(_words(run, name, limits.get(name, {})) for name in run.names)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-labelledby="load-title load-text" '
        'font-family="sans-serif" font-size="12">'
        f'<title id="load-title">Latency of each second by kind of request</title>'
        f'<desc id="load-text">{escape(summary)}</desc>'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
        f'<text x="{LEFT}" y="20" fill="{INK}" font-size="14">Latency from the instant a request was due</text>'
        f'<text x="{LEFT}" y="37" fill="{MUTED}">thick: 95 % of a second within · thin: 50 % · '
        "dashed: limit · cross: seconds with requests that got no right answer</text>"
        f"{''.join(panels)}</svg>\n"
    )


def _words(run: LoadRun, name: str, limits: dict[float, float]) -> str:
    cells = run.cells_of(name, measured=True)
    bad = sum(cell.bad for cell in run.cells_of(name, measured=False))
    allowed = ", ".join(f"limit {limit:g} ms for {share:.0%}" for share, limit in sorted(limits.items()))
    p95 = percentile_ms(cells, 0.95)
    reached = f"95 % within {p95:.0f} ms" if math.isfinite(p95) else "less than 95 % answered right"
    return f"{name}: {reached}, {allowed}, {bad} without a right answer"


def _panel(run: LoadRun, name: str, limits: dict[float, float], index: int) -> str:
    seconds: dict[int, list[Cell]] = {}
    for cell in run.cells_of(name, measured=False):
        seconds.setdefault(cell.window, []).append(cell)
    series = {
        share: [(second, percentile_ms(cells, share)) for second, cells in sorted(seconds.items())]
        for share in (0.5, 0.95)
    }
    finite = [value for points in series.values() for _, value in points if math.isfinite(value)]
    top = max([*finite, *(limit * 1.25 for limit in limits.values()), 1.0])
    first, last = min(seconds), max(seconds)
    base = TOP + PANEL * index + 26
    wide = WIDTH - LEFT - RIGHT

    def place(second: float, value: float) -> Point:
        across = (second - first + 0.5) / (last - first + 1)
        return LEFT + wide * across, base + PLOT * (1 - min(value, top) / top)

    parts = [f'<text x="{LEFT}" y="{base - 8}" fill="{INK}" font-weight="bold">{escape(name)}</text>']
    for value in (0.0, top / 2, top):
        y = place(first, value)[1]
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="{MUTED}">{value:.0f} ms</text>')
    for share, limit in sorted(limits.items()):
        y = place(first, limit)[1]
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{LIMIT}" '
            f'stroke-width="1.5" stroke-dasharray="6 4"/><text x="{WIDTH - RIGHT}" y="{y - 4:.1f}" '
            f'text-anchor="end" fill="{LIMIT}">{limit:g} ms for {share:.0%}</text>'
        )
    if first < 0 <= last:
        x = place(-0.5, 0)[0]
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + PLOT}" stroke="{MUTED}" stroke-dasharray="2 3"/>'
        )
        parts.append(f'<text x="{x + 4:.1f}" y="{base + 10}" fill="{MUTED}">warm-up ends</text>')
    for share, stroke in ((0.5, 1), (0.95, 2.5)):
        drawn = [place(second, value) for second, value in series[share] if math.isfinite(value)]
        parts.append(f'<polyline fill="none" stroke="{LINE}" stroke-width="{stroke}" points="{_points(drawn)}"/>')
    for second, cells in sorted(seconds.items()):
        if any(cell.bad for cell in cells):
            x, y = place(second, top)
            parts.append(f'<path d="M{x - 4:.1f} {y + 2:.1f}l8 8m0 -8l-8 8" stroke="{BAD}" stroke-width="2"/>')
    parts.append(f'<text x="{LEFT}" y="{base + PLOT + 16}" fill="{MUTED}">{first} s</text>')
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{base + PLOT + 16}" text-anchor="end" fill="{MUTED}">{last + 1} s</text>'
    )
    return "".join(parts)


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
