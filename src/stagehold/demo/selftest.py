"""`stagehold selftest`: the clean demo gives GO, and each seeded defect makes exactly its checks fail."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from statistics import fmean

from rich.console import Console

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.demo.bench import Bench, measure
from stagehold.demo.matrix import CLEAN_AGAIN, Measure, Measured, Row, matrix
from stagehold.demo.up import known_defects

_GUESS = {Measure.GATE: 60.0, Measure.CHECKS: 30.0}
"""Seconds of a row, until one was measured."""
_MOST_BENCHES = 4


def usual_benches() -> int:
    """As many as there are processors for, and no more than memory is likely to do."""
    return min(len(os.sched_getaffinity(0)), _MOST_BENCHES)


def run_selftest(only: Sequence[str], console: Console, benches: int | None = None) -> int:
    """Run the matrix, print it as it goes; 0 only if every row is as it must be."""
    begin = time.monotonic()
    specs = read_catalogue(shipped_suites())
    rows = matrix(specs, list(known_defects()), [name.upper() for name in only])
    count = benches or usual_benches()
    alone = [row for row in rows if row.measure is Measure.GATE]
    together = [row for row in rows if row.measure is Measure.CHECKS]
    _explain(alone, together, count, console)
    measured: list[Measured] = []
    with _terminable(), contextlib.ExitStack() as stack:
        every = [stack.enter_context(Bench(specs)) for _ in range(min(count, len(together) or 1))]
        # Load measures the machine as well, so the whole runs have it for themselves.
        for one in _in_turn(alone, together, every):
            measured.append(one)
            _print(one, _seconds_left(measured, alone, together, len(every)), console)
    return _conclude(measured, time.monotonic() - begin, console)


def _in_turn(alone: Sequence[Row], together: Sequence[Row], benches: Sequence[Bench]) -> Iterator[Measured]:
    yield from measure(alone, benches[:1])
    yield from measure(together, benches)
    # What switching left behind would be seen here.
    for bench in benches:
        yield from measure([Row(CLEAN_AGAIN, frozenset(), Measure.CHECKS)], [bench])


def _explain(alone: Sequence[Row], together: Sequence[Row], benches: int, console: Console) -> None:
    console.print(
        f"selftest: {len(alone) + len(together)} rows, on demos whose defects are switched while they run\n"
        f"  gate    {len(alone)} whole runs, one after the other: every suite, load included, verdict and reports\n"
        f"  checks  {len(together)} runs of every suite but load, {benches} at a time, judged as the gate does\n"
        f"  at the end every demo is switched back and must be clean again",
        highlight=False,
        soft_wrap=True,
    )


def _conclude(measured: Sequence[Measured], seconds: float, console: Console) -> int:
    took = f"in {seconds / 60:.1f} min"
    bad = [one.row.defect for one in measured if not one.good]
    if bad:
        console.print(
            f"[bold red]{len(bad)} of {len(measured)} rows were not as they must be[/], {took}: {', '.join(bad)}",
            highlight=False,
        )
        return 1
    console.print(f"[bold green]all {len(measured)} rows were as they must be[/], {took}", highlight=False)
    return 0


def _seconds_left(measured: Sequence[Measured], alone: Sequence[Row], together: Sequence[Row], benches: int) -> float:
    taken: dict[Measure, list[float]] = {kind: [] for kind in Measure}
    for one in measured:
        taken[one.row.measure].append(one.seconds)
    usual = {kind: fmean(seconds) if seconds else _GUESS[kind] for kind, seconds in taken.items()}
    whole = len(alone) - len(taken[Measure.GATE])
    rest = len(together) - len(taken[Measure.CHECKS])
    # Negative when the benches are looked at once more.
    again = benches + min(rest, 0)
    return usual[Measure.GATE] * whole + usual[Measure.CHECKS] * (max(rest, 0) / benches + again)


def _print(one: Measured, left: float, console: Console) -> None:
    mark = "[green]✓[/]" if one.good else "[bold red]✗[/]"
    failed = ", ".join(sorted(one.failed)) or "nothing"
    to_go = f"  {left / 60:.0f} min left" if left else ""
    console.print(
        f"{mark} {one.row.defect:<34} {one.row.measure.value:<6} {one.ending:<14} failed: {failed:<16}"
        f" {one.seconds:>4.0f} s{to_go}",
        highlight=False,
        soft_wrap=True,
    )
    if not one.good:
        must = f"must fail: {', '.join(sorted(one.row.wanted)) or 'nothing'}, ending in {one.row.ending}"
        for line in (must, *one.strays, *one.notes):
            console.print(f"    {line}", highlight=False, markup=False, soft_wrap=True)


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
