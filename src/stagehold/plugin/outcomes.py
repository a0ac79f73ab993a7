"""From what pytest saw of a case to one outcome. Checks assert, probes raise; everything unknown is inconclusive."""

from __future__ import annotations

import difflib
import hashlib
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest

from stagehold.code_places import place
from stagehold.errors import NotApplicable, StageholdError, Uncovered
from stagehold.model import Outcome
from stagehold.waivers import stable


@dataclass(frozen=True)
class Judged:
    """An outcome and the one line that says why."""

    outcome: Outcome
    message: str = ""


_LONGEST = 560
PASSED = Judged(Outcome.PASSED)


def judge_phase(  # noqa: C901, PLR0911 - a table
    phase: str, error: BaseException | None, *, xfail: bool, where: str = ""
) -> Judged:
    """Judge one phase (`setup`, `call` or `teardown`) by the exception that ended it, if any.

    Args:
        phase: the phase.
        error: what ended it.
        xfail: whether the failure was declared to be expected.
        where: the line of code at which the error arose, for those that are nobody's judgement.
    """
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
        case pytest.FixtureLookupError():
            return Judged(Outcome.INCONCLUSIVE, _no_fixture(error))
        case AssertionError() | pytest.fail.Exception() if phase == "call":
            return Judged(Outcome.FAILED, first_line(error))
        case pytest.PytestUnhandledThreadExceptionWarning() | pytest.PytestUnraisableExceptionWarning():
            return Judged(Outcome.INCONCLUSIVE, f"{phase}: {_unheard(error)}")
        case ExceptionGroup(exceptions=[Warning() as first, *_]):
            return judge_phase(phase, first, xfail=False)
        case StageholdError():
            text = first_line(error)
            if error.remedy:
                text = f"{text.rstrip('.')}. {error.remedy}"
            return Judged(Outcome.INCONCLUSIVE, text)
        case _:
            told = f"{phase}: {type(error).__name__}: {first_line(error)}"
            return Judged(Outcome.INCONCLUSIVE, f"{told} ({where})" if where else told)


def _unheard(error: Warning) -> str:
    """What went wrong where nobody waits for it, and in which line."""
    cause = error.__cause__ or error
    steps = traceback.extract_tb(cause.__traceback__)
    place = (
        f" ({Path(steps[-1].filename).parent.name}/{Path(steps[-1].filename).name}:{steps[-1].lineno})" if steps else ""
    )
    return f"{first_line(error)}: {type(cause).__name__}: {first_line(cause)}{place}, and the check went on"


def combine(phases: list[Judged]) -> Judged:
    """A failure stays one; otherwise the first phase that did not pass decides."""
    for judged in phases:
        if judged.outcome is Outcome.FAILED:
            return judged
    for judged in phases:
        if judged.outcome is not Outcome.PASSED:
            return judged
    return PASSED if phases else Judged(Outcome.NOT_RUN, "no phase was recorded")


def _no_fixture(error: pytest.FixtureLookupError) -> str:
    """Which fixture is not there, who asked for it and what there is of nearly that name."""
    told = error.formatrepr()
    known = told.errorstring.partition("available fixtures:")[2].partition("\n")[0].replace(" ", "").split(",")
    near = difflib.get_close_matches(error.argname or "", known, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"there is no fixture `{error.argname}` ({place(str(told.filename), told.firstlineno + 1)}).{hint}"


def first_line(error: BaseException) -> str:
    """The first line of an error's text; pytest's assertion details stay in the traceback.

    What is too long ends with a digest of all of it: a waiver accepts a failure by these words, and two that differ
    only further on must not be taken for the same.
    """
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    if len(line) <= _LONGEST:
        return line
    digest = hashlib.sha256(stable(line).encode("utf-8", "backslashreplace")).hexdigest()[:12]
    return f"{line[:_LONGEST]}… ({len(line)} characters, sha256 {digest})"
