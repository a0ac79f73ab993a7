"""The pytest plug-in: turns checks into recorded outcomes.

Loaded by name (`-p stagehold.plugin`, or the root `conftest.py`), never by an entry point. Strict only for
items below a suite's folder; other tests of the same pytest run are left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from stagehold.code_places import blame
from stagehold.context import LaneContext, load_context, person_context
from stagehold.environment.secrets import register
from stagehold.errors import StageholdError, Uncovered
from stagehold.events import EventLog, PipeLog, utc_now
from stagehold.model import CaseResult, CheckSpec, ExpectedCheck, Outcome
from stagehold.plugin.assertion_book import BOOK
from stagehold.plugin.assertion_source import install as install_finder
from stagehold.plugin.conceal import conceal, require_silent
from stagehold.plugin.core import SIGNING_IN, parametrize
from stagehold.plugin.evidence import EvidenceRecorder
from stagehold.plugin.explain import SECTION, explain
from stagehold.plugin.outcomes import Judged, combine, judge_phase
from stagehold.plugin.reproduction import Completion
from stagehold.plugin.state import CONTEXT, DETAILS, LOG, PHASES, RECORDER, REDACTOR
from stagehold.redaction.hooks import install as install_hooks
from stagehold.redaction.redactor import REDACTOR as REDACTOR_OF_PROCESS
from stagehold.redaction.registry import KNOWN
from stagehold.shipped import shipped

pytest_plugins = [
    "stagehold.plugin.core",
    "stagehold.plugin.pace",
    "stagehold.plugin.http",
    "stagehold.plugin.auth",
    "stagehold.plugin.access",
    "stagehold.plugin.headers",
    "stagehold.plugin.browser",
    "stagehold.plugin.people",
    "stagehold.plugin.functional",
    "stagehold.plugin.tls",
    "stagehold.plugin.ports",
    "stagehold.plugin.ssh",
    "stagehold.plugin.dns",
    "stagehold.plugin.load",
]

_STARTED = pytest.StashKey[tuple[str, float]]()
_DETAIL_LIMIT = 20_000


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the plug-in; a person needs only `--env`."""
    group = parser.getgroup("stagehold")
    group.addoption("--env", dest="stagehold_env", metavar="ENV", help="environment: a folder name or a path")
    group.addoption(
        "--suite",
        dest="stagehold_suites",
        metavar="NAME",
        action="append",
        default=[],
        help="with --env: the checks of this suite (repeatable); no path and no suite: of all suites",
    )
    group.addoption("--stagehold-run", metavar="DIR", help="(set by stagehold) the run's folder")
    group.addoption("--stagehold-collect", metavar="FILE", help="(set by stagehold) write the expected checks")
    group.addoption("--stagehold-report", metavar="FD", type=int, help="(set by stagehold) the pipe to the gate")
    group.addoption("--stagehold-no-secrets", action="store_true", help="(set by stagehold) nobody signs in here")
    group.addoption("--stagehold-attempt", metavar="N", type=int, default=1, help="(set by stagehold) which try it is")
    group.addoption("--stagehold-only", metavar="IDS", help="(set by stagehold check) comma-separated check ids")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """What a conftest.py beside checks hands to them may assert, so it is loaded like them."""
    asked = early_config.known_args_namespace
    if asked.stagehold_env and not asked.file_or_dir:
        asked.confcutdir = str(shipped("suites"))  # what lies around the suites is no part of them
    if run_folder := asked.stagehold_run:
        with contextlib.suppress(StageholdError):  # said in `pytest_configure`
            install_finder(early_config, list(load_context(Path(run_folder)).suites.values()))


def pytest_configure(config: pytest.Config) -> None:
    """Find out what this lane works on; a broken description stops pytest with its own words."""
    config.addinivalue_line("markers", "check(spec): one claim of the gate (set by @stagehold.check)")
    run_folder = config.getoption("stagehold_run")
    name = config.getoption("stagehold_env")
    if (run_folder or name) and sys.flags.optimize:
        raise pytest.UsageError("python -O takes assertions out of programs: start pytest without it")
    try:
        if run_folder:
            context = load_context(Path(run_folder))
            _die_with(context.gate_pid)
        elif name:
            context = person_context(name)
            _choose_suites(config, context)
        else:
            return
        if config.getoption("stagehold_no_secrets") or config.getoption("stagehold_collect"):
            context = replace(context, has_secrets=False)
        else:
            register(context.environment, context.folder)
        config.stash[CONTEXT] = context
        config.stash[REDACTOR] = REDACTOR_OF_PROCESS
        install_hooks()
        install_finder(config, list(context.suites.values()))
        config.stash[LOG] = _log(config, context)
    except StageholdError as error:
        raise pytest.UsageError(f"{error} {error.remedy}".strip()) from error


