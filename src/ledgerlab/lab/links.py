"""The wires from the outside vantage and from the office to the hosts: veth pairs between network namespaces."""

from __future__ import annotations

import socket
import subprocess
import time

from ledgerlab.lab.errors import LabError
from ledgerlab.lab.plan import IPV6_PREFIX, NAMESPACE_PREFIX, OFFICE_IPV6_PREFIX, OFFICE_PREFIX, Plan
from ledgerlab.lab.processes import Stop

_OUTSIDE, _INSIDE = "outside", "hosts"
_OFFICE, STAFF = "office", "staff"
"""`STAFF` is the hosts' end of the wire to the office."""


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


def join_office(office_pid: int, hosts_pid: int) -> None:
    """In V: makes the pair between the office's and the hosts' namespaces; each configures its own end."""
    ip("link", "add", "name", _OFFICE, "type", "veth", "peer", "name", STAFF, "netns", str(hosts_pid))
    ip("link", "set", _OFFICE, "netns", str(office_pid))


def configure_office(plan: Plan, stop: Stop) -> None:
    """In the office: waits for the wire; the hosts' addresses are reached over it."""
    ip("link", "set", "lo", "up")
    _wait_for({_OFFICE}, stop)
    _take(_legs(plan, "1"), _OFFICE)
    ip("link", "set", _OFFICE, "up")
    ways = [f"{NAMESPACE_PREFIX}0/24", f"{IPV6_PREFIX}/64"]
    for network, way in zip(ways, _legs(plan, "2"), strict=False):  # without IPv6 there is one leg
        ip("route", "add", network, "via", way, "dev", _OFFICE)


def _legs(plan: Plan, number: str) -> tuple[str, ...]:
    return (f"{OFFICE_PREFIX}{number}", *((f"{OFFICE_IPV6_PREFIX}{number}",) if plan.ipv6 else ()))


def configure_hosts(plan: Plan, stop: Stop) -> None:
    """In H: waits for the wires, then takes the addresses of both hosts."""
    ip("link", "set", "lo", "up")
    _wait_for({_INSIDE, STAFF}, stop)
    _take((*plan.web_addresses, *plan.database_addresses, plan.origin, plan.authority), _INSIDE)
    ip("link", "set", _INSIDE, "up")
    _take(_legs(plan, "2"), STAFF)
    ip("link", "set", STAFF, "up")


def _wait_for(devices: set[str], stop: Stop) -> None:
    deadline = time.monotonic() + 30
    while not devices <= {name for _, name in socket.if_nameindex()}:
        if stop or time.monotonic() > deadline:
            raise LabError("The network between the namespaces did not appear.")
        time.sleep(0.02)


def _take(addresses: tuple[str, ...], device: str) -> None:
    for address in addresses:
        # Nobody else can have it, so nothing need wait until that is found out (RFC 4862 section 5.4).
        how = (f"{address}/64", "dev", device, "nodad") if ":" in address else (f"{address}/24", "dev", device)
        ip("addr", "add", *how)
