"""What the recorded cases of a check amount to. Pure: no files, no clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from stagehold.model import CaseResult, CheckResult, ExpectedCheck, Outcome, Severity

WORST_FIRST = (
    Outcome.FAILED,
    Outcome.INCONCLUSIVE,
    Outcome.NOT_RUN,
    Outcome.UNCOVERED,
    Outcome.PASSED,
    Outcome.NOT_APPLICABLE,
)
UNDECIDED = (Outcome.INCONCLUSIVE, Outcome.NOT_RUN)
_SEVERITIES = (Severity.BLOCKER, Severity.CRITICAL, Severity.NORMAL)


def judge_checks(
    expected: Sequence[ExpectedCheck], recorded: Sequence[CaseResult], *, absent: str = ""
) -> list[CheckResult]:
    """Each expected check with its cases and what they amount to, worst first.

    Args:
        expected: every check, with all its cases.
        recorded: what is known of them.
        absent: why a case has no outcome, where that is known.
    """
    by_check: dict[str, list[CaseResult]] = defaultdict(list)
    for result in recorded:
        by_check[result.check].append(result)
    own = [_judge_check(check, by_check[check.spec.id], absent or "no outcome was recorded") for check in expected]
    final = _apply_requirements({result.spec.id: result for result in own})
    order = {severity: rank for rank, severity in enumerate(_SEVERITIES)}
    return sorted(final.values(), key=lambda r: (WORST_FIRST.index(r.outcome), order[r.spec.severity], r.spec.id))


def _judge_check(check: ExpectedCheck, recorded: Sequence[CaseResult], absent: str) -> CheckResult:
    cases: list[CaseResult] = []
    for case in check.cases:
        tries = [result for result in recorded if result.case == case]
        cases += tries or [CaseResult(check=check.spec.id, case=case, outcome=Outcome.NOT_RUN, message=absent)]
    cases += [result for result in recorded if result.case not in check.cases]
    if not check.cases:
        return CheckResult(
            spec=check.spec,
            outcome=max(
                (Outcome.NOT_RUN, *(result.outcome for result in cases)),
                key=lambda outcome: -WORST_FIRST.index(outcome),
            ),
            reason="it was collected with no case to run",
            cases=tuple(cases),
        )
    decisive = decisive_of(cases)
    worst = min(decisive, key=lambda result: WORST_FIRST.index(result.outcome))
    return CheckResult(spec=check.spec, outcome=worst.outcome, reason=reason_of(worst, decisive), cases=tuple(cases))


def decisive_of(cases: Iterable[CaseResult]) -> list[CaseResult]:
    """One result per case: a failure of any try, else what the last try said (the worst of equals)."""
    chosen: dict[str, CaseResult] = {}
    for result in cases:
        before = chosen.get(result.case)
        if before is None:
            chosen[result.case] = result
            continue
        pair = sorted((before, result), key=lambda r: WORST_FIRST.index(r.outcome))
        if pair[0].outcome is Outcome.FAILED or before.attempt == result.attempt:
            chosen[result.case] = pair[0]
        else:
            chosen[result.case] = max(before, result, key=lambda r: r.attempt)
    return list(chosen.values())


def reason_of(worst: CaseResult, cases: Sequence[CaseResult]) -> str:
    """Why a check is not passed: what its worst case says, and how many are like it."""
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
