"""What the checks of a run say about each sentence of the statement. Pure: no files, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from stagehold.judgement import UNDECIDED
from stagehold.model import (
    CheckResult,
    Commitment,
    CommitmentResult,
    Outcome,
    Promise,
    SafeguardResult,
    SafeguardState,
)


def judge_commitments(
    statement: Sequence[Commitment],
    checks: Sequence[CheckResult],
    *,
    required: Sequence[str] | None,
    strict: bool,
) -> list[CommitmentResult]:
    """Each sentence with its state and counts of checks.

    Args:
        statement: the sentences.
        checks: all checks of the run, waivers applied.
        required: ids of the sentences that must be proven; None stands for all.
        strict: whether every check that is not configured keeps its sentences unproven, not only core ones.
    """
    return [
        _judge_commitment(
            commitment,
            [check for check in checks if set(check.spec.proves) & set(commitment.safeguards)],
            required=required is None or commitment.id in required,
            strict=strict,
        )
        for commitment in statement
    ]


def _judge_commitment(
    commitment: Commitment, checks: Sequence[CheckResult], *, required: bool, strict: bool
) -> CommitmentResult:
    by_outcome = Counter(check.outcome for check in checks)
    safeguards = tuple(_judge_safeguard(name, checks) for name in commitment.safeguards)
    state, reason = _promise(checks, safeguards, strict=strict)
    if not required and state not in {Promise.BROKEN, Promise.WAIVED}:
        state = Promise.NOT_CLAIMED
    return CommitmentResult(
        commitment=commitment,
        state=state,
        required=required,
        reason=reason,
        checks=tuple(check.spec.id for check in checks),
        passed=by_outcome[Outcome.PASSED],
        failed=by_outcome[Outcome.FAILED],
        waived=sum(check.waived for check in checks),
        inconclusive=by_outcome[Outcome.INCONCLUSIVE] + by_outcome[Outcome.NOT_RUN],
        uncovered=by_outcome[Outcome.UNCOVERED],
        not_applicable=by_outcome[Outcome.NOT_APPLICABLE],
        safeguards=safeguards,
    )


def _judge_safeguard(name: str, checks: Sequence[CheckResult]) -> SafeguardResult:
    """Rule 3a: one passed check proves it; a failure breaks it, and a waived one alone leaves it waived."""
    mine = [check for check in checks if name in check.spec.proves]
    failed = [check for check in mine if check.outcome is Outcome.FAILED]
    state, why = SafeguardState.PROVEN, ""
    if blocking := [check for check in failed if not check.waived]:
        state, why = SafeguardState.BROKEN, f"{ids_of(blocking)} failed"
    elif not any(check.outcome is Outcome.PASSED for check in mine):
        if failed:
            state, why = SafeguardState.WAIVED, f"{ids_of(failed)} failed, accepted by {', '.join(waivers_of(failed))}"
        else:
            state, why = SafeguardState.NOT_PROVEN, _lack(mine)
    return SafeguardResult(safeguard=name, state=state, why=why, checks=tuple(check.spec.id for check in mine))


def _lack(checks: Sequence[CheckResult]) -> str:
    """Why not one of the checks of a safeguard passed, where none of them failed."""
    if not checks:
        return "no check of this installation proves it"
    unsure = [check for check in checks if check.outcome in UNDECIDED]
    uncovered = [check for check in checks if check.outcome is Outcome.UNCOVERED]
    neutral = [check for check in checks if check.outcome is Outcome.NOT_APPLICABLE]
    if neutral == list(checks):
        return f"all not applicable ({ids_of(neutral)})"
    parts = [f"{ids_of(unsure)} could not be decided"] if unsure else []
    if uncovered:
        who = "its only check is" if len(checks) == 1 else "its only checks are" if uncovered == list(checks) else ""
        names = "; ".join(_needed(check.spec.id, check.reason) for check in uncovered)
        parts.append(f"{who} not configured ({names})".strip())
    if neutral:
        parts.append(f"{ids_of(neutral)} not applicable")
    return ", ".join(parts)


def _needed(check_id: str, reason: str) -> str:
    """`CON-010 needs hooks`, or the id and the reason as they are: what a check that is not configured lacks."""
    return f"{check_id} {reason}" if reason.startswith("needs ") else f"{check_id}: {reason}" if reason else check_id


def _promise(
    checks: Sequence[CheckResult], safeguards: Sequence[SafeguardResult], *, strict: bool
) -> tuple[Promise, str]:
    def named(*outcomes: Outcome) -> list[CheckResult]:
        return [check for check in checks if check.outcome in outcomes]

    if failed := [check for check in named(Outcome.FAILED) if not check.waived]:
        return Promise.BROKEN, f"{ids_of(failed)} failed"
    lacking = [result for result in safeguards if result.state is SafeguardState.NOT_PROVEN]
    told = {check for result in lacking for check in result.checks}
    missing = [f"{result.safeguard}: {result.why}" for result in lacking]
    if unsure := [check for check in named(*UNDECIDED) if check.spec.id not in told]:
        missing.append(f"{ids_of(unsure)} could not be decided")
    core = [check for check in named(Outcome.UNCOVERED) if strict or check.spec.is_core]
    if core := [check for check in core if check.spec.id not in told]:
        missing.append(f"not configured: {'; '.join(_needed(check.spec.id, check.reason) for check in core)}")
    waived = named(Outcome.FAILED)
    if not missing and not named(Outcome.PASSED):
        missing.append(f"not a single check passed ({ids_of(waived)} waived)")
    if missing:
        return Promise.NOT_PROVEN, "; ".join(missing)
    if waived:
        return Promise.WAIVED, f"{ids_of(waived)} failed, accepted by {', '.join(waivers_of(waived))}"
    return Promise.KEPT, ""


def ids_of(checks: Sequence[CheckResult]) -> str:
    """Check ids as a list for people."""
    return ", ".join(check.spec.id for check in checks)


def waivers_of(checks: Sequence[CheckResult]) -> tuple[str, ...]:
    """Ids of the waivers that accept the failures of these checks, each once."""
    return tuple(dict.fromkeys(name for check in checks for name in check.waivers))
