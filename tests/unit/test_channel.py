"""A lane's pipe to the gate: what it says of its own checks arrives whole, what is not its own to say blocks."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from stagehold.events import FILE_NAME, EventLog, PipeLog, read_events
from stagehold.gate.channel import Channel
from stagehold.gate.record import RunRecord
from stagehold.model import CaseResult, CheckSpec, Evidence, ExpectedCheck, Outcome, Severity
from stagehold.redaction.redactor import Redactor
from stagehold.redaction.registry import SecretRegistry

SPEC = CheckSpec(id="TLS-001", severity=Severity.BLOCKER, proves=("encrypted-transport",), remedy="Mend.", suite="tls")
OWN = ExpectedCheck(spec=SPEC, cases=("a", "b"))


class Stage:
    """A channel with its lane's end in our hands."""

    def __init__(self, folder: Path) -> None:
        self.secrets = SecretRegistry()
        self.record = RunRecord(folder)
        self.channel = Channel("tls", [OWN], self.record, self.secrets)
        self.lane = os.dup(self.channel.write_end)
        self.channel.handed_over()

    def say(self, *messages: dict[str, Any] | bytes) -> list[str]:
        """Send these, end the lane; the problems that came of it."""
        for message in messages:
            os.write(self.lane, message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")
        os.close(self.lane)
        self.channel.close()
        return [problem.what for problem in self.record.problems]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A lane `tls` that has one check with two cases."""
    return Stage(tmp_path)


def case(check: str = "TLS-001", name: str = "a", **more: Any) -> dict[str, Any]:
    result = CaseResult(check=check, case=name, outcome=Outcome.PASSED, **more)
    return {"event": "case", "at": "x", "result": result.model_dump(mode="json")}


def test_what_a_lane_says_of_its_own_checks_is_recorded(stage: Stage, tmp_path: Path) -> None:
    """In order, on disk and in memory alike, with the end of the lane."""
    evidence = (Evidence(name="n", media_type="text/plain", path="evidence/tls/TLS-001/a-01-n.txt"),)
    problems = stage.say(
        {"event": "case_started", "check": "TLS-001", "case": "a", "suite": "tls"},
        {"event": "progress", "note": "half of it"},
        case(evidence=evidence),
        case(name="b"),
        {"event": "lane_finished", "collected": 2},
    )

    assert problems == []
    assert stage.channel.finished
    assert [event["event"] for event in stage.record.recorded.events] == [
        "case_started", "progress", "case", "case", "lane_finished",
    ]  # fmt: skip
    assert read_events(tmp_path).cases == stage.record.recorded.cases
    assert [result.case for result in stage.record.recorded.cases] == ["a", "b"]
    assert stage.record.tampering() is None


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (case("AUT-001"), "reported on 'AUT-001'[a], which is not one of its cases"),
        (case(name="c"), "reported on 'TLS-001'[c], which is not one of its cases"),
        ({"event": "case_started", "check": "AUT-001", "case": ""}, "which is not one of its cases"),
        (case(waiver="W-1"), "reported a waiver"),
        (case(evidence=(Evidence(name="n", media_type="t", path="evidence/auth/AUT-001/x"),)), "lies elsewhere"),
        (case(evidence=(Evidence(name="n", media_type="t", path="/etc/passwd"),)), "lies elsewhere"),
        (
            case(evidence=(Evidence(name="n", media_type="t", path="evidence/tls/TLS-001/../../../x"),)),
            "lies elsewhere",
        ),
        ({"event": "expected", "checks": []}, "an event of a kind that is not a lane's: 'expected'"),
        ({"event": "lane_ended", "suite": "auth"}, "an event of a kind that is not a lane's"),
        ({"event": "lane_started", "suite": "auth"}, "an event of a kind that is not a lane's"),
        ({"event": "case", "result": {"check": "TLS-001"}}, "unreadable"),
        ({"event": "case"}, "unreadable"),
        ({"event": "secret"}, "unreadable"),
        (b"[]\n", "unreadable"),
        (b"null\n", "unreadable"),
        (b"\xff\xfe\n", "unreadable"),
        (b'{"event": "case", "resu', "cut off in the middle of a report"),
    ],
)
def test_what_is_not_a_lanes_to_say_is_refused_and_blocks(
    stage: Stage, message: dict[str, Any] | bytes, words: str
) -> None:
    """Nothing of it is recorded as an outcome, what was said before still is, and a problem names the suite."""
    problems = stage.say(case(), message)

    assert len(problems) == 1
    assert problems[0].startswith("the tls suite")
    assert words in problems[0]
    assert [(result.check, result.case) for result in stage.record.recorded.cases] == [("TLS-001", "a")]


def test_ten_thousand_refusals_are_one_problem(stage: Stage) -> None:
    """A lane that repeats itself does not fill the page."""
    talker = threading.Thread(target=lambda: [os.write(stage.lane, b"nonsense\n") for _ in range(10_000)])
    talker.start()
    while talker.is_alive():
        stage.channel.read()

    assert len(stage.say()) == 1


def test_secrets_reach_the_gate_and_no_file(stage: Stage, tmp_path: Path) -> None:
    """Values with line breaks and quotes, from several threads, beside events; none of them is written down."""
    lane = PipeLog(os.dup(stage.lane), Redactor(SecretRegistry()))
    values = [f'value "{number}"\nwith a line break {"x" * 300}' for number in range(400)]

    def tell(part: int) -> None:
        for number in range(part, 400, 4):
            lane.secret(f"n{number}", values[number])
            lane.write("progress", note=str(number))

    threads = [threading.Thread(target=tell, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        stage.channel.read()

    assert stage.say() == []
    assert len(stage.secrets) == 400
    assert {name for _, name in stage.secrets.present(values[399].encode())} == {"n399"}
    assert sum(1 for _ in stage.record.recorded.of("progress")) == 400
    assert "line break" not in (tmp_path / FILE_NAME).read_text(encoding="utf-8")


@pytest.mark.parametrize("change", ["append", "truncate", "replace", "remove"])
def test_a_log_that_something_else_changed_blocks_and_adds_nothing(stage: Stage, tmp_path: Path, change: str) -> None:
    """The gate decides from what it was told; a file that says something else is a problem of its own."""
    stage.say(case())
    path = tmp_path / FILE_NAME
    if change == "append":
        path.write_bytes(path.read_bytes() + json.dumps(case(name="b")).encode() + b"\n")
    elif change == "truncate":
        os.truncate(path, 5)
    elif change == "replace":
        path.write_bytes(path.read_bytes().replace(b'"passed"', b'"failed"'))
    else:
        path.unlink()

    problem = stage.record.tampering()

    assert problem is not None
    assert "changed by something else" in problem.what
    assert [result.case for result in stage.record.recorded.cases] == ["a"]


def test_what_cannot_be_written_is_still_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full blocks by one sentence; everything that was measured before and after it is judged."""
    stage = Stage(tmp_path)

    def full(_self: EventLog, _line: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(EventLog, "_append", full)

    assert stage.say(case(), case(name="b")) == ["events.jsonl could not be written: No space left on device"]
    assert [result.case for result in stage.record.recorded.cases] == ["a", "b"]
    assert stage.record.tampering() is None
