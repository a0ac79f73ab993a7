"""What the TCP probe finds in staged networks: `python -P -m tests.ports.scenes SCENE [SEED …]`; the answer is JSON.

`lossy` takes seeds: they choose the ports, and the more of them the better, since packets are lost at random.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from stagehold.environment.model import Environment
from stagehold.errors import NotApplicable, ProbeError
from stagehold.network.door import Network
from stagehold.probes.ports import passes
from stagehold.probes.ports.budget import AT_ONCE, PacketBudget
from stagehold.probes.ports.nmap_runs import ALL_PORTS, run_nmap
from stagehold.probes.ports.scan import scan_host
from tests.ports.stage import StagedHost, environment, staged, tarpit
from tests.ports.stage import run as command

SOME_PORTS, FEW_PORTS = range(1, 9000), range(1, 4000)
"""Silence and limits take their time; for scenes about them some ports do."""


def look(described: Environment, number: int, budget: PacketBudget | None = None) -> dict[str, object]:
    """What a scan of all addresses of a host finds, or why it finds nothing."""
    host = next(host for host in described.hosts if host.name == f"host{number}")
    begin = time.monotonic()
    try:
        scan = scan_host(Network.build(described), described, host, deadline=200, budget=budget)
    except (ProbeError, NotApplicable) as error:
        return {"error": str(error), "seconds": time.monotonic() - begin}
    return {
        "open": {one.address: sorted(one.open) for one in scan.addresses},
        "runs": sum(len(one.runs) for one in scan.addresses),
        "seconds": scan.seconds,
    }


def look_at_all(described: Environment) -> dict[str, dict[str, object]]:
    """Every host of a description, side by side within its budget."""
    numbers = [int(host.name.removeprefix("host")) for host in described.hosts]
    budget = PacketBudget(described.policy.max_packets_per_second, len(numbers))

    def one(number: int) -> dict[str, object]:
        try:
            return look(described, number, budget)
        finally:
            budget.done()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(map(str, numbers), pool.map(one, numbers), strict=True))


@contextmanager
def only(ports: range) -> Iterator[None]:
    """Scan these ports instead of all."""
    setattr(passes, "ALL_PORTS", ports)  # noqa: B010 - not exported to anybody but these scenes
    try:
        yield
    finally:
        setattr(passes, "ALL_PORTS", ALL_PORTS)  # noqa: B010 - likewise


def lossy(seed: int, ports: range = ALL_PORTS) -> dict[str, object]:
    """Five hosts at 2 % loss: one that drops, one with 50 ports, one with none, a rejecting one, one of IPv6 only."""
    chosen = random.Random(seed)

    def some(count: int) -> tuple[int, ...]:
        return tuple(sorted(chosen.sample(ports, count)))

    hosts = (
        StagedHost(10, opens=some(5), closed=some(100), drops=True, six=True),
        StagedHost(20, opens=some(50)),
        StagedHost(30),
        StagedHost(40, opens=some(3), rules=("tcp dport 3000-3900 reject with tcp reset",)),
        StagedHost(50, opens=some(7), only_six=True),
    )
    hosts[0].closed = tuple(set(hosts[0].closed) - set(hosts[0].opens))
    hosts[3].opens = tuple(port for port in hosts[3].opens if not 3000 <= port <= 3900)
    with staged(*hosts, loss=0.02), only(ports):
        seen = look_at_all(environment(*hosts))
    wrong = {}
    for host in hosts:
        found = seen[str(host.number)]
        wanted = {address: list(host.opens) for address in host.addresses}
        if found.get("open") != wanted:
            wrong[str(host.number)] = {"wanted": wanted, **found}
    return {"wrong": wrong, "seconds": {number: round(float(str(one["seconds"])), 1) for number, one in seen.items()}}


def lies() -> dict[str, object]:
    """Everything that lies, beside a host that does not."""
    honest = StagedHost(10, opens=(443, 8443))
    tar, partly = StagedHost(20, opens=(7, 443), declared=(443,)), StagedHost(21, opens=(7, 443), declared=(443,))
    proxy = StagedHost(30, opens=(443,), resets=(8081,))
    limited = StagedHost(
        40, opens=(443,), rules=("out: tcp flags & rst == rst limit rate over 300/second burst 20 packets drop",)
    )
    six = StagedHost(50, opens=(7, 443), declared=(443,), six=True)
    hosts = (honest, tar, partly, proxy, limited, six)
    tables = [tarpit(tar.address), tarpit(partly.address, "40000-40150"), tarpit(six.address6)]
    with staged(*hosts, rules=tables):
        described = environment(*hosts)
        elsewhere = environment(*hosts, vantage={"external": {"egress": ["10.88.0.9"]}})
        here = environment(*hosts, vantage={"external": {"egress": ["10.88.0.1", "fd88::1"]}})
        found: dict[str, object] = {
            "tarpit": look(described, 20),
            "partial tarpit": look(described, 21),
            "syn proxy": look(described, 30),
            "tarpit over IPv6": look(described, 50),
            "elsewhere": look(elsewhere, 10),
            "honest": look(here, 10),
        }
        with only(SOME_PORTS):
            found["limited"] = look(described, 40)
    return found


def late() -> dict[str, object]:
    """An intrusion prevention system that strikes while the scan goes on, and lets every port answer from then on."""
    host = StagedHost(10, opens=(7, 443), declared=(443,))
    run = run_nmap
    with staged(host) as pid, only(SOME_PORTS):

        def struck(*given: Any, **named: Any) -> Any:
            result = run(*given, **named)
            command("nft", "-f", "-", inside=pid, text=tarpit(host.address, "1-6,8-442,444-65535"))
            return result

        setattr(passes, "run_nmap", struck)  # noqa: B010 - not exported to anybody but this scene
        return {"late": look(environment(StagedHost(10, opens=(7, 443))), 10)}


SCENES: dict[str, Callable[[], dict[str, object]]] = {"lies": lies, "late": late}


def main() -> None:
    """Stage what is asked for."""
    name, *seeds = sys.argv[1:]
    if name in {"lossy", "lossy-some"}:
        ports = ALL_PORTS if name == "lossy" else FEW_PORTS
        found: dict[str, object] = {seed: lossy(int(seed), ports) for seed in seeds}
    else:
        found = SCENES[name]()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
