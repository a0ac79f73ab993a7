"""A network of its own with IPv6: run below `unshare --net`, it stages a scene, judges NET-007 on it, and tells.

fd88::10 is the host; 10.88.0.10 is its IPv4 address. Usage: `python -P -m tests.probes.ipv6_stage SCENE`; the answer is
JSON: the outcome of NET-007.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from stagehold.environment.model import Environment, Host
from stagehold.network.door import Network
from stagehold.probes.ports import passes
from stagehold.probes.ports.facts import PortScan
from stagehold.probes.ports.ipv6 import names_of, require_ipv6, require_route
from stagehold.probes.ports.scan import scan_host
from tests.probes.judged import outcomes
from tests.probes.ports_stage import ip

ADDRESS, IPV4, DEAD = "fd88::10", "10.88.0.10", "fd99::10"
WEB, DATABASE, MANAGEMENT = 443, 5432, 2375
DISABLED = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")


@contextlib.contextmanager
def listening(*ports: int) -> Iterator[None]:
    """On `[::]` and IPv6 only, as a daemon does whose firewall was written for IPv4."""
    with contextlib.ExitStack() as stack:
        for port in ports:
            listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=False, backlog=16)
            stack.enter_context(listener)
        yield


def described(address: str = ADDRESS) -> Environment:
    """A web host with one port, reachable by both versions of IP."""
    return Environment.model_validate(
        {
            "environment": {"id": "stage"},
            "targets": [{"name": "web", "base_url": "https://app.test", "addresses": [IPV4, address]}],
            "hosts": [{"name": "web", "ipv4": [IPV4], "ipv6": [address], "ports": [{"port": WEB}]}],
            "consent": {"classes": ["ordinary", "intrusive"]},
        }
    )


def judged(environment: Environment) -> str:
    """The outcome of NET-007 for the host."""
    network = Network.build(environment)
    names = names_of(network, environment)

    def scan(host: Host) -> PortScan:
        addresses = require_ipv6(host, environment, names)
        require_route(addresses)
        return scan_host(network, environment, host, addresses=addresses, deadline=60)

    facts: dict[str, Any] = {
        "exposed_host": environment.hosts[0],
        "ipv6_names": names,
        "ipv6_scan_of": scan,
        "attach_ports": MagicMock(),
    }
    return outcomes("ports", facts)["NET-007"]


def scene(name: str) -> str:
    """Stage one scene and judge it."""
    if name == "no ipv6":
        DISABLED.write_text("1")
        return judged(described())
    if name == "no route":
        return judged(described())
    ip(f"-6 addr add {ADDRESS}/128 dev lo")
    opened = {"sound": [WEB], "database": [WEB, DATABASE], "management": [WEB, MANAGEMENT], "missing": [], "else": [7]}
    if name == "dead":
        # Packets leave, and nobody is there.
        ip("link add here type veth peer name there")
        for end in ("here", "there"):
            ip(f"link set {end} up")
        ip(f"-6 route add {DEAD}/128 dev here")
        ip(f"-6 neigh add {DEAD} lladdr 02:00:00:00:00:99 dev here nud permanent")
        return judged(described(DEAD))
    with listening(*opened[name]):
        return judged(described())


if __name__ == "__main__":
    # Every port takes its time where nobody answers.
    setattr(passes, "ALL_PORTS", range(1, 6000))  # noqa: B010 - not exported to anybody but these scenes
    ip("link set lo up")
    ip(f"addr add {IPV4}/32 dev lo")
    json.dump(scene(sys.argv[1]), sys.stdout)
