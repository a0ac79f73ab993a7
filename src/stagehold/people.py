"""`stagehold check`: runs what a person asks for, says what was seen, and writes no verdict."""

from __future__ import annotations

import difflib
import os
import subprocess
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from stagehold.catalogue.apart import catalogue_of
from stagehold.catalogue.read import all_suites
from stagehold.context import load_context, new_run_id, save_context
from stagehold.demo.served import locate
from stagehold.environment.reader import read_environment
from stagehold.environment.secrets import register, require_references, secret_variables
from stagehold.errors import ConfigError, ReportError, RunError
from stagehold.events import EventLog, read_events, utc_now
from stagehold.gate.lanes import (
    Lane,
    Lanes,
    collect,
    collected_by_lanes,
    listed_by,
    pytest_command,
    scrubbed_environment,
)
from stagehold.gate.preflight import refuse_variables
from stagehold.gate.progress import Progress
from stagehold.gate.quarantine import LeakFound, problems_of, require_clean, set_apart
from stagehold.gate.vantage import enter
from stagehold.judgement import judge_checks
from stagehold.model import CheckResult, CheckSpec, ExpectedCheck, Outcome, Problem
from stagehold.network.door import Network
from stagehold.redaction.hooks import install
from stagehold.redaction.registry import KNOWN, Handover
from stagehold.reporting.waiver_drafts import write_drafts
from stagehold.runs import REPORTS, environment_lock

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
        variables = scrubbed_environment((*secret_variables(loaded.environment), *screen))
        ids = {spec.id for spec in wanted}
        if request.pdb:
            expected = _debugged(folder, chosen, variables, ids)
        else:
            policy = loaded.environment.policy
            with Progress(folder, [ExpectedCheck(spec=spec, cases=()) for spec in wanted], console) as progress:
                Lanes(
                    run_folder=folder,
                    suites=chosen,
                    environment=variables,
                    lane_deadline=policy.lane_deadline,
                    run_deadline=time.monotonic() + policy.deadline,
                    on_tick=_Ticking(progress, folder, ids).tick,
                    only=sorted(ids),
                    listing=True,
                ).run()
            expected = _listed(folder, chosen, wanted, console)
        expected = [_alone(check, ids) for check in expected if check.spec.id in ids]
        if missing := sorted(ids - {check.spec.id for check in expected}):
            raise RunError(f"{', '.join(missing)} was not collected: a hook or a fixture of the suite hides it")
        EventLog(folder).expected(expected)
        results = judge_checks(expected, read_events(folder).cases)
        write_drafts(folder, results, utc_now()[:10])
        return replace(_searched(Checked(results, folder)), hints=_hints(folder, results))


def _listed(
    folder: Path, chosen: dict[str, Path], wanted: Sequence[CheckSpec], console: Console
) -> list[ExpectedCheck]:
    """What the lanes collected; a suite that could not be collected is told, and takes no other one down.

    Raises:
        RunError: it was the only one.
    """
    expected: list[ExpectedCheck] = []
    for name in chosen:
        try:
            expected += collected_by_lanes(folder, [name])
        except RunError as error:
            if len(chosen) == 1:
                raise
            console.print(str(error), highlight=False, soft_wrap=True, markup=False)
            expected += [ExpectedCheck(spec=spec, cases=("",)) for spec in wanted if spec.suite == name]
    return expected


@dataclass
class _Ticking:
    """Tells the progress how many cases there are, as each lane comes to know it."""

    progress: Progress
    folder: Path
    ids: Collection[str]
    known: set[str] = field(default_factory=set)

    def tick(self, lanes: Sequence[Lane]) -> None:
        """Called several times a second."""
        for lane in lanes:
            if lane.suite not in self.known and listed_by(self.folder, lane.suite).is_file():
                self.known.add(lane.suite)
                listed = collected_by_lanes(self.folder, [lane.suite])
                self.progress.expect([check for check in listed if check.spec.id in self.ids])
        self.progress.tick(lanes)


def _debugged(
    folder: Path, chosen: dict[str, Path], variables: dict[str, str], ids: Collection[str]
) -> list[ExpectedCheck]:
    """Run the checks in this terminal, where the debugger can ask."""
    expected = collect(folder, chosen, variables)
    handover = Handover()
    command = [*pytest_command(list(chosen.values()), folder), "--stagehold-only", ",".join(sorted(ids))]
    command += ["--stagehold-handover", str(handover.descriptor), "--pdb", "-s"]
    subprocess.run(command, env=variables, pass_fds=(handover.descriptor,), check=False)
    handover.into(KNOWN)
    handover.close()
    return expected


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
