"""Signals that ask a run to end: a pipeline's time limit, a cancelled job, Ctrl-C. What was measured is kept."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_WORDS = {
    signal.SIGINT: "SIGINT (Ctrl-C, or a cancelled job)",
    signal.SIGTERM: "SIGTERM (a pipeline's time limit, a cancelled job, or kill)",
    signal.SIGHUP: "SIGHUP (its terminal or connection was closed)",
}


class RunEnded(KeyboardInterrupt):
    """Raised where the run is when a signal comes; no library takes it for an error of its own."""


class Ending:
    """Whether the run was asked to end, and by what."""

    def __init__(self) -> None:
        self.by = ""
        """In words; empty while nobody asked."""
        self._held = 0

    @property
    def asked(self) -> bool:
        """Whether it is to end."""
        return bool(self.by)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over while inside.

        SIGINT is set as well: a run that a shell started in the background would inherit that it is ignored. Once the
        run was asked to end, more signals change nothing: its exit code must be that of its verdict.
        """
        before = {number: signal.signal(number, self._take) for number in _WORDS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_IGN if self.asked else handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """While inside, a signal is noted and interrupts nothing: no event and no verdict is lost half-way."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def _take(self, number: int, _frame: FrameType | None) -> None:
        self.by = self.by or _WORDS[signal.Signals(number)]
        if not self._held:
            raise RunEnded(self.by)
