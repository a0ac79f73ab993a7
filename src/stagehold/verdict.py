"""`decide()`: from what was expected and what was recorded to GO, NO_GO or INCONCLUSIVE.

Pure: no files, no clock, no pytest. Whatever is not proven blocks; only an explicit GO opens the gate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

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
    Severity,
    Verdict,
)

UNFINISHED = "the run has not finished"

_WORST_FIRST = (
    Outcome.FAILED,
    Outcome.INCONCLUSIVE,
    Outcome.NOT_RUN,
    Outcome.UNCOVERED,
    Outcome.PASSED,
    Outcome.NOT_APPLICABLE,
)
_SEVERITIES = (Severity.BLOCKER, Severity.CRITICAL, Severity.NORMAL)
_BLOCKING = (Outcome.INCONCLUSIVE, Outcome.NOT_RUN)


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
) -> Verdict:
    """Judge a run (contract section 3).

    Args:
        expected: every check the environment's policy requires, collected before any deselection.
        recorded: every case result of the event log, in any order, retries included.
        statement: the commitments.
        rules: what is required of them.
        run: facts, passed through.
        problems: whatever else keeps the run from a decision (a crashed lane, an unreachable target).
    """
    trouble = list(problems)
    trouble += _surprises(expected, recorded)
    checks = judge_checks(expected, recorded)
    commitments = _judge_commitments(statement, checks, rules)
    trouble += _statement_problems(statement, rules)
    if not checks:
        trouble.append(
            Problem(
                what="no checks were expected: nothing was proven",
                remedy="Check `suites` and the installation.",
            )
        )

    counts = Counter(result.outcome for result in checks)
    failed = [result for result in checks if result.outcome is Outcome.FAILED]
    open_checks = [result for result in checks if result.outcome in _BLOCKING]
    open_commitments = [result for result in commitments if result.required and result.state is not Promise.KEPT]
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

    if failed:
        decision = Decision.NO_GO
    elif trouble or open_checks or open_commitments or blocking_uncovered or not counts[Outcome.PASSED] or reasons:
        decision = Decision.INCONCLUSIVE
    else:
        decision = Decision.GO
    return Verdict(
        decision=decision,
        headline=_headline(decision, checks, commitments, trouble),
        reasons=tuple(reasons),
        run=run,
        expected_checks=len(checks),
        executed_checks=sum(result.outcome in {Outcome.PASSED, Outcome.FAILED} for result in checks),
        counts={outcome: counts[outcome] for outcome in Outcome},
        checks=tuple(checks),
        commitments=tuple(commitments),
        problems=tuple(trouble),
        not_claimed=sum(not result.required for result in commitments),
    )


def unfinished(
    run: RunInfo, reason: str = UNFINISHED, *, remedy: str = "", problems: Sequence[Problem] = ()
) -> Verdict:
    """The blocking verdict that stands until a run has proven otherwise."""
    all_problems = [problem for problem in problems if problem.what != reason]
    all_problems.insert(0, Problem(what=reason, remedy=remedy))
    return Verdict(
        decision=Decision.INCONCLUSIVE,
        headline=f"No decision: {reason.splitlines()[0].rstrip('.')}.",
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


def judge_checks(expected: Sequence[ExpectedCheck], recorded: Sequence[CaseResult]) -> list[CheckResult]:
    """Each expected check with its cases and what they amount to, worst first."""
    by_check: dict[str, list[CaseResult]] = defaultdict(list)
    for result in recorded:
        by_check[result.check].append(result)
    own = [_judge_check(check, by_check[check.spec.id]) for check in expected]
    final = _apply_requirements({result.spec.id: result for result in own})
    order = {severity: rank for rank, severity in enumerate(_SEVERITIES)}
    return sorted(final.values(), key=lambda r: (_WORST_FIRST.index(r.outcome), order[r.spec.severity], r.spec.id))


def _judge_check(check: ExpectedCheck, recorded: Sequence[CaseResult]) -> CheckResult:
    cases: list[CaseResult] = []
    for case in check.cases:
        tries = [result for result in recorded if result.case == case]
        cases += tries or [
            CaseResult(check=check.spec.id, case=case, outcome=Outcome.NOT_RUN, message="no outcome was recorded")
        ]
    cases += [result for result in recorded if result.case not in check.cases]
    if not check.cases:
        return CheckResult(
            spec=check.spec,
            outcome=max(
                (Outcome.NOT_RUN, *(result.outcome for result in cases)),
                key=lambda outcome: -_WORST_FIRST.index(outcome),
            ),
            reason="it was collected with no case to run",
            cases=tuple(cases),
        )
    decisive = _decisive(cases)
    worst = min(decisive, key=lambda result: _WORST_FIRST.index(result.outcome))
    return CheckResult(spec=check.spec, outcome=worst.outcome, reason=_reason(worst, decisive), cases=tuple(cases))


def _decisive(cases: Iterable[CaseResult]) -> list[CaseResult]:
    """One result per case: a failure of any try, else what the last try said (the worst of equals)."""
    chosen: dict[str, CaseResult] = {}
    for result in cases:
        before = chosen.get(result.case)
        if before is None:
            chosen[result.case] = result
            continue
        pair = sorted((before, result), key=lambda r: _WORST_FIRST.index(r.outcome))
        if pair[0].outcome is Outcome.FAILED or before.attempt == result.attempt:
            chosen[result.case] = pair[0]
        else:
            chosen[result.case] = max(before, result, key=lambda r: r.attempt)
    return list(chosen.values())


def _reason(worst: CaseResult, cases: Sequence[CaseResult]) -> str:
    if worst.outcome is Outcome.PASSED:
        return ""
    same = sum(result.outcome is worst.outcome for result in cases)
    more = f" (and {same - 1} more of {len(cases)} cases)" if same > 1 else ""
    return (worst.message or worst.observed or "no reason was recorded") + more


def _apply_requirements(own: Mapping[str, CheckResult]) -> dict[str, CheckResult]:
    """Rule 10: a check whose requirement did not pass says nothing, whatever it recorded."""
    final: dict[str, CheckResult] = {}
    visiting: set[str] = set()

    def settle(check_id: str) -> CheckResult:
        if check_id in final:
            return final[check_id]
        result = own[check_id]
        visiting.add(check_id)
        for needed in result.spec.requires:
            if needed in visiting:
                reason = f"it requires {needed}, which in turn requires {check_id}"
            elif needed not in own:
                reason = f"it requires {needed}, which is not among the expected checks"
            elif (other := settle(needed)).outcome is not Outcome.PASSED:
                reason = f"it requires {needed}, which is {other.outcome.value.replace('_', ' ')}: {other.reason}"
            else:
                continue
            if result.outcome in {Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE}:
                result = result.model_copy(update={"outcome": Outcome.INCONCLUSIVE, "reason": reason})
            break
        visiting.discard(check_id)
        final[check_id] = result
        return result

    for check_id in own:
        settle(check_id)
    return final


def _judge_commitments(
    statement: Sequence[Commitment], checks: Sequence[CheckResult], rules: Rules
) -> list[CommitmentResult]:
    return [
        _judge_commitment(
            commitment,
            [check for check in checks if set(check.spec.proves) & set(commitment.safeguards)],
            required=rules.required_commitments is None or commitment.id in rules.required_commitments,
            strict=rules.strict,
        )
        for commitment in statement
    ]


def _judge_commitment(
    commitment: Commitment, checks: Sequence[CheckResult], *, required: bool, strict: bool
) -> CommitmentResult:
    by_outcome = Counter(check.outcome for check in checks)
    proven = {safeguard for c in checks if c.outcome is Outcome.PASSED for safeguard in c.spec.proves}
    state, reason = _promise(checks, strict=strict)
    if not required and state is not Promise.BROKEN:
        state = Promise.NOT_CLAIMED
    return CommitmentResult(
        commitment=commitment,
        state=state,
        required=required,
        reason=reason,
        checks=tuple(check.spec.id for check in checks),
        passed=by_outcome[Outcome.PASSED],
        failed=by_outcome[Outcome.FAILED],
        inconclusive=by_outcome[Outcome.INCONCLUSIVE] + by_outcome[Outcome.NOT_RUN],
        uncovered=by_outcome[Outcome.UNCOVERED],
        not_applicable=by_outcome[Outcome.NOT_APPLICABLE],
        unproven_safeguards=tuple(s for s in commitment.safeguards if s not in proven),
    )


def _promise(checks: Sequence[CheckResult], *, strict: bool) -> tuple[Promise, str]:
    def named(*outcomes: Outcome, core_only: bool = False) -> list[CheckResult]:
        return [c for c in checks if c.outcome in outcomes and (c.spec.is_core or not core_only)]

    if failed := named(Outcome.FAILED):
        return Promise.BROKEN, f"{_ids(failed)} failed"
    if unsure := named(*_BLOCKING):
        return Promise.NOT_PROVEN, f"{_ids(unsure)} could not be decided"
    if missing := named(Outcome.UNCOVERED, core_only=not strict):
        return (
            Promise.NOT_PROVEN,
            f"not configured: {'; '.join(f'{c.spec.id} ({c.reason})' for c in missing)}",
        )
    if not named(Outcome.PASSED):
        return Promise.NOT_PROVEN, "no check proves it" if not checks else "not a single check passed"
    return Promise.KEPT, ""


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


def _ids(checks: Sequence[CheckResult]) -> str:
    return ", ".join(check.spec.id for check in checks)


def _headline(
    decision: Decision,
    checks: Sequence[CheckResult],
    commitments: Sequence[CommitmentResult],
    problems: Sequence[Problem],
) -> str:
    required = [result for result in commitments if result.required]
    kept = sum(result.state is Promise.KEPT for result in required)
    ratio = f"{kept} of {len(required)} required commitments kept"
    match decision:
        case Decision.GO:
            covered = sum(c.outcome in {Outcome.PASSED, Outcome.NOT_APPLICABLE} for c in checks)
            rest = len(checks) - covered
            aside = f", {rest} not configured" if rest else ""
            return f"Every required promise was proven: {ratio}; {covered} of {len(checks)} checks ran{aside}."
        case Decision.NO_GO:
            failed = sum(c.outcome is Outcome.FAILED for c in checks)
            broken = [result.commitment.id for result in commitments if result.state is Promise.BROKEN]
            promises = (
                f"{_count(len(broken), 'promise')} broken ({', '.join(broken)})"
                if broken
                else "no promise of the statement concerned"
            )
            return f"Do not deploy: {_count(failed, 'check')} failed, {promises}; {ratio}."
        case Decision.INCONCLUSIVE:
            unsure = sum(c.outcome in _BLOCKING for c in checks)
            first = problems[0].what if problems else f"{_count(unsure, 'check')} could not be decided"
            if not problems and not unsure:
                first = "not every required promise was proven"
            return f"No decision: {first}; {ratio}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
