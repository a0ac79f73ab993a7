"""The gate: from an environment's name to a verdict on disk and an exit code. Decides nothing itself."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from rich.console import Console

from stagehold import __version__
from stagehold.catalogue.apart import catalogue_of
from stagehold.catalogue.read import LOAD_SUITE, all_suites
from stagehold.context import FILE_NAME as CONTEXT
from stagehold.context import PINS, new_run_id, save_context, with_release
from stagehold.demo.served import locate
from stagehold.environment.reader import LoadedEnvironment, read_environment
from stagehold.environment.secrets import read_digest, referenced_variables, register, require_references
from stagehold.environment.waiver_file import read_waivers
from stagehold.errors import ConfigError, RunError, StageholdError
from stagehold.events import utc_now
from stagehold.gate.builds import builds_to_see_again, observed_digest, unseen_build
from stagehold.gate.changes import Clock, Inputs
from stagehold.gate.collecting import collect, same_as_catalogue
from stagehold.gate.ending import Ending, RunEnded
from stagehold.gate.lanes import Lanes, lane_problems
from stagehold.gate.preflight import missing_tools, refuse_variables, unreachable_targets
from stagehold.gate.processes import variables_with_secrets
from stagehold.gate.progress import Progress
from stagehold.gate.publish import publish
from stagehold.gate.record import RunRecord
from stagehold.gate.vantage import enter
from stagehold.history import History, entry_of, open_history
from stagehold.model import (
    Artifact,
    Decision,
    ExpectedCheck,
    LaneRecord,
    Problem,
    RunInfo,
    Verdict,
    Waiver,
)
from stagehold.network.door import Network
from stagehold.redaction.hooks import install
from stagehold.redaction.redactor import REDACTOR
from stagehold.reporting.allure_cli import HISTORY, REPORT
from stagehold.runs import create_run_folder, empty_run_folder, environment_lock, reserve, write_verdict
from stagehold.shipped import shipped
from stagehold.surroundings import scrubbed_environment
from stagehold.tools import look, versions
from stagehold.verdict import UNFINISHED, Rules, decide, unfinished, with_problem

EXIT_CODES = {Decision.GO: 0, Decision.NO_GO: 1, Decision.INCONCLUSIVE: 3}
EXIT_USAGE = 2
DEFAULT_PROFILE = "release"


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line."""

    environment: str
    release: str | None = None
    profile: str | None = None
    out: Path | None = None
    history: Path | None = None
    """Where earlier runs are kept, and this one will be."""


@dataclass
class Ended:
    """How a run ended."""

    exit_code: int
    verdict: Verdict
    folder: Path | None
    error: ConfigError | None = None


@dataclass
class _Facts:
    """Collected while the run goes on; whatever happens, the verdict tells what is known by then."""

    info: RunInfo
    begin: float = field(default_factory=time.monotonic)
    clock: Clock = field(default_factory=Clock)
    inputs: Inputs | None = None
    ending: Ending = field(default_factory=Ending)
    folder: Path | None = None
    loaded: LoadedEnvironment | None = None
    expected: Sequence[ExpectedCheck] | None = None
    """None until the checks were collected: before that there is nothing to judge."""
    lanes: list[LaneRecord] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    waivers: tuple[Waiver, ...] = ()
    history: History | None = None

    @cached_property
    def record(self) -> RunRecord:
        """What was measured."""
        if self.folder is None:
            raise RunError("the run has no folder yet")
        return RunRecord(self.folder)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begin

    def learn(self, **facts: object) -> None:
        self.info = self.info.model_copy(update=facts)


