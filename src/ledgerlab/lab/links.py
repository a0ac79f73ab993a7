"""The wire between the outside vantage and the hosts: a veth pair between two network namespaces."""

from __future__ import annotations

import socket
import subprocess
import time

from ledgerlab.lab.errors import LabError
from ledgerlab.lab.plan import Plan
from ledgerlab.lab.processes import Stop

_OUTSIDE, _INSIDE = "outside", "hosts"


def ip(*arguments: str) -> None:
    """Runs `ip` (iproute2).

    Raises:
        LabError: with what it said.
    """
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=10, check=False)
    if done.returncode != 0:
        raise LabError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def configure_outside(plan: Plan, hosts_pid: int) -> None:
    """In V: makes the pair, gives one end to the hosts' namespace and an address to the other."""
    ip("link", "set", "lo", "up")
    ip("link", "add", "name", _OUTSIDE, "type", "veth", "peer", "name", _INSIDE, "netns", str(hosts_pid))
    _take(plan.outside_addresses, _OUTSIDE)
    ip("link", "set", _OUTSIDE, "up")


def configure_hosts(plan: Plan, stop: Stop) -> None:
    """In H: waits for the wire, then takes the addresses of both hosts."""
    ip("link", "set", "lo", "up")
    deadline = time.monotonic() + 10
    while _INSIDE not in (name for _, name in socket.if_nameindex()):
        if stop or time.monotonic() > deadline:
            raise LabError("The network between the namespaces did not appear.")
        time.sleep(0.02)
    _take((*plan.web_addresses, *plan.database_addresses), _INSIDE)
    ip("link", "set", _INSIDE, "up")


def _take(addresses: tuple[str, ...], device: str) -> None:
    for address in addresses:
        # Nobody else can have it, so nothing need wait until that is found out (RFC 4862 section 5.4).
        how = (f"{address}/64", "dev", device, "nodad") if ":" in address else (f"{address}/24", "dev", device)
        ip("addr", "add", *how)
