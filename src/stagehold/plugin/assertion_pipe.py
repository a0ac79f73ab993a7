"""What forked children tell of their assertions: a pipe that every process inherits which is forked later."""

from __future__ import annotations

import os

_LONGEST = 4096
"""So much is written as one piece."""
_PART = 1 << 16
_PARTS = 64
"""No child can keep its parent reading."""


class Pipe:
    """Opened in the process that listens."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._reading, self._writing = os.pipe()
        for end in (self._reading, self._writing):
            os.set_blocking(end, False)

    @property
    def in_child(self) -> bool:
        """Whether this process was forked from the one that listens."""
        return os.getpid() != self._owner

    def tell(self, *words: str) -> None:
        """Say something to the process that listens."""
        line = " ".join("\t".join(words).splitlines())
        try:
            os.write(self._writing, f"{line}\n".encode("utf-8", "replace")[:_LONGEST])
        except OSError:  # full: what stands in it is enough
            return

    def hear(self) -> list[list[str]]:
        """The words of everything that was told since the last time."""
        told = b""
        for _ in range(_PARTS):
            try:
                part = os.read(self._reading, _PART)
            except OSError:  # nothing more, or somebody closed it
                break
            if not part:
                break
            told += part
        return [line.split("\t") for line in told.decode("utf-8", "replace").splitlines()]
