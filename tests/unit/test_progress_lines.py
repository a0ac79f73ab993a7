"""What a run shows in plain output while it goes on: no line again and again, and how far a case is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from stagehold.gate import progress
from stagehold.gate.progress import Progress, SuiteProgress
from stagehold.gate.record import RunRecord


def test_same_words_come_back_ever_more_rarely() -> None:
    """In 380 s at the same case there are five plain lines, and a new word is told at the next one."""
    suite = SuiteProgress(total=10, current="HDR-013 web")
    told = [second for second in range(0, 381, 15) if suite.worth_telling(float(second))]
    assert told == [0, 15, 45, 105, 225]
    suite.current = "HDR-014 web"
    assert suite.worth_telling(390.0)


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Progress, RunRecord, io.StringIO]:
    """A run's progress without a terminal, its log, and what was printed."""
    monkeypatch.setattr(progress, "_PLAIN_INTERVAL", 0.0)
    printed = io.StringIO()
    made = Progress([], Console(file=printed))
    made._suites["headers"] = SuiteProgress(total=3)
    return made, RunRecord(tmp_path, made.take), printed


class RunningLane:
    """A lane that runs."""

    suite = "headers"
    seconds = None


def test_progress_inside_a_case_is_part_of_the_lanes_line(shown: tuple[Progress, RunRecord, io.StringIO]) -> None:
    """How far a case is stands behind its name in the lane's line, and makes no line of its own."""
    made, log, printed = shown
    log.write("case_started", check="HDR-013", case="web", suite="headers")
    log.write("progress", suite="headers", note="120 of 364, 40 s left", in_case=True)
    log.write("progress", suite="headers", note="126 of 364, 39 s left", in_case=True)
    made.tick([RunningLane()])  # type: ignore[list-item]
    lines = printed.getvalue().splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("HDR-013 web 126 of 364, 39 s left")


def test_next_case_begins_without_the_last_ones_progress(shown: tuple[Progress, RunRecord, io.StringIO]) -> None:
    """A case that has nothing to tell shows its name only."""
    made, log, printed = shown
    log.write("case_started", check="HDR-013", case="web", suite="headers")
    log.write("progress", suite="headers", note="120 of 364, 40 s left", in_case=True)
    log.write("case_started", check="HDR-014", case="web", suite="headers")
    made.tick([RunningLane()])  # type: ignore[list-item]
    assert printed.getvalue().rstrip().endswith("HDR-014 web")


def test_other_progress_is_still_a_line_of_its_own(shown: tuple[Progress, RunRecord, io.StringIO]) -> None:
    """What a lane says once, such as of a scan, is printed at once."""
    made, log, printed = shown
    log.write("progress", suite="headers", note="half of the ports")
    made.tick([])
    assert printed.getvalue() == "  headers      half of the ports\n"
