"""From what pytest saw of a case to one outcome. Checks assert, probes raise; everything unknown is inconclusive."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from stagehold.errors import NotApplicable, StageholdError, Uncovered
from stagehold.model import Outcome


@dataclass(frozen=True)
class Judged:
    """An outcome and the one line that says why."""

    outcome: Outcome
    message: str = ""


PASSED = Judged(Outcome.PASSED)


def judge_phase(phase: str, error: BaseException | None, *, xfail: bool) -> Judged:  # noqa: PLR0911 - a table
    """Judge one phase (`setup`, `call` or `teardown`) by the exception that ended it, if any."""
    if xfail:
        return Judged(Outcome.INCONCLUSIVE, "marked xfail: an expected failure proves nothing")
    match error:
        case None:
            return PASSED
        case Uncovered():
            return Judged(Outcome.UNCOVERED, str(error))
        case NotApplicable():
            return Judged(Outcome.NOT_APPLICABLE, str(error))
        case pytest.skip.Exception():
            return Judged(
                Outcome.INCONCLUSIVE,
                f"skipped: {error.msg or 'no reason given'}; a skipped check proves nothing",
            )
        case AssertionError() | pytest.fail.Exception() if phase == "call":
            return Judged(Outcome.FAILED, first_line(error))
        case StageholdError():
            text = first_line(error)
            if error.remedy:
                text = f"{text.rstrip('.')}. {error.remedy}"
            return Judged(Outcome.INCONCLUSIVE, text)
        case _:
            return Judged(Outcome.INCONCLUSIVE, f"{phase}: {type(error).__name__}: {first_line(error)}")


def combine(phases: list[Judged]) -> Judged:
    """A failure stays one; otherwise the first phase that did not pass decides."""
    for judged in phases:
        if judged.outcome is Outcome.FAILED:
            return judged
    for judged in phases:
        if judged.outcome is not Outcome.PASSED:
            return judged
    return PASSED if phases else Judged(Outcome.NOT_RUN, "no phase was recorded")


def first_line(error: BaseException) -> str:
    """The first line of an error's text, bounded; pytest's assertion details stay in the traceback."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:600]
