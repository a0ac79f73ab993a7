"""Every number that is shown of a verdict, counted in one place: headline, headings, tiles and rows use the same.

Pure: no files, no clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from stagehold.model import CheckResult, CommitmentResult, Outcome, Promise, Verdict


@dataclass(frozen=True, slots=True)
class Checks:
    """Checks by what became of them; all but `total` and `ran` add up to `total`."""

    total: int
    passed: int
    failed: int
    """Failed and not waived: each of them refuses the release."""
    waived: int
    inconclusive: int
    not_run: int
    uncovered: int
    not_applicable: int

    @property
    def ran(self) -> int:
        """Those that came to a result."""
        return self.passed + self.failed + self.waived

    @property
    def undecided(self) -> int:
        """Those that should have come to a result and did not."""
        return self.inconclusive + self.not_run


@dataclass(frozen=True, slots=True)
class Promises:
    """Sentences by what became of them; the states add up to `total`."""

    total: int
    required: int
    kept: int
    waived: int
    broken: int
    not_proven: int
    not_claimed: int
    """Those that are not required and not broken or waived either: what the list of this name holds."""
    broken_unrequired: int
    """Of the broken ones, those that are not required; they block all the same."""
    waived_unrequired: int


def count_checks(checks: Iterable[CheckResult]) -> Checks:
    """The checks of a run, of a suite or of a sentence in numbers."""
    listed = list(checks)
    count = Counter(check.outcome for check in listed)
    waived = sum(check.waived for check in listed)
    return Checks(
        total=len(listed),
        passed=count[Outcome.PASSED],
        failed=count[Outcome.FAILED] - waived,
        waived=waived,
        inconclusive=count[Outcome.INCONCLUSIVE],
        not_run=count[Outcome.NOT_RUN],
        uncovered=count[Outcome.UNCOVERED],
        not_applicable=count[Outcome.NOT_APPLICABLE],
    )


def count_promises(commitments: Iterable[CommitmentResult]) -> Promises:
    """The sentences of a statement in numbers."""
    listed = list(commitments)
    count = Counter(result.state for result in listed)
    extra = Counter(result.state for result in listed if not result.required)
    return Promises(
        total=len(listed),
        required=sum(result.required for result in listed),
        kept=count[Promise.KEPT],
        waived=count[Promise.WAIVED],
        broken=count[Promise.BROKEN],
        not_proven=count[Promise.NOT_PROVEN],
        not_claimed=count[Promise.NOT_CLAIMED],
        broken_unrequired=extra[Promise.BROKEN],
        waived_unrequired=extra[Promise.WAIVED],
    )


def kept_of_required(promises: Promises) -> str:
    """`7 of 10 required commitments kept, 8 not claimed`, for a sentence that names the broken ones itself."""
    waived = f", {promises.waived} waived" if promises.waived else ""
    return f"{promises.kept} of {promises.required} required commitments kept{waived}{_unclaimed(promises)}"


def every_state(promises: Promises) -> str:
    """`7 of 10 required kept, 3 broken (1 of them not required), 8 not claimed`, for the heading above the rows."""
    parts = [f"{promises.kept} of {promises.required} required kept"]
    for number, word, extra in (
        (promises.waived, "waived", promises.waived_unrequired),
        (promises.broken, "broken", promises.broken_unrequired),
        (promises.not_proven, "not proven", 0),
    ):
        if number:
            parts.append(f"{number} {word}" + (f" ({extra} of them not required)" if extra else ""))
    return ", ".join(parts) + _unclaimed(promises)


def _unclaimed(promises: Promises) -> str:
    return f", {promises.not_claimed} not claimed" if promises.not_claimed else ""


def withheld(verdict: Verdict) -> bool:
    """Whether there were checks whose rows the verdict does not show, because a secret was found in the run."""
    return bool(verdict.expected_checks) and not verdict.checks
