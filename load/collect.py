"""The master's side: gathers what the workers report, notices the lost ones, writes `result.json` once.

A worker sends a sign of life each second and one final report. Locust itself forgets a killed worker without
a failure and lets its in-flight requests vanish; here the result names it.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from load.counters import merge
from load.plan import Plan

SCHEMA = "stagehold-load/result/1"
SILENCE = 6.0
"""Seconds without a sign of life after which a worker is lost."""


class Collector:
    """Books of all workers; `done` once every worker has reported or one is lost."""

    def __init__(self, plan: Plan, locust_version: str) -> None:
        self._plan = plan
        self._version = locust_version
        self._started = datetime.now(UTC)
        self._last_sign: dict[int, float] = {}
        self._beats: dict[int, int] = {}
        self._finals: dict[int, dict[str, Any]] = {}
        self._cells: list[dict[str, Any]] = []
        self._samples: dict[str, list[str]] = {}
        self.faults: list[str] = []

    def beat(self, run: str, worker: int, sequence: int) -> None:
        """A sign of life; a gap in the sequence means that messages were lost."""
        if run != self._plan.run:
            self.faults.append("a message of another run arrived")
            return
        expected = self._beats.get(worker, 0) + 1
        if sequence != expected:
            self.faults.append(f"worker {worker}: sign of life {sequence} arrived where {expected} was due")
        self._beats[worker] = sequence
        self._last_sign[worker] = time.monotonic()

    def final(self, run: str, report: dict[str, Any]) -> None:
        """The last report of a worker: its books, cells, samples and health."""
        worker = int(report["worker"])
        if run != self._plan.run:
            self.faults.append("a report of another run arrived")
            return
        if worker in self._finals:
            self.faults.append(f"worker {worker} reported twice")
            return
        self._cells += report.pop("cells")
        for kind, examples in report.pop("samples").items():
            known = self._samples.setdefault(kind, [])
            known += examples[: max(0, 3 - len(known))]
        self._finals[worker] = report

    def lost(self) -> list[int]:
        """Workers that have been heard and are silent now."""
        now = time.monotonic()
        return sorted(
            worker for worker, seen in self._last_sign.items() if worker not in self._finals and now - seen > SILENCE
        )

    @property
    def done(self) -> bool:
        return len(self._finals) == self._plan.profile.workers or bool(self.lost())

    def write(self) -> None:
        """Write the result atomically: a reader sees all of it or nothing.

        Raises:
            OSError: it could not be written; then there is no result, which blocks.
        """
        lost = self.lost()
        document = {
            "schema": SCHEMA,
            "run": self._plan.run,
            "plan_digest": self._plan.digest,
            "locust": self._version,
            "started": self._started.isoformat(),
            "finished": datetime.now(UTC).isoformat(),
            "workers_expected": self._plan.profile.workers,
            "workers": [self._finals[worker] for worker in sorted(self._finals)],
            "lost": lost,
            "faults": self.faults,
            "cells": merge(self._cells),
            "samples": self._samples,
        }
        path = Path(self._plan.result)
        draft = path.with_suffix(".part")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
