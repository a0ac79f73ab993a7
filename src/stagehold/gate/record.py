"""The gate's own record of a run: what it decides from, and the only writer of `events.jsonl`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stagehold.events import FILE_NAME, EventLog, Recorded
from stagehold.model import CaseResult, ExpectedCheck, Problem


class RunRecord(EventLog):
    """Keeps in memory what it writes, so that a file which something else changed neither adds nor hides an outcome.

    Args:
        run_folder: where `events.jsonl` is written.
        on_event: is told each event after it is on disk.
    """

    def __init__(self, run_folder: Path, on_event: Callable[[dict[str, Any]], None] = lambda _event: None) -> None:
        super().__init__(run_folder)
        self.on_event = on_event
        self.problems: list[Problem] = []
        """What lanes tried that was not theirs to do, and what could not be written."""
        self._events: list[dict[str, Any]] = []
        self._cases: list[CaseResult] = []
        self._expected: tuple[ExpectedCheck, ...] | None = None
        self._digest = hashlib.sha256()
        self._broken = False

    def write(self, event: str, /, **fields: Any) -> dict[str, Any]:
        """As `EventLog.write`, but never raises: on a full disk the run goes on in memory, and cannot be GO."""
        document = super().write(event, **fields)
        self._events.append(document)
        if event == "case":
            self._cases.append(CaseResult.model_validate(document["result"]))
        self.on_event(document)
        return document

    def expected(self, checks: Sequence[ExpectedCheck]) -> None:
        """Record what the run must have results for."""
        self._expected = tuple(checks)
        super().expected(checks)

    @property
    def recorded(self) -> Recorded:
        """Everything so far."""
        return Recorded(tuple(self._events), tuple(self._cases), self._expected)

    def tampering(self) -> Problem | None:
        """A problem when the file does not hold exactly what was written here."""
        if self._broken:
            return None
        try:
            on_disk = hashlib.sha256(self.path.read_bytes()).hexdigest() if self.path.exists() else ""
        except OSError as error:
            return Problem(what=f"{FILE_NAME} cannot be read any more: {error.strerror}", remedy="Run again.")
        if on_disk == (self._digest.hexdigest() if self._events else ""):
            return None
        return Problem(
            what=f"{FILE_NAME} was changed by something else than the gate while the run was going on",
            remedy="A check, or another program of this user, writes into the run's folder. Find it, then run again.",
        )

    def _append(self, line: bytes) -> None:
        if self._broken:
            return
        try:
            super()._append(line)
        except OSError as error:
            self._broken = True
            what = f"{FILE_NAME} could not be written: {error.strerror}"
            self.problems.append(Problem(what=what, remedy="Make room in the run's folder, then run again."))
        self._digest.update(line)
