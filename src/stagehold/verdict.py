"""`decide()`: from what was expected and what was recorded to GO, NO_GO or INCONCLUSIVE.

Pure: no files, no clock, no pytest. Whatever is not proven blocks; only an explicit GO opens the gate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from stagehold.commitments import ids_of, judge_commitments, waivers_of
from stagehold.judgement import UNDECIDED, judge_checks
from stagehold.model import (
    CaseResult,
    CheckResult,
    Commitment,
    CommitmentResult,
    Decision,
    ExpectedCheck,
    Model,
    Outcome,
    Problem,
    Promise,
    RunInfo,
    Verdict,
    Waiver,
    WaiverResult,
    WaiverState,
)
from stagehold.tally import count_checks, count_promises, kept_of_required
from stagehold.waivers import apply_waivers

UNFINISHED = "the run has not finished"


class Rules(Model):
    """The part of an environment's policy that the verdict depends on."""

    required_commitments: tuple[str, ...] | None = None
    """None: every commitment of the statement."""
    strict: bool = False


def decide(
    *,
    expected: Sequence[ExpectedCheck],
    recorded: Sequence[CaseResult],
    statement: Sequence[Commitment],
    rules: Rules,
    run: RunInfo,
    problems: Sequence[Problem] = (),
    waivers: Sequence[Waiver] = (),
    now: datetime | None = None,
    absent: str = "",
) -> Verdict:
    """Judge a run (contract section 3).

    Args:
        expected: every check the environment's policy requires, collected before any deselection.
        recorded: every case result of the event log, in any order, retries included.
        statement: the commitments.
        rules: what is required of them.
        run: facts, passed through.
        problems: whatever else keeps the run from a decision (a crashed lane, an unreachable target).
        waivers: every waiver of the environment, expired ones included.
        now: when the run is decided; without it no waiver is in force.
        absent: why a case has no outcome, where that is known.
    """
    trouble = list(problems)
    trouble += _surprises(expected, recorded)
    waived = apply_waivers(
        judge_checks(expected, recorded, absent=absent),
        waivers,
        cases={check.spec.id: check.cases for check in expected},
        now=now or datetime.max.replace(tzinfo=UTC),
    )
    checks = waived.checks
    trouble += waived.problems
    commitments = judge_commitments(statement, checks, required=rules.required_commitments, strict=rules.strict)
    trouble += _statement_problems(statement, rules)
    if not checks:
        trouble.append(
            Problem(
                what="no checks were expected: nothing was proven",
                remedy="Check `suites` and the installation.",
            )
        )

    counts = Counter(result.outcome for result in checks)
    failed = [result for result in checks if result.outcome is Outcome.FAILED and not result.waived]
    refused = [problem for problem in trouble if problem.leak or problem.refuses]
    open_checks = [result for result in checks if result.outcome in UNDECIDED]
    settled = {Promise.KEPT, Promise.WAIVED}
    open_commitments = [result for result in commitments if result.required and result.state not in settled]
    uncovered = [result for result in checks if result.outcome is Outcome.UNCOVERED]
    blocking_uncovered = uncovered if rules.strict else []

    reasons = [f"{result.spec.id} failed: {result.reason}" for result in failed]
    reasons += [problem.what for problem in trouble]
    reasons += [f"{result.spec.id} {_WORD[result.outcome]}: {result.reason}" for result in open_checks]
    reasons += [
        f"{result.commitment.id} is not proven: {result.reason}"
        for result in open_commitments
        if result.state is Promise.NOT_PROVEN
    ]
    reasons += [f"{result.spec.id} is not configured (strict): {result.reason}" for result in blocking_uncovered]

    if failed or refused:
        decision = Decision.NO_GO
    elif trouble or open_checks or open_commitments or blocking_uncovered or not counts[Outcome.PASSED] or reasons:
        decision = Decision.INCONCLUSIVE
    else:
        decision = Decision.GO
    results = tuple(_with_commitments(result, commitments) for result in waived.results)
    in_force = [result.waiver for result in results if result.state is WaiverState.IN_FORCE]
    valid_until = min((waiver.expires for waiver in in_force), default="") if decision is Decision.GO else ""
    return Verdict(
        decision=decision,
        headline=_headline(decision, checks, commitments, trouble, valid_until),
        reasons=tuple(reasons),
        run=run,
        expected_checks=len(checks),
        executed_checks=count_checks(checks).ran,
        counts={outcome: counts[outcome] for outcome in Outcome},
        checks=tuple(checks),
        commitments=tuple(commitments),
        problems=tuple(trouble),
        not_claimed=count_promises(commitments).not_claimed,
        waivers=results,
        valid_until=valid_until,
    )


def _with_commitments(result: WaiverResult, commitments: Sequence[CommitmentResult]) -> WaiverResult:
    """The waiver with the sentences that lose their proof by it."""
    if result.state is not WaiverState.IN_FORCE:
        return result
    ids = tuple(item.commitment.id for item in commitments if result.waiver.check in item.checks)
    return result.model_copy(update={"commitments": ids})


