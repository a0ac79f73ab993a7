"""A row is judged by what was recorded: a process that says nothing, or does not end, proves nothing."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.demo import rows
from stagehold.demo.matrix import CLEAN, CLEAN_AGAIN, Measure, Measured, Row
from stagehold.demo.rows import Hung, Running

SPECS = read_catalogue(shipped_suites())


def program(folder: Path, text: str) -> str:
    """Stands in for the interpreter that runs stagehold; `$4` is the environment, `$6` what `--out` names."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def finish(running: Running) -> Measured:
    """What came of it, and nothing is left."""
    try:
        deadline = time.monotonic() + 10
        while (measured := running.poll()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return measured
    finally:
        running.close()


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (CLEAN, "exit 0"),
        (CLEAN_AGAIN, "exit 0"),
        (Row(("old",), frozenset({"TLS-001"}), Measure.GATE), "echo TLS-001 failed; exit 1"),
        (Row(("old",), frozenset({"TLS-001"}), Measure.CHECKS), "echo TLS-001 failed; exit 1"),
        (CLEAN, 'mkdir "$6"; echo "{}" > "$6/verdict.json"; exit 0'),
        (CLEAN_AGAIN, "mkdir -p reports/checks/1 reports/checks/2; exit 0"),
        (CLEAN_AGAIN, "mkdir -p reports/checks/1; exit 0"),
        (CLEAN_AGAIN, "mkdir -p reports/checks/1; echo x > reports/checks/1/events.jsonl"),
    ],
)
def test_an_exit_code_alone_proves_nothing(
    row: Row, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a result of every check the row is bad, and says of which nothing was recorded."""
    monkeypatch.setattr(sys, "executable", program(tmp_path, text))

    measured = finish(Running(row, tmp_path / "environment.yaml", SPECS))

    assert not measured.good
    assert any("nothing was recorded of" in note and "HDR-001" in note for note in measured.notes)
    assert any("LOD-001" in note for note in measured.notes) is (row.measure is Measure.GATE)


def test_what_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run past its deadline is said to hang; closing it ends what it started and removes its folder."""
    monkeypatch.setattr(sys, "executable", program(tmp_path, f"pwd > {tmp_path}/where; sleep 60 & sleep 60"))
    monkeypatch.setattr(rows, "_DEADLINE", 0.5)
    running = Running(CLEAN_AGAIN, tmp_path / "environment.yaml", SPECS)

    with pytest.raises(Hung, match="no end within"):
        finish(running)

    folder = Path((tmp_path / "where").read_text().strip())
    assert not folder.exists()
    left = [one for one in psutil.process_iter(["cwd"]) if str(folder) in (one.info["cwd"] or "")]
    # Who was killed may take a moment to be gone; who was not sleeps for a minute.
    _, left = psutil.wait_procs(left, timeout=10)
    assert [one for one in left if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
