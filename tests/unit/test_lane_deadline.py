"""What is said of a lane that was ended at its deadline: which case ran, and which key gives more time."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import time

import pytest

from stagehold.gate.lanes import Lane
from stagehold.gate.run import lane_problems
from stagehold.model import CheckSpec, ExpectedCheck, LaneRecord, Severity, Traffic
from stagehold.plugin import pace

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
NOTE = "stopped at its deadline after 300 s (`policy.lane_deadline` gives more)"
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
def test_note_of_a_lane_names_the_key(key: str) -> None:
    """Whichever of the two deadlines came first is named."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    begun = time.monotonic()
    lane = Lane("headers", process, begun, begun + 5, key)
    assert lane.poll(begun + 6)
    assert lane.note == f"stopped at its deadline after 6 s (`{key}` gives more)"


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, 0.0), (25, 25.0), (-60, 0.0)], ids=["at once", "later", "a clock that was set back"]
)
def test_what_the_run_has_used_is_not_left_for_its_lanes(seconds: int, told: float) -> None:
    """A lane counts the seconds that its run has gone on before it began."""
    began = pace._BEGUN_AT - dt.timedelta(seconds=seconds)
    assert pace._seconds_before(f"{began:%Y%m%dT%H%M%SZ}-3fa9") == pytest.approx(told, abs=1.0)


def test_run_id_without_a_time_takes_nothing_away() -> None:
    """An id of another form leaves the whole deadline."""
    assert pace._seconds_before("test") == 0.0
