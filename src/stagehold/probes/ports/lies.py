"""Ways in which a port scan is lied to, and how each is recognised. Every one is a ProbeError with its reason."""

from __future__ import annotations

import ipaddress
import random
import socket
from collections.abc import Iterable, Mapping

from stagehold.environment.model import Environment, Host
from stagehold.errors import ProbeError
from stagehold.probes.ports.agents import Agent
from stagehold.probes.ports.nmap_runs import PortState
from stagehold.probes.ports.touch import Touch, touch

TARPIT = 100
"""More undeclared open ports than this are no inventory but something that answers for everybody."""
SAMPLE = 200
"""Ports touched before a scan, to see how the host refuses."""
_MOST_ACCEPTED = 10
"""Of the undeclared ports of a sample; one in twenty of all ports is no inventory either."""
_AGAIN = 16
_LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
_FOREIGN_LOOPBACK = ("127.254.254.254", "127.253.253.253", "127.252.252.252")
_REMEDY = "Let the scanner's address pass the device in between, or scan from behind it."


def answering_share(address: str, declared: Iterable[int]) -> float:
    """How many of some ports, chosen at random, answer at all (0 to 1); the declared ones are left out.

    Raises:
        ProbeError: so many of them accept a connection that something accepts for everybody.
    """
    ports = random.sample(sorted(set(range(1, 65536)) - set(declared)), SAMPLE)
    seen = touch(address, ports, 0.4)
    accepted = sum(took in {Touch.ACCEPTED, Touch.RESET} for took in seen.values())
    if accepted > _MOST_ACCEPTED:
        raise ProbeError(
            f"{accepted} of {SAMPLE} undeclared ports of {address}, chosen at random, are open: {_SOMETHING}",
            remedy=_REMEDY,
        )
    return sum(took is not Touch.SILENT for took in seen.values()) / SAMPLE


_SOMETHING = (
    "something answers for every port (a SYN proxy, an intrusion prevention system or a tarpit), "
    "so nothing can be said of any of them"
)


def tarpit(address: str, unexpected: set[int]) -> str:
    """Why the answers are too many to be true, or nothing."""
    if len(unexpected) <= TARPIT:
        return ""
    return f"{len(unexpected)} undeclared ports of {address} are open: {_SOMETHING}"


def refuse_unconfirmed(address: str, opens: Iterable[int]) -> None:
    """Make sure that each port which nmap found open accepts a connection of our own.

    Raises:
        ProbeError: one does not, or hangs up by a reset before anything was said.
    """
    wanted = sorted(opens)
    seen = touch(address, wanted, 2.0)
    if silent := [port for port in wanted if seen[port] is Touch.SILENT]:
        seen |= touch(address, silent, 4.0)
    for port in wanted:
        if seen[port] is Touch.RESET:
            raise ProbeError(
                f"{address} port {port} accepts connections and resets them at once: something in between (a SYN "
                "proxy, a load balancer without a server behind it) accepts for it",
                remedy="Scan from behind it, or stop the listener that leads nowhere.",
            )
        if seen[port] is not Touch.ACCEPTED:
            raise ProbeError(f"{address} port {port} was open for nmap and then {seen[port]} for a plain connection")


def refuse_late_answers(address: str, states: Mapping[int, PortState]) -> None:
    """Make sure that the scan has not made something answer for everybody: some ports that were not open still are not.

    Raises:
        ProbeError: one of them accepts a connection now.
    """
    quiet = [port for port, state in states.items() if state.state != "open"]
    seen = touch(address, random.sample(quiet, min(_AGAIN, len(quiet))), 0.3)
    if late := sorted(port for port, took in seen.items() if took in {Touch.ACCEPTED, Touch.RESET}):
        raise ProbeError(
            f"{address} port {', '.join(map(str, late))} was {states[late[0]].state} in the scan and is open "
            f"right after it: {_SOMETHING}, or services started meanwhile",
            remedy=_REMEDY,
        )


def refuse_wrong_place(agent: Agent, egress: Iterable[str], address: str) -> None:
    """Make sure that packets to an address leave from where the vantage says it stands.

    Raises:
        ProbeError: the kernel picks another source address than the declared ones.
    """
    declared = {str(ipaddress.ip_address(item)) for item in egress if (":" in item) == (":" in address)}
    if not declared:
        return
    source = agent.source_towards(address)
    if source not in declared:
        raise ProbeError(
            f"vantage `{agent.vantage}` is not where it claims to be: packets to {address} leave from {source}, "
            f"declared is {', '.join(sorted(declared))}",
            remedy="Run from the declared place, or correct `egress` of the vantage.",
        )


def refuse_interference(host: Host, address: str, unexpected: set[int], environment: Environment) -> None:
    """Make sure that undeclared open ports on loopback are the host's and not of the machine that everything runs on.

    Raises:
        ProbeError: they also answer on an address nobody declared.
    """
    if ipaddress.ip_address(address) not in _LOOPBACK:
        return
    declared = {number for other in environment.hosts for number in other.ipv4}
    foreign = next(number for number in _FOREIGN_LOOPBACK if number not in declared)
    # Never leaves the machine, so it is none of the allow-list's business.
    shared = [port for port in sorted(unexpected) if _connects(foreign, port)]
    if shared:
        raise ProbeError(
            f"port {', '.join(map(str, shared))} of {address} ({host.name}) is a listener of this machine: "
            f"it also answers on {foreign}, which no environment declares",
            remedy="Stop that listener, bind it to an address of its own, or run in a network namespace.",
        )


def _connects(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=2.0).close()
    except OSError:
        return False
    return True
