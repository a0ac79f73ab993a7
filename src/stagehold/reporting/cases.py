"""The cases of a check as reports show them: one each, never milder than what the gate made of the check."""

from __future__ import annotations

from dataclasses import dataclass

from stagehold.model import CaseResult, CheckResult, Outcome, Verdict, WaiverResult, WaiverState
from stagehold.reporting.text import utc
from stagehold.waivers import matches

WORST_FIRST = (
    Outcome.FAILED,
    Outcome.INCONCLUSIVE,
    Outcome.NOT_RUN,
    Outcome.UNCOVERED,
    Outcome.PASSED,
    Outcome.NOT_APPLICABLE,
)
_JUDGED = (Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.NOT_RUN)


@dataclass(frozen=True)
class ShownCase:
    """One case with the tries that came before the one that counts, oldest first."""

    result: CaseResult
    earlier: tuple[CaseResult, ...] = ()


def shown_cases(check: CheckResult) -> tuple[ShownCase, ...]:
    """One entry for each case of the check, in recorded order, and at least one.

    The try that counts is a failed one, else the last (the worst of equals). Where the gate overruled what
    the cases recorded, because a check this one requires did not pass, the entries say what the gate said.
    """
    tries: dict[str, list[CaseResult]] = {}
    for result in check.cases:
        tries.setdefault(result.case, []).append(result)
    entries = tuple(_entry(results) for results in tries.values())
    if not entries:
        return (ShownCase(_of_check(check)),)
    worst = min((entry.result.outcome for entry in entries), key=WORST_FIRST.index)
    if worst is check.outcome:
        return entries
    overruled = tuple(
        ShownCase(_overrule(entry.result, check), entry.earlier) if entry.result.outcome in _JUDGED else entry
        for entry in entries
    )
    if any(entry.result.outcome is check.outcome for entry in overruled):
        return overruled
    return (*overruled, ShownCase(_of_check(check)))


def waiver_of(verdict: Verdict, result: CaseResult) -> WaiverResult | None:
    """The waiver that accepts this failure, or the one that did until it ended."""
    for waiver in verdict.waivers:
        if waiver.waiver.id == result.waiver:
            return waiver
    ended = (w for w in verdict.waivers if w.state is WaiverState.EXPIRED and matches(w.waiver, result))
    return next(ended, None) if not result.waiver else None


def waiver_line(waiver: WaiverResult, *, in_force: bool) -> str:
    """`WAIVED by W-1 until 2026-12-01 00:00:00 UTC (owner team-network, approved by j.doe, OPS-9)`."""
    entry = waiver.waiver
    people = ", ".join(name for name in (entry.approved_by, entry.approved_also_by) if name)
    who = f"(owner {entry.owner}, approved by {people}, {entry.ticket})"
    if in_force:
        return f"WAIVED by {entry.id} until {utc(entry.expires)} {who}"
    return f"Waiver {entry.id} ended at {utc(entry.expires)} {who}"


def _entry(results: list[CaseResult]) -> ShownCase:
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    last = max(result.attempt for result in results)
    candidates = failed or [result for result in results if result.attempt == last]
    chosen = min(candidates, key=lambda result: WORST_FIRST.index(result.outcome))
    others = sorted((r for r in results if r is not chosen), key=lambda r: r.attempt)
    return ShownCase(chosen, tuple(others))


def _overrule(result: CaseResult, check: CheckResult) -> CaseResult:
    alone = f"{result.outcome.value}{': ' if result.message else ''}{result.message}"
    return result.model_copy(
        update={"outcome": check.outcome, "message": f"{check.reason} (on its own this case was {alone})"}
    )


def _of_check(check: CheckResult) -> CaseResult:
    return CaseResult(check=check.spec.id, case="", outcome=check.outcome, message=check.reason)
