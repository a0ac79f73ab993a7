"""`decide()` against tables and against everything hypothesis can think of."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagehold.model import (
    CaseResult,
    CheckSpec,
    Commitment,
    Decision,
    ExpectedCheck,
    Outcome,
    Problem,
    Promise,
    RunInfo,
    Severity,
    Verdict,
)
from stagehold.verdict import Rules, decide, unfinished, with_problem

RUN = RunInfo(run_id="r1", environment="e1")
PROMISE = Commitment(id="S15", text="HTTPS everywhere.", owner="platform", safeguards=("encrypted-transport",))
OTHER = Commitment(id="S05", text="No database outside.", owner="network", safeguards=("database-unreachable",))
NEVER_GO = [Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.NOT_RUN]


def spec(check_id: str = "TLS-001", **changes: object) -> CheckSpec:
    fields: dict[str, object] = {
        "id": check_id,
        "severity": Severity.BLOCKER,
        "proves": ("encrypted-transport",),
        "remedy": "Mend it.",
        "suite": "tls",
    }
    return CheckSpec.model_validate(fields | changes)


def expect(check: CheckSpec, *cases: str) -> ExpectedCheck:
    return ExpectedCheck(spec=check, cases=cases or ("",))


def result(check_id: str, outcome: Outcome, case: str = "", attempt: int = 1) -> CaseResult:
    return CaseResult(check=check_id, case=case, outcome=outcome, message=f"because {outcome}", attempt=attempt)


def judge(
    expected: list[ExpectedCheck],
    recorded: list[CaseResult],
    *,
    statement: tuple[Commitment, ...] = (PROMISE,),
    rules: Rules = Rules(),  # noqa: B008 - frozen
    problems: tuple[Problem, ...] = (),
) -> Verdict:
    return decide(expected=expected, recorded=recorded, statement=statement, rules=rules, run=RUN, problems=problems)


def test_everything_proven_is_go() -> None:
    """One passed blocker that proves the only commitment opens the gate."""
    verdict = judge([expect(spec())], [result("TLS-001", Outcome.PASSED)])

    assert verdict.decision is Decision.GO
    assert verdict.reasons == ()
    assert verdict.commitments[0].state is Promise.KEPT


@pytest.mark.parametrize(
    ("outcome", "severity", "decision"),
    [
        (Outcome.FAILED, Severity.BLOCKER, Decision.NO_GO),
        (Outcome.FAILED, Severity.NORMAL, Decision.NO_GO),
        (Outcome.INCONCLUSIVE, Severity.NORMAL, Decision.INCONCLUSIVE),
        (Outcome.NOT_RUN, Severity.NORMAL, Decision.INCONCLUSIVE),
        (Outcome.UNCOVERED, Severity.BLOCKER, Decision.INCONCLUSIVE),
        (Outcome.UNCOVERED, Severity.NORMAL, Decision.GO),
        (Outcome.NOT_APPLICABLE, Severity.NORMAL, Decision.GO),
    ],
)
def test_second_check_beside_a_passed_one(outcome: Outcome, severity: Severity, decision: Decision) -> None:
    """What a second check's outcome does to a run that otherwise proves its promise."""
    expected = [expect(spec()), expect(spec("TLS-002", severity=severity))]

    verdict = judge(expected, [result("TLS-001", Outcome.PASSED), result("TLS-002", outcome)])

    assert verdict.decision is decision


def test_absent_result_blocks() -> None:
    """A check that was expected and left no result is not run, and blocks."""
    verdict = judge([expect(spec()), expect(spec("TLS-002"))], [result("TLS-001", Outcome.PASSED)])

    assert verdict.decision is Decision.INCONCLUSIVE
    assert any("TLS-002" in reason for reason in verdict.reasons)


def test_absent_case_blocks() -> None:
    """One missing case of many is enough."""
    verdict = judge([expect(spec(), "a", "b")], [result("TLS-001", Outcome.PASSED, "a")])

    assert verdict.decision is Decision.INCONCLUSIVE


def test_nothing_expected_blocks() -> None:
    """No checks at all prove nothing."""
    assert judge([], []).decision is Decision.INCONCLUSIVE


def test_no_case_blocks() -> None:
    """A check that was collected without a single case proves nothing."""
    verdict = judge([ExpectedCheck(spec=spec(), cases=())], [])

    assert verdict.decision is Decision.INCONCLUSIVE


