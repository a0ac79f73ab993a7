"""The gate: from an environment's name to a verdict on disk and an exit code. Decides nothing itself."""

from __future__ import annotations

import hashlib
import json
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from rich.console import Console

from stagehold import __version__
from stagehold.catalogue.apart import catalogue_of
from stagehold.catalogue.read import LOAD_SUITE, all_suites
from stagehold.context import new_run_id, save_context, with_release
from stagehold.demo.served import locate
from stagehold.environment.reader import LoadedEnvironment, read_environment
from stagehold.environment.secrets import read_digest, register, require_references, secret_variables
from stagehold.environment.waiver_file import read_waivers
from stagehold.errors import ConfigError, RunError, StageholdError
from stagehold.events import EventLog, read_events, utc_now
from stagehold.gate.lanes import Lanes, collect, scrubbed_environment
from stagehold.gate.preflight import missing_tools, refuse_variables, unreachable_targets
from stagehold.gate.progress import Progress
from stagehold.gate.publish import publish
from stagehold.gate.vantage import enter
from stagehold.history import History, entry_of, open_history
from stagehold.model import (
    Artifact,
    CaseResult,
    CheckSpec,
    Decision,
    ExpectedCheck,
    LaneRecord,
    Outcome,
    Problem,
    RunInfo,
    Verdict,
    Waiver,
)
from stagehold.network.door import Network
from stagehold.redaction.hooks import install
from stagehold.redaction.redactor import REDACTOR
from stagehold.reporting.allure_cli import HISTORY, REPORT
from stagehold.runs import create_run_folder, environment_lock, write_verdict
from stagehold.shipped import shipped
from stagehold.tools import look, versions
from stagehold.verdict import Rules, decide, unfinished, with_problem

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
    problems: list[Problem] = field(default_factory=list)
    waivers: tuple[Waiver, ...] = ()
    history: History | None = None

    def learn(self, **facts: object) -> None:
        self.info = self.info.model_copy(update=facts)


def run_gate(request: Request, console: Console) -> Ended:
    """Run everything the environment requires and leave a verdict, whatever happens.

    Never raises but for a kill; every way out that is no proven GO blocks.
    """
    facts = _Facts(RunInfo(run_id=new_run_id(), environment=request.environment, started=utc_now()))
    folder: Path | None = None
    try:
        folder = create_run_folder(facts.info, request.out)
        verdict = _run(request, folder, facts, console)
    except ConfigError as error:
        return _blocked(folder, facts, str(error), error, EXIT_USAGE, config_error=error)
    except StageholdError as error:
        return _blocked(folder, facts, str(error), error, EXIT_CODES[Decision.INCONCLUSIVE])
    except KeyboardInterrupt:
        return _blocked(folder, facts, "the run was interrupted", None, EXIT_CODES[Decision.INCONCLUSIVE])
    except Exception as error:  # noqa: BLE001 - a defect of the gate itself must block, with a sentence
        reason = f"stagehold itself failed: {type(error).__name__}: {error}"
        return _blocked(folder, facts, reason, error, EXIT_CODES[Decision.INCONCLUSIVE])
    return Ended(EXIT_CODES[verdict.decision], verdict, folder)


def _blocked(
    folder: Path | None,
    facts: _Facts,
    reason: str,
    error: BaseException | None,
    exit_code: int,
    *,
    config_error: ConfigError | None = None,
) -> Ended:
    facts.learn(finished=utc_now())
    reason = REDACTOR.text(reason)
    remedy = error.remedy if isinstance(error, StageholdError) else ""
    verdict = unfinished(facts.info, reason, remedy=remedy, problems=facts.problems)
    if folder is not None:
        verdict = publish(folder, verdict, allure=False)
        if config_error is None:
            verdict = _remember(folder, verdict, facts)
    return Ended(exit_code, verdict, folder, config_error)


def _run(request: Request, folder: Path, facts: _Facts, console: Console) -> Verdict:
    begin = time.monotonic()
    refuse_variables()
    if request.release is not None and not request.release.strip():
        raise ConfigError("--release is empty", remedy="Give the digest of the build, sha256:…")
    history = _open_history(request.history, folder) if request.history else None
    loaded = read_environment(locate(request.environment))
    environment = with_release(loaded.environment, request.release)
    require_references(environment, loaded.folder)
    install()
    for warning in register(environment, loaded.folder):
        _say(console, f"warning: {warning}")
    profile = choose_profile(loaded, request.profile)
    suites = all_suites(loaded.folder, environment.suites)
    catalogue = catalogue_of(suites)
    accepted = read_waivers(loaded.folder, catalogue, datetime.now(UTC))
    facts.waivers, facts.history = accepted.waivers, history
    facts.learn(
        environment=environment.environment.id,
        environment_file=loaded.path.name,
        environment_digest=loaded.digest,
        suite_digest=suite_digest(suites),
        waivers_digest=accepted.digest,
        targets=tuple(dict.fromkeys(target.base_url for target in environment.targets)),
        profile=profile,
        artifact=Artifact(expected_digest=_expected_digest(request, loaded)),
    )
    write_verdict(folder, unfinished(facts.info))
    enter(environment, loaded.folder)
    with environment_lock(environment), _terminable():
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
        if unreachable := unreachable_targets(environment, network):
            facts.problems += unreachable
            raise RunError(unreachable[0].what, remedy=unreachable[0].remedy)
        variables = scrubbed_environment(secret_variables(loaded.environment))
        expected = collect(folder, suites, variables)
        same_as_catalogue(expected, catalogue)
        EventLog(folder).expected(expected)
        with Progress(folder, expected, console) as progress:
            lanes = Lanes(
                run_folder=folder,
                suites=suites,
                environment=variables,
                lane_deadline=environment.policy.lane_deadline,
                run_deadline=begin + environment.policy.deadline,
                on_tick=progress.tick,
            )
            records = lanes.run()
        if suite_digest(suites) != facts.info.suite_digest:
            facts.problems.append(Problem(what="the checks changed while the run was going on", remedy="Run again."))
        return _conclude(folder, loaded, expected, records, facts)


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


