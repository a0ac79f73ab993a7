"""`up`: prepares the folder, starts the laboratory, says when it is ready, and leaves nothing behind."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ledgerlab.defects import Defect, select
from ledgerlab.lab import modes
from ledgerlab.lab.errors import LabError
from ledgerlab.lab.people import make_passwords
from ledgerlab.lab.plan import LONGEST_FOLDER, Mode, Plan
from ledgerlab.lab.processes import (
    Reports,
    Stop,
    die_with_parent,
    end,
    last_lines,
    module_command,
    report,
    spawn,
    what,
)

OWN = (
    "app", "app.new", "approvals", "control.sock", "database", "evidence", "logs", "pki", "secrets", "instance.json",
    "office.pid", "operations.sock", "plan.json", "release.digest", "service.json", "vantage.pid",
)  # fmt: skip
"""What `up` makes in its folder."""


def up(folder: Path, names: tuple[str, ...], mode: str) -> None:
    """Runs a laboratory until told to stop.

    Raises:
        LabError: it could not be started, or broke while it ran.
        ValueError: a defect is unknown.
    """
    chosen = select(names)
    stop = Stop(watch_stdin=_tethered())
    die_with_parent(signal.SIGTERM)
    if len(os.fsencode(folder.resolve())) > LONGEST_FOLDER:
        raise LabError(f"The path of the folder is too long: at most {LONGEST_FOLDER} bytes, for the sockets in it.")
    with _folder(folder) as ours:
        _forget(ours)
        actual = modes.choose(mode)
        addresses = modes.Addresses(actual)
        try:
            plan = _prepare(ours, chosen, actual, addresses.prefix)
            _run(plan, stop)
        except OSError as error:
            where = what(ours / "logs") or "preparing the folder"
            told = error.strerror or type(error).__name__
            raise LabError(f"{told} ({error.filename or ours}) while {where}.") from error
        finally:
            addresses.release()


def _tethered() -> bool:
    """Whether the end of stdin means that whoever started this is gone: a pipe, a socket or a terminal."""
    try:
        kind = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) or os.isatty(0)


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """The folder, locked against a second laboratory; removed at the end if it did not exist before."""
    existed = path.exists()
    try:
        path.mkdir(parents=True, mode=0o711, exist_ok=True)
        lock = os.open(path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LabError(f"The folder {path} cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise LabError(f"Another laboratory is running in {path}.") from None
    try:
        yield path.resolve()
    finally:
        if existed:
            (path / ".lock").unlink(missing_ok=True)
        else:
            shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _forget(folder: Path) -> None:
    """Removes what an earlier laboratory left in a folder that is kept."""
    for name in OWN:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _prepare(folder: Path, chosen: tuple[Defect, ...], mode: Mode, prefix: str) -> Plan:
    (folder / "logs").mkdir()
    make_passwords(folder / "secrets")
    plan = Plan(
        folder=folder,
        mode=mode,
        prefix=prefix,
        ipv6=modes.has_ipv6(mode),
        defects=tuple(defect.name for defect in chosen),
        database_password=secrets.token_hex(24),
        owner_password=secrets.token_hex(24),
        unprivileged=modes.unprivileged(mode),
    )
    plan.require_possible()
    plan.write()
    return plan


def _run(plan: Plan, stop: Stop) -> None:
    path = str(plan.folder / "plan.json")
    log = plan.folder / "logs" / "lab.log"
    if plan.mode == "namespace":
        unshare = shutil.which("unshare") or "unshare"
        command = [unshare, *modes.NAMESPACES, "--", *module_command("ledgerlab.lab.vantage", path)]
        event, name = "ready", "The outside vantage"
    else:
        command = module_command("ledgerlab.lab.hosts", path)
        event, name = "serving", "The hosts' process"
    child = spawn(command, log)
    try:
        reports = Reports(child, name, log)
        reports.expect(event, 140, stop)
        _announce(plan)
        while not stop.wait(0.25):
            if child.poll() is not None:
                raise LabError(reports.problem() or f"{name} ended by itself: {last_lines(log)}")
    finally:
        _take_down(child)


def _take_down(child: subprocess.Popen[bytes]) -> None:
    # A second signal must not interrupt the cleaning up.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end(child, 15)


def _announce(plan: Plan) -> None:
    pid_file = plan.folder / "vantage.pid"
    facts = {
        "mode": plan.mode,
        "prefix": plan.prefix,
        "ipv6": plan.ipv6,
        "url": plan.url,
        "vantage_pid": int(pid_file.read_text()) if pid_file.exists() else None,
        "defects": list(plan.defects),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (plan.folder / "instance.json").write_text(json.dumps(facts, indent=1) + "\n")
    try:
        report(ready=True, mode=plan.mode, prefix=plan.prefix, ipv6=plan.ipv6, url=plan.url)
    except BrokenPipeError:
        # Whoever wanted to know is gone; stdin will say so too.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - kept until the process ends
