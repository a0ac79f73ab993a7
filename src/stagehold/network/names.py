"""Names become numbers here, once, before any traffic, and in bounded time."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from stagehold.network.rules import normal, parse_address

Resolver = Callable[[str], Sequence[str]]
"""A name to its addresses; raises OSError when there are none."""

MAX_ADDRESSES = 16
RESOLVE_SECONDS = 8.0


@dataclass(frozen=True)
class Resolution:
    """What a name resolved to; `problem` says in words why it cannot be used, and is empty if it can."""

    addresses: tuple[str, ...] = ()
    problem: str = ""


def system_resolver(name: str) -> Sequence[str]:
    """The addresses the operating system knows for a name, in the order it would try them (RFC 6724)."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [str(info[4][0]) for info in found]


def resolve_all(names: Iterable[str], resolve: Resolver, *, seconds: float = RESOLVE_SECONDS) -> dict[str, Resolution]:
    """Resolve every name side by side within `seconds` altogether; a late answer is not waited for."""
    found: dict[str, Resolution] = {}
    wanted = {normal(name) for name in names}

    def work(name: str) -> None:
        found[name] = _resolve_one(name, resolve)

    # Daemon threads, because a resolver that hangs must not keep the process from ending.
    threads = [threading.Thread(target=work, args=(name,), daemon=True) for name in sorted(wanted)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = Resolution(problem=f"the name did not resolve within {seconds:g} s")
    return {name: found.get(name, late) for name in sorted(wanted)}


def usable(addresses: Iterable[str]) -> Resolution:
    """The addresses without repetition, or the reason why they cannot be used."""
    kept: dict[str, None] = {}
    for text in addresses:
        address = parse_address(text)
        if address is None:
            return Resolution(problem=f"{text!r} is not an address")
        if address.is_unspecified or address.is_multicast or address == ipaddress.ip_address("255.255.255.255"):
            return Resolution(problem=f"{address} is not the address of a machine")
        kept[str(address)] = None
    if not kept:
        return Resolution(problem="the name has no address")
    if len(kept) > MAX_ADDRESSES:
        return Resolution(problem=f"the name has {len(kept)} addresses, more than {MAX_ADDRESSES}; declare `addresses`")
    return Resolution(addresses=tuple(kept))


def _resolve_one(name: str, resolve: Resolver) -> Resolution:
    literal = parse_address(name)
    if literal is not None:
        return usable([str(literal)])
    try:
        return usable(resolve(name))
    except (OSError, UnicodeError) as error:
        return Resolution(problem=f"the name did not resolve: {getattr(error, 'strerror', None) or error}")
