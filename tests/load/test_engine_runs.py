"""The engine against a real HTTPS service with faults: what is counted, and what is no measurement."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from stagehold.capacity import Capacity, Standing, assess
from stagehold.capacity.chart import latency_chart
from stagehold.environment.load_plan import Slo
from stagehold.errors import ProbeError
from stagehold.probes.load import LoadOrder, LoadRun, run_load
from stagehold.probes.load.observation import failures
from stagehold.probes.load.runner import _command, engine_folder
from tests.load.orders import order, request
from tests.load.service import HOST, Service

SLO = Slo(p95_ms={"default": 500.0}, error_rate=0.02)
"""Wide, so that a busy machine that runs the tests does not look like a slow service."""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service of its own for the healthy run."""
    with Service() as running:
        yield running


@pytest.fixture(scope="module")
def leaks() -> list[str]:
    """Where the secret of a session was seen while the engine ran."""
    return []


@pytest.fixture(scope="module")
def healthy(service: Service, leaks: list[str]) -> LoadRun:
    """Two workers, a page, a private page, a write and a compressed answer; nothing wrong."""
    requests = [
        request("good", weight=2),
        request("private", contains="hello alice-of-the-test", account="alice"),
        request("gzip"),
        request(
            "post",
            method="POST",
            status=[201],
            contains="stored",
            json={"text": "load {canary}", "key": "{key}"},
        ),
    ]
    whole = offer(service, requests, rate=75, seconds=6, workers=2)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_load, whole)
        _wait_for_requests(service)
        engines = _engines()
        leaks += [f"{len(engines)} processes"] if len(engines) != 3 else []
        for engine in engines:
            places = {"arguments": " ".join(engine.cmdline()), "environment": str(engine.environ())}
            places |= {str(file): file.read_text(errors="replace") for file in Path(engine.cwd()).rglob("*")}
            leaks += [place for place, text in places.items() if "alice-of-the-test" in text]
        return running.result()


@pytest.fixture(scope="module")
def faulty() -> LoadRun:
    """One run in which each kind of request meets a fault of its own."""
    names = ("good", "burst", "wrong", "redirect", "stall", "hang", "closed", "truncated", "slow")
    with Service() as running:
        return run_load(
            offer(
                running,
                [request(name, weight=15 if name == "good" else 1) for name in names],
                rate=230,
                seconds=5,
            )
        )


@pytest.fixture(scope="module")
def judged(faulty: LoadRun) -> Capacity:
    """The claims about the faulty run."""
    return assess(faulty, SLO, 5)


def offer(service: Service, requests: list[dict[str, Any]], **changes: Any) -> LoadOrder:
    """An order to that service."""
    return order(service.base_url, service.ca_file, requests, **({"slo": SLO} | changes))


def kinds(run: LoadRun, name: str) -> dict[str, int]:
    """Classes of failure of one kind of request."""
    return dict(failures(run.cells_of(name, measured=False)))


def refuted(capacity: Capacity, subject: str) -> str:
    """Why claims about a kind of request were refuted; empty for none."""
    return "; ".join(claim.reason for claim in capacity.refuted if claim.subject == subject)


def test_a_healthy_service_passes_with_reconciled_books(healthy: LoadRun, service: Service) -> None:
    """Everything due was sent and answered right, each claim is proven, and the service counted the same."""
    assert healthy.scheduled == 75 * 7
    assert sum(cell.ok for cell in healthy.cells) == healthy.scheduled
    assert [worker.worker for worker in healthy.workers] == [0, 1]
    assert service.requests == healthy.scheduled + sum(worker.retries for worker in healthy.workers)
    assert service.connections < healthy.scheduled / 5, "connections are not kept alive"
    capacity = assess(healthy, SLO, 6)
    assert not capacity.refuted
    assert not capacity.undecided
    assert any(claim.standing is Standing.PROVEN for claim in capacity.claims)


