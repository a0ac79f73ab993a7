"""The engine's pure parts: plan, schedule, counters, health, placeholders."""

from __future__ import annotations

import json
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from load.client import decode, fill
from load.collect import Collector
from load.counters import Counters, bucket, merge
from load.health import Health, quantile
from load.plan import Plan, PlanError, digest_of, parse_plan
from load.schedule import arrivals, due_times
from stagehold.probes.load.plan import digest_of as probe_digest
from tests.load.orders import order, request


def plan_document(**profile: Any) -> dict[str, Any]:
    """The plan the probe makes for two requests, one three times as frequent."""
    requests = [request("often", weight=3), request("rare")]
    return order("https://web.test", None, requests, **profile).document("run", Path("/nowhere/result.json"))


def the_plan(**profile: Any) -> Plan:
    """The same, as the engine reads it."""
    return parse_plan(json.dumps(plan_document(**profile)).encode())


def test_probe_and_engine_agree_on_the_digest() -> None:
    """Both sides compute the same digest, and it does not depend on the sessions."""
    document = plan_document()
    assert digest_of(document) == probe_digest(document) == the_plan().digest
    assert digest_of(document | {"sessions": {}}) == digest_of(document)
    assert digest_of(document | {"seed": 2}) != digest_of(document)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "stagehold-load/plan/2"},
        {"requests": []},
        {"surprise": 1},
        {"timeout": 0},
        {"sessions": {}, "requests": [request("x", account="bob")]},
    ],
)
def test_a_plan_it_does_not_understand_is_refused(change: dict[str, Any]) -> None:
    """Unknown versions and fields, and plans that would send nothing, end the engine before traffic."""
    with pytest.raises(PlanError):
        parse_plan(json.dumps(plan_document() | change).encode())


@settings(deadline=None)
@given(st.integers(1, 5), st.sampled_from(["constant", "poisson"]), st.integers(0, 99))
def test_shares_of_the_workers_are_the_whole_schedule(workers: int, kind: str, seed: int) -> None:
    """Every arrival belongs to exactly one worker, whatever their number, and the count is the planned one."""
    plan = the_plan(arrivals=kind, workers=workers)
    shares = [list(arrivals(plan.profile, plan.requests, seed, worker, workers)) for worker in range(workers)]
    every = sorted((item for share in shares for item in share), key=lambda item: item.index)
    assert [item.index for item in every] == list(range(plan.profile.arrivals_total))
    assert all(0 <= item.due <= plan.profile.total_seconds for item in every)
    assert [item.due for item in every] == sorted(item.due for item in every)
    frequent = sum(item.request == 0 for item in every)
    assert frequent == pytest.approx(0.75 * len(every), abs=2)


def test_the_seed_decides_the_schedule() -> None:
    """The same seed gives the same instants, another one others."""
    profile = the_plan().profile
    assert due_times(profile, 1) == due_times(profile, 1) != due_times(profile, 2)


def test_constant_arrivals_are_evenly_spaced() -> None:
    """Constant arrivals start at zero and keep their distance."""
    instants = due_times(the_plan(arrivals="constant", rate=50, seconds=5, warm_up=0).profile, 1)
    assert instants[0] == 0
    assert [b - a for a, b in pairwise(instants)] == pytest.approx([0.02] * 249)


@settings(deadline=None)
@given(st.integers(0, 10**10))
def test_a_bucket_is_at_most_one_per_cent_off(microseconds: int) -> None:
    """The histogram's error stays below 0.8 %, always downwards."""
    assert 0 <= microseconds - bucket(microseconds) <= microseconds * 0.008


def test_every_fate_is_counted_once_and_bad_ones_exceed_every_limit() -> None:
    """Ok, slow, failed, dropped and unfinished add up, in the second in which they were due."""
    counters = Counters(warm_up=1.0, limits={"page": (100.0, 500.0)})
    for due in (0.5, 1.0, 1.1, 1.2, 1.3, 2.0):
        counters.scheduled("page", due)
    counters.ok("page", 0.5, 0.050)
    counters.ok("page", 1.0, 0.100)
    counters.ok("page", 1.1, 0.101)
    counters.failed("page", 1.2, "status 500", "status 500")
    counters.dropped("page", 1.3)
    counters.unfinished("page", 2.0)
    assert counters.books() == {"scheduled": 6, "dropped": 1, "ok": 3, "failed": 1, "unfinished": 1}
    assert {window for _, window in counters.cells} == {-1, 0, 1}
    middle = counters.cells["page", 0]
    assert dict(middle.over) == {100.0: 3, 500.0: 2}
    assert counters.samples == {"page: status 500": ["status 500"]}


def test_merging_workers_adds_and_averages_nothing() -> None:
    """Two workers' cells of the same second become one with the sums and the larger maximum."""
    books = []
    for latency in (0.05, 0.2):
        counters = Counters(warm_up=0.0, limits={"page": (100.0,)})
        counters.scheduled("page", 0.1)
        counters.ok("page", 0.1, latency)
        books += counters.documents()
    (cell,) = merge(books)
    assert (cell["scheduled"], cell["ok"], cell["over"]) == (2, 2, {"100.0": 1})
    assert cell["latency_max_ms"] == pytest.approx(200)
    assert sum(cell["histogram"].values()) == 2


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2.0), (0.99, 4.0), (0.25, 1.0), (0.26, 2.0)])
def test_quantiles_are_values_that_occurred(share: float, expected: float) -> None:
    """The smallest value that the share does not exceed."""
    assert quantile([4.0, 1.0, 3.0, 2.0], share) == expected


def test_lag_is_kept_by_second() -> None:
    """One late second shows in its window and not in the others."""
    health = Health()
    for index in range(100):
        health.started(index / 10, 0.5 if index // 10 == 3 else 0.001)
    document = health.document()
    assert [round(lag) for lag in document["lag_windows_p99_ms"]] == [1, 1, 1, 500, 1, 1, 1, 1, 1, 1]
    assert document["lag_p99_ms"] == pytest.approx(500)


def test_placeholders_are_unique_per_request_everywhere() -> None:
    """Canary and key are filled in nested text; the key is a UUID of its own for each request."""
    value = {"a": ["{canary}", {"b": "x {key}"}], "n": 1}
    first, second = fill(value, "shc-1"), fill(value, "shc-2")
    assert first["a"][0] == "shc-1"
    assert first["a"][1]["b"] != second["a"][1]["b"]
    assert len(first["a"][1]["b"]) == len("x ") + 36
    assert first["n"] == 1


def test_bodies_are_decoded_or_refused() -> None:
    """Compressed bodies are read; cut-off ones and unasked-for encodings are protocol errors."""
    packed = zlib.compress(b"right")
    assert decode(packed, "deflate") == decode(b"right", "") == b"right"
    for body, encoding in ((packed[:-3], "deflate"), (b"right", "br"), (b"right", "gzip")):
        with pytest.raises(zlib.error):
            decode(body, encoding)


def test_the_collector_notices_what_is_foreign_missing_or_twice(tmp_path: Path) -> None:
    """Messages of another run, gaps and second reports become faults in the result."""
    plan = parse_plan(json.dumps(plan_document() | {"result": str(tmp_path / "result.json")}).encode())
    collector = Collector(plan, "2")
    collector.beat("run", 0, 1)
    collector.beat("run", 0, 3)
    collector.beat("other", 0, 4)
    for _ in range(2):
        collector.final("run", {"worker": 0, "cells": [], "samples": {}})
    assert collector.done
    collector.write()
    written = json.loads((tmp_path / "result.json").read_text())
    assert len(written["faults"]) == 3
    assert written["run"] == "run"
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
