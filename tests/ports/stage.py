"""A network of its own for the port tests: hosts behind a wire, with listeners and a packet filter made to order.

Run below `unshare --user --map-root-user --net` (`python -P -m tests.ports.scenes NAME`), so that nothing of the
machine is touched. The process itself stands at the outside vantage, 10.88.0.1; every host is an address of a second
namespace. The filter is nftables; loss is its `numgen random`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stagehold.environment.model import Environment

VANTAGE, PREFIX, PREFIX6 = "10.88.0.1", "10.88.0.", "fd88::"
_CLONE_NEWNET = 0x40000000
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class StagedHost:
    """One address of the hosts' namespace and how it behaves; what is not said of a port is closed (reset)."""

    number: int
    """Of the address: 10 is 10.88.0.10 and fd88::10."""
    opens: tuple[int, ...] = ()
    declared: tuple[int, ...] | None = None
    """Default: what is open."""
    udp: dict[int, bytes] = field(default_factory=dict)
    """UDP port to what it answers."""
    udp_declared: tuple[int, ...] = ()
    drops: bool = False
    """Every packet to other ports than `opens`, `closed` and `udp` is dropped."""
    closed: tuple[int, ...] = ()
    rules: tuple[str, ...] = ()
    """nftables statements for TCP to this address, before all others."""
    resets: tuple[int, ...] = ()
    """Ports where a connection is accepted and reset at once, as by a SYN proxy without a server behind it."""
    six: bool = False
    """An IPv6 address as well, with the same ports."""
    only_six: bool = False

    @property
    def address(self) -> str:
        return f"{PREFIX}{self.number}"

    @property
    def address6(self) -> str:
        return f"{PREFIX6}{self.number}"

    @property
    def addresses(self) -> tuple[str, ...]:
        if self.only_six:
            return (self.address6,)
        return (self.address, self.address6) if self.six else (self.address,)

    @property
    def described(self) -> dict[str, object]:
        """As an environment describes it."""
        ports: list[dict[str, object]] = [
            {"port": port} for port in (self.opens if self.declared is None else self.declared)
        ]
        ports += [{"port": port, "proto": "udp"} for port in self.udp_declared]
        return {
            "name": f"host{self.number}",
            "ipv4": [] if self.only_six else [self.address],
            "ipv6": [self.address6] if self.six or self.only_six else [],
            "ports": ports,
        }


def environment(*hosts: StagedHost, **more: Any) -> Environment:
    """A description of the hosts that consents to everything."""
    return Environment.model_validate(
        {
            "environment": {"id": "stage"},
            "targets": [{"name": "web", "base_url": f"http://{hosts[0].addresses[0].join('[]')}"}]
            if hosts[0].only_six
            else [{"name": "web", "base_url": f"http://{hosts[0].address}"}],
            "hosts": [host.described for host in hosts],
            "consent": {"classes": ["ordinary", "intrusive"]},
            **more,
        }
    )


def run(*command: str, inside: int | None = None, text: str | None = None) -> str:
    """Run a program, in the network of a process if one is given; its own words when it fails."""
    prefix = ["nsenter", "-t", str(inside), "--net", "--"] if inside else []
    done = subprocess.run([*prefix, *command], input=text, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def namespace() -> Iterator[int]:
    """Another network namespace: the id of the process that keeps it."""
    keeper = subprocess.Popen(
        ["unshare", "--net", sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert keeper.stdout is not None
        keeper.stdout.readline()
        run("ip", "link", "set", "lo", "up", inside=keeper.pid)
        yield keeper.pid
    finally:
        keeper.kill()
        keeper.wait(5)


@contextlib.contextmanager
def in_network_of(pid: int) -> Iterator[None]:
    """This thread, and only it, lives in the network of a process while inside; sockets made there stay there."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if libc.setns(descriptor, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(descriptor)

    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    enter(f"/proc/{pid}/ns/net")
    try:
        yield
    finally:
        libc.setns(back, _CLONE_NEWNET)
        os.close(back)


class Listeners:
    """Accepts on many ports in one thread; each connection is closed at once, or reset where that is asked for."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._ended = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def tcp(self, address: str, port: int, *, reset: bool = False) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.create_server((address, port), family=family, backlog=512)
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, lambda: self._accept(listener, reset=reset))

    def udp(self, address: str, port: int, answer: bytes) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_DGRAM)
        listener.bind((address, port))
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, lambda: self._answer(listener, answer))

    @staticmethod
    def _accept(listener: socket.socket, *, reset: bool) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            connection.close()

    @staticmethod
    def _answer(listener: socket.socket, answer: bytes) -> None:
        with contextlib.suppress(OSError):
            _, sender = listener.recvfrom(4096)
            listener.sendto(answer, sender)

    def _serve(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select(0.2):
                callback: Callable[[], None] = key.data
                callback()

    def end(self) -> None:
        self._ended = True
        self._thread.join(5)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]


