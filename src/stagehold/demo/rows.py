"""One row of the matrix while it is measured: a process of its own, started as a user starts it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from stagehold.catalogue.read import LOAD_SUITE
from stagehold.demo.matrix import Measure, Measured, Row, strays
from stagehold.errors import ConfigError
from stagehold.events import read_events
from stagehold.gate.processes import end_trees
from stagehold.judgement import judge_checks
from stagehold.model import CheckResult, CheckSpec, Outcome
from stagehold.runs import read_verdict

_DEADLINE = 600.0
"""Seconds; a run that takes longer hangs."""


class Hung(Exception):
    """A run did not end; what it ran on is not to be trusted any more."""


class Running:
    """A run that has been started; `poll` until it is over, then `close`."""

    def __init__(self, row: Row, environment: Path, specs: Sequence[CheckSpec]) -> None:
        self.row = row
        self.begin = time.monotonic()
        self._place = tempfile.TemporaryDirectory(prefix="stagehold-selftest-", ignore_cleanup_errors=True)
        self._folder = Path(self._place.name)
        if row.measure is Measure.GATE:
            self._expected = {spec.id for spec in specs}
            arguments = ["run", str(environment), "--out", str(self._out)]
        else:
            self._expected = {spec.id for spec in specs if spec.suite != LOAD_SUITE}
            arguments = ["check", str(environment), *sorted({spec.suite for spec in specs} - {LOAD_SUITE})]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", "stagehold", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                start_new_session=True,
            )

    @property
    def _out(self) -> Path:
        return self._folder / "out"

    @property
    def _log(self) -> Path:
        return self._folder / "output.log"

    def poll(self) -> Measured | None:
        """What came of it, judged by the recorded results only; None while it goes on.

        Raises:
            Hung: it does not end.
        """
        code = self._process.poll()
        seconds = time.monotonic() - self.begin
        if code is None:
            if seconds > _DEADLINE:
                raise Hung(f"no end within {_DEADLINE:.0f} s; {self._last_words()}")
            return None
        if self.row.measure is Measure.GATE:
            decision, results, notes = _verdict(self._out)
            ending = f"{decision}, exit {code}"
        else:
            results, notes = _recorded(self._folder / "reports" / "checks")
            ending = f"exit {code}"
        if missing := sorted(self._expected - {result.spec.id for result in results}):
            notes = (*notes, f"nothing was recorded of {', '.join(missing)}", self._last_words())
        return Measured(
            row=self.row,
            ending=ending,
            failed=frozenset(result.spec.id for result in results if result.outcome is Outcome.FAILED),
            strays=strays(results, self.row.wanted),
            seconds=seconds,
            notes=notes,
        )

    def close(self) -> None:
        """End it if it has not ended, and remove what it wrote."""
        if self._process.poll() is None:
            end_trees([self._process])
        self._place.cleanup()

    def _last_words(self) -> str:
        return " ".join(self._log.read_text("utf-8", errors="replace").split()[-40:])


def _verdict(out: Path) -> tuple[str, Sequence[CheckResult], tuple[str, ...]]:
    try:
        verdict = read_verdict(out)
    except ConfigError as error:
        return "no verdict", (), (str(error),)
    return verdict.decision.value, verdict.checks, tuple(problem.what for problem in verdict.problems)


def _recorded(checks: Path) -> tuple[Sequence[CheckResult], tuple[str, ...]]:
    folders = list(checks.iterdir()) if checks.is_dir() else []
    if len(folders) != 1:
        return (), ("the run left no results",)
    recorded = read_events(folders[0])
    damaged = tuple(f"the event log is damaged at {where}" for where in recorded.unreadable)
    return judge_checks(recorded.expected or (), recorded.cases), damaged
