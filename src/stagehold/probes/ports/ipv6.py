"""Which IPv6 addresses of a host are to be looked at, and whether this machine can look at them at all."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stagehold.environment.model import Environment, Host
from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.network.rules import normal, parse_address


@dataclass(frozen=True)
class NameAnswer:
    """One declared name and its addresses."""

    name: str
    addresses: tuple[str, ...]
    pinned: bool
    """By `addresses` of the description; else DNS was asked."""

    @property
    def ipv6(self) -> tuple[str, ...]:
        """The IPv6 addresses among them."""
        return tuple(address for address in self.addresses if ":" in address)

    @property
    def row(self) -> tuple[str, str, str]:
        """Name, addresses, and where they are known from."""
        return self.name, " ".join(self.addresses), "the description" if self.pinned else "DNS"


def names_of(network: Network, environment: Environment) -> tuple[NameAnswer, ...]:
    """Every name of targets and TLS endpoints, as resolved before any traffic.

    Raises:
        ProbeError: a name did not resolve.
    """
    pinned: dict[str, bool] = {}
    for target in environment.targets:
        for name in (target.host, *target.names):
            pinned[normal(name)] = pinned.get(normal(name), False) or bool(target.addresses)
    for endpoint in environment.tls_endpoints:
        pinned[normal(endpoint.host)] = pinned.get(normal(endpoint.host), False) or bool(endpoint.addresses)
    return tuple(NameAnswer(name, network.addresses(name), declared) for name, declared in pinned.items())


def require_ipv6(host: Host, environment: Environment, names: Iterable[NameAnswer]) -> tuple[str, ...]:
    """The IPv6 addresses that the host declares.

    Raises:
        Uncovered: a name of this host, or of no declared host, has an IPv6 address that no host declares.
        NotApplicable: neither the host nor a name of it has an IPv6 address.
    """
    known = {str(parse_address(address)) for other in environment.hosts for address in other.ipv6}
    ours = {str(parse_address(address)) for address in host.ipv4}
    others = {str(parse_address(a)) for other in environment.hosts if other.name != host.name for a in other.ipv4}
    undeclared = [
        f"{answer.name} has {address}"
        for answer in names
        for address in answer.ipv6
        if address not in known and (ours.intersection(answer.addresses) or not others.intersection(answer.addresses))
    ]
    if undeclared:
        raise Uncovered(f"{'; '.join(undeclared)}, which no host declares in `ipv6`")
    if host.ipv6:
        return host.ipv6
    answers = "; ".join(f"{name}: {addresses} ({source})" for name, addresses, source in (n.row for n in names))
    raise NotApplicable(f"{host.name} declares no IPv6 address, and no name leads to one: {answers}")


def require_route(addresses: Sequence[str]) -> None:
    """Make sure that this machine could reach the addresses; sends nothing.

    Raises:
        ProbeError: it speaks no IPv6, or has no route to one of them.
    """
    for address in addresses:
        try:
            # Connecting a datagram socket asks the routing table only.
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.connect((address, 9))
        except OSError as error:
            raise ProbeError(
                f"this machine cannot look at {address} over IPv6: {error.strerror or error}",
                remedy="Run the ports suite from a machine with IPv6.",
            ) from error
