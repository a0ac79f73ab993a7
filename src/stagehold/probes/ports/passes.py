"""All ports of one address, asked until nothing that answers can have been overheard.

How fast depends on how the host refuses. Where most ports answer (a reset), nmap's own pace is the fastest that
overhears nothing: it slows down as soon as answers get lost, which a forced rate does not. Where most are silent,
nmap's own pace is slow, and the packet budget sets it. A lost packet looks like a filter, so silent ports are asked
at least three times, and again until a whole pass gets no answer from any of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from stagehold.errors import ProbeError
from stagehold.probes.ports.agents import Agent
from stagehold.probes.ports.budget import PacketBudget
from stagehold.probes.ports.nmap_runs import ALL_PORTS, NmapRun, PortStates, TimeUp, port_ranges, run_nmap

AT_LEAST, AT_MOST = 3, 7
"""How often silent ports are asked: at 2 % loss, one in 125,000 answers would be missed in three passes."""
MOSTLY_ANSWERS = 0.9
ANSWERS_A_SECOND = 1000
"""As many answers nmap can take in on a busy machine; a forced rate is kept below what would bring more."""
_LIMIT_SEEN = 50
"""Fewer refusals in a pass tell nothing about a limit."""
_OWN_PACE_SECONDS = 90
_MOST_ARGUMENT = 100_000
"""Characters: the kernel takes 128 KiB as one argument of a command."""


def ask_all(
    address: str,
    *,
    agent: Agent,
    raw: bool,
    end: float,
    budget: PacketBudget,
    answering: float,
    say: Callable[[str], None] = lambda _: None,
) -> list[NmapRun]:
    """Every TCP port of an address, in as many passes as it takes.

    Args:
        address: a literal address.
        agent: where nmap is started.
        raw: half-open.
        end: `time.monotonic()` at which it must be over.
        budget: of packets.
        answering: the share of ports that is expected to answer at all, 0 to 1.
        say: takes what a person who waits may read.

    Raises:
        ProbeError: packets are lost without end, the host limits how many refusals it sends, or time is up.
    """
    runs: list[NmapRun] = []
    silent: Sequence[int] = ALL_PORTS
    found: list[int] = []
    refused: list[int] = []
    for attempt in range(1, AT_MOST + 1):
        say(f"pass {attempt} over {len(silent):,} ports of {address}")
        now = _one_pass(address, silent, agent, raw, end, budget, answering)
        runs += now
        left = sorted(port for run in now for port in run.in_state("filtered"))
        found.append(len(silent) - len(left))
        refused.append(sum(len(run.in_state("closed")) for run in now))
        if not left or (attempt >= AT_LEAST and not found[-1]):
            return runs
        if attempt >= AT_LEAST and (limit := _limit(refused, now)):
            raise ProbeError(
                f"{address} refuses only about {limit} connections a second and is silent about the rest: "
                "silence proves nothing there",
                remedy="Lift the limit on resets for the scanner's address, or let the host drop without refusing.",
            )
        # At its own pace nmap overhears little, so what is left is silent. A forced pass tells about the next one.
        answering = 0.0 if answering >= MOSTLY_ANSWERS else found[-1] / len(silent)
        silent = left
    raise ProbeError(
        f"packets to {address} get lost: after {AT_MOST} passes there still are ports that answer for the first time",
        remedy="Scan from a quieter machine or a nearer place.",
    )


def floor_rate(answering: float, lease: int) -> int:
    """Packets a second that nmap is forced to: 0 (its own pace) where most ports answer, else at most the lease."""
    if answering >= MOSTLY_ANSWERS:
        return 0
    return lease if answering <= 0 else max(1, min(lease, int(ANSWERS_A_SECOND / answering)))


def merged(runs: Sequence[NmapRun]) -> PortStates:
    """The last word on each port."""
    return PortStates({port: state for run in runs for port, state in run.ports.items()})


def _one_pass(
    address: str, ports: Sequence[int], agent: Agent, raw: bool, end: float, budget: PacketBudget, answering: float
) -> list[NmapRun]:
    runs = []
    with budget.lease() as lease:
        for part in _parts(ports):
            floor = floor_rate(answering, lease)
            if floor == 0:
                try:
                    seconds = min(_left(end, address), _OWN_PACE_SECONDS)
                    runs.append(run_nmap(address, part, raw=raw, seconds=seconds, max_rate=lease, agent=agent))
                    continue
                except TimeUp:
                    # nmap slows down to a crawl before a limit of refusals; a forced rate shows it.
                    _left(end, address)
                    floor = min(lease, ANSWERS_A_SECOND * 5)
            seconds = _left(end, address)
            runs.append(
                run_nmap(
                    address, part, raw=raw, seconds=seconds, min_rate=floor, max_rate=lease, retries=0, agent=agent
                )
            )
    return runs


def _parts(ports: Sequence[int]) -> list[Sequence[int]]:
    """The ports, in as many pieces as fit into a command line each."""
    if len(port_ranges(ports)) <= _MOST_ARGUMENT:
        return [ports]
    half = len(ports) // 2
    return [*_parts(ports[:half]), *_parts(ports[half:])]


def _limit(refused: Sequence[int], now: Sequence[NmapRun]) -> int:
    """Refusals a second, where they come as many in each pass instead of dwindling; else 0."""
    before, last = refused[-2:]
    if min(before, last) < _LIMIT_SEEN or last < 0.6 * before:
        return 0
    return max(1, round(last / max(sum(run.seconds for run in now), 0.1)))


def _left(end: float, address: str) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise ProbeError(f"the time for scanning was used up before {address}")
    return left
