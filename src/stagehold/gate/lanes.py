"""Lanes: every suite its own pytest process with its own deadline, so that none can take the others down.

All run side by side; the load suite runs alone afterwards, so that it measures the service and not the other
suites. Exit codes are recorded and never trusted: what counts is what a lane reports through its pipe.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stagehold.catalogue.read import LOAD_SUITE
from stagehold.gate.channel import Channel
from stagehold.gate.collecting import pytest_command
from stagehold.gate.processes import end_trees, how_it_ended, kill_group
from stagehold.gate.record import RunRecord
from stagehold.model import ExpectedCheck, LaneRecord, Problem
from stagehold.redaction.redactor import REDACTOR

_POLL = 0.1
_REFUSAL = "ERROR: "


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
        kill_group(self.process.pid)
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


def lane_problems(
    events: Sequence[dict[str, Any]], records: Sequence[LaneRecord], expected: Sequence[ExpectedCheck]
) -> list[Problem]:
    """A problem for every lane that did not come to its own end, or never started."""
    started, finished = (
        Counter(event["suite"] for event in events if event["event"] == kind)
        for kind in ("lane_started", "lane_finished")
    )
    problems = []
    for suite in sorted({check.spec.suite for check in expected}):
        if started[suite] and started[suite] == finished[suite]:
            continue
        record = next((record for record in reversed(records) if record.suite == suite), None)
        how = "was never started" if record is None else record.note or "ended early"
        if record is not None and record.note and (running := _running(events, suite)):
            how = f"{how}, while {running} was running"
        remedy = f"Look into lanes/{suite}.log of the run's folder." if record is not None else ""
        problems.append(Problem(what=f"the {suite} suite {how}", remedy=remedy))
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
