"""Processes that the gate starts: what they inherit, how they ended, and how everything they started is ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence

import psutil

from stagehold.environment.model import Environment
from stagehold.environment.secrets import referenced_variables

REFUSED_VARIABLES = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "ALLURE_TESTPLAN_PATH")
"""Variables that deselect checks or load foreign code; a run with one of them set is refused."""
_KEPT_VARIABLES = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TERM",
    "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DISPLAY", "WAYLAND_DISPLAY",
    "STAGEHOLD_TOOLS", "PLAYWRIGHT_BROWSERS_PATH", "SSH_AUTH_SOCK",
)  # fmt: skip
_GRACE = 3.0
"""Seconds that lanes have to end when they are asked to."""


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
