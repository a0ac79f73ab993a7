"""Lanes: every suite its own pytest process with its own deadline, so that none can take the others down.

All run side by side; the load suite runs alone afterwards, so that it measures the service and not the other
suites. Exit codes are recorded and never trusted: what counts is what a lane reports through its pipe.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from stagehold.catalogue.read import LOAD_SUITE, shipped_suites
from stagehold.environment.model import Environment
from stagehold.environment.secrets import referenced_variables
from stagehold.errors import ConfigError, RunError
from stagehold.gate.channel import Channel
from stagehold.gate.record import RunRecord
from stagehold.model import CheckSpec, ExpectedCheck, LaneRecord
from stagehold.redaction.redactor import REDACTOR

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
_REFUSED = frozenset({2, 4})
"""pytest's exit codes for files that cannot be collected, and for what the plug-in refuses in them."""
_GRACE = 3.0
"""Seconds that lanes have to end when they are asked to."""
_POLL = 0.1
_REFUSAL = "ERROR: "


def scrubbed_environment(more: Iterable[str] = ()) -> dict[str, str]:
    """The environment of a lane: a short list of harmless variables, and those of these names."""
    kept = {name: os.environ[name] for name in (*_KEPT_VARIABLES, *more) if name in os.environ}
    return kept | {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


def variables_with_secrets(environment: Environment) -> dict[str, str]:
    """What only lanes that sign in get."""
    return {name: os.environ[name] for name in referenced_variables(environment, secret=True) if name in os.environ}


def pytest_command(folders: Sequence[Path], run_folder: Path) -> list[str]:
    """The command of a lane: isolated Python, our configuration only, our plug-in only."""
    configuration = Path(__file__).parent.parent / "plugin" / "lane.ini"
    one = len(folders) == 1
    root = folders[0].parent if one else Path(os.path.commonpath(folders))
    # No conftest.py of the surroundings: what lies around a company's folder is not part of its checks.
    top = folders[0] if one else root
    return [
        sys.executable, "-I", "-m", "stagehold.plugin",
        "-c", str(configuration), f"--rootdir={root}", f"--confcutdir={top}", "--import-mode=importlib",
        "-p", "no:cacheprovider", "--stagehold-run", str(run_folder),
        "--tb=short", "-q", "--color=no", *map(str, folders),
    ]  # fmt: skip


def collect(
    run_folder: Path, suites: dict[str, Path], environment: dict[str, str], *, seconds: float = _COLLECT_DEADLINE
) -> list[ExpectedCheck]:
    """Every check with every case, as pytest collects them before any deselection.

    Raises:
        ConfigError: a suite cannot be collected, or collects nothing.
        RunError: pytest did not come to its end, or wrote no list; or the id of a case holds a secret.
    """
    ours = shipped_suites()
    shipped = {name: folder for name, folder in suites.items() if ours.get(name) == folder}
    # A company's conftest.py sees its own checks only, as it does in their lane.
    groups = [shipped, *({name: folder} for name, folder in suites.items() if name not in shipped)]
    expected = [check for group in groups if group for check in _collect(run_folder, group, environment, seconds)]
    silent = sorted(set(suites) - {check.spec.suite for check in expected})
    if silent:
        raise ConfigError(f"the suite {', '.join(silent)} collects nothing: nothing would be proven")
    # The process that collects knows no secrets, so it cannot see that one stands in an id.
    for check in expected:
        if any(REDACTOR.text(case) != case for case in check.cases):
            raise RunError(
                f"{check.spec.location}: the id of a case of {check.spec.id} holds a secret",
                remedy="It would stand in every name, file and history. Give the parameter an id of its own.",
            )
    return expected


def same_as_catalogue(expected: Sequence[ExpectedCheck], catalogue: Sequence[CheckSpec]) -> None:
    """Both ways of reading the checks must agree, so that nothing can hide one.

    Raises:
        ConfigError: naming the difference.
    """
    collected, known = {check.spec.id: check.spec for check in expected}, {spec.id: spec for spec in catalogue}
    if collected != known:
        ids = sorted(collected | known)
        difference = [name for name in ids if collected.get(name) != known.get(name)]
        places = ", ".join(f"{name} ({(known.get(name) or collected[name]).location})" for name in difference)
        raise ConfigError(
            f"pytest and the catalogue disagree about {places}",
            remedy="A conftest.py hides, adds or changes checks, or a file reads differently each time.",
        )


def _collect(
    run_folder: Path, suites: dict[str, Path], environment: dict[str, str], seconds: float
) -> list[ExpectedCheck]:
    seconds = min(_COLLECT_DEADLINE, max(1.0, seconds))
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
            timeout=seconds,
            check=False,
            # A group of its own: when the gate is gone, it ends its group, which must not be the caller's.
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise RunError(f"the suites could not be collected within {seconds:.0f} s") from error
    output = REDACTOR.text((done.stdout + done.stderr).strip())
    (run_folder / "lanes").mkdir(exist_ok=True)
    with (run_folder / "lanes" / "collect.log").open("a", encoding="utf-8") as log:
        log.write(f"{output}\n")
    if done.returncode not in {0, _NOTHING_COLLECTED} or not destination.is_file():
        tail = "\n".join(output.splitlines()[-15:])
        how = how_it_ended(done.returncode)
        kind = ConfigError if done.returncode in _REFUSED else RunError
        raise kind(f"the suites could not be collected: pytest {how} (see lanes/collect.log)\n{tail}".rstrip())
    try:
        return [ExpectedCheck.model_validate(entry) for entry in json.loads(destination.read_text("utf-8"))]
    except ValueError as error:
        raise RunError(f"the list of expected checks is unreadable: {error}") from error
    finally:
        destination.unlink()  # the record holds them from now on


@dataclass
class Lane:
    """One running suite."""

    suite: str
    process: subprocess.Popen[bytes]
    channel: Channel
    log: Path
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
            self.note = f"was stopped at its deadline after {now - self.started:.0f} s (`{self.limit}` gives more)"
            end_trees([self.process])
        if self.process.poll() is None:
            return False
        self.over()
        return True

    def over(self) -> None:
        """Take in what it said last, and end whatever it left behind."""
        self.seconds = time.monotonic() - self.started
        _kill_group(self.process.pid)
        self.channel.close()
        if not self.channel.finished and not self.note:
            self.note = f"{how_it_ended(self.process.returncode)}{self._last_words()}"

    def _last_words(self) -> str:
        """Why pytest refused to run, where it said so."""
        with contextlib.suppress(OSError), self.log.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith(_REFUSAL):
                    return REDACTOR.text(f": {line.removeprefix(_REFUSAL).strip()}")
        return ""

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
    """Runs suites and records how each process ended.

    A suite whose checks name no fixture that signs in gets no secret: neither a variable that holds one, nor what
    another lane learned.
    """

    run_folder: Path
    suites: dict[str, Path]
    environment: dict[str, str]
    """Without secrets."""
    expected: Sequence[ExpectedCheck] | None
    """What was collected beforehand; None: each lane says first what it collected, so that people wait only once."""
    record: RunRecord
    lane_deadline: float
    run_deadline: float
    """`time.monotonic()` at which the whole run must be over."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Variables that hold secrets, for the lanes that sign in."""
    on_tick: Callable[[Sequence[Lane]], None] = lambda _lanes: None
    ended: Callable[[], bool] = lambda: False
    """Whether the run is to be ended before its time."""
    only: Sequence[str] = ()
    on_collected: Callable[[Sequence[ExpectedCheck]], None] = lambda _checks: None
    records: list[LaneRecord] = field(default_factory=list)
    collected: list[ExpectedCheck] = field(default_factory=list)

    def run(self) -> list[LaneRecord]:
        """All suites side by side, then load alone; every lane is ended, and what it said is in the record.

        Raises:
            OSError: logs or evidence could not be redacted.
        """
        try:
            self._run_together([name for name in self.suites if name != LOAD_SUITE])
            if LOAD_SUITE in self.suites:
                self._run_together([LOAD_SUITE])
        finally:
            self._redact()
        return self.records

    def again(self, suite: str, checks: Sequence[str]) -> None:
        """These checks of the suite once more, as a second try of the same cases."""
        try:
            self._run_together([suite], "--stagehold-only", ",".join(checks), "--stagehold-attempt", "2")
        finally:
            self._redact()

    def debug(self) -> None:
        """All suites in one pytest at the terminal, stopping in the debugger; nobody bounds its time."""
        channel = Channel("debugged", self.expected, self.record)
        self.collected += self.expected or ()
        command = [
            *pytest_command(list(self.suites.values()), self.run_folder),
            "--stagehold-report",
            str(channel.write_end),
        ]
        command += ["--stagehold-only", ",".join(self.only), "--pdb", "-s"]
        process = subprocess.Popen(command, env=self.environment | self.secrets, pass_fds=(channel.write_end,))
        channel.handed_over()
        # Ctrl-C is the debugger's while it holds the terminal.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            while process.poll() is None:
                channel.read()
                time.sleep(_POLL)
        finally:
            signal.signal(signal.SIGINT, before)
            channel.close()
            self._redact()

    def _run_together(self, names: Sequence[str], *options: str) -> None:
        lanes: list[Lane] = []
        with selectors.DefaultSelector() as selector:
            try:
                for name in names:
                    if self.ended():
                        break
                    lanes.append(lane := self._start(name, options))
                    selector.register(lane.channel.read_end, selectors.EVENT_READ, lane)
                while not self.ended():
                    for key, _ in selector.select(_POLL):
                        if not key.data.channel.read():
                            selector.unregister(key.fd)
                    now = time.monotonic()
                    for lane in lanes:
                        if lane.seconds is None and lane.poll(now):
                            with contextlib.suppress(KeyError):
                                selector.unregister(lane.channel.read_end)
                    self.on_tick(lanes)
                    if all(lane.seconds is not None for lane in lanes):
                        break
            finally:
                self._end(lanes)

    def _end(self, lanes: Sequence[Lane]) -> None:
        running = [lane for lane in lanes if lane.seconds is None]
        end_trees([lane.process for lane in running])
        for lane in lanes:
            if lane in running:
                lane.note = lane.note or "was stopped because the run ended"
                lane.over()
            self.records.append(lane.record())
            self.record.write("lane_ended", **lane.record().model_dump())

    def _start(self, name: str, options: Sequence[str]) -> Lane:
        log_folder = self.run_folder / "lanes"
        log_folder.mkdir(exist_ok=True)
        own = None if self.expected is None else [check for check in self.expected if check.spec.suite == name]
        may_sign_in = name in self._signing_in()
        channel = Channel(name, own, self.record, on_collected=self._collected)
        command = [
            *pytest_command([self.suites[name]], self.run_folder),
            "--stagehold-report", str(channel.write_end),
            *([] if may_sign_in else ["--stagehold-no-secrets"]),
            *options,
        ]  # fmt: skip
        if self.only and not options:
            command += ["--stagehold-only", ",".join(self.only)]
        if self.expected is None:
            command += ["--stagehold-listing"]
        now = time.monotonic()
        with (log_folder / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment | (self.secrets if may_sign_in else {}),
                pass_fds=(channel.write_end,),
                start_new_session=True,
            )
        channel.handed_over()
        latest = now + self.lane_deadline
        limit = "policy.lane_deadline" if latest <= self.run_deadline else "policy.deadline"
        log = log_folder / f"{name}.log"
        lane = Lane(name, process, channel, log, now, min(latest, self.run_deadline), limit)
        self.record.write("lane_started", suite=name, pid=process.pid)
        return lane

    def why_not_collected(self, checks: Sequence[str]) -> str:
        """Why lanes did not collect these, in the words of the first that refused."""
        first = next((record for record in self.records if record.note), None)
        if first is None:
            return f"{', '.join(checks)} was not collected: a hook or a fixture of the suite hides it"
        return f"the suite {first.suite} could not be collected: it {first.note}"

    def _collected(self, checks: Sequence[ExpectedCheck]) -> None:
        self.collected += checks
        self.on_collected(checks)

    def _signing_in(self) -> set[str]:
        if self.expected is not None:
            return {check.spec.suite for check in self.expected if check.signs_in}
        from stagehold.plugin.needed import signs_in  # noqa: PLC0415 - takes long, and the gate needs it not

        return {name for name, folder in self.suites.items() if signs_in(folder)}

    def _redact(self) -> None:
        """What a crash printed did not pass the plug-in; and lanes without secrets could not know what to hide."""
        blind = sorted(set(self.suites) - self._signing_in())
        evidence = [self.run_folder / "evidence" / suite for suite in blind]
        files = [path for folder in evidence for path in sorted(folder.rglob("*")) if path.is_file()]
        REDACTOR.files([*sorted((self.run_folder / "lanes").glob("*.log")), *files])


def how_it_ended(code: int) -> str:
    """A process by its exit code, in words."""
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended early (exit {code})"


def end_trees(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes that we started, with everything they started: politely, together, then by force."""
    families = [_family(process.pid) for process in processes]
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    until = time.monotonic() + _GRACE
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for member in (member for family in families for member in family):
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    for process in processes:
        _kill_group(process.pid)


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _kill_group(pid: int) -> None:
    """End stragglers of a lane's own session; its leader was started by us as a group leader."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
