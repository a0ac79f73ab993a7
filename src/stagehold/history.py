"""What earlier runs of the gate came to: a file that a pipeline carries from run to run (`--history FILE`).

One JSON object a line, schema `stagehold/history/v1`. It tells people what changed since the last GO and never
has a say in a decision: whoever can write the file can change a sentence, not a verdict.
"""

from __future__ import annotations

import csv
import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from stagehold.errors import ConfigError
from stagehold.model import Artifact, Changes, CheckId, Decision, Model, Outcome, Promise, Verdict
from stagehold.shared_file import all_of, alone, replace

MOST_BYTES = 64 << 20
LARGEST = 16 << 20
"""Bytes at which a file is shortened: thousands of runs, and less than what is refused."""
ALLURE_SUFFIX = ".allure.jsonl"
_SILENT = frozenset({Outcome.INCONCLUSIVE, Outcome.NOT_RUN})


class HistoryEntry(Model):
    """One run, as the file keeps it."""

    schema_id: Literal["stagehold/history/v1"] = Field(default="stagehold/history/v1", alias="schema")
    run_id: str
    environment: str
    profile: str = ""
    started: str = ""
    finished: str = ""
    decision: Decision
    artifact: Artifact = Artifact()
    environment_digest: str = ""
    suite_digest: str = ""
    waivers_digest: str = ""
    counts: dict[Outcome, int] = Field(default_factory=dict)
    checks: dict[CheckId, Outcome] = Field(default_factory=dict)
    waived: tuple[CheckId, ...] = ()
    commitments: dict[str, Promise] = Field(default_factory=dict)
    p95_ms: dict[str, float] = Field(default_factory=dict)
    """Name of a request to its 95th percentile in milliseconds."""


def entry_of(verdict: Verdict, run_folder: Path) -> HistoryEntry:
    """The line of a run; the load figures come from the evidence in its folder."""
    run = verdict.run
    return HistoryEntry(
        run_id=run.run_id,
        environment=run.environment,
        profile=run.profile,
        started=run.started,
        finished=run.finished,
        decision=verdict.decision,
        artifact=run.artifact,
        environment_digest=run.environment_digest,
        suite_digest=run.suite_digest,
        waivers_digest=run.waivers_digest,
        counts=verdict.counts,
        checks={check.spec.id: check.outcome for check in verdict.checks},
        waived=tuple(check.spec.id for check in verdict.checks if check.waived),
        commitments={item.commitment.id: item.state for item in verdict.commitments},
        p95_ms=_p95(verdict, run_folder),
    )


@dataclass(frozen=True)
class History:
    """The runs of a file, oldest first; lines that are no run are counted and left alone."""

    path: Path
    entries: tuple[HistoryEntry, ...] = ()
    damaged: tuple[int, ...] = ()
    """Numbers of lines that could not be read."""

    @property
    def allure(self) -> Path:
        """Allure's own history, beside the file."""
        return self.path.with_name(self.path.name + ALLURE_SUFFIX)

    def changes(self, now: HistoryEntry) -> Changes:
        """What is different from the last GO of the same environment."""
        earlier = [entry for entry in self.entries if entry.environment == now.environment]
        at = max((n for n, entry in enumerate(earlier) if entry.decision is Decision.GO), default=None)
        base = earlier[at] if at is not None else None
        since = earlier[at or 0 :]
        failing = {check for check, outcome in now.checks.items() if outcome is Outcome.FAILED}
        failed = {check for entry in since for check, outcome in entry.checks.items() if outcome is Outcome.FAILED}
        changes = Changes(
            fixed=tuple(sorted(c for c in failed if now.checks.get(c) is Outcome.PASSED)),
            failing_since={check: _since(check, earlier) or now.started for check in sorted(failing)},
            note=self._note(),
        )
        if base is None:
            return changes
        same_load = base.profile == now.profile
        return changes.model_copy(
            update={
                "run_id": base.run_id,
                "finished": base.finished,
                "release": base.artifact.expected_digest,
                "newly_failing": tuple(sorted(c for c in failing if base.checks.get(c) is not Outcome.FAILED)),
                "added": tuple(sorted(now.checks.keys() - base.checks.keys())),
                "removed": tuple(sorted(base.checks.keys() - now.checks.keys())),
                "p95_ms": {
                    name: (base.p95_ms[name], after)
                    for name, after in sorted(now.p95_ms.items())
                    if same_load and name in base.p95_ms
                },
            }
        )

    def append(self, entry: HistoryEntry) -> None:
        """Add a run and return when it is on disk; a torn last line of a killed run is left as it is.

        A file that has grown too large is replaced by its newest half and the last GO of each environment.

        Raises:
            OSError: it could not be written.
        """
        line = entry.model_dump_json(by_alias=True).encode() + b"\n"
        with alone(self.path) as descriptor:
            size = os.fstat(descriptor).st_size
            if size + len(line) > LARGEST:
                replace(self.path.resolve(), _shortened(all_of(descriptor)) + line)
                return
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            while line:
                line = line[os.write(descriptor, line) :]
            os.fsync(descriptor)

    def keep_allure(self, written: Path) -> None:
        """Take over Allure's history from a run's folder; without one, as after a blocked report, nothing changes.

        Raises:
            OSError: it could not be copied.
        """
        if written.is_file():
            partial = self.allure.with_name(f"{self.allure.name}.partial")
            shutil.copyfile(written, partial)
            partial.replace(self.allure)

    def _note(self) -> str:
        if not self.damaged:
            return ""
        lines = ", ".join(map(str, self.damaged[:5])) + (", …" if len(self.damaged) > 5 else "")  # noqa: PLR2004
        count = f"{len(self.damaged)} line{'' if len(self.damaged) == 1 else 's'}"
        return f"{self.path.name}: {count} could not be read and were left out (line {lines})"