def _conclude(
    folder: Path,
    loaded: LoadedEnvironment,
    expected: Sequence[ExpectedCheck],
    records: Sequence[LaneRecord],
    facts: _Facts,
) -> Verdict:
    recorded = read_events(folder)
    problems = facts.problems + lane_problems(recorded.events, records, expected)
    problems += [Problem(what=f"the event log is damaged at {where}") for where in recorded.unreadable]
    if recorded.expected != tuple(expected):
        problems.append(Problem(what="the event log does not hold the checks this run expected"))
    facts.learn(
        finished=utc_now(),
        lanes=tuple(records),
        artifact=facts.info.artifact.model_copy(update={"observed_digest": _observed_digest(folder, recorded.cases)}),
    )
    problems += unseen_build(facts.info.artifact, recorded.cases, expected)
    policy = loaded.environment.policy
    verdict = decide(
        expected=expected,
        recorded=recorded.cases,
        statement=loaded.statement.commitments,
        rules=Rules(required_commitments=policy.required_commitments, strict=policy.strict),
        run=facts.info,
        problems=problems,
        waivers=facts.waivers,
        now=datetime.now(UTC),
    )
    if facts.history is not None:
        changes = facts.history.changes(entry_of(verdict, folder))
        verdict = verdict.model_copy(update={"changes": changes})
    verdict = publish(folder, verdict, history=facts.history.allure if facts.history else None)
    return _remember(folder, verdict, facts)


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


def lane_problems(
    events: Sequence[dict[str, object]], records: Sequence[LaneRecord], expected: Sequence[ExpectedCheck]
) -> list[Problem]:
    """A problem for every lane that did not come to its own end, or never started."""
    pids = {event["pid"]: event["suite"] for event in events if event["event"] == "lane_started"}
    finished = {pids.get(event["pid"]) for event in events if event["event"] == "lane_finished"}
    problems = []
    for suite in sorted({check.spec.suite for check in expected}):
        if suite in finished:
            continue
        record = next((record for record in records if record.suite == suite), None)
        how = "was never started" if record is None else record.note or f"ended early (exit {record.exit_code})"
        if record is not None and record.note and (running := _running(events, suite)):
            how = f"{how}, while {running} was running"
        problems.append(
            Problem(what=f"the {suite} suite {how}", remedy=f"Look into lanes/{suite}.log of the run's folder.")
        )
    return problems


def _running(events: Sequence[dict[str, object]], suite: str) -> str:
    """The last case of a suite that was started, when it has no result."""
    started = [event for event in events if event["event"] == "case_started" and event.get("suite") == suite]
    if not started:
        return ""
    last = (started[-1]["check"], started[-1]["case"])
    results = [event["result"] for event in events if event["event"] == "case"]
    if any(isinstance(result, dict) and (result["check"], result["case"]) == last for result in results):
        return ""
    return " ".join(map(str, last)).strip()


def unseen_build(artifact: Artifact, cases: Sequence[CaseResult], expected: Sequence[ExpectedCheck]) -> list[Problem]:
    """A problem when a build was named and nothing showed that it is the one that was tested.

    A check that saw another build has failed and says so better.
    """
    judges = {check.spec.id for check in expected if "release-identity" in check.spec.proves}
    refuted = any(case.check in judges and case.outcome is Outcome.FAILED for case in cases)
    if not artifact.expected_digest or refuted or artifact.observed_digest == artifact.expected_digest:
        return []
    return [
        Problem(
            what=f"nothing showed that the tested build is {artifact.expected_digest}, the one to be released",
            remedy="Declare `release.version_probe`: where the service tells which build it is.",
        )
    ]


def same_as_catalogue(expected: Sequence[ExpectedCheck], catalogue: Sequence[CheckSpec]) -> None:
    """Both ways of reading the checks must agree, so that no hook or conftest can hide one.

    Raises:
        RunError: naming the difference.
    """
    collected, known = {check.spec.id: check.spec for check in expected}, {spec.id: spec for spec in catalogue}
    if collected != known:
        ids = sorted(collected | known)
        difference = ", ".join(name for name in ids if collected.get(name) != known.get(name))
        raise RunError(
            f"pytest and the catalogue disagree about {difference}",
            remedy="A conftest.py hides, adds or changes checks.",
        )


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


def _observed_digest(folder: Path, cases: Sequence[CaseResult]) -> str:
    """What the nodes told, from the evidence of the check that asked them; "" when nobody told anything."""
    for case in cases:
        for item in case.evidence:
            if item.name == "observed-digest" and case.outcome in {Outcome.PASSED, Outcome.FAILED}:
                try:
                    told = json.loads((folder / item.path).read_text(encoding="utf-8"))["observed"]
                except (OSError, ValueError, KeyError, TypeError):
                    return ""
                return ", ".join(map(str, told)) if isinstance(told, list) else str(told)
    return ""


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)


@contextmanager
def _terminable() -> Iterator[None]:
    """End lanes and say so in the verdict when a terminal or a CI runner wants the run to stop.

    SIGINT is set as well: a run that a shell started in the background would inherit that it is ignored.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
