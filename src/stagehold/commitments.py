"""What the checks of a run say about each sentence of the statement. Pure: no files, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from stagehold.judgement import UNDECIDED
from stagehold.model import CheckResult, Commitment, CommitmentResult, Outcome, Promise


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
    proven = {safeguard for c in checks if c.outcome is Outcome.PASSED for safeguard in c.spec.proves}
    state, reason = _promise(checks, strict=strict)
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
        inconclusive=by_outcome[Outcome.INCONCLUSIVE] + by_outcome[Outcome.NOT_RUN],
        uncovered=by_outcome[Outcome.UNCOVERED],
        not_applicable=by_outcome[Outcome.NOT_APPLICABLE],
        unproven_safeguards=tuple(s for s in commitment.safeguards if s not in proven),
    )


def _promise(checks: Sequence[CheckResult], *, strict: bool) -> tuple[Promise, str]:
    def named(*outcomes: Outcome, core_only: bool = False) -> list[CheckResult]:
        return [c for c in checks if c.outcome in outcomes and (c.spec.is_core or not core_only)]

    if failed := [c for c in named(Outcome.FAILED) if not c.waived]:
        return Promise.BROKEN, f"{ids_of(failed)} failed"
    if unsure := named(*UNDECIDED):
        return Promise.NOT_PROVEN, f"{ids_of(unsure)} could not be decided"
    if missing := named(Outcome.UNCOVERED, core_only=not strict):
        return (
            Promise.NOT_PROVEN,
            f"not configured: {'; '.join(f'{c.spec.id} ({c.reason})' for c in missing)}",
        )
    if not named(Outcome.PASSED):
        return Promise.NOT_PROVEN, "no check proves it" if not checks else "not a single check passed"
    if waived := named(Outcome.FAILED):
        return Promise.WAIVED, f"{ids_of(waived)} failed, accepted by {', '.join(waivers_of(waived))}"
    return Promise.KEPT, ""


def ids_of(checks: Sequence[CheckResult]) -> str:
    """Check ids as a list for people."""
    return ", ".join(check.spec.id for check in checks)


def waivers_of(checks: Sequence[CheckResult]) -> tuple[str, ...]:
    """Ids of the waivers that accept the failures of these checks, each once."""
    return tuple(dict.fromkeys(name for check in checks for name in check.waivers))
