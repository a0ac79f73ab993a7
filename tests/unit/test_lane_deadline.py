"""What is said of a lane that was ended at its deadline: which case ran, and which key gives more time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from stagehold.gate.channel import Channel
from stagehold.gate.lanes import Lane, lane_problems
from stagehold.gate.record import RunRecord
from stagehold.model import CheckSpec, ExpectedCheck, LaneRecord, Severity, Traffic

EXPECTED = ExpectedCheck(
    spec=CheckSpec(
        id="HDR-013",
        suite="headers",
        claim="Nothing of the inside is served.",
        severity=Severity.BLOCKER,
        proves=("information-restraint",),
        remedy="Mend it.",
        traffic=Traffic.ORDINARY,
    ),
    cases=("web", "shop"),
)
NOTE = "was stopped at its deadline after 300 s (`policy.lane_deadline` gives more)"
STARTED = [
    {"event": "lane_started", "suite": "headers", "pid": 7},
    {"event": "case_started", "suite": "headers", "check": "HDR-013", "case": "web"},
]
ENDED = {"event": "case", "result": {"check": "HDR-013", "case": "web", "outcome": "passed"}}


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (STARTED, f"the headers suite {NOTE}, while HDR-013 web was running"),
        ([*STARTED, ENDED], f"the headers suite {NOTE}"),
        ([], f"the headers suite {NOTE}"),
    ],
)
def test_deadline_names_the_case_and_the_key(events: list[dict[str, object]], words: str) -> None:
    """The case that has no result is named; one that has is not."""
    record = LaneRecord(suite="headers", seconds=300.0, exit_code=-15, note=NOTE)
    (problem,) = lane_problems(events, [record], [EXPECTED])
    assert problem.what == words


@pytest.mark.parametrize("key", ["policy.lane_deadline", "policy.deadline"])
def test_note_of_a_lane_names_the_key(tmp_path: Path, key: str) -> None:
    """Whichever of the two deadlines came first is named."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    begun = time.monotonic()
    channel = Channel("headers", [EXPECTED], RunRecord(tmp_path))
    lane = Lane("headers", process, channel, tmp_path / "headers.log", begun, begun + 5, key)
    assert lane.poll(begun + 6)
    assert lane.note == f"was stopped at its deadline after 6 s (`{key}` gives more)"
