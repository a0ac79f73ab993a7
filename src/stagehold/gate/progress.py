"""What a run shows while it goes on: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stagehold.gate.lanes import Lane
from stagehold.model import ExpectedCheck, Outcome
from stagehold.reporting.facts import OUTCOMES

_PLAIN_INTERVAL = 15.0
_RARER = tuple(outcome for outcome in OUTCOMES if outcome not in {Outcome.PASSED, Outcome.FAILED})
_STYLES = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.NOT_RUN: "yellow",
}


@dataclass
class SuiteProgress:
    """One suite's counters."""

    total: int
    counts: Counter[Outcome] = field(default_factory=Counter)
    current: str = "waiting"
    case: str = ""
    """The check and case that runs."""
    started: float | None = None
    seconds: float | None = None

    _told: str = ""
    _tell_at: float = 0.0
    _silence: float = 0.0

    @property
    def left(self) -> int:
        return max(0, self.total - sum(self.counts.values()))

    def worth_telling(self, now: float) -> bool:
        """Whether a plain line says something new; the same words come back ever more rarely: 15, 30, 60 … s later."""
        if self.current != self._told:
            self._told, self._silence = self.current, _PLAIN_INTERVAL
        elif now < self._tell_at:
            return False
        else:
            self._silence *= 2
        self._tell_at = now + self._silence
        return True


class Progress:
    """Is told each event (`take`); `tick` is called several times a second. Never keeps a run from going on."""

    def __init__(self, expected: Sequence[ExpectedCheck], console: Console) -> None:
        self._console = console
        self._suite_of = {check.spec.id: check.spec.suite for check in expected}
        totals = Counter[str]()
        for check in expected:
            totals[check.spec.suite] += len(check.cases)
        self._suites = {suite: SuiteProgress(total) for suite, total in totals.items()}
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self._last_plain = time.monotonic()

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def tick(self, lanes: Sequence[Lane]) -> None:
        """Show what is new."""
        if self._live:
            self._live.update(self._table())
        elif time.monotonic() - self._last_plain >= _PLAIN_INTERVAL:
            self._last_plain = time.monotonic()
            for lane in lanes:
                if lane.seconds is None and self._suites[lane.suite].worth_telling(self._last_plain):
                    self._print_plainly(self._line(lane.suite))

    def take(self, event: dict[str, Any]) -> None:
        """Take in an event."""
        result = event.get("result") or {}
        suite = self._suites.get(event.get("suite") or self._suite_of.get(result.get("check", ""), ""))
        if suite is None:
            return
        match event["event"]:
            case "lane_started":
                suite.started, suite.current = time.monotonic(), "starting"
            case "progress" if event.get("in_case"):
                suite.current = f"{suite.case} {event['note']}"
            case "progress":
                suite.current = event["note"]
                self._print_plainly(f"{event['suite']:<12} {event['note']}")
            case "case_started":
                suite.current = suite.case = f"{event['check']} {event['case']}".strip()
            case "case":
                suite.counts[Outcome(result["outcome"])] += 1
            case "lane_ended":
                suite.current, suite.seconds = event["note"] or "done", event["seconds"]
                self._print_plainly(self._line(event["suite"]))

    def _print_plainly(self, words: str) -> None:
        """A line, where there is no live table."""
        if not self._live:
            with contextlib.suppress(OSError):  # nobody reads it any more
                self._console.print(f"  {words}", highlight=False, soft_wrap=True, markup=False)

    def _elapsed(self, suite: SuiteProgress) -> float:
        if suite.seconds is not None:
            return suite.seconds
        return time.monotonic() - suite.started if suite.started is not None else 0.0

    def _line(self, name: str) -> str:
        suite = self._suites[name]
        others = "".join(
            f"{suite.counts[outcome]:>3} {OUTCOMES[outcome].word} " for outcome in _RARER if suite.counts[outcome]
        )
        return (
            f"{name:<12} {suite.counts[Outcome.PASSED]:>3} passed {suite.counts[Outcome.FAILED]:>3} failed "
            f"{others}{suite.left:>3} left {self._elapsed(suite):>6.1f} s  {suite.current}"
        )

    def _table(self) -> Table:
        """Passed, failed, and a column for each other outcome that occurred."""
        rarer = [outcome for outcome in _RARER if any(suite.counts[outcome] for suite in self._suites.values())]
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("suite", vertical="bottom", no_wrap=True)
        narrow = ["\n".join(OUTCOMES[outcome].word.rsplit(" ", 1)) for outcome in rarer]
        for heading in ("passed", "failed", *narrow, "left", "elapsed"):
            table.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
        table.add_column("now", vertical="bottom", no_wrap=True)
        for name, suite in self._suites.items():
            table.add_row(
                name,
                *(
                    Text(str(suite.counts[outcome]), style=_STYLES.get(outcome, "") if suite.counts[outcome] else "")
                    for outcome in (Outcome.PASSED, Outcome.FAILED, *rarer)
                ),
                str(suite.left),
                f"{self._elapsed(suite):.0f} s",
                Text(suite.current),
            )
        return table
