"""Result documents as the engine writes them, made up from counts."""

from __future__ import annotations

from typing import Any

from stagehold.probes.load import LoadOrder, LoadRun
from stagehold.probes.load.plan import digest_of

RUN = "0123"
LIMIT = 250.0


def cell(name: str, window: int, ok: int, *, slow: int = 0, **changes: Any) -> dict[str, Any]:
    """One second of one request: `slow` of the `ok` ones took 400 ms, the others 10 ms."""
    failed: dict[str, int] = changes.get("failed", {})
    bad = sum(failed.values()) + changes.get("dropped", 0) + changes.get("unfinished", 0)
    histogram = {"10000": ok - slow, "400000": slow}
    return {
        "name": name,
        "window": window,
        "scheduled": ok + bad,
        "dropped": 0,
        "ok": ok,
        "unfinished": 0,
        "failed": failed,
        "over": {repr(LIMIT): slow + bad} if slow + bad else {},
        "histogram": {key: count for key, count in histogram.items() if count},
        "latency_max_ms": 400.0 if slow else 10.0,
        **changes,
    }


def document(order: LoadOrder, cells: list[dict[str, Any]]) -> dict[str, Any]:
    """A complete result of one healthy worker with these cells."""
    health = {
        "lag_p50_ms": 1.0,
        "lag_p99_ms": 2.0,
        "lag_max_ms": 3.0,
        "lag_windows_p99_ms": [2.0] * 6,
        "watchdog_p99_ms": 2.0,
        "cpu": [0.1] * 6,
        "in_flight_peak": 4,
    }
    worker = {
        "worker": 0,
        **{key: sum(item[key] for item in cells) for key in ("scheduled", "dropped", "ok", "unfinished")},
        "failed": sum(sum(item["failed"].values()) for item in cells),
        "retries": 0,
        "crash": "",
        "stopped": "",
        "in_flight_capped": False,
        "health": health,
    }
    return {
        "schema": "stagehold-load/result/1",
        "run": RUN,
        "plan_digest": digest_of({"plan": order.profile_name}),
        "locust": "2",
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:00:10+00:00",
        "workers_expected": 1,
        "workers": [worker],
        "lost": [],
        "faults": [],
        "cells": cells,
        "samples": {},
    }


def load_run(order: LoadOrder, cells: list[dict[str, Any]]) -> LoadRun:
    """The same as the probe returns it."""
    return LoadRun.model_validate(document(order, cells))