@contextlib.contextmanager
def staged(*hosts: StagedHost, loss: float = 0.0, rules: Iterable[str] = ()) -> Iterator[int]:
    """The hosts are up while inside; the process id by which their namespace is known.

    Args:
        hosts: at least one.
        loss: the share of packets to and from the hosts that gets lost.
        rules: whole nftables tables, in addition.
    """
    run("ip", "link", "set", "lo", "up")
    with namespace() as pid, contextlib.ExitStack() as stack:
        run("ip", "link", "add", "outside", "type", "veth", "peer", "name", "inside", "netns", str(pid))
        stack.callback(run, "ip", "link", "del", "outside")
        run("ip", "addr", "add", f"{VANTAGE}/24", "dev", "outside")
        run("ip", "addr", "add", f"{PREFIX6}1/64", "dev", "outside", "nodad")
        run("ip", "link", "set", "outside", "up")
        for host in hosts:
            for address in host.addresses:
                length = ("128", "nodad") if ":" in address else ("24",)
                run("ip", "addr", "add", f"{address}/{length[0]}", "dev", "inside", *length[1:], inside=pid)
        run("ip", "link", "set", "inside", "up", inside=pid)
        with contextlib.suppress(RuntimeError):
            run("ip", "-6", "route", "add", f"{PREFIX6}/64", "dev", "inside", inside=pid)
        run("nft", "-f", "-", inside=pid, text=_filter(hosts, loss) + "\n".join(rules))
        listeners = Listeners()
        stack.callback(listeners.end)
        with in_network_of(pid):
            for host in hosts:
                for address in host.addresses:
                    for port in host.opens:
                        listeners.tcp(address, port)
                    for port in host.resets:
                        listeners.tcp(address, port, reset=True)
                    for port, answer in host.udp.items():
                        listeners.udp(address, port, answer)
        listeners.start()
        _wait_for_ipv6(hosts)
        yield pid


def _wait_for_ipv6(hosts: Iterable[StagedHost]) -> None:
    """The link's own address is not usable at once."""
    for host in hosts:
        for address in (address for address in host.addresses if ":" in address):
            for _ in range(100):
                with socket.socket(socket.AF_INET6) as probe:
                    probe.settimeout(0.2)
                    if probe.connect_ex((address, 1)) in {0, 111}:
                        break
                time.sleep(0.02)
                if host.drops:
                    break


def _filter(hosts: Iterable[StagedHost], loss: float) -> str:
    lost = [f"numgen random mod 10000 < {round(loss * 10000)} drop"] if loss else []
    incoming, outgoing = list(lost), list(lost)
    for host in hosts:
        for address in host.addresses:
            kind = "ip6" if ":" in address else "ip"
            to = f"{kind} daddr {address}"
            for rule in host.rules:
                if rule.startswith("out:"):
                    outgoing.append(f"{kind} saddr {address} {rule.removeprefix('out:')}")
                else:
                    incoming.append(f"{to} {rule}")
            if host.drops:
                through = sorted({*host.opens, *host.closed, *host.resets})
                if through:
                    incoming.append(f"{to} tcp dport {{ {', '.join(map(str, through))} }} accept")
                if host.udp:
                    incoming.append(f"{to} udp dport {{ {', '.join(map(str, host.udp))} }} accept")
                incoming.append(f"{to} meta l4proto {{ tcp, udp }} drop")
    return (
        "table inet stage {\n"
        "chain incoming { type filter hook input priority 0; policy accept;\n" + "\n".join(incoming) + "\n}\n"
        "chain outgoing { type filter hook output priority 0; policy accept;\n" + "\n".join(outgoing) + "\n}\n}\n"
    )


def tarpit(address: str, ports: str = "1-65535", to: int = 7) -> str:
    """Every one of the ports leads to one listener, as with a honeypot or a SYN proxy."""
    kind, name = ("ip6" if ":" in address else "ip"), address.translate(str.maketrans(".:", "__"))
    place = f"[{address}]:{to}" if kind == "ip6" else f"{address}:{to}"
    return (
        f"table {kind} tarpit_{name} {{\nchain pre {{\ntype nat hook prerouting priority -100;\n"
        f"{kind} daddr {address} tcp dport {{ {ports} }} dnat to {place}\n}}\n}}\n"
    )


ROOT = Path(__file__).parents[2]


def as_root_of_our_own() -> list[str]:
    """The beginning of a command that runs in a network of its own, with every right in it."""
    return ["unshare", "--user", "--map-root-user", "--net", "--"]


def as_ourselves() -> list[str]:
    """The same for programs that must be run by a user whom the system knows."""
    if os.geteuid() == 0:
        return ["unshare", "--net", "--mount", "--"]
    return ["unshare", "--user", "--map-current-user", "--keep-caps", "--net", "--"]
