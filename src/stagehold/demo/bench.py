"""Test benches: each has a demo of its own whose defects are switched, and measures one row at a time on it."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from stagehold.demo.matrix import Measured, Row
from stagehold.demo.rows import Hung, Running
from stagehold.demo.up import Demo, demo
from stagehold.errors import RunError
from stagehold.model import CheckSpec

_POLL = 0.1


class Bench:
    """A demo and the row that is measured on it; a context manager that leaves neither behind."""

    def __init__(self, specs: Sequence[CheckSpec]) -> None:
        self._specs = specs
        self._up = contextlib.ExitStack()
        self._demo: Demo | None = None
        self._running: Running | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._discard()

    @property
    def idle(self) -> bool:
        """Whether a row can be started."""
        return self._running is None

    def start(self, row: Row) -> Measured | None:
        """Switch the demo and start the row; what came of it only if it could not be started."""
        begin = time.monotonic()
        try:
            self._running = Running(row, self._having(row.defects).environment_file, self._specs)
        except RunError as error:
            return Measured(row, "no demo", seconds=time.monotonic() - begin, notes=(str(error),))
        return None

    def poll(self) -> Measured | None:
        """What came of the row; None while it goes on, or when there is none."""
        if self._running is None:
            return None
        try:
            measured = self._running.poll()
        except Hung as hung:
            measured = Measured(
                self._running.row, "no end", seconds=time.monotonic() - self._running.begin, notes=(str(hung),)
            )
            self._discard()
        if measured is not None:
            self._end_row()
        return measured

    def _having(self, defects: Sequence[str]) -> Demo:
        """The demo with exactly these defects; another one when it broke.

        Raises:
            RunError: it does not come up.
        """
        if self._demo is None or self._demo.ended():
            self._discard()
            self._demo = self._up.enter_context(demo(defects))
            return self._demo
        try:
            self._demo.switch(defects)
        except RunError:
            self._discard()
            raise
        return self._demo

    def _discard(self) -> None:
        self._end_row()
        self._demo = None
        self._up.close()

    def _end_row(self) -> None:
        if self._running is not None:
            self._running.close()
        self._running = None


def measure(rows: Sequence[Row], benches: Sequence[Bench]) -> Iterator[Measured]:
    """All rows, on whichever bench is free; what goes wrong is a bad row with a reason, never the end of the rest."""
    waiting = deque(rows)
    while waiting or not all(bench.idle for bench in benches):
        for bench in benches:
            measured = bench.start(waiting.popleft()) if bench.idle and waiting else bench.poll()
            if measured is not None:
                yield measured
        time.sleep(_POLL)
