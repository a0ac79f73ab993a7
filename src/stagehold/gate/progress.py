"""What a run shows while it goes on: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stagehold.events import ProgressReader
from stagehold.gate.lanes import Lane
from stagehold.model import ExpectedCheck, Outcome

_PLAIN_INTERVAL = 15.0


@dataclass
class SuiteProgress:
    """One suite's counters."""

    total: int
    counts: Counter[Outcome] = field(default_factory=Counter)
    current: str = "waiting"
    started: float | None = None
    seconds: float | None = None

    @property
    def left(self) -> int:
        return max(0, self.total - sum(self.counts.values()))


class Progress:
    """Follows the event log; `tick` is called several times a second."""

    def __init__(self, run_folder: Path, expected: Sequence[ExpectedCheck], console: Console) -> None:
        self._reader = ProgressReader(run_folder)
        self._console = console
        self._suite_of: dict[str, str] = {}
        self._suites: dict[str, SuiteProgress] = {}
        self.expect(expected)
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self._last_plain = time.monotonic()

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def expect(self, expected: Sequence[ExpectedCheck]) -> None:
        """Say how many cases there are, as soon as it is known."""
        self._suite_of |= {check.spec.id: check.spec.suite for check in expected}
        totals = Counter[str]()
        for check in expected:
            totals[check.spec.suite] += len(check.cases)
        for suite, total in totals.items():
            self._suites.setdefault(suite, SuiteProgress(0)).total = total

    def tick(self, lanes: Sequence[Lane]) -> None:
        """Take in new events and show them."""
        for event in self._reader.new_events():
            self._take(event)
        if self._live:
            self._live.update(self._table())
        elif time.monotonic() - self._last_plain >= _PLAIN_INTERVAL:
            self._last_plain = time.monotonic()
            for lane in lanes:
                if lane.seconds is None:
                    self._console.print(f"  {self._line(lane.suite)}", highlight=False, soft_wrap=True, markup=False)

    def _take(self, event: dict[str, Any]) -> None:
        result = event.get("result") or {}
        suite = self._suites.get(event.get("suite") or self._suite_of.get(result.get("check", ""), ""))
        if suite is None:
            return
        match event["event"]:
            case "lane_started":
                suite.started, suite.current = time.monotonic(), "starting"
            case "progress":
                suite.current = event["note"]
                self._print_plainly(f"{event['suite']:<12} {event['note']}")
            case "case_started":
                suite.current = f"{event['check']} {event['case']}".strip()
            case "case":
                suite.counts[Outcome(result["outcome"])] += 1
            case "lane_ended":
                suite.current, suite.seconds = event["note"] or "done", event["seconds"]
                self._print_plainly(self._line(event["suite"]))

    def _print_plainly(self, words: str) -> None:
        """A line, where there is no live table."""
        if not self._live:
            self._console.print(f"  {words}", highlight=False, soft_wrap=True, markup=False)

    def _elapsed(self, suite: SuiteProgress) -> float:
        if suite.seconds is not None:
            return suite.seconds
        return time.monotonic() - suite.started if suite.started is not None else 0.0

    def _line(self, name: str) -> str:
        suite = self._suites[name]
        other = sum(suite.counts.values()) - suite.counts[Outcome.PASSED] - suite.counts[Outcome.FAILED]
        return (
            f"{name:<12} {suite.counts[Outcome.PASSED]:>3} passed {suite.counts[Outcome.FAILED]:>3} failed "
            f"{other:>3} other {suite.left:>3} left {self._elapsed(suite):>6.1f} s  {suite.current}"
        )

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading, justify in (("suite", "left"), ("passed", "right"), ("failed", "right"), ("other", "right"),
                                 ("left", "right"), ("elapsed", "right"), ("now", "left")):  # fmt: skip
            table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        for name, suite in self._suites.items():
            failed = suite.counts[Outcome.FAILED]
            other = sum(suite.counts.values()) - suite.counts[Outcome.PASSED] - failed
            table.add_row(
                name,
                f"[green]{suite.counts[Outcome.PASSED]}[/]",
                f"[bold red]{failed}[/]" if failed else "0",
                f"[yellow]{other}[/]" if other else "0",
                str(suite.left),
                f"{self._elapsed(suite):.0f} s",
                Text(suite.current),
            )
        return table
