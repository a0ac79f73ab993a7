"""`stagehold selftest`: the clean demo gives GO, and each seeded defect makes exactly its checks fail."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean

from rich.console import Console

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.demo.bench import Bench, measure
from stagehold.demo.groups import Wanted, grouped, unproven
from stagehold.demo.matrix import CLEAN, CLEAN_AGAIN, Measure, Measured, Row, one_by_one, wanted_failures
from stagehold.demo.up import clashing_defects, known_defects

_GUESS = {Measure.GATE: 120.0, Measure.CHECKS: 100.0}
"""Seconds of a row, until one was measured."""
_MOST_BENCHES = 4


def usual_benches() -> int:
    """As many as there are processors for, and no more than memory is likely to do."""
    return min(len(os.sched_getaffinity(0)), _MOST_BENCHES)


def run_selftest(only: Sequence[str], console: Console, *, benches: int | None = None, apart: bool = False) -> int:
    """Run the matrix, print it as it goes; 0 only if every defect is proven and the clean demo passes."""
    begin = time.monotonic()
    specs = read_catalogue(shipped_suites())
    chosen = wanted_failures(specs, list(known_defects()), [name.upper() for name in only])
    single = one_by_one(chosen, specs)
    rows = [CLEAN, *(single if apart or only else grouped(chosen, specs, clashing_defects()))]
    count = benches or usual_benches()
    console.print(_explanation(rows, len(chosen), count), highlight=False, soft_wrap=True)
    progress = _Progress(console, rows, count)
    with _terminable(), contextlib.ExitStack() as stack:
        every = [stack.enter_context(Bench(specs)) for _ in range(count)]
        for measured in _in_turn(rows, every):
            progress.show(measured)
        if doubtful := set(unproven(chosen, progress.good)) - {row.name for row in progress.bad}:
            console.print(
                f"{len(doubtful)} defects of rows that were not as they must be, one by one:", highlight=False
            )
            progress.more(again := [row for row in single if row.name in doubtful])
            for measured in _in_turn(again, every):
                progress.show(measured)
        # What switching left behind would be seen here.
        for bench in every:
            for measured in measure([CLEAN_AGAIN], [bench]):
                progress.show(measured)
    return _conclude(chosen, progress, time.monotonic() - begin, console)


def _in_turn(rows: Sequence[Row], benches: Sequence[Bench]) -> Iterator[Measured]:
    # Load measures the machine as well, so the whole runs have it for themselves.
    yield from measure([row for row in rows if row.measure is Measure.GATE], benches[:1])
    yield from measure([row for row in rows if row.measure is Measure.CHECKS], benches)


def _explanation(rows: Sequence[Row], defects: int, benches: int) -> str:
    whole = sum(row.measure is Measure.GATE for row in rows)
    return (
        f"selftest: {defects} defects in {len(rows)} rows, on demos whose defects are switched while they run\n"
        f"  gate    {whole} whole runs, one after the other: every suite, load included, verdict and reports\n"
        f"  checks  {len(rows) - whole} runs of every suite but load, {benches} at a time, judged as the gate does\n"
        f"  at the end every demo is switched back and must be clean again"
    )


class _Progress:
    """What was measured so far, printed as it comes."""

    def __init__(self, console: Console, rows: Sequence[Row], benches: int) -> None:
        self._console, self._benches = console, benches
        self._left = Counter(row.measure for row in rows)
        self._left[Measure.CHECKS] += benches  # the last look at each of the demos
        self._taken: dict[Measure, list[float]] = {kind: [] for kind in Measure}
        self.good: list[Row] = []
        self.bad: list[Row] = []

    def more(self, rows: Sequence[Row]) -> None:
        """Rows that nobody had expected."""
        self._left.update(row.measure for row in rows)

    def show(self, one: Measured) -> None:
        """Print a row and remember how it ended."""
        (self.good if one.good else self.bad).append(one.row)
        self._taken[one.row.measure].append(one.seconds)
        self._left[one.row.measure] -= 1
        mark = "[green]✓[/]" if one.good else "[bold red]✗[/]"
        to_go = f"{self._minutes_left():.0f} min left" if self._left.total() else ""
        self._console.print(
            f"{mark} {one.row.measure.value:<6} {one.ending:<14} {one.seconds:>4.0f} s  {to_go:<12}{one.row.name}\n"
            f"    failed: {', '.join(sorted(one.failed)) or 'nothing'}",
            highlight=False,
            soft_wrap=True,
        )
        if not one.good:
            must = f"must fail: {', '.join(sorted(one.row.wanted)) or 'nothing'}, ending in {one.row.ending}"
            for line in (must, *one.strays, *one.notes):
                self._console.print(f"    {line}", highlight=False, markup=False, soft_wrap=True)

    def _minutes_left(self) -> float:
        usual = {kind: fmean(seconds) if seconds else _GUESS[kind] for kind, seconds in self._taken.items()}
        together = usual[Measure.CHECKS] * self._left[Measure.CHECKS] / self._benches
        return (usual[Measure.GATE] * self._left[Measure.GATE] + together) / 60


def _conclude(chosen: Wanted, progress: _Progress, seconds: float, console: Console) -> int:
    """The list of defects, and whether all is well."""
    doubtful = set(unproven(chosen, progress.good))
    for name, ids in chosen.items():
        mark, verb = ("[bold red]✗[/]", "not proven to fail") if name in doubtful else ("[green]✓[/]", "fails")
        console.print(f"{mark} {name:<34} {verb} exactly {', '.join(sorted(ids))}", highlight=False, soft_wrap=True)
    # The clean demo and single defects; of a group, its defects were seen one by one.
    bad = sorted(doubtful | {row.name for row in progress.bad if len(row.defects) < 2})  # noqa: PLR2004
    if bad:
        told = f"[bold red]{len(bad)} rows are not as they must be[/]: {', '.join(bad)}"
    else:
        told = f"[bold green]the clean demo passes, and each of {len(chosen)} defects makes exactly its checks fail[/]"
    console.print(f"{told} ({seconds / 60:.1f} min)", highlight=False, soft_wrap=True)
    return 1 if bad else 0


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM and SIGHUP take the demos and the running rows down, as Ctrl-C does."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
