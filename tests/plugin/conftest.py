"""Runs checks written by a test in real lanes."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stagehold.context import save_context
from stagehold.environment.reader import read_environment
from stagehold.events import Recorded, read_events
from stagehold.gate.collecting import collect
from stagehold.gate.lanes import Lanes
from stagehold.gate.processes import variables_with_secrets
from stagehold.gate.record import RunRecord
from stagehold.judgement import judge_checks
from stagehold.model import CheckResult, LaneRecord
from stagehold.network.door import Network
from stagehold.surroundings import scrubbed_environment

HEADER = """
import os, signal, time
import pytest
from stagehold import ProbeError, check
from stagehold.errors import NotApplicable, Uncovered

def claim(id, **more):
    return check(id, severity="blocker", proves=["declared-exposure"], remedy="Mend it.", **more)

"""
ENVIRONMENT = """
environment: {id: plugin-test}
targets:
  - {name: web, base_url: "http://127.0.0.1:9", addresses: [127.0.0.1]}
  - {name: api, kind: api, base_url: "http://127.0.0.1:10", addresses: [127.0.0.1]}
"""


class LaneRun:
    """What a run of lanes left behind."""

    def __init__(self, folder: Path, results: list[CheckResult], recorded: Recorded, records: list[LaneRecord]) -> None:
        self.folder = folder
        self.checks = {result.spec.id: result for result in results}
        self.recorded = recorded
        self.lanes = {record.suite: record for record in records}


RunChecks = Callable[..., LaneRun]


@pytest.fixture
def prepare(tmp_path: Path) -> Callable[..., tuple[Path, dict[str, Path]]]:
    """Writes an environment and suites; returns the run's folder and the suites."""

    def make(environment: str = ENVIRONMENT, **sources: str) -> tuple[Path, dict[str, Path]]:
        description = tmp_path / "environment.yaml"
        description.write_text(environment, encoding="utf-8")
        suites = {}
        for name, source in sources.items():
            folder = tmp_path / "suites" / name
            folder.mkdir(parents=True)
            (folder / f"test_{name}.py").write_text(HEADER + textwrap.dedent(source), encoding="utf-8")
            suites[name] = folder
        run = tmp_path / "run"
        run.mkdir()
        loaded = read_environment(description)
        network = Network.build(loaded.environment)
        save_context(run, loaded=loaded, network=network, run_id="r-test", profile="release", suites=suites)
        return run, suites

    return make


@pytest.fixture
def run_checks(prepare: Callable[..., tuple[Path, dict[str, Path]]]) -> RunChecks:
    """Collects and runs suites in lanes: `run_checks(tls="source", deadline=5)`."""

    def run(environment: str = ENVIRONMENT, *, deadline: float = 60, **sources: str) -> LaneRun:
        folder, suites = prepare(environment, **sources)
        variables = scrubbed_environment()
        expected = collect(folder, suites, variables)
        record = RunRecord(folder)
        records = Lanes(
            run_folder=folder,
            suites=suites,
            environment=variables,
            expected=expected,
            record=record,
            secrets=variables_with_secrets(read_environment(folder.parent / "environment.yaml").environment),
            lane_deadline=deadline,
            run_deadline=time.monotonic() + 120,
        ).run()
        recorded = read_events(folder)
        return LaneRun(folder, judge_checks(expected, recorded.cases), recorded, records)

    return run
