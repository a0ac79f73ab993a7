"""What the UDP probe finds in staged networks: `python -P -m tests.ports.udp_scenes`; the answer is JSON."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.ports.udp import UDP, scan_udp
from tests.ports.stage import StagedHost, environment, staged

ANSWER = b"an answer of whatever kind"


def look(described: Environment, number: int) -> dict[str, object]:
    """What is found on all addresses of a host, or why nothing is."""
    host = next(host for host in described.hosts if host.name == f"host{number}")
    try:
        scan = scan_udp(Network.build(described), described, host, addresses=(*host.ipv4, *host.ipv6))
    except ProbeError as error:
        return {"error": str(error)}
    return {
        "surplus": [list(item) for item in scan.surplus()],
        "open": [sorted(one.open) for one in scan.addresses],
        "control": [one.control for one in scan.addresses],
    }


def main() -> None:
    """Stage a network and look at it."""
    refusing = StagedHost(10, udp={161: ANSWER, 53: ANSWER, 1434: ANSWER}, udp_declared=(53,), six=True)
    dropping = StagedHost(20, udp={11211: ANSWER}, drops=True)
    silent = StagedHost(30, drops=True)
    everything = StagedHost(40, udp=dict.fromkeys((*UDP, *range(49152, 49300)), ANSWER))
    declared = StagedHost(50, udp={500: ANSWER}, udp_declared=(500,), drops=True)
    hosts = (refusing, dropping, silent, everything, declared)
    with staged(*hosts, loss=0.02):
        described = environment(*hosts)
        looks = {str(host.number): (described, host.number) for host in hosts}
        looks["alone"] = (environment(silent, StagedHost(60)), 30)
        looks["with control"] = (environment(silent, declared), 30)
        with ThreadPoolExecutor(4) as pool:
            seen = pool.map(lambda item: look(*item), looks.values())
            found = dict(zip(looks, seen, strict=True))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
