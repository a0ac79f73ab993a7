"""Runs the gate, injects one fault, and says in a row what came of it and what of that is wrong."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.faults.stage import SMALL, Stage, gate_command

OWN = '''
import time
from stagehold import check

def claim(number):
    return check(f"ACM-{number:03d}", severity="blocker", proves=["transport-policy"], remedy="Mend it.",
                 traffic="evidence")

@claim(1)
def test_first():
    """Is measured at once."""
    assert FIRST, "two is not one"

@claim(2)
def test_second():
    """Takes its time, so that there is a moment for a fault."""
    time.sleep(SECONDS)
    assert time.monotonic() > 0
'''
SOUND, FAILING = OWN.replace("FIRST", "time.monotonic() > 0"), OWN.replace("FIRST", "time.monotonic() < 0")
KILLED = -signal.SIGKILL
_SLACK = 75.0
"""Seconds beyond its deadline that a run has for ending its lanes (3) and for its reports (60)."""


@dataclass(frozen=True)
class Row:
    """What came of one fault."""

    fault: str
    moment: str = ""
    decision: str = ""
    code: int | None = None
    seconds: float = 0.0
    reason: str = ""
    measured: str = ""
    """How many outcomes were recorded, and how many of them the verdict holds."""
    wrong: tuple[str, ...] = ()
    """What is not as it must be; empty is right."""

    @property
    def document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Running:
    """A gate that is running, or has ended."""

    stage: Stage
    process: subprocess.Popen[bytes]
    command: list[str]
    out: Path
    rng: random.Random
    deadline: int
    started: float = field(default_factory=time.monotonic)
    moment: str = "at the start"

    @property
    def said(self) -> str:
        """What it printed, and then what the lanes printed."""
        return self.out.with_name("said").read_text(encoding="utf-8", errors="replace")

    def events(self) -> list[dict[str, Any]]:
        """The whole lines of its log so far."""
        with contextlib.suppress(OSError):
            lines = (self.out / "events.jsonl").read_bytes().split(b"\n")[:-1]
            return [event for line in lines if (event := _parsed(line))]
        return []

    def recorded(self) -> list[dict[str, Any]]:
        """The outcomes in its log."""
        return [event["result"] for event in self.events() if event["event"] == "case"]

    def wait_until(self, seen: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Until something is so; a run that is over before, or never comes there, is a fault of the suite itself."""
        until = time.monotonic() + seconds
        while not seen():
            if time.monotonic() > until or self.process.poll() is not None:
                raise NotReachedError(f"the run never came to: {what}")
            time.sleep(0.02)
        self.moment = what

    def when_busy(self, check: str = "ACM-002") -> None:
        """Until that check is going on."""
        self.wait_until(
            lambda: any(e["event"] == "case_started" and e["check"] == check for e in self.events()), f"during {check}"
        )

    def somewhen(self, most: float = 15.0) -> None:
        """Until a random moment."""
        pause = self.rng.uniform(0.3, most)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(pause)
        self.moment = f"after {pause:.1f} s"

    def family(self, *words: str) -> list[psutil.Process]:
        """Processes below the gate whose command line holds all the words."""
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    line = " ".join(process.cmdline())
                    if all(word in line for word in words):
                        found.append(process)
        return found

    def signal_some(self, number: signal.Signals, *words: str) -> None:
        """Send a signal to the first process of that kind as soon as there is one."""
        found: list[psutil.Process] = []

        def seen() -> bool:
            found[:] = self.family(*words)
            return bool(found)

        self.wait_until(seen, f"{' '.join(words)} runs")
        with contextlib.suppress(psutil.NoSuchProcess):
            found[0].send_signal(number)


class NotReachedError(Exception):
    """The moment for the fault never came."""


def nothing(_run: Running) -> None:
    """Inject nothing."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, and what must be seen then."""

    name: str
    words: str
    """A pattern that some reason, or what was printed, must hold."""
    inject: Callable[[Running], None] = nothing
    suite: str = ""
    parts: tuple[str, ...] = (SMALL,)
    seconds: float = 2.0
    """How long the second check of the own suite takes."""
    codes: tuple[int, ...] = (1, 3)
    prepare: Callable[[Stage, Path], Mapping[str, str] | None] | None = None
    """Before the gate starts, with the place of its output: what it needs, and variables that it gets."""
    deadline: int = 90
    more: tuple[str, ...] = ()
    """Of the command line."""
    wrapper: str = ""
    """Python that runs in the gate's own process before it begins."""
    harmless: bool = False
    """No fault of the environment: the decision is that of a clean run."""
    unwritable: bool = False
    """Nothing can be written any more: the verdict of before must block, and what was measured must be printed."""
    shortened: bool = False
    """There is no room for the outcomes in verdict.json; decision and reasons must be there all the same."""
    quick: bool = False
    """Part of the project's own tests."""
    play: Callable[[Fault, Stage, random.Random], Row] | None = None
    """Another way of going about it than starting a run and injecting."""


def play(fault: Fault, stage: Stage, rng: random.Random) -> Row:
    """Run the gate with one fault on a stage that is tidied first."""
    stage.tidy()
    return (fault.play or _play)(fault, stage, rng)