def open_history(path: Path) -> History:
    """Read the file, or begin one, and make sure that it can be written.

    Raises:
        ConfigError: it cannot be read or written, is too large, or holds lines and not one run.
    """
    remedy = "Name a file of an earlier run, or a new one in a folder that exists."
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"--history {path} is not a regular file", remedy=remedy)
        with path.open("ab"):  # made now: what cannot be kept at the end must be known before any traffic
            pass
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"--history {path} is larger than {MOST_BYTES >> 20} MiB", remedy="Keep its last lines.")
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ConfigError(f"--history {path} cannot be used: {error.strerror}", remedy=remedy) from error
    entries: list[HistoryEntry] = []
    damaged: list[int] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        entry = _read(line)
        if entry is None:
            damaged.append(number)
        else:
            entries.append(entry)
    if damaged and not entries and len(damaged) > 1:
        raise ConfigError(f"--history {path} holds no run of stagehold: it is another file", remedy=remedy)
    return History(path, tuple(entries), tuple(damaged))


def _shortened(data: bytes) -> bytes:
    """The newest lines, and before them the last GO of each environment, which comparisons need."""
    lines = [line for line in data.split(b"\n") if line.strip()]
    kept: list[bytes] = []
    room = LARGEST // 2
    while lines and room >= len(lines[-1]):
        room -= len(lines[-1]) + 1
        kept.append(lines.pop())
    decided = {entry.environment for line in kept if (entry := _read(line)) and entry.decision is Decision.GO}
    for line in reversed(lines):
        entry = _read(line)
        if entry and entry.decision is Decision.GO and entry.environment not in decided:
            decided.add(entry.environment)
            kept.append(line)
    return b"".join(line + b"\n" for line in reversed(kept))


def _read(line: bytes) -> HistoryEntry | None:
    try:
        return HistoryEntry.model_validate_json(line)
    except ValidationError:
        return None


def _since(check: str, earlier: Sequence[HistoryEntry]) -> str:
    """The start of the first run of the unbroken row up to the last one in which the check failed."""
    first = ""
    for entry in reversed(earlier):
        outcome = entry.checks.get(check)
        if outcome is Outcome.FAILED:
            first = entry.started
        elif outcome is not None and outcome not in _SILENT:
            break
    return first


def _p95(verdict: Verdict, run_folder: Path) -> dict[str, float]:
    """The 95th percentile of each kind of request, from the tables of the load checks; {} where there is none."""
    found: dict[str, float] = {}
    for item in (item for check in verdict.checks for case in check.cases for item in case.evidence):
        if item.name != "requests" or item.media_type != "text/csv":
            continue
        try:
            with (run_folder / item.path).open(encoding="utf-8", newline="") as stream:
                read = {row["request"]: float(row["p95 ms"]) for row in csv.DictReader(stream)}
        except (OSError, ValueError, KeyError, TypeError, csv.Error):
            continue
        # Infinite where less than 95 % were answered right: JSON has no such number, and the line would be lost.
        found |= {request: value for request, value in read.items() if math.isfinite(value)}
    return found