def test_empty_statement_blocks() -> None:
    """Passing checks without a single promise are no GO."""
    verdict = judge([expect(spec())], [result("TLS-001", Outcome.PASSED)], statement=())

    assert verdict.decision is Decision.INCONCLUSIVE


def test_nothing_required_blocks() -> None:
    """An empty list of required commitments is not a way around the statement."""
    rules = Rules(required_commitments=())

    assert judge([expect(spec())], [result("TLS-001", Outcome.PASSED)], rules=rules).decision is Decision.INCONCLUSIVE


def test_unknown_required_commitment_blocks() -> None:
    """A typo in the required commitments blocks."""
    rules = Rules(required_commitments=("S15", "S99"))

    assert judge([expect(spec())], [result("TLS-001", Outcome.PASSED)], rules=rules).decision is Decision.INCONCLUSIVE


def test_commitment_without_a_check_blocks_when_required() -> None:
    """A promise that no check proves is not proven."""
    verdict = judge([expect(spec())], [result("TLS-001", Outcome.PASSED)], statement=(PROMISE, OTHER))

    assert verdict.decision is Decision.INCONCLUSIVE
    assert [c.state for c in verdict.commitments] == [Promise.KEPT, Promise.NOT_PROVEN]


def test_commitment_left_out_is_counted() -> None:
    """Leaving a promise out is possible, and visible."""
    rules = Rules(required_commitments=("S15",))

    verdict = judge([expect(spec())], [result("TLS-001", Outcome.PASSED)], statement=(PROMISE, OTHER), rules=rules)

    assert verdict.decision is Decision.GO
    assert verdict.not_claimed == 1
    assert verdict.commitments[1].state is Promise.NOT_CLAIMED


def test_all_not_applicable_is_not_proven() -> None:
    """Neutral outcomes alone do not keep a promise."""
    verdict = judge([expect(spec())], [result("TLS-001", Outcome.NOT_APPLICABLE)])

    assert verdict.decision is Decision.INCONCLUSIVE


@pytest.mark.parametrize(("core", "decision"), [(True, Decision.INCONCLUSIVE), (False, Decision.GO)])
def test_uncovered_core_check_blocks(core: bool, decision: Decision) -> None:
    """An uncovered core check keeps its promise from being kept; another is only counted."""
    second = spec("TLS-002", severity=Severity.CRITICAL, core=core)

    verdict = judge(
        [expect(spec()), expect(second)],
        [result("TLS-001", Outcome.PASSED), result("TLS-002", Outcome.UNCOVERED)],
    )

    assert verdict.decision is decision
    assert verdict.commitments[0].uncovered == 1


def test_strict_makes_every_uncovered_check_block() -> None:
    """`policy.strict` leaves no room for what is not configured, whatever it proves."""
    second = spec("NET-009", severity=Severity.NORMAL, proves=("notices",))

    verdict = judge(
        [expect(spec()), expect(second)],
        [result("TLS-001", Outcome.PASSED), result("NET-009", Outcome.UNCOVERED)],
        rules=Rules(strict=True),
    )

    assert verdict.decision is Decision.INCONCLUSIVE


def test_problem_blocks_whatever_passed() -> None:
    """A crashed lane or a damaged log keeps a run of passed checks from GO."""
    verdict = judge([expect(spec())], [result("TLS-001", Outcome.PASSED)], problems=(Problem(what="lane crashed"),))

    assert verdict.decision is Decision.INCONCLUSIVE
    assert "lane crashed" in verdict.reasons


def test_failure_wins_over_problems() -> None:
    """What was measured and is false stays a NO_GO even when something else went wrong."""
    verdict = judge([expect(spec())], [result("TLS-001", Outcome.FAILED)], problems=(Problem(what="lane crashed"),))

    assert verdict.decision is Decision.NO_GO


def test_unexpected_result_blocks() -> None:
    """A result that nobody expected means something else wrote to the log."""
    verdict = judge([expect(spec())], [result("TLS-001", Outcome.PASSED), result("TLS-009", Outcome.PASSED)])

    assert verdict.decision is Decision.INCONCLUSIVE


