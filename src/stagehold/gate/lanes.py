"""Lanes: every suite its own pytest process with its own deadline, so that none can take the others down.

All run side by side; the load suite runs alone afterwards, so that it measures the service and not the other
suites. Exit codes are recorded and never trusted: what counts is the event log.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from stagehold.catalogue.read import LOAD_SUITE, shipped_suites
from stagehold.errors import RunError
from stagehold.events import EventLog
from stagehold.model import ExpectedCheck, LaneRecord
from stagehold.redaction.redactor import REDACTOR
from stagehold.redaction.registry import KNOWN, Handover

REFUSED_VARIABLES = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "ALLURE_TESTPLAN_PATH")
"""Variables that deselect checks or load foreign code; a run with one of them set is refused."""
_KEPT_VARIABLES = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TERM",
    "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DISPLAY", "WAYLAND_DISPLAY",
    "STAGEHOLD_TOOLS", "PLAYWRIGHT_BROWSERS_PATH", "SSH_AUTH_SOCK",
)  # fmt: skip
_COLLECT_DEADLINE = 60.0
_NOTHING_COLLECTED = 5
"""pytest's exit code; the empty list is then judged as such."""
_GRACE = 3.0
_POLL = 0.1


def scrubbed_environment(secret_variables: Iterable[str] = ()) -> dict[str, str]:
    """The environment of a lane: a short list of harmless variables and the referenced secrets."""
    kept = {name: os.environ[name] for name in (*_KEPT_VARIABLES, *secret_variables) if name in os.environ}
    return kept | {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


def pytest_command(folders: Sequence[Path], run_folder: Path) -> list[str]:
    """The command of a lane: isolated Python, our configuration only, our plug-in only."""
    configuration = Path(__file__).parent.parent / "plugin" / "lane.ini"
    one = len(folders) == 1
    root = folders[0].parent if one else Path(os.path.commonpath(folders))
    # No conftest.py of the surroundings: what lies around a company's folder is not part of its checks.
    top = folders[0] if one else root
    return [
        sys.executable, "-I", "-m", "pytest",
        "-c", str(configuration), f"--rootdir={root}", f"--confcutdir={top}", "--import-mode=importlib",
        "-p", "no:cacheprovider", "-p", "stagehold.plugin", "--stagehold-run", str(run_folder),
        "--tb=short", "-q", "--color=no", *map(str, folders),
    ]  # fmt: skip


def collect(run_folder: Path, suites: dict[str, Path], environment: dict[str, str]) -> list[ExpectedCheck]:
    """Every check with every case, as pytest collects them before any deselection.

    Raises:
        RunError: a suite cannot be collected, or collects nothing.
    """
    ours = shipped_suites()
    shipped = {name: folder for name, folder in suites.items() if ours.get(name) == folder}
    # A company's conftest.py sees its own checks only, as it does in their lane.
    groups = [shipped, *({name: folder} for name, folder in suites.items() if name not in shipped)]
    expected = [check for group in groups if group for check in _collect(run_folder, group, environment)]
    silent = sorted(set(suites) - {check.spec.suite for check in expected})
    if silent:
        raise RunError(f"the suite {', '.join(silent)} collects nothing: nothing would be proven")
    return expected


def _collect(run_folder: Path, suites: dict[str, Path], environment: dict[str, str]) -> list[ExpectedCheck]:
    destination = run_folder / "expected.json"
    destination.unlink(missing_ok=True)
    command = pytest_command(list(suites.values()), run_folder)
    command += ["--collect-only", "--stagehold-collect", str(destination)]
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COLLECT_DEADLINE,
            check=False,
            # A group of its own: when the gate is gone, it ends its group, which must not be the caller's.
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise RunError(f"the suites could not be collected within {_COLLECT_DEADLINE:.0f} s") from error
    output = REDACTOR.text((done.stdout + done.stderr).strip())
    (run_folder / "lanes").mkdir(exist_ok=True)
    with (run_folder / "lanes" / "collect.log").open("a", encoding="utf-8") as log:
        log.write(f"{output}\n")
    if done.returncode not in {0, _NOTHING_COLLECTED} or not destination.is_file():
        tail = "\n".join(output.splitlines()[-15:])
        raise RunError(f"the suites could not be collected (see lanes/collect.log):\n{tail}")
    try:
        return [ExpectedCheck.model_validate(entry) for entry in json.loads(destination.read_text("utf-8"))]
    except ValueError as error:
        raise RunError(f"the list of expected checks is unreadable: {error}") from error


@dataclass
class Lane:
    """One running suite."""

    suite: str
    process: subprocess.Popen[bytes]
    started: float
    deadline: float
    limit: str = "policy.lane_deadline"
    """The key that sets the deadline."""
    note: str = ""
    seconds: float | None = None

    def poll(self, now: float) -> bool:
        """Whether the lane is over; ends it when its time is up."""
        if self.seconds is not None:
            return True
        if self.process.poll() is None and now >= self.deadline:
            self.note = f"stopped at its deadline after {now - self.started:.0f} s (`{self.limit}` gives more)"
            end_tree(self.process)
        if self.process.poll() is None:
            return False
        self.seconds = now - self.started
        _kill_group(self.process.pid)
        return True

    def record(self) -> LaneRecord:
        """What the verdict keeps of it."""
        return LaneRecord(
            suite=self.suite,
            seconds=round(self.seconds or 0.0, 2),
            exit_code=self.process.returncode,
            note=self.note,
        )


@dataclass
class Lanes:
    """Runs suites and records how each process ended."""

    run_folder: Path
    suites: dict[str, Path]
    environment: dict[str, str]
    lane_deadline: float
    run_deadline: float
    """`time.monotonic()` at which the whole run must be over."""
    on_tick: Callable[[Sequence[Lane]], None] = lambda _lanes: None
    only: Sequence[str] = ()
    records: list[LaneRecord] = field(default_factory=list)

    def run(self) -> list[LaneRecord]:
        """All suites side by side, then load alone; every lane is ended, and what it knew to be secret is known here.

        Raises:
            RunError: that did not arrive.
        """
        first = [name for name in self.suites if name != LOAD_SUITE]
        handover = Handover()
        try:
            self._run_together(first, handover)
            if LOAD_SUITE in self.suites:
                self._run_together([LOAD_SUITE], handover)
        finally:
            handover.into(KNOWN)
            handover.close()
            # What a crash printed did not pass the plug-in.
            REDACTOR.files(sorted((self.run_folder / "lanes").glob("*.log")))
        return self.records

    def _run_together(self, names: Sequence[str], handover: Handover) -> None:
        lanes: list[Lane] = []
        try:
            for name in names:
                lanes.append(self._start(name, handover))  # noqa: PERF401 - lanes already started must be ended when one cannot start
            while not all([lane.poll(time.monotonic()) for lane in lanes]):  # noqa: C419 - poll every lane
                self.on_tick(lanes)
                time.sleep(_POLL)
            self.on_tick(lanes)
        finally:
            for lane in lanes:
                if lane.seconds is None:
                    lane.note = lane.note or "stopped because the run ended"
                    end_tree(lane.process)
                    lane.seconds = time.monotonic() - lane.started
                self.records.append(lane.record())
                EventLog(self.run_folder).write("lane_ended", **lane.record().model_dump())

    def _start(self, name: str, handover: Handover) -> Lane:
        log_folder = self.run_folder / "lanes"
        log_folder.mkdir(exist_ok=True)
        command = pytest_command([self.suites[name]], self.run_folder)
        command += ["--stagehold-handover", str(handover.descriptor)]
        if self.only:
            command += ["--stagehold-only", ",".join(self.only)]
        now = time.monotonic()
        with (log_folder / f"{name}.log").open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                pass_fds=(handover.descriptor,),
                start_new_session=True,
            )
        EventLog(self.run_folder).write("lane_started", suite=name, pid=process.pid)
        own = now + self.lane_deadline
        limit = "policy.lane_deadline" if own <= self.run_deadline else "policy.deadline"
        return Lane(name, process, now, min(own, self.run_deadline), limit)


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """End a process that we started, with everything it started: politely, then by force."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    _kill_group(process.pid)


def _kill_group(pid: int) -> None:
    """End stragglers of a lane's own session; its leader was started by us as a group leader."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
