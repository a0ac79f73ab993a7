"""A file that several processes append to, and that one of them may replace: no line is lost, none is torn."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

_TRIES = 100


@contextlib.contextmanager
def alone(path: Path) -> Iterator[int]:
    """A descriptor of the file that stands there, while every other writer waits.

    Raises:
        OSError: it cannot be opened, or is replaced faster than it can be locked.
    """
    for _ in range(_TRIES):
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Somebody may have put a shorter file in its place while we waited for this one.
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                yield descriptor
                return
        finally:
            os.close(descriptor)
    raise OSError(errno.EAGAIN, "it is replaced all the time")


def all_of(descriptor: int) -> bytes:
    """Everything the file holds, wherever the descriptor stands."""
    data = b""
    while block := os.pread(descriptor, 1 << 20, len(data)):
        data += block
    return data


def replace(path: Path, data: bytes) -> None:
    """In one step: a run that is killed meanwhile leaves the old file or the new one.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    shutil.copymode(path, partial)
    partial.replace(path)
