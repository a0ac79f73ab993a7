"""Processes that the gate starts: what they inherit, how they ended, and how everything they started is ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence

import psutil

from stagehold.environment.model import Environment
from stagehold.environment.secrets import referenced_variables

_GRACE = 3.0
"""Seconds that lanes have to end when they are asked to."""


def variables_with_secrets(environment: Environment) -> dict[str, str]:
    """What only lanes that sign in get."""
    return {name: os.environ[name] for name in referenced_variables(environment, secret=True) if name in os.environ}


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
        kill_group(process.pid)


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def kill_group(pid: int) -> None:
    """End stragglers of a lane's own session; its leader was started by us as a group leader."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
