"""`stagehold check`: runs what a person asks for, says what was seen, and writes no verdict."""

from __future__ import annotations

import difflib
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from stagehold.catalogue.apart import catalogue_of
from stagehold.catalogue.read import all_suites
from stagehold.context import new_run_id, save_context
from stagehold.demo.served import locate
from stagehold.environment.reader import read_environment
from stagehold.environment.secrets import require_references, secret_variables
from stagehold.errors import ConfigError
from stagehold.events import EventLog, read_events
from stagehold.gate.lanes import Lanes, collect, pytest_command, scrubbed_environment
from stagehold.gate.preflight import refuse_variables
from stagehold.gate.progress import Progress
from stagehold.gate.vantage import enter
from stagehold.model import CheckResult, CheckSpec, ExpectedCheck, Outcome
from stagehold.network.door import Network
from stagehold.runs import REPORTS, environment_lock
from stagehold.verdict import judge_checks


@dataclass(frozen=True)
class CheckRequest:
    """What was asked for."""

    environment: str
    what: Sequence[str] = ()
    """Suites and check ids; nothing means everything."""
    headed: bool = False
    trace: bool = False
    pdb: bool = False


@dataclass(frozen=True)
class Checked:
    """What came of it."""

    results: list[CheckResult]
    folder: Path
    log_tail: str = field(default="")

    @property
    def exit_code(self) -> int:
        """0: everything that ran passed, and something did; 1: something failed; 3: undecided."""
        outcomes = {result.outcome for result in self.results}
        if Outcome.FAILED in outcomes:
            return 1
        undecided = {Outcome.INCONCLUSIVE, Outcome.NOT_RUN} & outcomes
        return 3 if undecided or Outcome.PASSED not in outcomes else 0


def run_checks(request: CheckRequest, console: Console) -> Checked:
    """Run the asked-for checks with the gate's own machinery.

    Raises:
        ConfigError: a suite or id that does not exist, or a wrong description.
    """
    refuse_variables()
    loaded = read_environment(locate(request.environment))
    require_references(loaded.environment, loaded.folder)
    suites = all_suites(loaded.folder, loaded.environment.suites)
    specs = catalogue_of(suites)
    wanted = select(request.what, specs)
    chosen = {name: path for name, path in suites.items() if any(spec.suite == name for spec in wanted)}
    enter(loaded.environment, loaded.folder)
    with environment_lock(loaded.environment):
        run_id = new_run_id()
        (REPORTS / "checks" / run_id).mkdir(parents=True)
        folder = (REPORTS / "checks" / run_id).resolve()
        save_context(
            folder,
            loaded=loaded,
            network=Network.build(loaded.environment),
            run_id=run_id,
            profile=loaded.environment.policy.load_profile,
            suites=chosen,
            headed=request.headed,
            trace=request.trace,
        )
        variables = scrubbed_environment(secret_variables(loaded.environment))
        ids = {spec.id for spec in wanted}
        expected = [_alone(check, ids) for check in collect(folder, chosen, variables) if check.spec.id in ids]
        EventLog(folder).expected(expected)
        if request.pdb:
            command = [
                *pytest_command(list(chosen.values()), folder),
                "--stagehold-only",
                ",".join(sorted(ids)),
            ]
            subprocess.run([*command, "--pdb", "-s"], env=variables, check=False)
        else:
            policy = loaded.environment.policy
            with Progress(folder, expected, console) as progress:
                Lanes(
                    run_folder=folder,
                    suites=chosen,
                    environment=variables,
                    lane_deadline=policy.lane_deadline,
                    run_deadline=time.monotonic() + policy.deadline,
                    on_tick=progress.tick,
                    only=sorted(ids),
                ).run()
        return Checked(judge_checks(expected, read_events(folder).cases), folder)


def select(what: Sequence[str], specs: Sequence[CheckSpec]) -> list[CheckSpec]:
    """The checks of the named suites and ids, in catalogue order.

    Raises:
        ConfigError: a name that is neither, with the nearest ones.
    """
    names = {spec.suite for spec in specs} | {spec.id for spec in specs}
    for name in what:
        if name not in names and name.upper() not in names:
            near = difflib.get_close_matches(name, sorted(names), n=3, cutoff=0.5)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise ConfigError(f"{name!r} is neither a suite nor a check.{hint}", remedy="stagehold list")
    asked = set(what) | {name.upper() for name in what}
    return [spec for spec in specs if not what or spec.id in asked or spec.suite in asked]


def _alone(check: ExpectedCheck, selected: set[str]) -> ExpectedCheck:
    """A person may run a check without those it requires; the gate never does."""
    requires = tuple(needed for needed in check.spec.requires if needed in selected)
    return check.model_copy(update={"spec": check.spec.model_copy(update={"requires": requires})})
