"""`LoadRun`: what the engine counted, typed and frozen (`stagehold-load/result/1`, see `load/collect.py`)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from stagehold.model import Model

Count = Annotated[int, Field(ge=0)]
Finite = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Cell(Model):
    """Requests of one name that were due in one second; `window` counts from the end of the warm-up."""

    name: str
    window: int
    scheduled: Count
    dropped: Count
    ok: Count
    unfinished: Count
    failed: dict[str, Count]
    """Class of failure, such as `status 503`, to number."""
    over: dict[float, Count]
    """Limit in ms to the number not answered right within it, failed, dropped and unfinished included."""
    histogram: dict[int, Count]
    """Lower edge in microseconds (0.8 % resolution) to number, of right answers; for display only."""
    latency_max_ms: Finite

    @property
    def bad(self) -> int:
        """Without a right answer, at whatever latency."""
        return self.failed_total + self.dropped + self.unfinished

    @property
    def failed_total(self) -> int:
        return sum(self.failed.values())


class GeneratorHealth(Model):
    """How the generating process itself did: milliseconds, and fractions of one core."""

    lag_p50_ms: Finite
    lag_p99_ms: Finite
    lag_max_ms: Finite
    lag_windows_p99_ms: tuple[Finite, ...]
    watchdog_p99_ms: Finite
    cpu: tuple[Finite, ...]
    in_flight_peak: Count


class Worker(Model):
    """The books of one generating process."""

    worker: Count
    scheduled: Count
    dropped: Count
    ok: Count
    failed: Count
    unfinished: Count
    retries: Count
    """Requests sent again because a kept-alive connection had just been closed."""
    crash: str
    stopped: str
    """Why it stopped before the end of the schedule: most requests were not answered in time; else empty."""
    in_flight_capped: bool
    health: GeneratorHealth

    @property
    def started(self) -> int:
        return self.scheduled - self.dropped


class LoadRun(Model):
    """The result of one run of the engine."""

    schema_id: Literal["stagehold-load/result/1"] = Field(alias="schema")
    run: str
    plan_digest: str
    locust: str
    started: str
    finished: str
    workers_expected: Annotated[int, Field(ge=1)]
    workers: tuple[Worker, ...]
    lost: tuple[int, ...]
    faults: tuple[str, ...]
    cells: tuple[Cell, ...]
    samples: dict[str, tuple[str, ...]]
    """`name: class of failure` to a few examples in words."""

    @property
    def scheduled(self) -> int:
        return sum(cell.scheduled for cell in self.cells)

    @property
    def dropped(self) -> int:
        return sum(cell.dropped for cell in self.cells)

    @property
    def stopped(self) -> str:
        """Why the load was stopped early; empty when the whole schedule was offered."""
        return "; ".join(worker.stopped for worker in self.workers if worker.stopped)

    @property
    def achieved(self) -> float:
        """Share of the due requests that were really sent."""
        return (self.scheduled - self.dropped) / self.scheduled if self.scheduled else 0.0

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted({cell.name for cell in self.cells}))

    def cells_of(self, name: str | None = None, *, measured: bool) -> list[Cell]:
        """Cells of one request, or of all; `measured` leaves the warm-up out."""
        return [
            cell for cell in self.cells if (name is None or cell.name == name) and (cell.window >= 0 or not measured)
        ]


def failures(cells: Iterable[Cell]) -> Counter[str]:
    """Classes of failure to number, dropped and unfinished among them."""
    total: Counter[str] = Counter()
    for cell in cells:
        total.update(cell.failed)
        total["not sent"] += cell.dropped
        total["unfinished"] += cell.unfinished
    return +total


def percentile_ms(cells: Iterable[Cell], share: float) -> float:
    """What `share` of all due requests were answered right within; infinite where fewer were at all."""
    cells = list(cells)
    total = sum(cell.scheduled for cell in cells)
    if not total:
        return math.nan
    histogram: Counter[int] = Counter()
    for cell in cells:
        histogram.update(cell.histogram)
    rank, seen = math.ceil(share * total), 0
    for microseconds in sorted(histogram):
        seen += histogram[microseconds]
        if seen >= rank:
            return microseconds / 1000
    return math.inf
