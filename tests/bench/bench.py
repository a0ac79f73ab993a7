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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from stagehold.gate.publish import publish
from stagehold.redaction.scan import scan_tree
from tests.bench import ports, searches, tls
from tests.bench.synthetic import registry, thousand_results, tree

STAGEHOLD = [sys.executable, "-m", "stagehold"]
DEADLINE = 300.0


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    values: list[float]
    unit: str
    target: float | None
    at_least: bool = False
    """Whether more is better."""

    def row(self) -> tuple[str, str, str, str]:
        middle = statistics.median(self.values)
        target, met = "", ""
        if self.target is not None:
            target = f"{'≥' if self.at_least else '≤'} {self.target:g} {self.unit}"
            met = "yes" if (middle >= self.target if self.at_least else middle <= self.target) else "NO"
        spread = f"{middle:.2f} ({min(self.values):.2f} to {max(self.values):.2f}, n={len(self.values)})"
        return (
            self.what,
            f"{spread} {self.unit}",
            target,
            met,
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


def report_seconds() -> float:
    """Seconds until all reports of a run with 1,000 results are written and searched, Allure's page among them."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        verdict = thousand_results(folder)
        begin = time.perf_counter()
        published = publish(folder, verdict, secrets=registry())
        seconds = time.perf_counter() - begin
        if published.problems or not (folder / "allure-report" / "index.html").is_file():
            raise SystemExit(f"the reports were not written: {published.reasons}")
    return seconds


def scan_speed() -> float:
    """Megabytes (10^6) a second that the search for leaks reads of a run's folder."""
    with tempfile.TemporaryDirectory() as scratch:
        tree(Path(scratch), megabytes=40)
        secrets = registry()
        begin = time.perf_counter()
        searched = scan_tree(Path(scratch), secrets)
        seconds = time.perf_counter() - begin
    if searched.leaks or searched.unreadable:
        raise SystemExit(f"the tree is not clean: {[*searched.leaks, *searched.unreadable][:3]}")
    return searched.bytes / 1e6 / seconds


def figures(runs: int) -> dict[str, Callable[[], list[Figure]]]:
    """What can be measured, by a name to choose it with."""

    def demos() -> list[Figure]:
        ups = [demo_up_seconds() for _ in range(3)]
        done = [demo_run(statistics.median(ups)) for _ in range(runs)]
        return [
            Figure("demo environment up and down", ups, "s", 10),
            Figure("stagehold demo, warm", [demo[0] for demo in done], "s", 120),
            Figure("memory, harness and demo together", [demo[1] for demo in done], "MiB", 2048),
            Figure("harness's own time", [demo[2] for demo in done], "s", 10),
        ]

    return {
        "help": lambda: [Figure("stagehold --help", wall("--help", runs=5), "s", 0.3)],
        "plan": lambda: [Figure("stagehold plan demo", wall("plan", "demo", runs=5), "s", 1.5)],
        "reports": lambda: [Figure("reports of 1,000 results", [report_seconds() for _ in range(3)], "s", 5)],
        "scan": lambda: [Figure("search for leaks", [scan_speed() for _ in range(3)], "MB/s", 20, at_least=True)],
        "demo": demos,
        "tls": lambda: [Figure(*line) for line in tls.measure(runs)],
        "ports": lambda: [Figure(*line) for line in ports.measure(runs)],
        "searches": lambda: [Figure(*line) for line in searches.measure(runs)],
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="demo runs (default 3)")
    known = figures(0)
    parser.add_argument("--only", nargs="+", choices=known, default=[*known], help="measure these only")
    arguments = parser.parse_args()
    measure = figures(arguments.runs)
    table = Table(title=f"{psutil.cpu_count()} cores, Python {sys.version.split()[0]}")
    for heading in ("what", "measured", "target", "met"):
        table.add_column(heading, no_wrap=True)
    for name in arguments.only:
        for figure in measure[name]():
            table.add_row(*figure.row())
    Console(width=130).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
