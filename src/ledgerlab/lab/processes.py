"""Processes that end together, and how they tell each other how they are."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from ledgerlab.lab.errors import LabError

_PR_SET_PDEATHSIG = 1
_DOING = "doing"
_TAIL = 16_384


def die_with_parent(number: signal.Signals) -> None:
    """Asks the kernel for this signal when the parent ends (prctl(2)); ends at once if it already has."""
    parent = os.getppid()
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise LabError(f"prctl refused: {os.strerror(ctypes.get_errno())}.")
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


class Stop:
    """Becomes true when this process is told to stop: SIGTERM, SIGINT, or (optionally) the end of stdin."""

    def __init__(self, *, watch_stdin: bool) -> None:
        self._event = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._event.set())
        if watch_stdin:
            threading.Thread(target=self._read_to_end, daemon=True).start()

    def _read_to_end(self) -> None:
        while os.read(0, 4096):
            pass
        self._event.set()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits at most that long; returns whether to stop."""
        return self._event.wait(seconds)


def report(**facts: object) -> None:
    """Tells the process that started this one, as a line of JSON on standard output."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


class Reports:
    """Reads the reports of a child, without blocking longer than asked."""

    def __init__(self, child: subprocess.Popen[bytes], name: str, log: Path) -> None:
        self.child, self.name, self.log = child, name, log
        self._lines: list[dict[str, object]] = []
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.child.stdout or ():
            try:
                facts = json.loads(line)
            except ValueError:
                continue
            with self._news:
                self._lines.append(facts)
                self._news.notify_all()

    def problem(self) -> str:
        """What the child said went wrong; empty while it said nothing of the kind."""
        with self._news:
            return next((str(facts["error"]) for facts in self._lines if "error" in facts), "")

    def _busy(self) -> str:
        return f"while {what(self.log.parent) or 'starting'}"

    def expect(self, event: str, seconds: float, stop: Stop) -> None:
        """Waits for a report of that event.

        Raises:
            LabError: the child failed, ended or stayed silent, or this process is told to stop.
        """
        deadline = time.monotonic() + seconds
        while not any(facts.get("event") == event for facts in self._lines):
            if problem := self.problem():
                raise LabError(problem)
            if self.child.poll() is not None:
                raise LabError(f"{self.name} ended {self._busy()} ({how_it_ended(self.child)}): {last_lines(self.log)}")
            if time.monotonic() > deadline:
                raise LabError(
                    f"{self.name} was not ready within {seconds:.0f} s {self._busy()}: {last_lines(self.log)}"
                )
            if stop:
                raise LabError("Told to stop while starting.")
            with self._news:
                self._news.wait(0.05)


def spawn(command: Sequence[str], log: Path, *, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A child with pipes to stdin (its end tells it to stop) and from stdout, and stderr in a log."""
    with log.open("ab") as stderr:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environment)


def end(child: subprocess.Popen[bytes], seconds: float, *, ask: signal.Signals | None = None) -> None:
    """Asks a child to stop (closing its stdin, or with a signal), and kills it when it does not in time."""
    if child.poll() is None:
        if ask is not None:
            child.send_signal(ask)
        if child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(5)


def module_command(module: str, *arguments: str) -> list[str]:
    """Runs a module of this package with this interpreter, whatever the current folder holds."""
    return [sys.executable, "-P", "-m", module, *arguments]


def last_lines(log: Path, most: int = 6) -> str:
    """What a log ends with, on one line; the file may be gone when a person could look."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _TAIL))
            lines = stream.read().decode(errors="replace").split("\n")
    except OSError:
        lines = []
    told = [line.strip()[:300] for line in lines if line.strip()]
    return f"the last lines of {log.name}: {' | '.join(told[-most:])}" if told else f"{log.name} is empty"


def how_it_ended(child: subprocess.Popen[bytes]) -> str:
    """Its exit code, or the signal that ended it."""
    code = child.poll()
    if code is not None and code < 0:
        return signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"exit code {code}"


def now(logs: Path, words: str) -> None:
    """Note what is being waited for, so that whoever loses patience can say it."""
    with contextlib.suppress(OSError):  # a full disk is told by what needs it
        (logs / _DOING).write_text(words)


def what(logs: Path) -> str:
    """What was being waited for last; empty when nobody noted anything."""
    try:
        return (logs / _DOING).read_text(errors="replace")
    except OSError:
        return ""
