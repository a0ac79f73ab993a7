"""A run's folder: made with a blocking verdict in it, finished by one atomic rename."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from stagehold.demo.served import state_folder
from stagehold.environment.model import Environment
from stagehold.errors import ConfigError, RunError
from stagehold.gate.vantage import identity
from stagehold.model import RunInfo, Verdict
from stagehold.verdict import unfinished

VERDICT = "verdict.json"
REPORTS = Path("reports")


def create_run_folder(run: RunInfo, out: Path | None) -> Path:
    """Make the folder and put the blocking verdict into it, as the first act of a run.

    Raises:
        ConfigError: `out` cannot be used.
        RunError: another run is writing there.
    """
    if out is None:
        runs = REPORTS / "runs"
        folder = runs / run.run_id
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise ConfigError(f"cannot make {folder}: {error.strerror}", remedy="Use --out DIR.") from error
        claim(folder)
        write_verdict(folder, unfinished(run))
        _point_latest(folder)
        return folder.resolve()
    _empty(out, unfinished(run))
    return out.resolve()


_CLAIMED: dict[tuple[int, int], int] = {}
"""Folders this process writes to, by device and inode: the descriptor that holds the lock."""


def claim(folder: Path) -> None:
    """Keep every other process from writing a verdict here until this one ends, however it ends.

    Raises:
        RunError: another process writes here.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    state = os.fstat(descriptor)
    if (state.st_dev, state.st_ino) in _CLAIMED:
        os.close(descriptor)
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise RunError(f"another run is writing to {folder}", remedy="Wait for it, or name another folder.") from error
    _CLAIMED[state.st_dev, state.st_ino] = descriptor


def _empty(out: Path, blocking: Verdict) -> None:
    """Empty a folder of an earlier run; a folder that holds anything else is left alone and refused.

    The blocking verdict replaces the old one first, so that whatever happens meanwhile leaves a run that blocks.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        claim(out)
        entries = list(out.iterdir())
        ours = (out / VERDICT).is_file() and not (out / ".git").exists() and not (out / "pyproject.toml").exists()
        if entries and not ours:
            raise ConfigError(
                f"--out {out} is not empty and holds no {VERDICT} of an earlier run",
                remedy="Name an empty or new folder; stagehold empties only its own.",
            )
        write_verdict(out, blocking)
        for entry in entries:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != VERDICT:
                entry.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {out} cannot be used: {error.strerror}") from error


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Replace the verdict in one step, durable when this returns."""
    write_durably(folder / VERDICT, verdict.model_dump_json(indent=2, by_alias=True).encode())


def write_durably(path: Path, data: bytes) -> None:
    """Write next to the file, fsync, rename over it, fsync the folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_verdict(folder: Path) -> Verdict:
    """The verdict of a run's folder.

    Raises:
        ConfigError: there is none, or it is not readable.
    """
    try:
        return Verdict.model_validate_json((folder / VERDICT).read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder} holds no readable {VERDICT}", remedy="Name the folder of a run.") from error


def _point_latest(folder: Path) -> None:
    latest = REPORTS / "latest"
    temporary = REPORTS / f".latest.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(Path("runs") / folder.name)
    temporary.replace(latest)


@contextlib.contextmanager
def environment_lock(environment: Environment) -> Iterator[None]:
    """One run per environment at a time on this machine; the kernel drops the lock when a run dies.

    Raises:
        RunError: another run is going on.
    """
    addresses = sorted(target.base_url + "|".join(target.addresses) for target in environment.targets)
    key = hashlib.sha256("\n".join([environment.environment.id, identity(), *addresses]).encode()).hexdigest()[:16]
    folder = state_folder()
    with (folder / f"{environment.environment.id}-{key}.lock").open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            raise RunError(
                f"environment {environment.environment.id} is busy: {stream.read().strip() or 'another run'}",
                remedy="Wait for that run to end; two runs would measure each other.",
            ) from error
        stream.seek(0)
        stream.truncate()
        stream.write(f"run of process {os.getpid()} is going on")
        stream.flush()
        yield
