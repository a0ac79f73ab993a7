"""`allure-results/`, written from the verdict: Allure is the viewer, the event log stays the source of truth.

One result for each case, and one for each thing that keeps a run from a decision, so that a blocked run
never looks green.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stagehold.errors import ReportError
from stagehold.model import Decision, Verdict
from stagehold.reporting import facts
from stagehold.reporting.allure_case import TEXT_LIMIT, case_result, digest_of, moment_ms, uuid_of
from stagehold.reporting.allure_side_files import dump, write_side_files
from stagehold.reporting.cases import shown_cases
from stagehold.reporting.text import clip, markdown, one_line

FOLDER = "allure-results"


def write_allure_results(verdict: Verdict, run_folder: Path, *, executor: Mapping[str, str] | None = None) -> Path:
    """Write the results afresh and return their folder.

    Args:
        verdict: what was decided.
        run_folder: where `evidence/` lies; `allure-results/` is replaced in it.
        executor: what started the run, as Allure's `executor.json` (`name`, `type`, `buildName`, `buildUrl`).

    Raises:
        ReportError: evidence that the verdict names is missing or outside of the folder, the verdict
            contradicts itself, or the folder cannot be written.
    """
    facts.require_coherent(verdict)
    folder = run_folder / FOLDER
    try:
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        for check in verdict.checks:
            for entry in shown_cases(check):
                _write(folder, case_result(verdict, check, entry, run_folder, folder))
        for result in _gate_results(verdict):
            _write(folder, result)
        write_side_files(verdict, folder, executor or {})
    except OSError as error:
        raise ReportError(f"{FOLDER} could not be written: {error}") from error
    return folder


def expected_statuses(folder: Path) -> Counter[str]:
    """How many results of each status the folder holds: what a report made of it must show.

    Raises:
        ReportError: a result cannot be read.
    """
    try:
        return Counter(json.loads(path.read_bytes())["status"] for path in folder.glob("*-result.json"))
    except (OSError, ValueError, KeyError) as error:
        raise ReportError(f"a file of {FOLDER} cannot be read back: {error}") from error


def _gate_results(verdict: Verdict) -> list[dict[str, Any]]:
    """What is no outcome of a check and blocks all the same; nothing for GO."""
    if verdict.decision is Decision.GO:
        return []
    word = facts.DECISIONS[verdict.decision].word
    refused = verdict.decision is Decision.NO_GO
    title = f"The decision of the gate: {word}"
    found = [_gate_result(verdict, title, verdict.headline, "\n".join(verdict.reasons), "Decision", refused=refused)]
    for problem in verdict.problems:
        title, grave = f"Problem of the run: {problem.what}", problem.leak or problem.refuses
        found.append(_gate_result(verdict, title, problem.what, problem.remedy, "Problems of the run", refused=grave))
    return [{**result, "uuid": uuid_of(f"gate\n{n}\n{result['name']}")} for n, result in enumerate(found)]


def _gate_result(
    verdict: Verdict, title: str, message: str, trace: str, story: str, *, refused: bool
) -> dict[str, Any]:
    start, stop = moment_ms(verdict.run.started), moment_ms(verdict.run.finished)
    labels = {
        "epic": "Gate",
        "feature": "What keeps the release",
        "story": story,
        "severity": "blocker",
        "suite": "gate",
        "category": "Broken promise" if refused else "Could not check",
        **({"owner": one_line(verdict.run.owner, 300)} if verdict.run.owner else {}),
    }
    return {
        "historyId": digest_of(f"gate\n{title}"),
        "testCaseId": digest_of(f"gate\n{title}"),
        "fullName": one_line(f"gate/{title}"),
        "name": one_line(title, 300),
        "titlePath": [],
        "status": "failed" if refused else "broken",
        "stage": "finished",
        "statusDetails": {"message": clip(message, TEXT_LIMIT), "trace": clip(trace, TEXT_LIMIT)},
        "description": markdown(message, 2000),
        "start": start,
        "stop": max(start, stop),
        "labels": [{"name": name, "value": value} for name, value in labels.items()],
        "parameters": [],
        "links": [],
        "steps": [],
        "attachments": [],
    }


def _write(folder: Path, result: dict[str, Any]) -> None:
    path = folder / f"{result['uuid']}-result.json"
    if path.exists():
        raise ReportError(f"two results have the identity of {result['fullName']!r}")
    dump(path, result)
