"""The drawings of a run as the decision page shows them: each once, and only what is harmless inlined.

A drawing comes from a file of evidence, which a check of anybody may have written. It is read with an XML
parser and written anew from an allow list of shapes, text and plain attributes; scripts, links, styles and
foreign elements have no way through. What does not fit the list is linked and told in words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from xml.etree import ElementTree as ET

from markupsafe import Markup

from stagehold.drawing import STYLE
from stagehold.errors import ReportError
from stagehold.model import CheckResult, Evidence, Outcome, Verdict
from stagehold.reporting.cases import shown_cases
from stagehold.reporting.text import clean, link

MOST_BYTES = 150_000
"""Of all inlined drawings together, so that the page stays fit for a mail."""
_LARGEST = 400_000
_SVG = "{http://www.w3.org/2000/svg}"
_SHAPES = {"svg", "g", "rect", "line", "path", "polyline", "polygon", "circle", "ellipse", "text", "tspan"}
_DROPPED = {"style", "title", "desc"}
"""The page brings the style of drawings itself, and names them by their evidence."""
_ATTRIBUTES = {
    "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "dx", "dy", "d", "points", "width", "height",
    "transform", "fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "opacity", "fill-opacity",
    "font-size", "font-weight", "font-family", "text-anchor",
}  # fmt: skip
_PLAIN = re.compile(r"[A-Za-z0-9#.,%()+\s-]*")
_CLASSES = frozenset(re.findall(r"\.([a-z]+)", STYLE))
_SIZE = re.compile(r"\d{1,4}(\.\d+)?")


@dataclass(frozen=True)
class Figure:
    """One drawing, and the checks that show it."""

    name: str
    suite: str
    checks: tuple[str, ...]
    alt: str
    path: str
    tables: tuple[Evidence, ...]
    """The numbers of the drawing, as tables beside it."""
    open: bool
    """Shown at once: one of the cases that it belongs to is not proven."""
    svg: Markup
    """"" where the drawing is not inlined."""


def figures(verdict: Verdict, folder: Path | None) -> tuple[Figure, ...]:
    """Every distinct drawing of the run, those of failed cases first.

    Args:
        verdict: its evidence names the drawings: attachments that say in words what they show.
        folder: the run's folder; None shows the words only.

    Raises:
        ReportError: a path leads out of the folder.
    """
    found: dict[str, Figure] = {}
    for check, outcome, item, tables in _drawings(verdict):
        data = _read(folder, item.path)
        key = hashlib.sha256(data or item.path.encode()).hexdigest()
        known = found.get(key)
        checks = tuple(dict.fromkeys((*(known.checks if known else ()), check.spec.id)))
        found[key] = Figure(
            name=known.name if known else item.name,
            suite=known.suite if known else check.spec.suite,
            checks=checks,
            alt=known.alt if known else item.alt,
            path=known.path if known else item.path,
            tables=known.tables if known else tables,
            open=(known.open if known else False) or outcome in _OPEN,
            svg=known.svg if known else Markup(inlined(data, label=item.name)),  # noqa: S704 - written anew from a list
        )
    return tuple(_within(sorted(found.values(), key=lambda figure: not figure.open), MOST_BYTES))


def inlined(data: bytes, label: str) -> str:
    """The drawing written anew for a page, named `label`; "" where it is not plainly harmless."""
    if not data or len(data) > _LARGEST or b"<!" in data or b"<?" in data.lstrip()[5:]:
        return ""
    try:
        root = ET.fromstring(data)  # noqa: S314 - declarations, and so entities, are refused above
    except (ET.ParseError, ValueError):
        return ""
    if root.tag != f"{_SVG}svg":
        return ""
    try:
        width, height = (_measure(root, name) for name in ("width", "height"))
        body = "".join(_written(child) for child in root)
    except (ValueError, RecursionError):
        return ""
    return (
        f'<svg class="drawing" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(clean(label))}">{body}</svg>'
    )


_OPEN = (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.NOT_RUN)


def _drawings(verdict: Verdict) -> Iterator[tuple[CheckResult, Outcome, Evidence, tuple[Evidence, ...]]]:
    for check in verdict.checks:
        for entry in shown_cases(check):
            tables = tuple(item for item in entry.result.evidence if item.media_type == "text/csv")
            for item in entry.result.evidence:
                if item.alt and item.media_type == "image/svg+xml":
                    yield check, entry.result.outcome, item, tables


def _read(folder: Path | None, path: str) -> bytes:
    link(path)
    if folder is None:
        return b""
    file = folder / path
    try:
        if not file.resolve().is_relative_to(folder.resolve()):
            raise ReportError(f"evidence path {clean(path)!r} leads out of the run's folder")
        return file.read_bytes() if file.is_file() and file.stat().st_size <= _LARGEST else b""
    except OSError:
        return b""


def _within(figures: Iterable[Figure], most: int) -> Iterator[Figure]:
    left = most
    for figure in figures:
        size = len(figure.svg.encode())
        if size > left:
            yield Figure(**{**vars(figure), "svg": Markup("")})
        else:
            left -= size
            yield figure


def _measure(root: ET.Element, name: str) -> str:
    value = root.get(name, "")
    if not _SIZE.fullmatch(value):
        raise ValueError(f"{name} is not a plain number")
    return value


def _written(element: ET.Element) -> str:
    name = str(element.tag).removeprefix(_SVG)
    if name in _DROPPED:
        return escape(clean(element.tail or "").strip())
    if name not in _SHAPES:
        raise ValueError(f"{name} is no shape")
    attributes = "".join(f' {key}="{escape(value)}"' for key, value in _kept(element))
    inside = escape(clean(element.text or "")) + "".join(_written(child) for child in element)
    whole = f"<{name}{attributes}>{inside}</{name}>" if inside else f"<{name}{attributes}/>"
    return f"{whole}{escape(clean(element.tail or ''))}"


def _kept(element: ET.Element) -> Iterator[tuple[str, str]]:
    for key, value in element.attrib.items():
        if key == "class":
            yield key, " ".join(name for name in value.split() if name in _CLASSES)
        elif key in _ATTRIBUTES:
            if not _PLAIN.fullmatch(value) or "url" in value.lower():
                raise ValueError(f"{key} is not plain")
            yield key, value
        else:
            raise ValueError(f"{key} is not an attribute of a drawing")
