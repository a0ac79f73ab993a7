"""Runs the engine as a subprocess of its own process group, bounded in time, and reads what it counted."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from stagehold.errors import ProbeError, StageholdError
from stagehold.probes.load.completeness import read_result, require_complete, require_healthy
from stagehold.probes.load.observation import LoadRun
from stagehold.probes.load.plan import LoadOrder, digest_of, new_run_id
from stagehold.shipped import shipped

START_UP = 40.0
"""Seconds allowed for starting the processes and for the last reports, beyond load and drain."""
KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Nothing else reaches the engine: no LOCUST_*, no proxy, no PYTHON* may change what is measured."""


def run_load(order: LoadOrder, *, start_up: float = START_UP) -> LoadRun:
    """Offer the load and return the complete, reconciled counts of a healthy generator.

    Args:
        order: what to send; its sessions go to the engine through a pipe and nowhere else.
        start_up: seconds beyond warm-up, measured part and drain after which the engine is killed.

    Raises:
        ProbeError: with the reason, whenever the counts cannot be trusted; the engine's exit status is
            never looked at.
    """
    run = new_run_id()
    with tempfile.TemporaryDirectory(prefix="stagehold-load-") as name:
        folder = Path(name)
        result_file = folder / "result.json"
        document = order.document(run, result_file)
        profile = order.profile
        deadline = profile.warm_up + profile.seconds + order.plan.request_timeout + start_up
        log = folder / "engine.log"
        in_time = _execute(json.dumps(document).encode() + b"\n", profile.workers, folder, log, deadline)
        if not in_time:
            raise ProbeError(f"the load engine had not finished after {deadline:.0f} s and was stopped")
        try:
            result = read_result(result_file, run=run, plan_digest=digest_of(document))
        except ProbeError as error:
            raise ProbeError(f"{error}; its log ends: {_tail(log)}") from None
    require_complete(result, order)
    require_healthy(result, order)
    return result


def engine_folder() -> Path:
    """The folder that holds the package `load`.

    Raises:
        ProbeError: the engine is not where it belongs.
    """
    try:
        folder = shipped("load")
    except StageholdError as error:
        raise ProbeError(str(error), remedy=error.remedy) from error
    if not (folder / "locustfile.py").is_file():
        raise ProbeError("the load engine is incomplete", remedy="Install stagehold again.")
    return folder.parent


def _execute(plan: bytes, workers: int, folder: Path, log: Path, deadline: float) -> bool:
    """Whether the engine ended by itself in time. Its whole process group is gone afterwards."""
    parent = engine_folder()
    environment = {key: os.environ[key] for key in KEPT_ENVIRONMENT if key in os.environ}
    environment |= {"HOME": str(folder), "PYTHONPATH": str(parent), "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("wb") as output:
        engine = subprocess.Popen(
            _command(parent / "load" / "locustfile.py", workers),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        feeder = threading.Thread(target=_feed, args=(engine, plan), daemon=True)
        feeder.start()
        try:
            return _wait(engine.pid, deadline)
        finally:
            # The leader is not reaped before this line, so the group's number cannot be another's yet.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(engine.pid, signal.SIGKILL)
            engine.wait()
            feeder.join(timeout=5)
            if engine.stdin:
                with contextlib.suppress(OSError):
                    engine.stdin.close()


def _command(locustfile: Path, workers: int) -> list[str]:
    command = [
        *(sys.executable, "-P", "-m", "locust", "-f", str(locustfile), "--headless", "--only-summary"),
        *("--loglevel", "WARNING", "-u", str(workers), "-r", str(min(workers, 100))),
    ]
    if workers > 1:
        port = str(_free_port())
        command += ["--processes", str(workers), "--expect-workers-max-wait", "30"]
        command += ["--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        command += ["--master-host", "127.0.0.1", "--master-port", port]
    return command


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _feed(engine: subprocess.Popen[bytes], plan: bytes) -> None:
    """Hand the plan over and keep the pipe open: closing it is what stops the engine if we die."""
    if engine.stdin:
        with contextlib.suppress(OSError):  # the engine ended before it read; the missing result tells
            engine.stdin.write(plan)
            engine.stdin.flush()


def _wait(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None:
            return True
        time.sleep(0.05)
    return False


def _tail(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-4:])[-600:] or "(empty)"
