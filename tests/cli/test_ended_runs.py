"""A run that is ended from outside, as pipelines do it: what was measured is kept, judged and shown."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Page, Service, Stagehold

Serve = Callable[..., Service]

MORE = """
suites: [own]
consent: {classes: [evidence]}
policy: {required_commitments: [P1]}
"""
CHECKS = '''
import time
from pathlib import Path
from stagehold import check

def claim(number):
    return check(f"ACM-{{number:03d}}", severity="blocker", proves=["encrypted-transport"], remedy="Mend it.",
                 traffic="evidence")

@claim(1)
def test_first():
    """Is measured first."""
    assert {first}, "two is not one"

@claim(2)
def test_second():
    """Takes long."""
    Path({marker!r}).touch()
    time.sleep(120)
    assert time.monotonic() > 0

@claim(3)
def test_third():
    """Comes last."""
    assert {first}
'''


def wait_for(sign: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Until the run has come that far; a run that ends before fails the test."""
    deadline = time.monotonic() + 90
    while not sign() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    assert sign()


class Run:
    """A run of the gate whose own suite has measured one check and is busy with the next."""

    def __init__(self, service: Service, *, first: str) -> None:
        self.out = service.folder / "out"
        marker = service.folder / "busy"
        own = service.folder / "own"
        own.mkdir()
        (own / "test_own.py").write_text(CHECKS.format(first=first, marker=str(marker)), encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stagehold", "run", str(service.describe(MORE)), "--out", str(self.out)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=service.folder,
        )  # fmt: skip
        wait_for(marker.exists, self.process)

    def end(self, *numbers: signal.Signals) -> str:
        """Send these signals; what was printed."""
        for number in numbers:
            self.process.send_signal(number)
            time.sleep(0.2)
        output, _ = self.process.communicate(timeout=60)
        return output

    @property
    def verdict(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.out / "verdict.json").read_text(encoding="utf-8"))
        return loaded

    def outcomes(self) -> dict[str, str]:
        return {check["spec"]["id"]: check["outcome"] for check in self.verdict["checks"]}


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((signal.SIGTERM,), "SIGTERM (a pipeline's time limit"),
        ((signal.SIGINT,), "SIGINT (Ctrl-C"),
        ((signal.SIGHUP,), "SIGHUP (its terminal"),
        ((signal.SIGINT, signal.SIGTERM, signal.SIGTERM), "SIGINT (Ctrl-C"),
    ],
    ids=["SIGTERM", "SIGINT", "SIGHUP", "one after another"],
)
def test_a_failure_that_was_measured_is_no_go(
    serve: Serve, stagehold: Stagehold, numbers: tuple[signal.Signals, ...], words: str
) -> None:
    """Exit 1, the rest not run, right denominators, who ended it on every page; `stagehold report` says the same."""
    run = Run(serve(), first="time.monotonic() < 0")

    output = run.end(*numbers)

    assert run.process.returncode == 1, output
    verdict = run.verdict
    assert verdict["decision"] == "NO_GO"
    assert verdict["expected_checks"] > 60
    outcomes = run.outcomes()
    assert outcomes["ACM-001"] == "failed"
    assert outcomes["ACM-002"] == outcomes["ACM-003"] == "not_run"
    assert any(words in reason for reason in verdict["reasons"])
    for page in ("decision.html", "decision.md", "junit.xml"):
        text = (run.out / page).read_text(encoding="utf-8")
        assert "two is not one" in text
        assert numbers[0].name in text
    assert "two is not one" in output
    assert numbers[0].name in output

    again = stagehold("report", run.out)

    assert again.code == 1, again.output
    assert run.outcomes() == outcomes
    assert run.verdict["headline"] == verdict["headline"]


def test_without_a_failure_there_is_no_decision_and_nothing_is_lost(serve: Serve, stagehold: Stagehold) -> None:
    """Exit 3; what passed is counted as passed, and what had no turn says why."""
    run = Run(serve(), first="time.monotonic() > 0")

    output = run.end(signal.SIGTERM)

    assert run.process.returncode == 3, output
    assert run.verdict["decision"] == "INCONCLUSIVE"
    assert run.outcomes()["ACM-001"] == "passed"
    assert run.verdict["counts"]["passed"] >= 1
    third = next(check for check in run.verdict["checks"] if check["spec"]["id"] == "ACM-003")
    assert "not its turn before the run was ended" in third["reason"]
    assert stagehold("report", run.out).code == 3


def test_after_a_kill_the_report_judges_what_was_measured(serve: Serve, stagehold: Stagehold) -> None:
    """The verdict that a kill -9 leaves names what was to be proven; `stagehold report` judges what the log holds."""
    run = Run(serve(), first="time.monotonic() < 0")

    run.end(signal.SIGKILL)

    assert run.process.returncode == -signal.SIGKILL
    left = run.verdict
    assert left["decision"] == "INCONCLUSIVE"
    assert left["expected_checks"] > 60
    assert "has not finished" in left["reasons"][0]

    again = stagehold("report", run.out)

    assert again.code == 1, again.output
    assert run.verdict["decision"] == "NO_GO"
    assert run.outcomes()["ACM-001"] == "failed"
    assert any("has not finished" in reason for reason in run.verdict["reasons"])


class Versioned(Page):
    """Tells its build, which somebody replaces while the gate works."""

    build = "sha256:" + "a" * 64

    def do_GET(self) -> None:  # noqa: N802 - the name http.server wants
        if self.path != "/version":
            super().do_GET()
            return
        body = json.dumps({"digest": type(self).build}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize("replaced", [True, False])
def test_a_build_that_is_replaced_during_the_run_is_found(serve: Serve, replaced: bool) -> None:
    """The build is looked at once more when everything else is over: what was tested must be one build."""

    class Service(Versioned):
        """One that no other test changes."""

    first = Service.build
    service = serve(Service)
    more = (
        f"release: {{expected_digest: '{first}', version_probe: {{target: web, path: /version, field: /digest}}}}\n"
        "consent: {classes: [evidence, ordinary]}\npolicy: {required_commitments: [P1]}\n"
    )
    out = service.folder / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "stagehold", "run", str(service.describe(more)), "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=service.folder,
    )  # fmt: skip

    def was_seen() -> bool:
        log = out / "events.jsonl"
        return log.exists() and any(
            '"event": "case"' in line and '"FUN-001"' in line for line in log.read_text(encoding="utf-8").splitlines()
        )

    wait_for(was_seen, process)
    if replaced:
        Service.build = "sha256:" + "b" * 64
    output, _ = process.communicate(timeout=120)

    verdict = json.loads((out / "verdict.json").read_text(encoding="utf-8"))
    build = next(check for check in verdict["checks"] if check["spec"]["id"] == "FUN-001")
    assert [case["outcome"] for case in build["cases"]] == ["passed", "failed" if replaced else "passed"], output
    assert build["outcome"] == ("failed" if replaced else "passed")
    assert verdict["run"]["artifact"]["observed_digest"] == Service.build
    assert len({item["path"] for case in build["cases"] for item in case["evidence"]}) == sum(
        len(case["evidence"]) for case in build["cases"]
    )
    if replaced:
        assert process.returncode == 1, output
