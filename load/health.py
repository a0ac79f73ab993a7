"""Is the generator itself the bottleneck? Late starts are the detector, CPU and a watchdog corroborate.

Locust's own warning looks every 10 s, only at CPU, and nothing reads it.
"""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Sequence
from typing import Any

import gevent

WATCHDOG_SECONDS = 0.02


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; 0.0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]


class Health:
    """Lag of every start, and per second the CPU share of this process and the watchdog's overshoot."""

    def __init__(self) -> None:
        self._lags: dict[int, array[float]] = {}
        self._overshoots: array[float] = array("d")
        self.cpu: list[float] = []
        self.in_flight_peak = 0

    def started(self, due: float, lag: float) -> None:
        """A request due `due` seconds after the start began `lag` seconds late."""
        self._lags.setdefault(math.floor(due), array("d")).append(max(0.0, lag) * 1000)

    def watch(self) -> None:
        """Sleep a little and see how much longer it took, for ever; run it in a greenlet."""
        while True:
            before = time.perf_counter()
            gevent.sleep(WATCHDOG_SECONDS)
            self._overshoots.append(max(0.0, time.perf_counter() - before - WATCHDOG_SECONDS) * 1000)

    def sample_cpu(self, cpu_seconds: float, wall_seconds: float) -> None:
        if wall_seconds > 0:
            self.cpu.append(cpu_seconds / wall_seconds)

    def document(self) -> dict[str, Any]:
        """Milliseconds and fractions of one core."""
        every = [lag for window in self._lags.values() for lag in window]
        return {
            "lag_p50_ms": quantile(every, 0.50),
            "lag_p99_ms": quantile(every, 0.99),
            "lag_max_ms": max(every, default=0.0),
            "lag_windows_p99_ms": [quantile(self._lags[key], 0.99) for key in sorted(self._lags)],
            "watchdog_p99_ms": quantile(self._overshoots, 0.99),
            "cpu": self.cpu,
            "in_flight_peak": self.in_flight_peak,
        }