def _play(fault: Fault, stage: Stage, rng: random.Random) -> Row:
    with gate(fault, stage, rng) as run:
        wrong = []
        try:
            fault.inject(run)
        except NotReachedError as error:
            wrong.append(str(error))
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.process.wait(max(1.0, run.started + fault.deadline + _SLACK - time.monotonic()))
        return row(fault, run, wrong)


@contextlib.contextmanager
def gate(fault: Fault, stage: Stage, rng: random.Random) -> Iterator[Running]:
    """The gate with the fault's description; whatever is left of it afterwards is killed."""
    suite = fault.suite.replace("SECONDS", str(fault.seconds))
    environment = stage.describe(*fault.parts, suite=suite, deadline=fault.deadline, lane=fault.deadline)
    out = stage.out()
    out.parent.mkdir(parents=True)
    variables = fault.prepare(stage, out) if fault.prepare else None
    command = gate_command(environment, out, *fault.more)
    if fault.wrapper:
        command[1:4] = ["-P", "-c", f"{fault.wrapper}\nimport sys\nfrom stagehold.cli import main\nsys.exit(main())"]
    with out.with_name("said").open("wb") as said:
        process = subprocess.Popen(
            command, stdout=said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env={**os.environ, **(variables or {})}, cwd=out.parent, start_new_session=True,
        )  # fmt: skip
    run = Running(stage, process, command, out, rng, fault.deadline)
    try:
        yield run
    finally:
        for one in run.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.kill()
        process.wait(10)


def row(fault: Fault, run: Running, wrong: Sequence[str] = ()) -> Row:  # noqa: PLR0912 - one line for each rule
    """What is to be seen now, and what of it is wrong."""
    found = list(wrong)
    code = run.process.poll()
    seconds = time.monotonic() - run.started
    verdict = stored(run.out)
    said = run.said
    # Ended by a signal while Python was still starting, it has no folder to say anything in; the code says it.
    begun = run.out.exists() and any(run.out.iterdir())
    if code is None:
        found.append(f"still running after {seconds:.0f} s with a deadline of {fault.deadline} s")
    elif fault.harmless:
        if code != 0:
            found.append(f"blocks (exit {code}) although nothing is wrong")
    elif code not in fault.codes and not (begun is False and code < 0):
        found.append(f"exit {code}")
    if verdict is None:
        if begun:
            found.append("no readable verdict.json")
    elif (verdict["decision"] == "GO") is not (fault.harmless and code == 0):
        found.append(f"verdict.json says {verdict['decision']}")
    reasons = list(verdict["reasons"]) if verdict else []
    told = "\n".join([*reasons, *(problem["what"] for problem in (verdict or {}).get("problems", ())), said])
    if begun and not re.search(fault.words, " ".join(told.split())):
        found.append(f"nothing says {fault.words!r}")
    if "Traceback (most recent call last)" in said or "stagehold itself failed" in told:
        found.append("a traceback")
    measured, lost = kept(run, verdict)
    if fault.unwritable:
        if "two is not one" not in said:
            found.append("the failure that was measured is printed nowhere")
    elif lost and code != KILLED and not (fault.shortened and verdict and not verdict["checks"]):
        found.append(f"lost: {', '.join(lost[:4])}")
    failed = any(case["outcome"] == "failed" for case in run.recorded())
    if failed and code not in (1, KILLED):
        found.append("a failure was measured and the decision is not NO_GO")
    if left := _left(run):
        found.append(f"still working: {left}")
    said_last = next((line for line in reversed(said.splitlines()) if line.strip()), "")
    return Row(
        fault.name, run.moment, (verdict or {}).get("decision", "none"), code, round(seconds, 1),
        (reasons[0] if reasons else said_last)[:300], measured, tuple(found),
    )  # fmt: skip


def kept(run: Running, verdict: dict[str, Any] | None) -> tuple[str, list[str]]:
    """How many recorded outcomes the verdict holds, and which it does not."""
    recorded = run.recorded()
    held = [
        (case["check"], case["case"], case["outcome"])
        for check in (verdict or {}).get("checks", ())
        for case in check["cases"]
    ]
    worst = {(check, case, outcome) for check, case, outcome in held}
    lost = [
        f"{case['check']}[{case['case']}]"
        for case in recorded
        if (case["check"], case["case"], case["outcome"]) not in worst
    ]
    return f"{len(recorded) - len(lost)} of {len(recorded)}", lost


def stored(out: Path) -> dict[str, Any] | None:
    """verdict.json, None when it cannot be read."""
    try:
        found: dict[str, Any] = json.loads((out / "verdict.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def report(out: Path) -> subprocess.CompletedProcess[str]:
    """`stagehold report` on a run's folder."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "stagehold", "report", str(out)],
        capture_output=True, text=True, timeout=200, check=False, cwd=out.parent,
    )  # fmt: skip


def _left(run: Running) -> str:
    """What still works in the run's folder some seconds after its end."""
    if run.process.poll() is None:
        return ""
    until = time.monotonic() + 12
    while True:
        names = [
            str(process.info["name"])
            for process in psutil.process_iter(["name", "cmdline"])
            if str(run.out) in " ".join(process.info["cmdline"] or ())
        ]
        if not names or time.monotonic() > until:
            return ", ".join(names)
        time.sleep(0.1)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
