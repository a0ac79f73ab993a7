"""Exact counts per request name and second; percentiles are never what decides.

A window is one second of *due* time, counted from the end of the warm-up (negative before it): what was due
in a second stays in that second, however late its answer came.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MANTISSA_BITS = 7
"""Resolution of the histogram: at most 0.8 % error, for charts and displayed percentiles only."""


def bucket(microseconds: int) -> int:
    """Lower edge of the log-linear bucket that holds a duration."""
    shift = max(0, microseconds.bit_length() - MANTISSA_BITS - 1)
    return (microseconds >> shift) << shift


@dataclass
class Cell:
    """What became of the requests of one name that were due in one second."""

    scheduled: int = 0
    dropped: int = 0
    ok: int = 0
    unfinished: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    over: Counter[float] = field(default_factory=Counter)
    """Limit in milliseconds to the number not answered right within it: also failed, dropped, unfinished."""
    histogram: Counter[int] = field(default_factory=Counter)
    """Bucket in microseconds to number, of right answers."""
    latency_max_ms: float = 0.0

    def document(self, name: str, window: int) -> dict[str, Any]:
        """As JSON; keys of mappings are text."""
        return {
            "name": name,
            "window": window,
            "scheduled": self.scheduled,
            "dropped": self.dropped,
            "ok": self.ok,
            "unfinished": self.unfinished,
            "failed": dict(self.failed),
            "over": {repr(limit): count for limit, count in self.over.items()},
            "histogram": {str(key): count for key, count in sorted(self.histogram.items())},
            "latency_max_ms": self.latency_max_ms,
        }


class Counters:
    """The book of one worker: each arrival is entered once as scheduled and once with its fate."""

    def __init__(self, warm_up: float, limits: dict[str, tuple[float, ...]]) -> None:
        self._warm_up = warm_up
        self._limits = limits
        self.cells: dict[tuple[str, int], Cell] = {}
        self.samples: dict[str, list[str]] = {}

    def scheduled(self, name: str, due: float) -> None:
        self._cell(name, due).scheduled += 1

    def dropped(self, name: str, due: float) -> None:
        """Never sent, because too many earlier requests were still open."""
        cell = self._cell(name, due)
        cell.dropped += 1
        self._bad(cell, name)

    def unfinished(self, name: str, due: float) -> None:
        """Sent, and still without an answer when the drain ended."""
        cell = self._cell(name, due)
        cell.unfinished += 1
        self._bad(cell, name)

    def failed(self, name: str, due: float, kind: str, detail: str) -> None:
        cell = self._cell(name, due)
        cell.failed[kind] += 1
        self._bad(cell, name)
        examples = self.samples.setdefault(f"{name}: {kind}", [])
        if len(examples) < 3:  # noqa: PLR2004 - a few show the kind, more would be a log
            examples.append(detail[:300])

    def ok(self, name: str, due: float, latency: float) -> None:
        """A right answer, `latency` seconds after it was due."""
        cell = self._cell(name, due)
        cell.ok += 1
        milliseconds = latency * 1000
        cell.latency_max_ms = max(cell.latency_max_ms, milliseconds)
        cell.histogram[bucket(max(0, int(latency * 1_000_000)))] += 1
        for limit in self._limits[name]:
            if milliseconds > limit:
                cell.over[limit] += 1

    def books(self) -> dict[str, int]:
        """The totals by which the run is reconciled."""
        cells = list(self.cells.values())
        return {
            "scheduled": sum(cell.scheduled for cell in cells),
            "dropped": sum(cell.dropped for cell in cells),
            "ok": sum(cell.ok for cell in cells),
            "failed": sum(cell.failed.total() for cell in cells),
            "unfinished": sum(cell.unfinished for cell in cells),
        }

    def documents(self) -> list[dict[str, Any]]:
        return [cell.document(name, window) for (name, window), cell in sorted(self.cells.items())]

    def _cell(self, name: str, due: float) -> Cell:
        return self.cells.setdefault((name, math.floor(due - self._warm_up)), Cell())

    def _bad(self, cell: Cell, name: str) -> None:
        for limit in self._limits[name]:
            cell.over[limit] += 1


def merge(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cells of several workers as one set: counts add up, nothing is averaged."""
    merged: dict[tuple[str, int], dict[str, Any]] = {}
    for document in documents:
        key = (document["name"], document["window"])
        into = merged.get(key)
        if into is None:
            merged[key] = {name: dict(value) if isinstance(value, dict) else value for name, value in document.items()}
            continue
        for count in ("scheduled", "dropped", "ok", "unfinished"):
            into[count] += document[count]
        for counts in ("failed", "over", "histogram"):
            into[counts] = dict(Counter(into[counts]) + Counter(document[counts]))
        into["latency_max_ms"] = max(into["latency_max_ms"], document["latency_max_ms"])
    return [merged[key] for key in sorted(merged)]
