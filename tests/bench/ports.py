"""Measures port scans as ratios within one run, in a network of its own: `python -m tests.bench.ports`.

Hosts are addresses behind a wire between two namespaces, so that round trips take no time and nothing else is
measured. Every scan is compared with what is really open; one that misses a port has no time at all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import psutil

from stagehold.environment.model import Environment
from stagehold.network.door import Network
from stagehold.probes.ports.budget import PacketBudget
from stagehold.probes.ports.facts import PortScan
from stagehold.probes.ports.scan import scan_host
from stagehold.probes.ports.survey import Survey
from tests.ports.stage import ROOT, StagedHost, as_root_of_our_own, environment, staged

OPEN, CLOSED = (22, 443, 8080, 9000, 50001), tuple(range(1000, 1100))
FIFTY = tuple(range(2000, 2050))
FASTEST = (
    "-sS -T4",
    "-sS -T5",
    "-sS -T4 --max-retries 2 --min-rate 5000",
    "-sS -T4 --max-retries 2 --min-rate 20000",
    "-sS -T4 --max-retries 2 --min-rate 50000",
)
"""Settings that the fastest of is taken which misses nothing."""
NO_LIMIT = 1_000_000
LINEAR = 1.1
"""How much more than its share so many times as many may take and still count as linear."""
DEADLINE = 3600.0

Line = tuple[str, list[float], str, float]
"""What was measured, the values, their unit, and what the median must not exceed."""


def measure(runs: int = 3, only: Sequence[str] = ()) -> list[Line]:
    """All figures, or the named ones (`drop`, `sixteen`, `reset`, `linear`, `memory`); needs unshare, ip, nft and nmap.

    Raises:
        SystemExit: a scan missed a port, or could not be made.
    """
    done = subprocess.run(
        [*as_root_of_our_own(), sys.executable, "-P", "-m", "tests.bench.ports", "--inside", str(runs), *only],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    if done.returncode:
        raise SystemExit("the port scans could not be measured")
    return [(what, values, unit, target) for what, values, unit, target in json.loads(done.stdout)]


def _drop(runs: int) -> list[Line]:
    """A host that drops all but a few: our scan beside plain nmap."""
    host, ratios, own = StagedHost(10, opens=OPEN, closed=CLOSED, drops=True), [], []
    with staged(host):
        for _ in range(runs):
            plain = _nmap("-sS", host.address, OPEN)
            ours = _ours(environment(host), 0)
            _say(f"drop: plain nmap -p- {plain:.1f} s, ours {ours:.1f} s")
            own.append(ours)
            ratios.append(ours / plain)
    return [
        ("all ports of a host that drops, budget 30,000/s", own, "s", 12.0),
        ("the same, as a share of plain nmap -p-", ratios, "", 0.1),
    ]


def _sixteen(runs: int) -> list[Line]:
    """Sixteen such hosts side by side, as a multiple of probes ÷ budget."""
    hosts = [StagedHost(number, opens=OPEN, closed=CLOSED, drops=True) for number in range(10, 26)]
    ratios = []
    with staged(*hosts):
        described = environment(*hosts)
        for _ in range(runs):
            begin = time.perf_counter()
            scans = _survey(described)
            seconds = time.perf_counter() - begin
            probes = sum(len(run.ports) for scan in scans for one in scan.addresses for run in one.runs)
            ratios.append(seconds / (probes / described.policy.max_packets_per_second))
            _say(f"sixteen: {probes:,} probes in {seconds:.1f} s")
    return [("16 hosts that drop, as a multiple of probes ÷ budget", ratios, "", 1.2)]


def _reset(runs: int) -> list[Line]:
    """A host that answers with a reset: our scan beside the fastest nmap that misses nothing."""
    host, ratios = StagedHost(10, opens=FIFTY), []
    with staged(host):
        described = environment(host, policy={"max_packets_per_second": NO_LIMIT})
        for _ in range(runs):
            times = {setting: _nmap(setting, host.address, FIFTY, may_miss=True) for setting in FASTEST}
            ours = _ours(described, 0)
            fastest = min(times, key=lambda setting: times[setting])
            _say(f"reset: nmap {fastest} {times[fastest]:.2f} s, ours {ours:.2f} s")
            ratios.append(ours / times[fastest])
    return [("a host that resets, as a multiple of the fastest nmap that misses nothing", ratios, "", 1.2)]


def _linear(runs: int) -> list[Line]:
    """Four times as many hosts, as a multiple of the time of the fewer."""
    hosts = [StagedHost(number, opens=OPEN) for number in range(10, 74)]
    ratios = []
    with staged(*hosts):
        for _ in range(runs):
            times = []
            for count in (16, 64):
                begin = time.perf_counter()
                _survey(environment(*hosts[:count]))
                times.append(time.perf_counter() - begin)
            _say(f"linear: 16 hosts {times[0]:.1f} s, 64 hosts {times[1]:.1f} s")
            ratios.append(times[1] / times[0])
    return [("64 hosts that reset, as a multiple of 16", ratios, "", 4 * LINEAR)]


def _memory(_: int) -> list[Line]:
    """Sixty-four hosts: what stagehold and its nmap processes hold at most."""
    hosts = [StagedHost(number, opens=OPEN) for number in range(10, 74)]
    peak, ended = [0.0], threading.Event()

    def watch() -> None:
        own = psutil.Process()
        while not ended.wait(0.2):
            total = 0
            for process in (own, *own.children(recursive=True)):
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            peak[0] = max(peak[0], total / 2**20)

    with staged(*hosts):
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            _survey(environment(*hosts))
        finally:
            ended.set()
            watcher.join()
    return [("memory at 64 hosts", peak, "MiB", 400)]


def _survey(described: Environment) -> list[PortScan]:
    survey = Survey(Network.build(described), described, ROOT)
    try:
        scans = [survey.tcp(host) for host in described.hosts]
    finally:
        survey.close()
    for scan in scans:
        if scan.surplus() and scan.surplus() != scan.open_at({22, 9000}):  # of management, whoever declares them
            raise SystemExit(f"{scan.host.name}: {scan.surplus()} is open")
        if scan.not_open_at(scan.declared):
            raise SystemExit(f"{scan.host.name}: missed {scan.not_open_at(scan.declared)}")
    return scans


def _ours(described: Environment, number: int) -> float:
    host = described.hosts[number]
    begin = time.perf_counter()
    budget = PacketBudget(described.policy.max_packets_per_second)
    scan = scan_host(Network.build(described), described, host, budget=budget)
    seconds = time.perf_counter() - begin
    if missed := scan.not_open_at(scan.declared):
        raise SystemExit(f"ours missed {missed}")
    return seconds


def _nmap(arguments: str, address: str, wanted: Sequence[int], *, may_miss: bool = False) -> float:
    """Seconds of one nmap; infinite if it misses a port and may do so."""
    begin = time.perf_counter()
    command = ["nmap", "-Pn", "-n", "-p-", "-oG", "-", *arguments.split(), address]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    except subprocess.TimeoutExpired:
        return float("inf")
    seconds = time.perf_counter() - begin
    if done.stdout.count("/open/") == len(wanted):
        return seconds
    if may_miss:
        return float("inf")
    raise SystemExit(f"nmap {arguments} missed ports")


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


FIGURES = {"drop": _drop, "sixteen": _sixteen, "reset": _reset, "linear": _linear, "memory": _memory}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", choices=[*FIGURES, []], help="measure these only")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        json.dump([line for name in arguments.only or FIGURES for line in FIGURES[name](arguments.inside)], sys.stdout)
        return 0
    for what, values, unit, target in measure(arguments.runs, arguments.only):
        middle = sorted(values)[len(values) // 2]
        sys.stdout.write(
            f"{what}: {middle:.2f} ({min(values):.2f} to {max(values):.2f}, n={len(values)}) {unit}, "
            f"at most {target:g}: {'yes' if middle <= target else 'NO'}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
