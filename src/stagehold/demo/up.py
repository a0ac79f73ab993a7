"""Starts the demo environment (ledgerlab, a process of its own) and describes it to the gate."""

from __future__ import annotations

import contextlib
import json
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from stagehold.context import new_run_id
from stagehold.demo.served import serving
from stagehold.errors import ConfigError, RunError
from stagehold.events import utc_now
from stagehold.model import RunInfo
from stagehold.runs import create_run_folder
from stagehold.shipped import shipped

DESCRIBED_PREFIX = "10.77.0."
"""The network prefix that environments/demo/environment.yaml is written for."""
DESCRIBED_IPV6 = re.compile(r"^ *ipv6: .*\n|, \"fd77::[0-9]+\"", re.MULTILINE)
"""What that file says about IPv6 addresses; there may be none here."""
DESCRIBED_OFFICE = re.compile(r"^ *office: .*\n|, office(?=\])", re.MULTILINE)
"""What it says about the office network, which only namespaces have."""
_UP_DEADLINE = 60.0
_SWITCH_DEADLINE = 90.0
_DOWN_DEADLINE = 15.0


@dataclass(frozen=True)
class Demo:
    """A demo that is up."""

    folder: Path
    environment_file: Path
    url: str
    mode: str
    process: subprocess.Popen[bytes]

    def ended(self) -> bool:
        """Whether it is down, for whatever reason."""
        return self.process.poll() is not None

    def switch(self, defects: Sequence[str]) -> None:
        """Give it exactly these defects, and books that begin anew; returns when it is healthy again.

        Raises:
            RunError: it refuses, or did not come up again.
        """
        command = [sys.executable, "-I", "-m", "ledgerlab", "switch", "--dir", str(self.folder)]
        command += [part for name in defects for part in ("--defect", name)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_SWITCH_DEADLINE, check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired as error:
            raise RunError(f"the demo did not switch within {_SWITCH_DEADLINE:.0f} s") from error
        if done.returncode != 0:
            raise RunError(f"the demo could not be switched: {done.stderr.strip()[-300:]}")


def known_defects() -> dict[str, str]:
    """Name of each of the demo's seeded defects to what it breaks."""
    return {name: breaks.strip() for name, _, breaks in (line.partition(" ") for line in _told("defects")) if name}


def clashing_defects() -> frozenset[frozenset[str]]:
    """Pairs of defects that the demo cannot have together, or of which one would undo the other."""
    return frozenset(frozenset(line.split()) for line in _told("clashes"))


def _told(what: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "ledgerlab", what], capture_output=True, text=True, timeout=30, check=False
    )
    if done.returncode != 0:
        raise RunError(f"ledgerlab cannot tell its {what}: {done.stderr.strip()[-300:]}", remedy="make setup")
    return done.stdout.splitlines()


def check_defects(names: Sequence[str]) -> None:
    """Refuse a defect that the demo does not have.

    Raises:
        ConfigError: naming the unknown one and those there are.
    """
    if not names:
        return
    known = known_defects()
    for name in names:
        if name not in known:
            raise ConfigError(
                f"the demo has no defect {name!r}; it has: {', '.join(known)}",
                remedy="stagehold list --defects",
            )


@contextlib.contextmanager
def demo(defects: Sequence[str] = (), mode: str = "auto") -> Iterator[Demo]:
    """The demo, up while inside; stopped and removed afterwards.

    Raises:
        RunError: it does not come up.
    """
    base = Path(tempfile.mkdtemp(prefix="stagehold-demo-"))
    base.chmod(0o711)  # the demo's database may have to run as another user
    folder = base / "lab"
    command = [sys.executable, "-I", "-m", "ledgerlab", "up", "--dir", str(folder), "--mode", mode]
    for name in defects:
        command += ["--defect", name]
    with (base / "ledgerlab.log").open("w+b") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
        try:
            ready = _wait_until_ready(process, base / "ledgerlab.log")
            yield Demo(folder, _describe(folder, ready), str(ready["url"]), str(ready["mode"]), process)
        finally:
            _stop(process)
            shutil.rmtree(base, ignore_errors=True)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> dict[str, object]:
    if process.stdout is None:
        raise RunError("the demo has no output to listen to")
    deadline = time.monotonic() + _UP_DEADLINE
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                break
            line = process.stdout.readline()
            if not line:
                break
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict) and message.get("ready") is True:
                return message
    tail = " ".join(log.read_text("utf-8", errors="replace").split()[-60:])
    raise RunError(f"the demo did not come up: {tail or 'no reason given'}", remedy="stagehold doctor")


def _describe(folder: Path, ready: dict[str, object]) -> Path:
    """Copy the description beside the instance, with the addresses the instance really has."""
    text = (shipped("environments") / "demo" / "environment.yaml").read_text(encoding="utf-8")
    text = text.replace(DESCRIBED_PREFIX, str(ready["prefix"]))
    if not ready["ipv6"]:
        text = DESCRIBED_IPV6.sub("", text)
    if ready["mode"] != "namespace":
        text = DESCRIBED_OFFICE.sub("", text).replace("netns:vantage.pid", "local")
    path = folder / "environment.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Closing its standard input asks ledgerlab to stop; force is the last resort."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    try:
        process.wait(_DOWN_DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


@contextlib.contextmanager
def blocked_until_up(out: Path | None) -> Iterator[None]:
    """Before the demo starts: a GO that an earlier run left in `out` must not survive a start that fails."""
    if out is not None:
        create_run_folder(RunInfo(run_id=new_run_id(), environment="demo", started=utc_now()), out)
    yield


def serve(defects: Sequence[str], mode: str, console: Console) -> int:
    """Keep the demo up until Ctrl-C or SIGTERM, and say how to use it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with demo(defects, mode) as up, serving("demo", up.environment_file):
        seeded = f", with {', '.join(defects)}" if defects else ""
        console.print(f"the demo is up at [bold]{up.url}[/] ({up.mode} mode{seeded})", highlight=False)
        for line in (
            f"  described in   {up.environment_file}",
            f"  passwords in   {up.folder / 'secrets'}",
            "  run the gate   stagehold run demo",
            "  one suite      stagehold check demo tls",
            f"  other defects  {sys.executable} -m ledgerlab switch --dir {up.folder} --defect NAME",
            "  stop           Ctrl-C",
        ):
            console.print(line, highlight=False, soft_wrap=True, markup=False)
        try:
            while not up.ended():
                time.sleep(0.5)
        except KeyboardInterrupt:
            console.print("stopping")
            return 0
    raise RunError("the demo ended by itself")
