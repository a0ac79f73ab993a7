"""Measures HDR-013 on a service whose answers take 0.7 s: `python -m tests.bench.searches`.

The same search is made one request after another and at the pace of the gate; one that is not complete, or finds
something, has no time at all.
"""

from __future__ import annotations

import sys
import time

from stagehold.environment.model import Environment
from stagehold.network.door import Network
from stagehold.network.pace import Pace
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.exposure.search import find_endpoints
from stagehold.probes.web.sampling import Samples
from stagehold.probes.web.visitor import ANONYMOUS, Visitor
from tests.probes.slow_servers import SlowService, slow_server

SECONDS = 0.7
TARGET = 100.0
VISITORS = 2
"""A stranger and somebody else, as where an account is declared."""

Line = tuple[str, list[float], str, float | None]


def measure(_runs: int = 1) -> list[Line]:
    """Both ways; each once, for one takes minutes."""
    before, requests = _search(at_once=1)
    after, _ = _search(at_once=Pace().at_once)
    return [
        (f"HDR-013, {requests} paths at {SECONDS} s, one request after another", [before], "s", None),
        (f"the same, {Pace().at_once} in flight", [after], "s", TARGET),
    ]


def _search(at_once: int) -> tuple[float, int]:
    with slow_server(SlowService(seconds=SECONDS)) as service:
        environment = Environment.model_validate(
            {"environment": {"id": "slow"}, "targets": [{"name": "web", "base_url": service.base_url}]}
        )
        target, network = environment.targets[0], Network.build(environment)
        clients = [HttpClient(network, target, ca_file=None) for _ in range(VISITORS)]
        names = [ANONYMOUS, *(f"user {number}" for number in range(1, VISITORS))]
        who = [
            Visitor(name, target, client.request, let_go=client.let_go)
            for name, client in zip(names, clients, strict=True)
        ]
        known = Samples("web", tuple(visitor.ask("start page", "/") for visitor in who))
        begin = time.perf_counter()
        found = find_endpoints(environment, target, who, known, Pace(at_once=at_once, seconds=3600).search())
        seconds = time.perf_counter() - begin
        found.require_complete()
        if found.finds:
            raise SystemExit(f"a sound service serves {found.summary}")
        return seconds, found.asked


def main() -> int:
    """Measure and print."""
    for what, values, unit, target in measure():
        told = f" (target {target:g})" if target else ""
        sys.stdout.write(f"{what}: {values[0]:.1f} {unit}{told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
