"""What a run shows while it goes on: every outcome by its name."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from stagehold.gate.progress import Progress
from stagehold.gate.record import RunRecord
from stagehold.model import CaseResult, CheckSpec, ExpectedCheck, Outcome, Severity
from stagehold.reporting.facts import OUTCOMES


def followed(tmp_path: Path, outcomes: list[Outcome], *, terminal: bool, width: int = 80) -> str:
    """What is shown of one suite, `auth`, in which so many cases came out like this, after its lane has ended."""
    shown = StringIO()
    spec = CheckSpec(
        id="AUT-001", severity=Severity.NORMAL, proves=("personal-login",), remedy="Mend it.", suite="auth"
    )
    cases = tuple(f"c{number}" for number in range(len(outcomes) + 1))
    console = Console(file=shown, width=width, force_terminal=terminal, legacy_windows=False)
    with Progress([ExpectedCheck(spec=spec, cases=cases)], console) as progress:
        log = RunRecord(tmp_path, progress.take)
        log.write("lane_started", suite="auth")
        for case, outcome in zip(cases, outcomes, strict=False):
            result = CaseResult(check="AUT-001", case=case, outcome=outcome)
            log.write("case", result=result.model_dump(mode="json"))
        log.write("lane_ended", suite="auth", seconds=3.0, note="")
        progress.tick([])
    return shown.getvalue()


def test_what_does_not_apply_is_called_so(tmp_path: Path) -> None:
    """`32 passed 0 failed 10 not applicable`: nobody has to guess what "other" was."""
    line = followed(tmp_path, [Outcome.PASSED] * 32 + [Outcome.NOT_APPLICABLE] * 10, terminal=False)

    assert " ".join(line.split()) == "auth 32 passed 0 failed 10 not applicable 1 left 3.0 s done"


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_that_occurs_is_named(tmp_path: Path, outcome: Outcome, terminal: bool) -> None:
    """In plain lines and in the live table; what did not occur takes no room, and "other" is no word."""
    shown = " ".join(followed(tmp_path, [outcome] * 7, terminal=terminal).split())

    rare = [sign.word for key, sign in OUTCOMES.items() if key not in {Outcome.PASSED, Outcome.FAILED}]
    named = {word for word in rare if word.split()[-1] in shown}
    assert named == ({OUTCOMES[outcome].word} & set(rare))
    assert "7" in shown
    assert "other" not in shown


def test_the_live_table_fits_eighty_columns(tmp_path: Path) -> None:
    """With every outcome there is, numbers stay whole; only what is going on now may be cut."""
    shown = followed(tmp_path, list(Outcome) * 30, terminal=True)

    row = next(line for line in shown.splitlines() if "auth" in line)
    assert row.count("30") == len(Outcome)
