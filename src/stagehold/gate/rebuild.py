"""`stagehold report`: the reports of a run again, from its event log. Never a better verdict than before."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from stagehold.context import FILE_NAME as CONTEXT
from stagehold.environment.reader import read_environment
from stagehold.environment.secrets import register
from stagehold.errors import ConfigError
from stagehold.events import read_events
from stagehold.gate.publish import publish
from stagehold.model import Decision, Problem, Verdict
from stagehold.run_files import MANIFEST
from stagehold.runs import REPORTS, claim, look_at, read_verdict, shown
from stagehold.verdict import Rules, decide


def rebuild(folder: Path | None) -> tuple[Path, Verdict, str]:
    """Write the reports of a run again.

    The verdict is computed anew from the event log with the commitments of the stored one; where the stored
    verdict already blocks, the rebuilt one blocks too.

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
    if recorded.expected is None or not stored.commitments:
        return folder, publish(folder, stored, allure=bool(stored.checks)), known
    required = tuple(result.commitment.id for result in stored.commitments if result.required)
    verdict = decide(
        expected=recorded.expected,
        recorded=recorded.cases,
        statement=[result.commitment for result in stored.commitments],
        rules=Rules(required_commitments=required),
        run=stored.run,
        problems=[
            *stored.problems,
            *(Problem(what=f"the event log is damaged at {w}") for w in recorded.unreadable),
        ],
        waivers=[result.waiver for result in stored.waivers],
        now=datetime.fromisoformat(stored.run.finished) if stored.run.finished else None,
    ).model_copy(update={"changes": stored.changes})
    if verdict.decision is Decision.GO and stored.decision is not Decision.GO:
        verdict = stored
    return folder, publish(folder, verdict), known


def _recall(folder: Path) -> str:
    """Learn the environment's passwords again, where they can still be read; tokens of the run are forgotten."""
    try:
        file = Path(json.loads((folder / CONTEXT).read_text(encoding="utf-8"))["environment_file"])
        loaded = read_environment(file)
        register(loaded.environment, loaded.folder)
    except (OSError, ValueError, KeyError, ConfigError):
        return "searched for what looks like a secret; the secrets of this run's environment are not at hand"
    return "searched for the environment's secrets and what looks like one; tokens of that run are no longer known"
