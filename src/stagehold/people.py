"""`stagehold check`: runs what a person asks for, says what was seen, and writes no verdict."""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from stagehold.catalogue.apart import catalogue_of
from stagehold.catalogue.read import all_suites
from stagehold.context import load_context, new_run_id, save_context
from stagehold.demo.served import locate
from stagehold.environment.reader import read_environment
from stagehold.environment.secrets import referenced_variables, register, require_references
from stagehold.errors import ConfigError, ReportError, RunError
from stagehold.events import utc_now
from stagehold.gate.collecting import collect, same_as_catalogue
from stagehold.gate.lanes import Lanes
from stagehold.gate.preflight import refuse_variables
from stagehold.gate.processes import variables_with_secrets
from stagehold.gate.progress import Progress
from stagehold.gate.quarantine import LeakFound, problems_of, require_clean, set_apart
from stagehold.gate.record import RunRecord
from stagehold.gate.vantage import enter
from stagehold.judgement import judge_checks
from stagehold.model import CheckResult, CheckSpec, ExpectedCheck, Outcome, Problem
from stagehold.network.door import Network
from stagehold.redaction.hooks import install
from stagehold.redaction.registry import KNOWN
from stagehold.reporting.waiver_drafts import write_drafts
from stagehold.runs import REPORTS, environment_lock
from stagehold.surroundings import scrubbed_environment

_LOGIN = "AUT-001"
_SCREEN = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR")


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
    problems: tuple[Problem, ...] = ()
    """What the search for secrets found, or could not look into."""
    hints: tuple[str, ...] = ()
    """What was seen of the logins, and what to declare, where the declared ones could not be judged."""

    @property
    def exit_code(self) -> int:
        """0: everything that ran passed, and something did; 1: something failed, or a secret leaked; 3: undecided."""
        outcomes = {result.outcome for result in self.results}
        if Outcome.FAILED in outcomes or any(problem.leak for problem in self.problems):
            return 1
        undecided = self.problems or {Outcome.INCONCLUSIVE, Outcome.NOT_RUN} & outcomes
        return 3 if undecided or Outcome.PASSED not in outcomes else 0


def run_checks(request: CheckRequest, console: Console) -> Checked:
    """Run the asked-for checks with the gate's own machinery.

    Raises:
        ConfigError: a suite or id that does not exist, or a wrong description.
    """
    refuse_variables()
    if request.headed and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
        raise ConfigError(
            "--headed: there is no display to show the browser on",
            remedy="Run it on a desktop, or use --trace and look at the browser afterwards.",
        )
    loaded = read_environment(locate(request.environment))
    require_references(loaded.environment, loaded.folder)
    install()
    for warning in register(loaded.environment, loaded.folder):
        console.print(f"warning: {warning}", highlight=False, soft_wrap=True, markup=False)
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
        screen = _SCREEN if request.headed else ()
        variables = scrubbed_environment((*referenced_variables(loaded.environment, secret=False), *screen))
        ids = {spec.id for spec in wanted}
        record = RunRecord(folder)
        policy = loaded.environment.policy
        with Progress([ExpectedCheck(spec=spec, cases=()) for spec in wanted], console) as progress:
            lanes = Lanes(
                run_folder=folder,
                suites=chosen,
                environment=variables,
                expected=collect(folder, chosen, variables) if request.pdb else None,
                record=record,
                secrets=variables_with_secrets(loaded.environment),
                lane_deadline=policy.lane_deadline,
                run_deadline=time.monotonic() + policy.deadline,
                on_tick=progress.tick,
                on_collected=lambda checks: progress.expect([check for check in checks if check.spec.id in ids]),
                only=sorted(ids),
            )
            if request.pdb:
                lanes.debug()
            else:
                record.on_event = progress.take
                lanes.run()
        listed = {check.spec.suite for check in lanes.collected}
        same_as_catalogue(lanes.collected, [spec for spec in specs if spec.suite in listed])
        expected = [_alone(check, ids) for check in lanes.collected if check.spec.id in ids]
        if missing := sorted(ids - {check.spec.id for check in expected}):
            reason = lanes.why_not_collected(missing)
            if not expected:
                raise RunError(reason, remedy="Look into lanes/ of the run's folder.")
            # A suite that refuses to run takes no other one down.
            console.print(reason, highlight=False, soft_wrap=True, markup=False)
            expected += [ExpectedCheck(spec=spec, cases=("",)) for spec in wanted if spec.id in missing]
        record.expected(expected)
        results = judge_checks(expected, record.recorded.cases)
        write_drafts(folder, results, utc_now()[:10])
        return replace(_searched(Checked(results, folder)), hints=_hints(folder, results))


def _hints(folder: Path, results: Sequence[CheckResult]) -> tuple[str, ...]:
    """A look at the logins, when a person asked about them and nothing could be told."""
    open_ = {Outcome.UNCOVERED, Outcome.INCONCLUSIVE}
    if not any(result.spec.id == _LOGIN and result.outcome in open_ for result in results):
        return ()
    from stagehold.probes.login.scout import scout  # noqa: PLC0415 - takes long, and is seldom wanted

    context = load_context(folder)
    return tuple(map(str, scout(context.environment, context.network, context.ca_file)))


def _searched(checked: Checked) -> Checked:
    """With what a search for secrets found; then the files are set apart and nothing observed is shown."""
    try:
        require_clean(checked.folder, KNOWN)
    except LeakFound as found:
        set_apart(checked.folder)
        silent = [result.model_copy(update={"reason": "", "cases": ()}) for result in checked.results]
        return Checked(silent, checked.folder, tuple(problems_of(found.leaks)))
    except ReportError as error:
        return Checked(checked.results, checked.folder, (Problem(what=str(error), remedy=error.remedy),))
    return checked


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
