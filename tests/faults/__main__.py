"""`python -m tests.faults`: injects every fault into a whole gate and prints what came of it.

Ends with 1 when a row is wrong. Everything random follows from the seed, which is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tests.faults import killing, storing, surroundings
from tests.faults.driver import Fault, Row, play
from tests.faults.stage import ROOT, in_a_world_of_our_own, stage

FAULTS: tuple[Fault, ...] = (*killing.FAULTS, *storing.FAULTS, *surroundings.FAULTS)
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def chosen(only: Sequence[str], *, quick: bool) -> list[Fault]:
    """The faults whose name holds one of the words, of all or of the quick ones."""
    return [
        fault
        for fault in FAULTS
        if (fault.quick or not quick) and (not only or any(word in fault.name for word in only))
    ]


def _inside(faults: Sequence[Fault], seed: int) -> list[Row]:
    rows = []
    _end_with_whoever_started_us()
    with stage() as place:
        for fault in faults:
            row = play(fault, place, random.Random(f"{seed} {fault.name}"))
            rows.append(row)
            print(json.dumps(row.document), flush=True)  # noqa: T201 - read by the process outside
    return rows


def _end_with_whoever_started_us() -> None:
    """When the process outside is gone, its end of the pipe is closed: take the stage down and end."""

    def end(*_: object) -> None:
        raise SystemExit(1)

    def watch() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=watch, daemon=True).start()


def outside(arguments: Sequence[str]) -> subprocess.Popen[str]:
    """This program again in a network and mounts of its own; prints a row as JSON on each line."""
    command = in_a_world_of_our_own(sys.executable, "-P", "-m", "tests.faults", "--inside", *arguments)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": _PATH}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def shown(rows: Sequence[Row], seed: int, seconds: float) -> Table:
    """The table of what came of each fault."""
    wrong = sum(bool(row.wrong) for row in rows)
    go = sum(row.decision == "GO" for row in rows)
    table = Table(title=f"{len(rows)} faults, seed {seed}, {seconds:.0f} s: {wrong} wrong, {go} GO", title_style="bold")
    for name in ("fault", "moment", "decision", "exit", "s", "measured kept", "reason"):
        table.add_column(name, overflow="fold")
    for row in rows:
        reason = row.reason if not row.wrong else f"✕ {'; '.join(row.wrong)} — {row.reason}"
        code = "" if row.code is None else str(row.code)
        table.add_row(row.fault, row.moment, row.decision, code, f"{row.seconds:.0f}", row.measured, reason)
    return table


def main() -> int:
    """The whole run, or what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--only", action="append", default=[], metavar="WORDS", help="faults whose name holds them")
    parser.add_argument("--quick", action="store_true", help="those of the project's own tests")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    faults = chosen(options.only, quick=options.quick)
    if options.inside:
        _inside(faults, options.seed)
        return 0
    console = Console(width=None if sys.stdout.isatty() else 200)
    begin, rows = time.monotonic(), []
    process = outside([*sys.argv[1:], "--seed", str(options.seed)])
    assert process.stdout is not None
    for line in process.stdout:
        document = json.loads(line)
        row = Row(**{**document, "wrong": tuple(document["wrong"])})
        rows.append(row)
        sign = "✕" if row.wrong else "✓"
        said = f"{row.decision}, exit {row.code}, {row.seconds:.0f} s"
        console.print(f"{sign} {row.fault}: {said} {'; '.join(row.wrong)}", markup=False)
    process.wait()
    console.print(shown(rows, options.seed, time.monotonic() - begin))
    missing = len(faults) - len(rows)
    if missing:
        console.print(f"{missing} faults were not tried: the stage ended with {process.returncode}", markup=False)
    return 1 if missing or any(row.wrong for row in rows) or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
