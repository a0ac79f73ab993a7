"""A bench goes on whatever happens to its demo, and leaves neither processes nor folders behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from stagehold.demo import bench as benches
from stagehold.demo.bench import Bench, measure
from stagehold.demo.matrix import Measure, Measured, Row
from stagehold.demo.rows import Hung
from stagehold.errors import RunError

ROWS = [Row((name,), frozenset({"TLS-001"}), Measure.CHECKS) for name in ("one", "two", "three", "four")]


class FakeDemo:
    """A demo that refuses to switch to `two`."""

    environment_file = Path("environment.yaml")

    def __init__(self, defects: Sequence[str]) -> None:
        self.defects = tuple(defects)
        self.dead = False

    def ended(self) -> bool:
        return self.dead

    def switch(self, defects: Sequence[str]) -> None:
        if "two" in defects:
            raise RunError("the demo could not be switched: no reason")
        self.defects = tuple(defects)


class FakeRun:
    """A run that is over at once, or hangs in the row `three`."""

    def __init__(self, row: Row, *_: object) -> None:
        self.row, self.begin, self.closed = row, time.monotonic(), False

    def poll(self) -> Measured:
        if self.row.name == "three":
            raise Hung("no end within 600 s")
        return Measured(self.row, "exit 1", failed=self.row.wanted)

    def close(self) -> None:
        self.closed = True


def test_a_broken_demo_is_a_bad_row_and_the_next_row_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo that cannot be switched, or a run that hangs, costs its own row only, and the demo is replaced."""
    started: list[FakeDemo] = []
    stopped: list[FakeDemo] = []

    @contextlib.contextmanager
    def fake_demo(defects: Sequence[str]) -> Iterator[FakeDemo]:
        started.append(FakeDemo(defects))
        mine = started[-1]
        yield mine
        stopped.append(mine)

    monkeypatch.setattr(benches, "demo", fake_demo)
    monkeypatch.setattr(benches, "Running", FakeRun)

    with Bench([]) as bench:
        measured = list(measure(ROWS, [bench]))

    assert [(one.row.name, one.good, one.ending) for one in measured] == [
        ("one", True, "exit 1"),
        ("two", False, "no demo"),
        ("three", False, "no end"),
        ("four", True, "exit 1"),
    ]
    assert [demo.defects for demo in started] == [("one",), ("three",), ("four",)]
    assert stopped == started


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupting_a_selftest_leaves_nothing(number: signal.Signals) -> None:
    """A signal in the middle of a row ends the run, its lanes and the demo, and every folder of theirs is gone."""
    place = Path(tempfile.mkdtemp(prefix="st-"))
    place.chmod(0o711)
    process = subprocess.Popen(
        [sys.executable, "-m", "stagehold", "selftest", "HDR-001", "--benches", "1"],
        env=os.environ | {"TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        family = _until_a_suite_runs(process)
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 3, output
        _, alive = psutil.wait_procs(family, timeout=10)
        assert [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
        assert list(place.iterdir()) == []
    finally:
        process.kill()
        shutil.rmtree(place, ignore_errors=True)


def _until_a_suite_runs(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Waits until the gate has started a lane; returns everything the selftest has started."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        family = psutil.Process(process.pid).children(recursive=True)
        with contextlib.suppress(psutil.Error):
            if any("stagehold.plugin" in one.cmdline() and "--collect-only" not in one.cmdline() for one in family):
                return family
        time.sleep(0.2)
    raise AssertionError("no suite was started")