def test_requests_go_to_the_number_under_the_name(healthy: LoadRun, service: Service) -> None:
    """The Host header is the declared name although it resolves nowhere, and the certificate was verified."""
    assert healthy.scheduled
    assert service.hosts == {f"{HOST}:{service.port}"}


def test_every_write_carries_a_canary_and_a_key_of_its_own(healthy: LoadRun, service: Service) -> None:
    """No two writes share a canary or an idempotency key, over both workers."""
    sent = sum(cell.scheduled for cell in healthy.cells_of("post", measured=False))
    assert sent > 50
    assert len(set(service.canaries)) == len(set(service.keys)) == sent
    assert all(text.startswith("load shc-load-test-") for text in service.canaries)


def test_a_stall_fails_the_limit_that_a_closed_loop_would_keep(faulty: LoadRun, judged: Capacity) -> None:
    """Three seconds of stall make requests late from the instant they were due, though each is answered."""
    assert "of" in refuted(judged, "stall")
    late = sum(cell.over.get(500.0, 0) for cell in faulty.cells_of("stall", measured=True))
    assert late > 12


def test_a_burst_of_errors_is_found(faulty: LoadRun, judged: Capacity) -> None:
    """Two seconds of 503 are failures from the first, and make no percentile better."""
    assert kinds(faulty, "burst").keys() == {"status 503"}
    assert "503" in refuted(judged, "burst")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("wrong", "wrong body"), ("redirect", "redirect"), ("closed", "connection"), ("truncated", "protocol")],
)
def test_a_fast_wrong_answer_is_no_answer(faulty: LoadRun, judged: Capacity, name: str, kind: str) -> None:
    """A wrong page, a redirect, a closed connection and half a body fail, however fast they come."""
    due = sum(cell.scheduled for cell in faulty.cells_of(name, measured=False))
    assert kinds(faulty, name) == {kind: due}
    assert refuted(judged, name)


def test_what_hangs_at_the_end_counts_as_bad(faulty: LoadRun, judged: Capacity) -> None:
    """Requests that never got an answer are timeouts in the books and refute the limit."""
    assert kinds(faulty, "hang")["timeout"] > 20
    assert refuted(judged, "hang")


def test_a_slow_endpoint_fails_alone(faulty: LoadRun, judged: Capacity) -> None:
    """1200 ms against a limit of 500 ms is refuted without an error, while the good neighbour is proven."""
    assert not kinds(faulty, "slow")
    assert refuted(judged, "slow")
    assert not kinds(faulty, "good")
    assert not refuted(judged, "good")


def test_a_service_in_distress_is_not_hammered(service: Service) -> None:
    """When most requests are late for three seconds running, the load stops, and that is a refutation."""
    before = service.requests
    slow = offer(service, [request("slow")], seconds=60, warm_up=0)
    run = run_load(slow)
    assert "3 seconds running" in run.stopped
    assert service.requests - before < 200 < slow.arrivals
    assert any("was stopped" in claim.reason for claim in assess(run, SLO, 60).refuted)


def test_the_drawing_says_in_words_what_it_shows(faulty: LoadRun) -> None:
    """The SVG has a title and a description that name each request, and is well-formed."""
    svg = ET.fromstring(latency_chart(faulty, {name: {0.95: 500.0} for name in faulty.names}).svg)
    text = svg.findtext("{http://www.w3.org/2000/svg}desc") or ""
    assert all(name in text for name in faulty.names)
    assert "less than 95 % answered right" in text


def test_a_certificate_for_another_name_is_no_measurement() -> None:
    """Verification is on: a wrong name on the certificate is named and nothing is judged."""
    with Service("other.load.test") as running:
        wrong = offer(running, [request("good")], seconds=1, warm_up=0)
        with pytest.raises(ProbeError, match=r"no request reached the service \(certificate\)"):
            run_load(wrong)
        assert running.requests == 0


