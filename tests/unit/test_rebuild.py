"""`stagehold report`: what it makes of a log that is whole, damaged or gone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from stagehold.events import EventLog
from stagehold.gate import rebuild as module
from stagehold.gate.rebuild import rebuild
from stagehold.model import (
    CaseResult,
    Commitment,
    Decision,
    ExpectedCheck,
    Outcome,
    Problem,
    RunInfo,
    Verdict,
)
from stagehold.reporting.manifest import SCHEMA
from stagehold.runs import write_verdict
from stagehold.verdict import UNFINISHED, Rules, decide
from tests.unit.waivers.people import spec

EXPECTED = [ExpectedCheck(spec=spec(check), cases=("",)) for check in ("NET-001", "NET-002")]
STATEMENT = [Commitment(id="T1", text="Nothing else is open.", owner="shop", safeguards=("declared-exposure",))]
RUN = RunInfo(run_id="r", environment="e", started="2026-01-01T00:00:00Z", finished="2026-01-01T00:01:00Z")


@pytest.fixture(autouse=True)
def unpublished(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the verdict is of interest."""

    def publish(folder: Path, verdict: Verdict, **_more: object) -> Verdict:
        write_verdict(folder, verdict)
        return verdict

    monkeypatch.setattr(module, "publish", publish)


def a_run(folder: Path, *outcomes: Outcome, finished: bool = True, problems: Sequence[Problem] = ()) -> Path:
    """A run that recorded these outcomes, one for each check."""
    log = EventLog(folder)
    log.expected(EXPECTED)
    cases = [
        CaseResult(check=check.spec.id, case="", outcome=outcome, message=f"is {outcome.value}", attempt=1)
        for check, outcome in zip(EXPECTED, outcomes, strict=False)
    ]
    for case in cases:
        log.case(case)
    verdict = decide(
        expected=EXPECTED,
        recorded=cases if finished else (),
        statement=STATEMENT,
        rules=Rules(),
        run=RUN if finished else RUN.model_copy(update={"finished": ""}),
        problems=problems,
    )
    write_verdict(folder, verdict)
    if finished:
        digest = hashlib.sha256(log.path.read_bytes()).hexdigest()
        (folder / "manifest.json").write_text(
            json.dumps({"schema": SCHEMA, "files": {"events.jsonl": {"sha256": digest}}})
        )
    return log.path


def test_a_whole_log_of_a_go_gives_go_again(tmp_path: Path) -> None:
    """Nothing is wrong, so nothing changes."""
    a_run(tmp_path, Outcome.PASSED, Outcome.PASSED)

    assert rebuild(tmp_path)[1].decision is Decision.GO


def _cut(log: bytes) -> bytes:
    return log[:-20]


def _without_last(log: bytes) -> bytes:
    return b"".join(log.splitlines(keepends=True)[:-1])


def _garbled(log: bytes) -> bytes:
    return log + b"\x00 nonsense\n"


def _renamed(log: bytes) -> bytes:
    return log.replace(b"is passed", b"is PASSED")


def _fewer_expected(log: bytes) -> bytes:
    head, *rest = log.splitlines(keepends=True)
    event = json.loads(head)
    event["checks"] = event["checks"][:1]
    return b"".join([json.dumps(event).encode() + b"\n", rest[0]])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_cut, "damaged at events.jsonl:3"),
        (_without_last, "does not hold 1 outcomes that the verdict of this run names, NET-002"),
        (_garbled, "damaged at events.jsonl:4"),
        (_renamed, "is not what this run wrote"),
        (_fewer_expected, "does not hold the checks that this run expected"),
        (lambda _log: b"", "does not hold the checks that this run expected"),
    ],
    ids=["cut", "an outcome gone", "a line too many", "an outcome changed", "fewer checks expected", "empty"],
)
def test_a_damaged_log_of_a_go_blocks_and_is_named(
    tmp_path: Path, change: Callable[[bytes], bytes], named: str
) -> None:
    """The verdict keeps its outcomes, is no GO any more, says what is wrong with the log, and says it only once."""
    log = a_run(tmp_path, Outcome.PASSED, Outcome.PASSED)
    log.write_bytes(change(log.read_bytes()))

    for _ in range(2):
        verdict = rebuild(tmp_path)[1]

        assert verdict.decision is Decision.INCONCLUSIVE
        assert [problem.what for problem in verdict.problems if named in problem.what], verdict.problems
        assert len(set(verdict.problems)) == len(verdict.problems)
        assert [check.outcome for check in verdict.checks] == [Outcome.PASSED, Outcome.PASSED]


def test_a_log_that_is_gone_blocks(tmp_path: Path) -> None:
    """A verdict without the log that it was decided from is no GO."""
    a_run(tmp_path, Outcome.PASSED, Outcome.PASSED).unlink()

    assert rebuild(tmp_path)[1].decision is Decision.INCONCLUSIVE


def test_a_failure_that_the_log_lost_stays(tmp_path: Path) -> None:
    """NO_GO never becomes a mere lack of a decision: the verdict holds a failure that the log has not."""
    log = a_run(tmp_path, Outcome.PASSED, Outcome.FAILED)
    log.write_bytes(_without_last(log.read_bytes()))

    verdict = rebuild(tmp_path)[1]

    assert verdict.decision is Decision.NO_GO
    assert {check.spec.id: check.outcome for check in verdict.checks} == {
        "NET-001": Outcome.PASSED,
        "NET-002": Outcome.FAILED,
    }


def test_a_killed_run_is_judged_by_its_log(tmp_path: Path) -> None:
    """The verdict on disk knew nothing yet; a torn last line is named, and a failure before it counts."""
    log = a_run(tmp_path, Outcome.FAILED, Outcome.PASSED, finished=False, problems=[Problem(what=UNFINISHED)])
    log.write_bytes(log.read_bytes()[:-20])

    verdict = rebuild(tmp_path)[1]

    assert verdict.decision is Decision.NO_GO
    assert [check.outcome for check in verdict.checks] == [Outcome.FAILED, Outcome.NOT_RUN]
    assert any("events.jsonl:3" in problem.what for problem in verdict.problems)
