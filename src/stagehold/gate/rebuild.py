"""`stagehold report`: the reports of a run again, from its event log. Never a better verdict than before.

A log that is not what the run wrote proves nothing: the stored verdict then stays with all that it holds, and blocks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from stagehold.context import FILE_NAME as CONTEXT
from stagehold.environment.reader import read_environment
from stagehold.environment.secrets import register
from stagehold.errors import ConfigError
from stagehold.events import FILE_NAME, Recorded, read_events
from stagehold.gate.publish import publish
from stagehold.model import CaseResult, Decision, Outcome, Problem, Verdict
from stagehold.run_files import MANIFEST
from stagehold.runs import REPORTS, claim, look_at, read_verdict, shown
from stagehold.verdict import Rules, decide, with_problem

_BEST_FIRST = (Decision.GO, Decision.INCONCLUSIVE, Decision.NO_GO)
_REMEDY = "Run again. A run's folder is changed by nothing but `stagehold report`."


def rebuild(folder: Path | None) -> tuple[Path, Verdict, str]:
    """Write the reports of a run again.

    The verdict is computed anew from the event log with the commitments of the stored one. Where the stored verdict
    blocks, the rebuilt one blocks at least as much; where the log is damaged, the stored one blocks from now on.

    Returns:
        The folder, the verdict, and in words which secrets could still be searched for.

    Raises:
        ConfigError: there is no such run, its verdict is unreadable, or somebody's files are in the way.
        RunError: the run is still going on.
    """
    folder = (folder or REPORTS / "latest").resolve()
    if not folder.is_dir():
        raise ConfigError(f"there is no run at {folder.name}", remedy="Name a folder below reports/runs/.")
    claim(folder)
    stored = read_verdict(folder)
    if obstacles := look_at(folder).in_the_way((MANIFEST, "allure-results", "allure-report")):
        raise ConfigError(
            f"no run of stagehold wrote {shown(obstacles[0])}, and reports would replace it; nothing was changed",
            remedy="Move it elsewhere.",
        )
    recorded = read_events(folder)
    known = _recall(folder)
    damage = list(_damage(folder, stored, recorded))
    if recorded.expected is None or not stored.commitments or (stored.run.finished and damage):
        verdict = stored
        for problem in damage:
            verdict = verdict if problem in verdict.problems else with_problem(verdict, problem)
        return folder, publish(folder, verdict, allure=bool(stored.checks)), known
    required = tuple(result.commitment.id for result in stored.commitments if result.required)
    verdict = decide(
        expected=recorded.expected,
        recorded=recorded.cases,
        statement=[result.commitment for result in stored.commitments],
        rules=Rules(required_commitments=required),
        run=stored.run,
        problems=[*stored.problems, *(problem for problem in damage if problem not in stored.problems)],
        waivers=[result.waiver for result in stored.waivers],
        now=datetime.fromisoformat(stored.run.finished) if stored.run.finished else None,
        absent=next((case.message for case in _cases(stored) if case.outcome is Outcome.NOT_RUN), ""),
    ).model_copy(update={"changes": stored.changes})
    if _BEST_FIRST.index(verdict.decision) < _BEST_FIRST.index(stored.decision):
        verdict = stored
    return folder, publish(folder, verdict), known


def _cases(verdict: Verdict) -> Iterator[CaseResult]:
    return (case for check in verdict.checks for case in check.cases)


def _damage(folder: Path, stored: Verdict, recorded: Recorded) -> Iterator[Problem]:
    """What shows that the log is not the one that the stored verdict was decided from."""
    for where in recorded.unreadable:
        yield Problem(what=f"the event log is damaged at {where}", remedy=_REMEDY)
    if not stored.checks:
        return
    if {check.spec.id: check.cases for check in recorded.expected or ()} != {
        check.spec.id: tuple(dict.fromkeys(case.case for case in check.cases)) for check in stored.checks
    }:
        yield Problem(what=f"{FILE_NAME} does not hold the checks that this run expected", remedy=_REMEDY)
    held = {(case.check, case.case, case.attempt, case.outcome) for case in recorded.cases}
    lost = [
        f"{case.check}{f'[{case.case}]' if case.case else ''}"
        for case in _cases(stored)
        if case.outcome is not Outcome.NOT_RUN and (case.check, case.case, case.attempt, case.outcome) not in held
    ]
    if lost:
        what = f"{FILE_NAME} does not hold {len(lost)} outcomes that the verdict of this run names, {lost[0]} the first"
        yield Problem(what=what, remedy=_REMEDY)
    elif (listed := _listed(folder)) and listed != _digest(folder / FILE_NAME):
        what = f"{FILE_NAME} is not what this run wrote: {MANIFEST} names another digest"
        yield Problem(what=what, remedy=_REMEDY)


def _listed(folder: Path) -> str:
    """The digest of the log as the run's manifest has it; "" where there is none, as after a kill."""
    try:
        return str(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"][FILE_NAME]["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


def _recall(folder: Path) -> str:
    """Learn the environment's passwords again, where they can still be read; tokens of the run are forgotten."""
    try:
        file = Path(json.loads((folder / CONTEXT).read_text(encoding="utf-8"))["environment_file"])
        loaded = read_environment(file)
        register(loaded.environment, loaded.folder)
    except (OSError, ValueError, KeyError, ConfigError):
        return "searched for what looks like a secret; the secrets of this run's environment are not at hand"
    return "searched for the environment's secrets and what looks like one; tokens of that run are no longer known"
