"""The event log of a run: `events.jsonl`, append-only and fsynced; the source of truth of every report.

One JSON object a line, `{"event": KIND, "at": UTC, …}`. In a run only the gate writes it (`gate.record`): lanes
report to the gate through a pipe of their own. Where people run pytest themselves, pytest writes it. A writer that
was killed may leave a torn line: the next writer starts a fresh line, and the reader counts the torn one, which
keeps the run from GO.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stagehold.model import CaseResult, ExpectedCheck
from stagehold.redaction.redactor import REDACTOR, Redactor

FILE_NAME = "events.jsonl"
COLLECTED = "collected"
SECRET = "secret"  # noqa: S105 - the kind of an event


def utc_now() -> str:
    """The time as the log writes it, such as `2026-11-23T16:00:00.123Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class EventLog:
    """Appends events to the log of one run, without secrets."""

    def __init__(self, run_folder: Path, redactor: Redactor = REDACTOR) -> None:
        self.path = run_folder / FILE_NAME
        self._redactor = redactor

    def write(self, event: str, /, **fields: Any) -> dict[str, Any]:
        """Append one event and return it, as it was written, only when it is on disk.

        Raises:
            OSError: it could not be written; callers let that block.
        """
        document = {"event": event, "at": utc_now(), **self._redactor.value(fields)}
        self._append(json.dumps(document, ensure_ascii=False).encode() + b"\n")
        return document

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            while line:
                line = line[os.write(descriptor, line) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def expected(self, checks: Sequence[ExpectedCheck]) -> None:
        """Record what the run must have results for."""
        self.write("expected", checks=[check.model_dump(mode="json") for check in checks])

    def case(self, result: CaseResult) -> None:
        """Record the outcome of one case."""
        self.write("case", result=result.model_dump(mode="json"))


class PipeLog(EventLog):
    """What a lane writes to instead: the pipe that only the gate reads. Safe between threads.

    Args:
        descriptor: the pipe's write end; processes that the lane starts do not get it.
    """

    def __init__(self, descriptor: int, redactor: Redactor = REDACTOR) -> None:
        super().__init__(Path(), redactor)
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def secret(self, name: str, value: str) -> None:
        """Tell the gate, as it stands, what must not be shown from now on; it never reaches a file."""
        self._append(json.dumps({"event": SECRET, "name": name, "value": value}).encode() + b"\n")

    def _append(self, line: bytes) -> None:
        with self._lock:
            while line:
                line = line[os.write(self._descriptor, line) :]


@dataclass(frozen=True)
class Recorded:
    """What a log holds. `unreadable` counts lines that are no event; any of them blocks."""

    events: tuple[dict[str, Any], ...] = ()
    cases: tuple[CaseResult, ...] = ()
    expected: tuple[ExpectedCheck, ...] | None = None
    unreadable: tuple[str, ...] = field(default=())

    def of(self, kind: str) -> Iterator[dict[str, Any]]:
        """The events of one kind, in order."""
        return (event for event in self.events if event["event"] == kind)


def read_events(run_folder: Path) -> Recorded:
    """Read a run's log; a missing file is an empty log.

    Raises:
        OSError: it exists and cannot be read.
    """
    path = run_folder / FILE_NAME
    if not path.exists():
        return Recorded()
    events: list[dict[str, Any]] = []
    cases: list[CaseResult] = []
    expected: tuple[ExpectedCheck, ...] | None = None
    unreadable: list[str] = []
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            event = json.loads(line)
            kind = event["event"]
            if kind == "case":
                cases.append(CaseResult.model_validate(event["result"]))
            elif kind == "expected":
                expected = tuple(ExpectedCheck.model_validate(check) for check in event["checks"])
            events.append(event)
        except (ValueError, KeyError, TypeError, ValidationError):
            unreadable.append(f"{FILE_NAME}:{number}")
    return Recorded(tuple(events), tuple(cases), expected, tuple(unreadable))
