"""A sheet to draw on: text that cannot do harm, marks that need no font, one style for light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

WIDTH = 760
"""Pixels a page has room for; a wider sheet is scrolled inside its frame."""
MARGIN = 20
_SANS, _CAPITAL, _BOLD, _BOLD_CAPITAL, _MONO, _WIDE = 0.57, 0.7, 0.64, 0.78, 0.61, 0x2E80
"""Widths of characters as a part of the font size; from the last code point on they are as wide as high."""

STYLE = """
.drawing { --d-paper: #fbfbf9; --d-ink: #1b2026; --d-muted: #59626c; --d-line: #d9dcd8; --d-good: #17633a;
  --d-good-soft: #dff0e4; --d-bad: #b01f1b; --d-bad-soft: #fbe3e0; --d-open: #7a5200; --d-open-soft: #fbecc8;
  --d-none: #59626c; --d-none-soft: #ebece8; --d-series: #1f5f99; --d-on: #ffffff;
  font-family: ui-sans-serif, system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; font-size: 13px; }
@media (prefers-color-scheme: dark) { .drawing { --d-paper: #1a1e22; --d-ink: #e9ebe7; --d-muted: #a8b0b8;
  --d-line: #3b4249; --d-good: #86d9a5; --d-good-soft: #1d3a29; --d-bad: #ff9b92; --d-bad-soft: #4a2120;
  --d-open: #f0c467; --d-open-soft: #43350f; --d-none: #a8b0b8; --d-none-soft: #2b3137; --d-series: #86bdf0;
  --d-on: #14181b; } }
@media print { .drawing { --d-paper: #ffffff; --d-ink: #000000; --d-muted: #444444; --d-line: #bbbbbb;
  --d-good: #17633a; --d-good-soft: #dff0e4; --d-bad: #a61e1b; --d-bad-soft: #fbe3e0; --d-open: #7a5200;
  --d-open-soft: #fbecc8; --d-none: #444444; --d-none-soft: #ebece8; --d-series: #1f5f99; --d-on: #ffffff;
  print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
.drawing text { fill: var(--d-ink); }
.drawing .paper { fill: var(--d-paper); }
.drawing .head { font-size: 15px; font-weight: 650; }
.drawing .bold { font-weight: 650; }
.drawing .small { font-size: 12px; }
.drawing .mono { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 12px; }
.drawing .mid { text-anchor: middle; }
.drawing .end { text-anchor: end; }
.drawing .muted { fill: var(--d-muted); }
.drawing .rule { stroke: var(--d-line); stroke-width: 1; fill: none; }
.drawing .mark { fill: none; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.drawing text.good { fill: var(--d-good); } .drawing text.bad { fill: var(--d-bad); }
.drawing text.open { fill: var(--d-open); } .drawing text.none { fill: var(--d-none); }
.drawing text.on { fill: var(--d-on); }
.drawing .mark.good { stroke: var(--d-good); } .drawing .mark.bad { stroke: var(--d-bad); }
.drawing .mark.open { stroke: var(--d-open); } .drawing .mark.none { stroke: var(--d-none); }
.drawing .mark.on { stroke: var(--d-on); }
.drawing .soft.good { fill: var(--d-good-soft); } .drawing .soft.bad { fill: var(--d-bad-soft); }
.drawing .soft.empty { fill: none; stroke: var(--d-line); stroke-dasharray: 3 3; }
.drawing .mark.empty { stroke: var(--d-muted); }
.drawing .soft.open { fill: var(--d-open-soft); } .drawing .soft.none { fill: var(--d-none-soft); }
.drawing .loud.good { fill: var(--d-good); } .drawing .loud.bad { fill: var(--d-bad); }
.drawing .loud.open { fill: var(--d-open); } .drawing .loud.none { fill: var(--d-none); }
.drawing .edge { fill: none; stroke-width: 1.5; }
.drawing .edge.good { stroke: var(--d-good); } .drawing .edge.bad { stroke: var(--d-bad); }
.drawing .edge.open { stroke: var(--d-open); } .drawing .edge.none { stroke: var(--d-line); }
.drawing .dashed { stroke-dasharray: 5 4; }
.drawing .series { fill: none; stroke: var(--d-series); stroke-linejoin: round; }
.drawing .thin { stroke-width: 1; } .drawing .middle { stroke-width: 1.6; } .drawing .thick { stroke-width: 2.6; }
""".strip()
"""The style of every drawing, for a page that inlines some of them without their own."""

_MARKS = {
    "tick": "M{} {}m-4 .5l3 3 5.5-7",
    "cross": "M{} {}m-4-4l8 8m0-8l-8 8",
    "barred": "M{} {}m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0m1.5 3.5l7-7",
    "question": "M{} {}m-2.6-2.4c0-4 5.4-4 5.4-.6c0 2-2.8 2-2.8 4.4m0 3.2v.1",
    "dot": "M{} {}h.1",
}


class Drawing(NamedTuple):
    """An SVG document and what it shows in words: the two last arguments of `evidence.figure`."""

    svg: str
    alt: str


@dataclass(frozen=True)
class Mark:
    """How a state is shown: by a word, a sign and a tone, so that none of the three is needed alone."""

    word: str
    sign: str
    """`tick`, `cross`, `barred`, `question` or `dot`."""
    tone: str
    """`good`, `bad`, `open`, `none`, or `empty`: where nothing was looked at."""
    loud: bool = False
    """Filled and with its word: what a reader should see first."""


class Sheet:
    """Collects the parts of one drawing; all measures are pixels, `y` of a text is its base line."""

    def __init__(self, width: float = WIDTH) -> None:
        self.width = width
        self._parts: list[str] = []

    def text(self, x: float, y: float, text: str, look: str = "", *, room: float | None = None, turn: int = 0) -> None:
        """Text as it is, cut to `room` pixels; turned around its start by `turn` degrees."""
        shown = fit(text, room, look) if room is not None else harmless(text)
        turned = f' transform="rotate({turn} {_n(x)} {_n(y)})"' if turn else ""
        self._parts.append(f'<text x="{_n(x)}" y="{_n(y)}"{_class(look)}{turned}>{escape(shown)}</text>')

    def box(self, x: float, y: float, width: float, height: float, look: str, *, radius: float = 3) -> None:
        """A rectangle with rounded corners."""
        self._parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(radius)}"{_class(look)}/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, look: str = "rule") -> None:
        """A straight line."""
        self.path(f"M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}", look)

    def path(self, path: str, look: str) -> None:
        """Any path."""
        self._parts.append(f'<path d="{path}"{_class(look)}/>')

    def curve(self, points: Iterable[tuple[float, float]], look: str) -> None:
        """A line through points."""
        placed = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self._parts.append(f'<polyline points="{placed}"{_class(look)}/>')

    def mark(self, x: float, y: float, sign: str, tone: str) -> None:
        """A sign of about 10 pixels, its middle at the point."""
        self.path(_MARKS[sign].format(_n(x), _n(y)), f"mark {tone}")

    def cell(self, x: float, y: float, width: float, height: float, mark: Mark, *, word: str = "") -> None:
        """A field of a table: its sign, and its word where there is room, in a soft or a loud colour."""
        tone = "on" if mark.loud else mark.tone
        self.box(x, y, width, height, f"{'loud' if mark.loud else 'soft'} {mark.tone}")
        look = f"small {tone}{' bold' if mark.loud else ''}"
        shown = fit(word, width - 22, look) if word else ""
        if len(shown) <= 1:
            self.mark(x + width / 2, y + height / 2, mark.sign, tone)
            return
        start = x + (width - extent(shown, look) - 14) / 2
        self.mark(start + 4, y + height / 2, mark.sign, tone)
        self.text(start + 14, y + height / 2 + 4.3, shown, look)

    def legend(self, y: float, entries: Sequence[tuple[Mark, str]], *, x: float = MARGIN) -> float:
        """Marks with what they mean, in as many rows as needed; returns the y below them."""
        start = x
        for mark, words in entries:
            wide = 26 + extent(words, "small") + 18
            if x > start and x + wide > self.width:
                x, y = start, y + 22
            self.cell(x, y, 20, 16, mark)
            self.text(x + 26, y + 12, words, "small")
            x += wide
        return y + 22

    def finish(self, height: float, title: str, words: str) -> Drawing:
        """The document. `title` names it, `words` say what it shows to those who cannot see it."""
        size = f'viewBox="0 0 {_n(self.width)} {_n(height)}" width="{_n(self.width)}" height="{_n(height)}"'
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing" {size} role="img">'
            f"<title>{escape(harmless(title))}</title><desc>{escape(harmless(words))}</desc><style>{STYLE}</style>"
            f'<rect width="100%" height="100%" rx="6" class="paper"/>{"".join(self._parts)}</svg>\n'
        )
        return Drawing(svg, harmless(words))


def harmless(text: str) -> str:
    """The text on one line, with everything invisible, reordering or unfit for XML replaced."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in " ".join(text.split()))


def extent(text: str, look: str = "") -> float:
    """About how many pixels wide a text is, on the generous side; the real width depends on the reader's fonts."""
    kinds = set(look.split())
    size = 15 if "head" in kinds else 12 if {"small", "mono"} & kinds else 13
    if "mono" in kinds:
        share, capital = _MONO, _MONO
    else:
        share, capital = (_BOLD, _BOLD_CAPITAL) if {"bold", "head"} & kinds else (_SANS, _CAPITAL)
    return sum(size * (1.0 if ord(sign) >= _WIDE else capital if sign.isupper() else share) for sign in text)


def fit(text: str, room: float, look: str = "") -> str:
    """The harmless text, with an ellipsis where it would not fit: at its end, in code in its middle."""
    text = harmless(text)
    if extent(text, look) <= room:
        return text
    head, tail = text, ""
    if "mono" in look.split():
        head, tail = text[: len(text) // 2], text[len(text) // 2 :]
    while (head or tail) and extent(f"{head}…{tail}", look) > room:
        if len(tail) >= len(head):
            tail = tail[1:]
        else:
            head = head[:-1]
    return f"{head.rstrip()}…{tail.lstrip()}"


def listed(names: Sequence[str], most: int = 6) -> str:
    """Names in a sentence: all of a few, else the first and how many more."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _class(look: str) -> str:
    return f' class="{look}"' if look else ""


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