def run_gate(request: Request, console: Console) -> Ended:
    """Run everything the environment requires and leave a verdict, whatever happens.

    Never raises but for a kill; every way out that is no proven GO blocks. What was measured by then is judged.
    """
    facts = _Facts(RunInfo(run_id=new_run_id(), environment=request.environment, started=utc_now()))
    with facts.ending.listening():
        try:
            facts.folder = create_run_folder(facts.info, request.out)
            verdict = _run(request, facts.folder, facts, console)
        except RunEnded:
            return _blocked(facts, None)
        except ConfigError as error:
            return _blocked(facts, Problem(what=str(error), remedy=error.remedy), error)
        except StageholdError as error:
            return _blocked(facts, Problem(what=str(error), remedy=error.remedy))
        except OSError as error:
            where = f"{Path(str(error.filename)).name}: " if error.filename else ""
            what = f"the run could not go on: {where}{error.strerror or error}"
            return _blocked(
                facts, Problem(what=what, remedy="Is the disk full, or a folder read-only? Then run again.")
            )
        except Exception as error:  # noqa: BLE001 - a defect of the gate itself must block, with a sentence
            return _blocked(facts, Problem(what=f"stagehold itself failed: {type(error).__name__}: {error}"))
    return Ended(EXIT_CODES[verdict.decision], verdict, facts.folder)


def _blocked(facts: _Facts, problem: Problem | None, error: ConfigError | None = None) -> Ended:
    """The run cannot go on: what was measured is judged, and the problem keeps it from GO."""
    with facts.ending.held():
        facts.learn(finished=utc_now())
        if problem is not None:
            facts.problems.append(problem.model_copy(update={"what": REDACTOR.text(problem.what)}))
        if facts.ending.asked:
            facts.problems.append(_ended_by(facts))
        if facts.expected is None:
            verdict = _unfinished(facts)
        else:
            error = None
            try:
                verdict = _judge(facts)
            except Exception as defect:  # noqa: BLE001 - it may be what brought us here
                what = f"what was measured could not be judged: {type(defect).__name__}: {defect}"
                facts.problems.append(Problem(what=REDACTOR.text(what)))
                verdict = _unfinished(facts)
        if facts.folder is not None:
            verdict = _leave(facts, verdict)
    code = EXIT_USAGE if error is not None else EXIT_CODES[verdict.decision]
    return Ended(code, verdict, facts.folder, error)


def _unfinished(facts: _Facts) -> Verdict:
    first, *others = facts.problems
    return unfinished(facts.info, first.what, remedy=first.remedy, problems=others)


def _leave(facts: _Facts, verdict: Verdict) -> Verdict:
    """Put a blocking verdict on disk at once, then what of the reports takes no time: a kill may come next."""
    folder = facts.folder
    if folder is None:
        return verdict
    with contextlib.suppress(OSError):  # the disk may be full: the verdict that was there since the start blocks
        write_verdict(folder, verdict)
    return _remember(folder, publish(folder, verdict, allure=False), facts)


def _ended_by(facts: _Facts) -> Problem:
    return Problem(
        what=f"the run was ended by {facts.ending.by} after {facts.seconds:.0f} s",
        remedy="What was measured by then is judged. Run again and let it finish, with more time if it needs that.",
    )