def test_nobody_listening_is_no_measurement(tmp_path: Path, service: Service) -> None:
    """An unreachable service is inconclusive, with the cause, and never a pass."""
    nobody = order(f"https://{HOST}:1", service.ca_file, [request("good")], seconds=1, warm_up=0)
    with pytest.raises(ProbeError, match=r"connection\): ConnectionRefusedError"):
        run_load(nobody)


def test_an_unreadable_trust_anchor_is_no_measurement(tmp_path: Path, service: Service) -> None:
    """The engine ends before it sends anything, and its log is quoted."""
    (tmp_path / "ca.pem").write_text("no certificate")
    broken = order(service.base_url, tmp_path / "ca.pem", [request("good")], seconds=1)
    with pytest.raises(ProbeError, match="left no result"):
        run_load(broken)


def _engines() -> list[psutil.Process]:
    """The engine's processes below this test process; other tests may have children of their own."""
    return [child for child in psutil.Process().children(recursive=True) if "locust" in " ".join(child.cmdline())]


def _engine_processes() -> list[psutil.Process]:
    """The worker processes among them."""
    return [engine for engine in _engines() if engine.ppid() != os.getpid()]


def _wait_for_requests(service: Service) -> None:
    before, limit = service.requests, time.monotonic() + 20
    while service.requests < before + 5:
        assert time.monotonic() < limit, "the engine sent nothing"
        time.sleep(0.05)


def test_a_killed_worker_is_no_measurement(service: Service) -> None:
    """A kill -9 of one of two workers is noticed and named; Locust itself would end with status 0."""
    whole = offer(service, [request("good")], seconds=5, warm_up=0, workers=2)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_load, whole)
        _wait_for_requests(service)
        os.kill(_engine_processes()[0].pid, signal.SIGKILL)
        with pytest.raises(ProbeError, match=r"lost worker: . of 2 load workers reported; silent: [01]"):
            running.result()
    assert not _engine_processes()


def test_the_deadline_ends_the_engine_and_all_it_started(service: Service) -> None:
    """A run that is not over in time is inconclusive, and nothing of it is left."""
    late = offer(service, [request("good")], seconds=60, workers=2)
    with pytest.raises(ProbeError, match="was stopped"):
        run_load(late, start_up=-60)
    assert not _engines()


def test_secrets_are_in_no_argument_environment_or_file(healthy: LoadRun, leaks: list[str]) -> None:
    """While the engine ran, a session's cookie was in no arguments, environment or file of its processes."""
    assert sum(cell.ok for cell in healthy.cells_of("private", measured=False)) > 50
    assert leaks == []


def test_closing_the_pipe_stops_the_engine(service: Service, tmp_path: Path) -> None:
    """When whoever started the engine dies, the load ends within a second or two."""
    long = offer(service, [request("good")], seconds=60)
    plan = json.dumps(long.document("run", tmp_path / "result.json")).encode() + b"\n"
    folder = engine_folder()
    command = _command(folder / "load" / "locustfile.py", 1)
    assert command[0] == sys.executable
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        cwd=tmp_path,
        env={"PYTHONPATH": str(folder)},
        stderr=subprocess.DEVNULL,
    ) as engine:
        assert engine.stdin
        engine.stdin.write(plan)
        engine.stdin.flush()
        before = service.requests
        limit = time.monotonic() + 10
        while service.requests == before and time.monotonic() < limit:
            time.sleep(0.1)
        assert service.requests > before
        engine.stdin.close()
        assert engine.wait(5) != 0
    assert not (tmp_path / "result.json").exists()


def test_a_saturated_generator_is_no_measurement(service: Service) -> None:
    """More requests than one process can send make the run inconclusive, not the service slow."""
    flood: LoadOrder = offer(
        service,
        [request("good")],
        rate=8000,
        seconds=1,
        warm_up=0,
        slo=Slo(p95_ms={"default": 60}),
        plan={"request_timeout": 0.2},
    )
    with pytest.raises(ProbeError, match="the load generator was the bottleneck"):
        run_load(flood)