def unfinished(
    run: RunInfo, reason: str = UNFINISHED, *, remedy: str = "", problems: Sequence[Problem] = ()
) -> Verdict:
    """The blocking verdict that stands until a run has proven otherwise."""
    all_problems = [problem for problem in problems if problem.what != reason]
    all_problems.insert(0, Problem(what=reason, remedy=remedy))
    return Verdict(
        decision=Decision.INCONCLUSIVE,
        headline=f"No decision: {reason.splitlines()[0].rstrip('.:')}.",
        reasons=tuple(problem.what for problem in all_problems),
        run=run,
        problems=tuple(all_problems),
    )


def with_problem(verdict: Verdict, problem: Problem) -> Verdict:
    """The verdict after something went wrong late, such as a report that could not be written.

    A GO becomes INCONCLUSIVE; whatever blocked stays what it was.
    """
    decision = Decision.INCONCLUSIVE if verdict.decision is Decision.GO else verdict.decision
    headline = f"No decision: {problem.what}." if verdict.decision is Decision.GO else verdict.headline
    return verdict.model_copy(
        update={
            "decision": decision,
            "headline": headline,
            "reasons": (*verdict.reasons, problem.what),
            "problems": (*verdict.problems, problem),
            "valid_until": "",
        }
    )


def leaked(verdict: Verdict, problems: Sequence[Problem]) -> Verdict:
    """NO_GO because a secret was found in what would be published, without a word that the secret could be in.

    What the checks observed goes with the files that are set apart; how many there were stays.
    """
    return verdict.model_copy(
        update={
            "decision": Decision.NO_GO,
            "headline": "Do not deploy, and do not publish this run: a secret was found in the report.",
            "reasons": tuple(problem.what for problem in problems),
            "problems": tuple(problems),
            "checks": (),
            "commitments": (),
            "waivers": (),
            "valid_until": "",
            "changes": None,
        }
    )


_WORD = {
    Outcome.INCONCLUSIVE: "could not be decided",
    Outcome.NOT_RUN: "did not run",
}


def _surprises(expected: Sequence[ExpectedCheck], recorded: Sequence[CaseResult]) -> list[Problem]:
    """Results nobody expected: something else than the collected checks wrote to the log."""
    known = {(check.spec.id, case) for check in expected for case in check.cases}
    strange = sorted({(result.check, result.case) for result in recorded} - known)
    twice = [check for check, count in Counter(check.spec.id for check in expected).items() if count > 1]
    found = [
        Problem(what=f"a result was recorded for {check}[{case}], which was not expected") for check, case in strange
    ]
    found += [Problem(what=f"{check} is defined twice") for check in sorted(twice)]
    return found


def _statement_problems(statement: Sequence[Commitment], rules: Rules) -> list[Problem]:
    ids = [commitment.id for commitment in statement]
    problems = []
    if not ids:
        problems.append(Problem(what="the statement holds no commitment: there is nothing to prove"))
    problems += [Problem(what=f"the statement holds {name} twice") for name, count in Counter(ids).items() if count > 1]
    if rules.required_commitments is not None:
        if not rules.required_commitments:
            problems.append(Problem(what="policy.required_commitments is empty: nothing is required"))
        problems += [
            Problem(what=f"policy.required_commitments names {name}, which the statement does not hold")
            for name in rules.required_commitments
            if name not in ids
        ]
    return problems


def _headline(
    decision: Decision,
    checks: Sequence[CheckResult],
    commitments: Sequence[CommitmentResult],
    problems: Sequence[Problem],
    valid_until: str,
) -> str:
    counted, promises = count_checks(checks), count_promises(commitments)
    ratio = kept_of_required(promises)
    waived = [check for check in checks if check.waived]
    match decision:
        case Decision.GO:
            ran = f"{counted.ran} of {_count(counted.total, 'check')} ran"
            ran += f", {counted.uncovered} not configured" if counted.uncovered else ""
            ran += f", {counted.not_applicable} not applicable" if counted.not_applicable else ""
            if waived:
                names = _count(len(waivers_of(waived)), "waiver")
                failures = f"{_count(len(waived), 'check')} failed and accepted ({ids_of(waived)})"
                until = f"{valid_until:.10} {valid_until[11:16]} UTC"
                return f"GO with {names}, valid until {until}: {failures}; {ratio}; {ran}."
            return f"Every required promise was proven: {ratio}; {ran}."
        case Decision.NO_GO:
            refused = [problem.what for problem in problems if problem.leak or problem.refuses]
            if not counted.failed and refused:
                return f"Do not deploy: {refused[0]}; {ratio}."
            broken = [result.commitment.id for result in commitments if result.state is Promise.BROKEN]
            extra = promises.broken_unrequired
            unrequired = f"; {extra} of them not required" if extra else ""
            concerned = (
                f"{_count(promises.broken, 'promise')} broken ({', '.join(broken)}{unrequired})"
                if broken
                else "no promise of the statement concerned"
            )
            return f"Do not deploy: {_count(counted.failed, 'check')} failed, {concerned}; {ratio}."
        case Decision.INCONCLUSIVE:
            first = problems[0].what if problems else f"{_count(counted.undecided, 'check')} could not be decided"
            unproven = [result.commitment.id for result in commitments if result.state is Promise.NOT_PROVEN]
            if not problems and not counted.undecided:
                first = "not everything that is required was proven"
                if unproven:
                    first = f"{_count(len(unproven), 'required promise')} not proven ({', '.join(unproven)})"
            return f"No decision: {first}; {ratio}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
