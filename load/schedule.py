"""When each request is due: an absolute, seeded schedule that never waits for answers (the open model).

Arrivals that wait for the previous answer stop sampling exactly while the service stalls (Tene, "How NOT to
measure latency"; Schroeder et al., NSDI 2006); so every instant is fixed before the first request is sent.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from load.plan import Profile, Request


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that is due `due` seconds after the start; `index` is unique in the whole run."""

    index: int
    due: float
    request: int


def arrivals(
    profile: Profile, requests: tuple[Request, ...], seed: int, worker: int, workers: int
) -> Iterator[Arrival]:
    """The share of `worker` (0-based) of the one schedule of the run.

    Every worker computes the same schedule from the seed and takes each `workers`-th arrival, so that the
    shares are disjoint and complete without any message between them.
    """
    instants = due_times(profile, seed)
    for index, request in enumerate(mix(requests, seed, len(instants))):
        if index % workers == worker:
            yield Arrival(index, instants[index], request)


def due_times(profile: Profile, seed: int) -> array[float]:
    """Due times in seconds, ascending; exactly `profile.arrivals_total` of them.

    A Poisson process with a known number of events is that number of uniform instants in order, so the
    burstiness is real and the count can still be audited.
    """
    count = profile.arrivals_total
    if profile.arrivals == "constant":
        return array("d", (index / profile.rate for index in range(count)))
    source = random.Random(f"instants:{seed}")  # noqa: S311 - a reproducible schedule, not a secret
    return array("d", sorted(source.uniform(0, profile.total_seconds) for _ in range(count)))


def mix(requests: tuple[Request, ...], seed: int, count: int) -> Iterator[int]:
    """Which kind each arrival is: every cycle holds each kind `weight` times, in an order of its own."""
    source = random.Random(f"mix:{seed}")  # noqa: S311 - a reproducible schedule, not a secret
    cycle = [index for index, request in enumerate(requests) for _ in range(request.weight)]
    produced = 0
    while produced < count:
        source.shuffle(cycle)
        yield from cycle[: count - produced]
        produced += len(cycle)
