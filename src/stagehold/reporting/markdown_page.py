"""Markdown of a bounded size: what does not fit is counted, never silently lost."""

from __future__ import annotations

from collections.abc import Iterable

from stagehold.reporting.text import plural

_RESERVE = 400


class MarkdownPage:
    """Lines up to a number of bytes; what does not fit is counted, never silently lost."""

    def __init__(self, most: int) -> None:
        self._lines: list[str] = []
        self._left = most - _RESERVE
        self._lost = 0

    def add(self, *lines: str) -> None:
        """Add lines, as long as they fit."""
        for line in lines:
            size = len(line.encode()) + 1
            if self._lost or size > self._left:
                self._lost += 1
            else:
                self._lines.append(line)
                self._left -= size

    def table(self, head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
        """Add a table; cells are Markdown already."""
        names = list(head)
        self.add("", f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}")
        for row in rows:
            self.add(f"| {' | '.join(row)} |")

    def render(self) -> str:
        """The whole, with the number of lines that did not fit."""
        if self._lost:
            self._lines += ["", f"{plural(self._lost, 'line')} did not fit here; decision.html shows all."]
        return "\n".join(self._lines) + "\n"