def _run(request: Request, folder: Path, facts: _Facts, console: Console) -> Verdict:
    refuse_variables()
    if request.release is not None and not request.release.strip():
        raise ConfigError("--release is empty", remedy="Give the digest of the build, sha256:…")
    history = _open_history(request.history, folder) if request.history else None
    loaded = read_environment(locate(request.environment))
    environment = with_release(loaded.environment, request.release)
    suites = all_suites(loaded.folder, environment.suites)
    for path in empty_run_folder(folder, apart_from=(loaded.folder, *suites.values())):
        _say(console, f"left alone, because no run of stagehold wrote it: {path} (not searched for secrets)")
    require_references(environment, loaded.folder)
    install()
    for warning in register(environment, loaded.folder):
        _say(console, f"warning: {warning}")
    profile = choose_profile(loaded, request.profile)
    catalogue = catalogue_of(suites)
    accepted = read_waivers(loaded.folder, catalogue, datetime.now(UTC))
    facts.loaded, facts.waivers, facts.history = loaded, accepted.waivers, history
    facts.learn(
        environment=environment.environment.id,
        environment_file=loaded.path.name,
        owner=environment.environment.owner,
        environment_digest=loaded.digest,
        suite_digest=suite_digest(suites),
        waivers_digest=accepted.digest,
        targets=tuple(dict.fromkeys(target.base_url for target in environment.targets)),
        profile=profile,
        artifact=Artifact(expected_digest=_expected_digest(request, loaded)),
    )
    write_verdict(folder, unfinished(facts.info))
    reserve(folder)
    enter(environment, loaded.folder)
    with environment_lock(environment):
        _preflight(loaded, suites, facts, console)
        network = Network.build(environment)
        _say(
            console,
            f"stagehold: gate for {environment.environment.id}, {len(catalogue)} checks, run {facts.info.run_id}",
        )
        save_context(
            folder,
            loaded=loaded,
            network=network,
            run_id=facts.info.run_id,
            profile=profile,
            suites=suites,
            release=request.release,
        )
        facts.inputs = Inputs.of(loaded, (folder / CONTEXT, folder / PINS))
        variables = scrubbed_environment(referenced_variables(loaded.environment, secret=False))
        expected = collect(folder, suites, variables, seconds=environment.policy.deadline - facts.seconds)
        same_as_catalogue(expected, catalogue)
        if unreachable := unreachable_targets(environment, network):
            facts.problems += unreachable[1:]
            raise RunError(unreachable[0].what, remedy=unreachable[0].remedy)
        facts.record.expected(expected)
        facts.expected = expected
        # Whoever reads the verdict of a run that was killed sees what was to be proven.
        write_verdict(folder, _judge(facts, [Problem(what=UNFINISHED)]))
        with Progress(expected, console) as progress, facts.ending.held():
            facts.record.on_event = progress.take
            lanes = Lanes(
                run_folder=folder,
                suites=suites,
                environment=variables,
                expected=expected,
                record=facts.record,
                secrets=variables_with_secrets(loaded.environment),
                lane_deadline=environment.policy.lane_deadline,
                run_deadline=facts.begin + environment.policy.deadline,
                on_tick=progress.tick,
                ended=lambda: facts.ending.asked,
                records=facts.lanes,
            )
            lanes.run()
            for suite, checks in builds_to_see_again(expected, facts.record.recorded.cases).items():
                lanes.again(suite, checks)
        return _conclude(folder, facts, suites)


def _open_history(path: Path, folder: Path) -> History:
    if path.resolve().is_relative_to(folder):
        raise ConfigError(
            f"--history {path} lies in the folder of this run, which is emptied first",
            remedy="Keep it beside --out, where the next run finds it.",
        )
    return open_history(path)


def _preflight(loaded: LoadedEnvironment, suites: dict[str, Path], facts: _Facts, console: Console) -> None:
    found = look()
    facts.learn(tools={"stagehold": __version__, **versions(found)})
    keys = {"functional": "journeys", "ports": "hosts", "load": "load", "tls": "tls_endpoints"}
    idle = {suite for suite, key in keys.items() if not loaded.environment.has(key)}
    if missing := missing_tools(found, set(suites) - idle):
        facts.problems += missing
        for problem in missing:
            _say(console, f"missing: {problem.what}")
        raise RunError(missing[0].what, remedy=missing[0].remedy)


def _conclude(folder: Path, facts: _Facts, suites: dict[str, Path]) -> Verdict:
    """The verdict of a run whose lanes are all over."""
    with facts.ending.held():
        if suite_digest(suites) != facts.info.suite_digest:
            facts.problems.append(Problem(what="the checks changed while the run was going on", remedy="Run again."))
        if facts.ending.asked:
            facts.problems.append(_ended_by(facts))
            facts.learn(finished=utc_now())
            return _leave(facts, _judge(facts))
    facts.learn(finished=utc_now())
    verdict = _judge(facts)
    if facts.history is not None:
        changes = facts.history.changes(entry_of(verdict, folder))
        verdict = verdict.model_copy(update={"changes": changes})
    left = facts.loaded.environment.policy.deadline - facts.seconds if facts.loaded else 0.0
    verdict = publish(folder, verdict, history=facts.history.allure if facts.history else None, seconds=left)
    return _remember(folder, verdict, facts)


