"""One plain sentence about each suite."""

from __future__ import annotations

from stagehold.model import CheckResult, Outcome, Verdict
from stagehold.reporting.cases import shown_cases
from stagehold.reporting.facts import OPEN, SuiteRow
from stagehold.reporting.text import plural

_MOST = 6


def suite_sentence(verdict: Verdict, row: SuiteRow) -> str:
    """What a suite showed: how much was measured, and by name what is false, waived or open."""
    checks = [check for check in verdict.checks if check.spec.suite == row.name]
    if not checks:
        return "No check of it is on record."
    parts = []
    for words, found in (
        ("false", [c for c in checks if c.outcome is Outcome.FAILED and not c.waived]),
        ("false and waived", [c for c in checks if c.waived]),
        ("could not be checked", [c for c in checks if c.outcome in OPEN]),
    ):
        if found:
            parts.append(f"{len(found)} {words}: {_names(found)}")
    cases = sum(
        entry.result.outcome is Outcome.PASSED
        for check in checks
        if check.outcome is Outcome.PASSED
        for entry in shown_cases(check)
    )
    if row.passed:
        held = plural(row.passed, "claim")
        verb = "holds" if row.passed == 1 else "hold"
        parts.append(f"{held} {verb}{f', measured in {cases} cases' if cases > row.passed else ''}")
    if row.uncovered:
        parts.append(f"{row.uncovered} not configured")
    if row.not_applicable:
        parts.append(f"{row.not_applicable} not applicable")
    return f"{'; '.join(parts)}."


def _names(checks: list[CheckResult]) -> str:
    names = ", ".join(check.spec.id for check in checks[:_MOST])
    return f"{names} and {len(checks) - _MOST} more" if len(checks) > _MOST else names
