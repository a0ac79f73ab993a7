"""Reports show one entry for each case, never milder than the gate's own view."""

from __future__ import annotations

import pytest

from stagehold.model import CaseResult, CheckResult, Outcome
from stagehold.reporting.cases import shown_cases
from tests.unit.reporting.samples import spec
from tests.unit.reporting.sketches import SKETCHES

P, F, I, U, N = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.UNCOVERED, Outcome.NOT_RUN  # noqa: E741 - a table


def result(case: str, outcome: Outcome, attempt: int = 1) -> CaseResult:
    return CaseResult(check="TLS-001", case=case, outcome=outcome, attempt=attempt, message=f"try {attempt}")


def check(outcome: Outcome, *cases: CaseResult) -> CheckResult:
    return CheckResult(spec=spec(SKETCHES[0]), outcome=outcome, reason="the gate's reason", cases=cases)


@pytest.mark.parametrize(
    ("tries", "shown", "attempt"),
    [
        ([(P, 1)], P, 1),
        ([(I, 1), (P, 2)], P, 2),
        ([(P, 2), (I, 1)], P, 2),
        ([(F, 1), (P, 2)], F, 1),
        ([(I, 1), (I, 2)], I, 2),
        ([(P, 1), (I, 1)], I, 1),
    ],
)
def test_the_try_that_counts(tries: list[tuple[Outcome, int]], shown: Outcome, attempt: int) -> None:
    """A failed try counts for ever; else the last one, the worst of equals; the others are kept beside it."""
    (entry,) = shown_cases(check(shown, *(result("a", outcome, number) for outcome, number in tries)))
    assert entry.result.outcome is shown
    assert entry.result.message == f"try {attempt}"
    assert len(entry.earlier) == len(tries) - 1


@pytest.mark.parametrize("outcome", [I, N, U, F])
def test_a_check_without_cases_is_shown(outcome: Outcome) -> None:
    """A check with nothing recorded appears with the gate's outcome and reason."""
    (entry,) = shown_cases(check(outcome))
    assert (entry.result.outcome, entry.result.message) == (outcome, "the gate's reason")


@pytest.mark.parametrize("alone", [P, F])
def test_an_overruled_check_shows_no_pass_and_no_failure(alone: Outcome) -> None:
    """Where the gate says inconclusive because a requirement did not pass, no case says anything else."""
    entries = shown_cases(check(I, result("a", alone), result("b", P), result("c", U)))
    assert [entry.result.outcome for entry in entries] == [I, I, U]
    assert entries[0].result.message.startswith("the gate's reason (on its own this case was ")


def test_the_outcome_of_the_check_is_always_among_its_cases() -> None:
    """If no case can carry what the gate said, an entry of its own does."""
    entries = shown_cases(check(I, result("c", U)))
    assert [entry.result.outcome for entry in entries] == [U, I]