def _choose_suites(config: pytest.Config, context: LaneContext) -> None:
    """Where no path was given, pytest works on the environment's suites, in whatever folder one stands."""
    wanted: list[str] = config.getoption("stagehold_suites")
    if unknown := [suite for suite in wanted if suite not in context.suites]:
        raise pytest.UsageError(f"there is no suite {unknown[0]!r}; there are: {', '.join(context.suites)}")
    given = config.args_source is pytest.Config.ArgsSource.ARGS
    if wanted or not given:
        folders = [str(folder) for suite, folder in context.suites.items() if suite in wanted or not wanted]
        config.args = [*(config.args if given else ()), *folders]
        # Two suites may have files of one name.
        config.option.importmode = "importlib"
    if getattr(config.option, "lf", False) and not config.pluginmanager.hasplugin("cacheprovider"):
        raise pytest.UsageError("--lf needs pytest's cache, which `-p no:cacheprovider` switches off here")


def _log(config: pytest.Config, context: LaneContext) -> EventLog:
    """Where events go: through the pipe to the gate, or into the file where a person runs pytest."""
    descriptor = config.getoption("stagehold_report")
    if descriptor is None:
        return EventLog(context.run_folder)
    pipe = PipeLog(descriptor)
    KNOWN.hand_over_to(pipe.secret)
    return pipe


def _die_with(parent: int) -> None:
    """End this lane and everything it started when stagehold itself is gone: nobody would read the outcome."""

    def watch() -> None:
        while os.getppid() == parent:  # not whoever is the parent now: it may have died while we started
            time.sleep(0.5)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="stagehold-parent-watch").start()


def spec_of(item: pytest.Item) -> CheckSpec | None:
    """The check an item belongs to, None for an ordinary test."""
    marker = item.get_closest_marker("check")
    if marker is None or not marker.args or not isinstance(marker.args[0], CheckSpec):
        return None
    spec: CheckSpec = marker.args[0]
    context = item.config.stash.get(CONTEXT, None)
    suite = suite_of(item.path, context) if context else None
    return spec.model_copy(update={"suite": suite}) if suite else spec


def suite_of(path: Path, context: LaneContext) -> str | None:
    """The suite whose folder holds the file, None for a file outside every suite."""
    for name, folder in context.suites.items():
        if path.is_relative_to(folder):
            return name
    return None


def _suite_folder(item: pytest.Item) -> Path:
    """The folder of the suite that an item belongs to, or its file's."""
    context = item.config.stash.get(CONTEXT, None)
    suite = suite_of(item.path, context) if context else None
    return context.suites[suite] if context and suite else item.path.parent