def test_requirement_that_did_not_pass_silences_its_dependants() -> None:
    """A failed login makes what depends on it inconclusive, through any number of steps."""
    a, b, c = spec("AUT-001"), spec("ACC-001", requires=("AUT-001",)), spec("ACC-008", requires=("ACC-001",))

    verdict = judge(
        [expect(a), expect(b), expect(c)],
        [
            result("AUT-001", Outcome.FAILED),
            result("ACC-001", Outcome.FAILED),
            result("ACC-008", Outcome.PASSED),
        ],
    )

    outcomes = {check.spec.id: check.outcome for check in verdict.checks}
    assert outcomes == {
        "AUT-001": Outcome.FAILED,
        "ACC-001": Outcome.INCONCLUSIVE,
        "ACC-008": Outcome.INCONCLUSIVE,
    }
    assert verdict.decision is Decision.NO_GO


@pytest.mark.parametrize("needed", ["TLS-001", "AUT-404"])
def test_circular_or_missing_requirement_blocks(needed: str) -> None:
    """A check that requires itself or nothing that exists never passes."""
    verdict = judge([expect(spec(requires=(needed,)))], [result("TLS-001", Outcome.PASSED)])

    assert verdict.decision is Decision.INCONCLUSIVE


def test_retry_helps_the_inconclusive_and_never_the_failed() -> None:
    """A second try may settle an inconclusive case; a failure stays whatever a later try says."""
    settled = [result("TLS-001", Outcome.INCONCLUSIVE), result("TLS-001", Outcome.PASSED, attempt=2)]
    covered_up = [result("TLS-001", Outcome.FAILED), result("TLS-001", Outcome.PASSED, attempt=2)]

    assert judge([expect(spec())], settled).decision is Decision.GO
    assert judge([expect(spec())], covered_up).decision is Decision.NO_GO


def test_same_try_recorded_twice_counts_as_the_worse() -> None:
    """Two records of one try cannot improve it."""
    twice = [result("TLS-001", Outcome.INCONCLUSIVE), result("TLS-001", Outcome.PASSED)]

    assert judge([expect(spec())], twice).decision is Decision.INCONCLUSIVE


@given(
    st.lists(st.tuples(st.sampled_from(list(Outcome)), st.sampled_from(list(Severity))), min_size=1, max_size=8),
    st.booleans(),
    st.sets(st.integers(0, 7)),
)
def test_go_needs_proof_of_everything(rows: list[tuple[Outcome, Severity]], strict: bool, missing: set[int]) -> None:
    """No mixture of outcomes gives GO unless something passed, nothing is open and no core check is uncovered."""
    expected = [expect(spec(f"TLS-{n:03d}", severity=severity)) for n, (_, severity) in enumerate(rows)]
    recorded = [result(f"TLS-{n:03d}", outcome) for n, (outcome, _) in enumerate(rows) if n not in missing]

    verdict = judge(expected, recorded, rules=Rules(strict=strict))

    effective = [Outcome.NOT_RUN if n in missing else outcome for n, (outcome, _) in enumerate(rows)]
    uncovered_blocks = any(
        outcome is Outcome.UNCOVERED and (strict or severity is Severity.BLOCKER)
        for outcome, (_, severity) in zip(effective, rows, strict=True)
    )
    clean = not any(outcome in NEVER_GO for outcome in effective) and not uncovered_blocks
    assert (verdict.decision is Decision.GO) == (clean and Outcome.PASSED in effective)
    assert (verdict.decision is Decision.NO_GO) == (Outcome.FAILED in effective)
    assert bool(verdict.reasons) == (verdict.decision is not Decision.GO)


def test_late_problem_never_improves() -> None:
    """A report that could not be written turns GO into INCONCLUSIVE and leaves NO_GO alone."""
    go = judge([expect(spec())], [result("TLS-001", Outcome.PASSED)])
    no_go = judge([expect(spec())], [result("TLS-001", Outcome.FAILED)])
    trouble = Problem(what="the disk is full")

    assert with_problem(go, trouble).decision is Decision.INCONCLUSIVE
    assert with_problem(no_go, trouble).decision is Decision.NO_GO
    assert unfinished(RUN).decision is Decision.INCONCLUSIVE


@pytest.mark.parametrize(("first", "second"), list(product(NEVER_GO, [*NEVER_GO, Outcome.PASSED])))
def test_order_of_records_does_not_matter(first: Outcome, second: Outcome) -> None:
    """The log is a set of facts: any order of two cases gives the same decision."""
    expected = [expect(spec(), "a", "b")]
    records = [result("TLS-001", first, "a"), result("TLS-001", second, "b")]

    assert judge(expected, records).decision is judge(expected, records[::-1]).decision
