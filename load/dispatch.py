"""The open-loop dispatcher of one worker: sends what is due when it is due, then drains, then reports.

Latency runs from the instant a request was *due*, so that the wait behind a stalled service counts.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import gevent
from gevent.pool import Group

from load.client import Answer, Client
from load.counters import Counters
from load.health import Health
from load.plan import Plan
from load.schedule import Arrival, arrivals

START_DELAY = 0.3
"""Seconds between the order to start and the first due time: room for the first greenlets."""
DRAIN_GRACE = 1.0
"""Seconds beyond the request timeout after which an open request counts as unfinished."""

HOPELESS_SECONDS = 3
HOPELESS_REQUESTS = 30
"""The load stops when in this many seconds running, with at least so many requests, most were not answered right
within their largest limit: nothing is left to find out, and a service in distress is not hammered for minutes."""

Record = Callable[[str, str, float, int, str], None]
"""Method, name, latency in ms, length and failure class (empty for none), for Locust's own statistics."""


class Dispatcher:
    """One worker's part of a run. `run` blocks for the whole schedule and the drain."""

    def __init__(self, plan: Plan, worker: int, record: Record) -> None:
        self._plan = plan
        self._worker = worker
        self._record = record
        self._client = Client(plan)
        self._open: dict[int, tuple[str, float]] = {}
        self._group = Group()
        self.counters = Counters(plan.profile.warm_up, {item.name: item.limits for item in plan.requests})
        self.health = Health()
        self._limits = {item.name: max(item.limits, default=plan.timeout * 1000) for item in plan.requests}
        self._due: Counter[int] = Counter()
        self._in_time: Counter[int] = Counter()
        self.crash = ""
        self.stopped = ""

    def run(self) -> None:
        """Send the whole share; a fault of this program is kept in `crash` and ends the run."""
        watchdog = gevent.spawn(self.health.watch)
        sampler = gevent.spawn(self._sample_cpu)
        try:
            self._send_all()
            self._group.join(timeout=self._plan.timeout + DRAIN_GRACE)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run is not valid
            self.crash = self.crash or f"{type(error).__name__}: {error}"
        finally:
            gevent.killall([watchdog, sampler])
            self._give_up_open()

    def document(self) -> dict[str, Any]:
        """Everything this worker has to report."""
        return {
            "worker": self._worker,
            **self.counters.books(),
            "retries": self._client.pool.retries,
            "crash": self.crash,
            "stopped": self.stopped,
            "in_flight_capped": self._plan.wanted_in_flight > self._plan.max_in_flight,
            "health": self.health.document(),
        }

    def _send_all(self) -> None:
        profile = self._plan.profile
        start = time.perf_counter() + START_DELAY
        for arrival in arrivals(profile, self._plan.requests, self._plan.seed, self._worker, profile.workers):
            # Sleeping 0 when late lets open requests go on, so that catching up does not starve them.
            gevent.sleep(max(0.0, start + arrival.due - time.perf_counter()))
            self.stopped = self._hopeless(time.perf_counter() - start)
            if self.crash or self.stopped:
                return
            self._offer(arrival, start)

    def _hopeless(self, now: float) -> str:
        """Why it makes no sense to go on, looking at the last seconds whose every request is decided."""
        last = int(now - max(self._limits.values()) / 1000) - 1
        seconds = range(last - HOPELESS_SECONDS + 1, last + 1)
        if seconds.start < self._plan.profile.warm_up:
            return ""
        due = sum(self._due[second] for second in seconds)
        if due < HOPELESS_REQUESTS or any(2 * self._in_time[s] >= self._due[s] for s in seconds):
            return ""
        late = due - sum(self._in_time[second] for second in seconds)
        return f"{late} of the {due} requests due in {HOPELESS_SECONDS} seconds running were not answered in time"

    def _offer(self, arrival: Arrival, start: float) -> None:
        name = self._plan.requests[arrival.request].name
        self.counters.scheduled(name, arrival.due)
        self._due[int(arrival.due)] += 1
        if len(self._open) >= self._plan.max_in_flight:
            self.counters.dropped(name, arrival.due)
            return
        self._open[arrival.index] = (name, arrival.due)
        self.health.in_flight_peak = max(self.health.in_flight_peak, len(self._open))
        self._group.spawn(self._one, arrival, start + arrival.due)

    def _one(self, arrival: Arrival, due: float) -> None:
        request = self._plan.requests[arrival.request]
        self.health.started(arrival.due, time.perf_counter() - due)
        try:
            answer = self._client.send(request, arrival.index)
        except Exception as error:  # noqa: BLE001 - a fault of this program, not of the service
            self.crash = self.crash or f"{type(error).__name__}: {error}"
            answer = Answer("engine", self.crash)
        latency = time.perf_counter() - due
        if self._open.pop(arrival.index, None) is None:
            return  # the drain has already counted it as unfinished
        if answer.kind == "ok":
            self.counters.ok(request.name, arrival.due, latency)
            if latency * 1000 <= self._limits[request.name]:
                self._in_time[int(arrival.due)] += 1
        else:
            self.counters.failed(request.name, arrival.due, answer.kind, answer.detail)
        failure = "" if answer.kind == "ok" else answer.kind
        self._record(request.method, request.name, latency * 1000, answer.length, failure)

    def _give_up_open(self) -> None:
        for name, due in self._open.values():
            self.counters.unfinished(name, due)
        self._open.clear()
        self._group.kill(block=False)

    def _sample_cpu(self) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        while True:
            gevent.sleep(1.0)
            now, used = time.perf_counter(), time.process_time()
            self.health.sample_cpu(used - cpu, now - wall)
            wall, cpu = now, used