def case_of(item: pytest.Item) -> str:
    """The case id: pytest's parameter id, or nothing for a check without parameters."""
    callspec = getattr(item, "callspec", None)
    return callspec.id if callspec is not None else ""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Fill the environment's axes (targets, endpoints, hosts, accounts, …)."""
    context = metafunc.config.stash.get(CONTEXT, None)
    if context is not None and suite_of(Path(str(metafunc.definition.path)), context) is not None:
        parametrize(metafunc, context)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse what is no check, record what is expected before anybody deselects, then narrow for people."""
    context = config.stash.get(CONTEXT, None)
    if context is None:
        _require_no_checks(config, items)
        return
    _refuse_hooks(config, context)
    checks: dict[str, ExpectedCheck] = {}
    for item in items:
        if suite_of(item.path, context) is None:
            continue
        spec = spec_of(item)
        if spec is None:
            raise pytest.UsageError(f"{item.nodeid}: a test below a suite must be a check; decorate it with @check")
        require_silent(item, config.stash[REDACTOR])
        item.extra_keyword_matches |= {spec.id, spec.suite}  # for -k
        known = checks.get(spec.id)
        if known is None:
            signs_in = bool(SIGNING_IN & set(getattr(item, "fixturenames", ())))
            checks[spec.id] = ExpectedCheck(spec=spec, cases=(case_of(item),), signs_in=signs_in)
        elif known.spec.location != spec.location:
            raise pytest.UsageError(f"{spec.id} is defined at {known.spec.location} and at {spec.location}")
        else:
            checks[spec.id] = known.model_copy(update={"cases": (*known.cases, case_of(item))})
    destination = config.getoption("stagehold_collect")
    if destination:
        document = [check.model_dump(mode="json") for check in checks.values()]
        Path(destination).write_text(json.dumps(document), encoding="utf-8")
    only = config.getoption("stagehold_only")
    if only:
        wanted = set(only.split(","))
        items[:] = [item for item in items if (spec := spec_of(item)) is not None and spec.id in wanted]


def _require_no_checks(config: pytest.Config, items: list[pytest.Item]) -> None:
    checks = [item for item in items if spec_of(item) is not None]
    if checks and not config.option.collectonly:
        raise pytest.UsageError(
            f"{len(checks)} of these tests are checks, which need an environment: pytest --env NAME {config.args[0]}"
        )


def _refuse_hooks(config: pytest.Config, context: LaneContext) -> None:
    """A conftest.py below a suite may hold fixtures: a hook could drop a case, or excuse one from running."""
    for plugin in config.pluginmanager.get_plugins():
        file = getattr(plugin, "__file__", None)
        if not isinstance(plugin, ModuleType) or not file or suite_of(Path(file), context) is None:
            continue
        hooks = {caller.name for caller in config.pluginmanager.get_hookcallers(plugin) or ()}
        hooks |= {"pytest_plugins"} & set(vars(plugin))
        if hooks:
            raise pytest.UsageError(
                f"{Path(file).parent.name}/{Path(file).name} holds {', '.join(sorted(hooks))}; "
                "beside checks only fixtures are allowed, because a hook could hide a check"
            )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture runs: is everything configured that the check needs, and is its traffic consented to?"""
    spec, context = spec_of(item), item.config.stash.get(CONTEXT, None)
    if spec is None or context is None:
        return
    item.stash[RECORDER] = EvidenceRecorder(
        context.run_folder,
        spec.suite,
        spec.id,
        case_of(item),
        item.config.stash[REDACTOR],
        Completion(context, spec.id),
        attempt=item.config.getoption("stagehold_attempt"),
    )
    for key in spec.needs:
        if not context.environment.has(key):
            raise Uncovered(f"needs `{key}` in the environment")
    if spec.traffic not in context.environment.consent.classes:
        raise Uncovered(f"sends {spec.traffic.value} traffic, which `consent.classes` does not allow")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Record one outcome per case, whatever happened in its phases."""
    spec, context = spec_of(item), item.config.stash.get(CONTEXT, None)
    if spec is None or context is None:
        return (yield)
    log = item.config.stash[LOG]
    item.stash[PHASES], item.stash[DETAILS] = [], []
    item.stash[_STARTED] = (utc_now(), time.monotonic())
    BOOK.begin()
    log.write("case_started", check=spec.id, case=case_of(item), suite=spec.suite)
    try:
        return (yield)
    finally:
        log.case(_result(item, spec))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Only what a check itself asserts proves its claim, not what its fixtures do before and afterwards."""
    if PHASES not in item.stash:
        return (yield)
    BOOK.judging = True
    try:
        return (yield)
    finally:
        BOOK.judging = False


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge each phase by its exception, not by pytest's colours."""
    report = yield
    if PHASES not in item.stash:
        return report
    error = call.excinfo.value if call.excinfo is not None else None
    xfail = hasattr(report, "wasxfail") or (call.when == "call" and _is_xfail(item))
    where = blame(error, _suite_folder(item)) if error is not None else ""
    judged = judge_phase(call.when, error, xfail=xfail, where=where)
    item.stash[PHASES].append(judged)
    if error is not None and judged.outcome in {Outcome.FAILED, Outcome.INCONCLUSIVE}:
        item.stash[DETAILS].append(str(report.longrepr)[:_DETAIL_LIMIT])
    spec = spec_of(item)
    if spec is not None and judged.outcome in {Outcome.FAILED, Outcome.INCONCLUSIVE}:
        hide = item.config.stash[REDACTOR].text
        report.sections.append((SECTION, hide(explain(spec, judged, item.stash.get(RECORDER, None)))))
    if judged.outcome in {Outcome.UNCOVERED, Outcome.NOT_APPLICABLE}:
        path, line, _ = item.location
        report.outcome = "skipped"
        report.longrepr = (path, line or 0, f"{judged.outcome.value}: {judged.message}")
    conceal(report, item.config.stash[REDACTOR])
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A file that cannot be collected may say anything, too."""
    conceal(report, REDACTOR_OF_PROCESS)


def _is_xfail(item: pytest.Item) -> bool:
    return any(True for _ in item.iter_markers("xfail"))


def _result(item: pytest.Item, spec: CheckSpec) -> CaseResult:
    phases = item.stash[PHASES]
    judged = combine(phases)
    unheard = BOOK.end()
    if judged.outcome is Outcome.PASSED and len(phases) < len(("setup", "call", "teardown")):
        judged = Judged(Outcome.INCONCLUSIVE, "the case ended before all its phases were over")
    elif judged.outcome is Outcome.PASSED and unheard:
        judged = Judged(Outcome.INCONCLUSIVE, unheard)
    recorder = item.stash.get(RECORDER, None)
    details: list[str] = item.stash[DETAILS]
    started, begin = item.stash[_STARTED]
    hide = item.config.stash[REDACTOR].text
    return CaseResult(
        check=spec.id,
        case=case_of(item),
        outcome=judged.outcome,
        message=_storable(hide(judged.message)),
        expected=_storable(hide(recorder.expected)) if recorder else "",
        observed=_storable(hide(recorder.observed)) if recorder else "",
        reproduce=_storable(hide(recorder.command)) if recorder else "",
        deviation=_storable(hide(recorder.deviation)) if recorder else "",
        details=_storable(hide("\n".join(details))),
        started=started,
        attempt=item.config.getoption("stagehold_attempt"),
        seconds=round(time.monotonic() - begin, 3),
        evidence=tuple(recorder.items) if recorder else (),
    )


def _storable(text: str) -> str:
    """Text as UTF-8 can hold it: an answer may carry half a character, and the outcome must be recorded still."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Tell the gate that this lane came to its own end; a lane without this event was cut off, or refused to run."""
    log = session.config.stash.get(LOG, None)
    ran = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
    if log is not None and ran and not session.config.getoption("stagehold_collect"):
        log.write("lane_finished", collected=session.testscollected)
