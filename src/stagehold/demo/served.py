"""Environments that are up on this machine under a name, such as `stagehold demo --serve`; and where to find any."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stagehold.environment.reader import find_environment
from stagehold.errors import RunError

SHARED = Path("/tmp")  # noqa: S108 - owner and mode are checked
"""Not TMPDIR: two jobs with a TMPDIR of their own each must see the other's lock."""
_UID = os.geteuid()  # taken before a user namespace is entered, where everybody is 0


def state_folder() -> Path:
    """A private folder of this user for locks and the addresses of what is being served.

    Raises:
        RunError: the folder of that name is somebody else's, who could point an environment elsewhere.
    """
    folder = (SHARED if SHARED.is_dir() else Path(tempfile.gettempdir())) / f"stagehold-{_UID}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise RunError(f"{folder} does not belong to this user", remedy="Remove it.")
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def locate(name: str) -> Path:
    """The description of an environment: the served one of that name if one is up, else the file or folder.

    Raises:
        ConfigError: there is none.
    """
    pointer = state_folder() / f"served-{Path(name).name}"
    if "/" not in name and pointer.is_symlink() and (path := pointer.resolve()).is_file():
        return path
    return find_environment(name)


@contextlib.contextmanager
def serving(name: str, environment_file: Path) -> Iterator[None]:
    """While inside, `locate(name)` finds this file; the last one to start wins."""
    pointer = state_folder() / f"served-{name}"
    temporary = pointer.with_name(f"{pointer.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(environment_file.resolve())
    temporary.replace(pointer)
    try:
        yield
    finally:
        if pointer.is_symlink() and pointer.resolve() == environment_file.resolve():
            pointer.unlink(missing_ok=True)
