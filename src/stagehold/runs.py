"""A run's folder: made with a blocking verdict in it, finished by one atomic rename."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from stagehold.demo.served import state_folder
from stagehold.environment.model import Environment
from stagehold.errors import ConfigError, RunError
from stagehold.gate.vantage import identity
from stagehold.model import RunInfo, Verdict
from stagehold.run_files import RESERVE, VERDICT, Survey, remove, survey
from stagehold.verdict import unfinished

REPORTS = Path("reports")
_RESERVED = 256 << 10


def create_run_folder(run: RunInfo, out: Path | None) -> Path:
    """Make the folder and put the blocking verdict into it, as the first act of a run.

    What an earlier run left in `out` stays until `empty_run_folder`: a misspelt name must not cost its evidence.

    Raises:
        ConfigError: `out` cannot be used.
        RunError: another run is writing there.
    """
    if out is None:
        _require_own_link(REPORTS / "latest")
        folder = REPORTS / "runs" / run.run_id
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise ConfigError(f"cannot make {folder}: {error.strerror}", remedy="Use --out DIR.") from error
        claim(folder)
        write_verdict(folder, unfinished(run))
        _point_latest(folder)
        return folder.resolve()
    try:
        if out.exists() and not out.is_dir():
            raise ConfigError(f"--out {shown(out)} cannot be used: it is no folder", remedy="Name a new folder.")
        out.mkdir(parents=True, exist_ok=True)
        claim(out)
        found = survey(out)
        if not found.ours or any((out / mark).exists() for mark in _PROJECTS):
            raise ConfigError(
                f"--out {shown(out)} is not empty and holds no {VERDICT} of an earlier run; nothing in it was changed",
                remedy="Name an empty or new folder; stagehold clears away only what its own runs wrote.",
            )
        write_verdict(out, unfinished(run))
    except OSError as error:
        raise ConfigError(f"--out {shown(out)} cannot be used: {error.strerror}") from error
    _FOUND[_key(out)] = found
    return out.resolve()


def empty_run_folder(folder: Path, *, apart_from: Collection[Path] = ()) -> list[str]:
    """Remove what an earlier run wrote, and nothing else.

    Args:
        folder: as `create_run_folder` gave it.
        apart_from: folders of the environment and its suites: reports among what is judged would change it.

    Returns:
        What is not a run's and stays, in words that fit a terminal.

    Raises:
        ConfigError: something that no run wrote lies where this one must write, or the folder must not be used.
    """
    for other in apart_from:
        if other.resolve().is_relative_to(folder):
            raise ConfigError(
                f"--out {shown(folder)} holds the environment or a suite: {shown(other)}",
                remedy="Name a folder of its own for the run; nothing was removed.",
            )
    found = _FOUND.get(_key(folder), Survey())
    if obstacles := found.in_the_way():
        more = f" (and {len(obstacles) - 1} more)" if len(obstacles) > 1 else ""
        raise ConfigError(
            f"--out {shown(folder)}: no run of stagehold wrote {shown(obstacles[0])}{more}, and it lies where a run "
            "puts its own files; nothing was removed",
            remedy="Move it elsewhere, or name another folder.",
        )
    try:
        remove(folder, found.own - {VERDICT})
    except OSError as error:
        raise ConfigError(f"--out {shown(folder)} cannot be emptied: {error.strerror}") from error
    _FOUND[_key(folder)] = Survey(foreign=found.foreign)
    return [shown(path) for path in sorted(found.foreign)]


def look_at(folder: Path) -> Survey:
    """Tell a run's files from others before its reports are written again, and remember which are which.

    Raises:
        ConfigError: the folder cannot be looked into.
    """
    try:
        found = survey(folder)
    except OSError as error:
        raise ConfigError(f"{shown(folder)} cannot be read: {error.strerror}") from error
    _FOUND[_key(folder)] = Survey(foreign=found.foreign)
    return found


def left_alone(folder: Path) -> frozenset[str]:
    """What lies in a run's folder and is none of its own: neither searched, nor listed, nor moved."""
    return _FOUND.get(_key(folder), Survey()).foreign


def of_earlier_run(folder: Path) -> frozenset[str]:
    """What an earlier run wrote and this one did not come to remove."""
    return _FOUND.get(_key(folder), Survey()).own


def shown(path: Path | str) -> str:
    """A path on one line, whatever its name holds."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


_PROJECTS = (".git", "pyproject.toml")
_FOUND: dict[tuple[int, int], Survey] = {}
"""What was in the folders that this process writes to, by device and inode, before it wrote there."""
_CLAIMED: dict[tuple[int, int], int] = {}
"""Those folders: the descriptor that holds the lock."""


def _key(folder: Path) -> tuple[int, int]:
    state = folder.stat()
    return state.st_dev, state.st_ino


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


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Replace the verdict in one step, durable when this returns; on a full disk the reserve makes room for it."""
    document = verdict.model_dump_json(indent=2, by_alias=True).encode()
    try:
        write_durably(folder / VERDICT, document)
    except OSError:
        release_reserve(folder)
        write_durably(folder / VERDICT, document)


def reserve(folder: Path) -> None:
    """Keep room for the verdict: the disk may be full when there is one. Where there is no room, nothing is kept."""
    path = folder / RESERVE
    try:
        write_durably(path, os.urandom(_RESERVED))
    except OSError:
        path.unlink(missing_ok=True)


def release_reserve(folder: Path) -> None:
    """Give the room back, for the verdict and what of the reports fits."""
    with contextlib.suppress(OSError):
        (folder / RESERVE).unlink(missing_ok=True)


def write_durably(path: Path, data: bytes) -> None:
    """Write next to the file, fsync, rename over it, fsync the folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    # A link that somebody put there is not followed.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError:
        # On a full disk half a file takes the room of what is tried next.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
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


def _require_own_link(latest: Path) -> None:
    """`latest` is a link of ours or nothing: what somebody keeps under that name is not replaced."""
    if os.path.lexists(latest) and not latest.is_symlink():
        raise ConfigError(
            f"{latest} is no link to a run: stagehold did not make it and does not replace it",
            remedy="Move it elsewhere, or use --out DIR.",
        )


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