def _judge(facts: _Facts, more: Sequence[Problem] = ()) -> Verdict:
    """What is known so far, judged; writes nothing."""
    loaded, folder, expected = facts.loaded, facts.folder, facts.expected or ()
    if loaded is None or folder is None:
        raise RunError("nothing was expected yet, so there is nothing to judge")
    recorded = facts.record.recorded
    problems = [*facts.problems, *more]
    if not more:
        problems += lane_problems(recorded.events, facts.lanes, expected)
        problems += facts.record.problems
        problems += facts.inputs.problems() if facts.inputs else ()
        problems += filter(None, (facts.clock.problem(), facts.record.tampering()))
        facts.learn(
            lanes=tuple(facts.lanes),
            artifact=facts.info.artifact.model_copy(
                update={"observed_digest": observed_digest(folder, recorded.cases, expected)}
            ),
        )
        problems += unseen_build(facts.info.artifact, recorded.cases, expected)
    policy = loaded.environment.policy
    return decide(
        expected=expected,
        recorded=recorded.cases,
        statement=loaded.statement.commitments,
        rules=Rules(required_commitments=policy.required_commitments, strict=policy.strict),
        run=facts.info,
        problems=problems,
        waivers=facts.waivers,
        now=facts.clock.latest(),
        absent="it was not its turn before the run was ended" if facts.ending.asked else "",
    )


def _remember(folder: Path, verdict: Verdict, facts: _Facts) -> Verdict:
    """Add the run to the history, after its verdict stands; a line that is lost there blocks."""
    if facts.history is None:
        return verdict
    try:
        facts.history.append(entry_of(verdict, folder))
        facts.history.keep_allure(folder / REPORT / HISTORY)
    except OSError as error:
        problem = Problem(what=f"the history could not be written: {error.strerror}", remedy="Look at --history.")
        return publish(folder, with_problem(verdict, problem), allure=False)
    return verdict


def choose_profile(loaded: LoadedEnvironment, wanted: str | None) -> str:
    """The load profile: the environment's minimum, or a stronger one that was asked for.

    Raises:
        ConfigError: it does not exist, or is weaker than the minimum.
    """
    environment = loaded.environment
    minimum = environment.policy.load_profile
    if wanted is None or wanted == minimum:
        return minimum
    profiles = environment.load.profiles if environment.load else {}
    if wanted not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise ConfigError(f"--profile {wanted}: the environment has no such load profile (it has: {known})")
    asked, floor = profiles[wanted], profiles[minimum]
    if asked.rate < floor.rate or asked.seconds < floor.seconds:
        raise ConfigError(
            f"--profile {wanted} is weaker than {minimum}, the minimum of this environment",
            remedy="A gate can be made stricter on the command line, not weaker.",
        )
    return wanted


def suite_digest(suites: dict[str, Path]) -> str:
    """SHA-256 over the names and contents of everything that judges: checks, load engine, version."""
    digest = hashlib.sha256(f"stagehold {__version__}\n".encode())
    for name, folder in [*sorted(suites.items()), (f"engine:{LOAD_SUITE}", shipped("load"))]:
        for path in sorted(folder.rglob("*.py")):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{name}/{path.relative_to(folder).as_posix()} {content}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def _expected_digest(request: Request, loaded: LoadedEnvironment) -> str:
    declared = request.release or loaded.environment.release.expected_digest
    return read_digest(declared, loaded.folder) if declared else ""


def _say(console: Console, text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it any more; the run goes on
        console.print(text, highlight=False, soft_wrap=True, markup=False)
