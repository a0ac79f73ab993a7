"""Measures the targets of this version and prints the table: `make bench`. A measurement, never a test.

Figures are medians (minimum to maximum) of this machine, now; compare within one run only.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

STAGEHOLD = [sys.executable, "-m", "stagehold"]
DEADLINE = 300.0


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    values: list[float]
    unit: str
    target: float

    def row(self) -> tuple[str, str, str, str]:
        middle = statistics.median(self.values)
        spread = f"{middle:.2f} ({min(self.values):.2f} to {max(self.values):.2f}, n={len(self.values)})"
        return (
            self.what,
            f"{spread} {self.unit}",
            f"≤ {self.target:g} {self.unit}",
            "yes" if middle <= self.target else "NO",
        )


def wall(*arguments: str, runs: int) -> list[float]:
    """Seconds of whole processes, after one warm-up that is not counted."""
    seconds = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        subprocess.run([*STAGEHOLD, *arguments], stdout=subprocess.DEVNULL, check=True, timeout=DEADLINE)
        seconds.append(time.perf_counter() - begin)
    return seconds[1:]


def demo_run(demo_seconds: float) -> tuple[float, float, float]:
    """Wall seconds, peak memory and harness seconds of one demo.

    Memory is the proportional set size of the whole process tree, in MiB. The harness's own time is the wall time
    without the demo's coming up and going down (`demo_seconds`), the longest lane and the load lane.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        begin = time.perf_counter()
        process = psutil.Popen([*STAGEHOLD, "demo", "--out", str(out)], stdout=subprocess.DEVNULL)
        peak = 0.0
        while process.poll() is None and time.perf_counter() - begin < DEADLINE:
            peak = max(peak, _memory(process))
            time.sleep(0.5)
        seconds = time.perf_counter() - begin
        verdict = json.loads((out / "verdict.json").read_text(encoding="utf-8"))
    if verdict["decision"] != "GO":
        raise SystemExit(f"the demo gave {verdict['decision']}: {verdict['reasons']}")
    lanes = {lane["suite"]: lane["seconds"] for lane in verdict["run"]["lanes"]}
    load = lanes.pop("load")
    return seconds, peak, seconds - demo_seconds - max(lanes.values()) - load


def demo_up_seconds() -> float:
    """Seconds until ledgerlab answers and is down again."""
    from stagehold.demo.up import demo  # noqa: PLC0415

    begin = time.perf_counter()
    with demo():
        pass
    return time.perf_counter() - begin


def _memory(process: psutil.Process) -> float:
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0.0
    for member in family:
        try:
            total += member.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 2**20


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="demo runs (default 3)")
    arguments = parser.parse_args()
    ups = [demo_up_seconds() for _ in range(3)]
    helps, plans = wall("--help", runs=5), wall("plan", "demo", runs=5)
    demos = [demo_run(statistics.median(ups)) for _ in range(arguments.runs)]
    figures = [
        Figure("stagehold --help", helps, "s", 0.3),
        Figure("stagehold plan demo", plans, "s", 1.5),
        Figure("demo environment up and down", ups, "s", 10),
        Figure("stagehold demo, warm", [demo[0] for demo in demos], "s", 120),
        Figure("memory, harness and demo together", [demo[1] for demo in demos], "MiB", 2048),
        Figure("harness's own time", [demo[2] for demo in demos], "s", 10),
    ]
    table = Table(title=f"{psutil.cpu_count()} cores, Python {sys.version.split()[0]}")
    for heading in ("what", "measured", "target", "met"):
        table.add_column(heading, no_wrap=True)
    for figure in figures:
        table.add_row(*figure.row())
    Console(width=130).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
