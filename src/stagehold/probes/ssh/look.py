"""Looks at every declared SSH server: what it offers, and how it would let in a stranger and the named users."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from stagehold.environment.model import Environment, Host, HostPort
from stagehold.errors import NotApplicable, ProbeError
from stagehold.model import Traffic
from stagehold.network.door import Network
from stagehold.probes.ports.recognition import canonical
from stagehold.probes.ssh.hello import ServerHello, read_hello
from stagehold.probes.ssh.methods import NOBODY_ASKED, OTHERS, PASSWORDS, methods_for
from stagehold.probes.ssh.profile import Judged, Verdict, judge_all
from stagehold.probes.ssh.ways import Way, vantage_for, way_to

_PAUSE = 2.0
"""Seconds before the second and last try: servers that limit connections do so for moments."""
T = TypeVar("T")


@dataclass(frozen=True)
class Methods:
    """How a user would be let in."""

    user: str
    names: tuple[str, ...]

    @property
    def by_password(self) -> tuple[str, ...]:
        """Those by which something is typed, or nothing is asked at all."""
        return tuple(name for name in self.names if name in PASSWORDS or name == NOBODY_ASKED)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Those that no document known here defines."""
        return tuple(name for name in self.names if name not in {*PASSWORDS, *OTHERS, NOBODY_ASKED})


@dataclass(frozen=True)
class SshServer:
    """One declared port at one address, and what was seen of it."""

    host: str
    address: str
    port: int
    vantage: str
    hello: ServerHello | None = None
    methods: tuple[Methods, ...] = ()
    problem: str = ""
    """Why not everything was seen; empty when it was."""

    def __str__(self) -> str:
        return f"{self.host} ({self.address} port {self.port})"

    @property
    def judged(self) -> tuple[Judged, ...]:
        """What it offers, judged."""
        return judge_all(self.hello) if self.hello else ()

    @property
    def complaints(self) -> tuple[str, ...]:
        """What is wrong, in words."""
        found = []
        for told in self.methods:
            if NOBODY_ASKED in told.by_password:
                found.append(f"lets {told.user} in without asking for anything")
            elif told.by_password:
                found.append(f"accepts {' and '.join(told.by_password)} from {told.user}")
        weak = [str(item) for item in self.judged if item.verdict is Verdict.WEAK]
        return (*found, *((f"offers {', '.join(dict.fromkeys(weak))}",) if weak else ()))

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is not known, in words."""
        found = [self.problem] if self.problem else []
        found += [f"names no method for {told.user}" for told in self.methods if not told.names]
        found += [f"unknown method {', '.join(told.unknown)}" for told in self.methods if told.unknown]
        strange = [f"{item.about} {item.name}" for item in self.judged if item.verdict is Verdict.UNKNOWN]
        return (*found, *((f"not in the profile: {', '.join(dict.fromkeys(strange))}",) if strange else ()))

    @property
    def reproduction(self) -> str:
        """A command line that shows the methods and, with the v, the algorithms."""
        return (
            "ssh -vv -F none -o BatchMode=yes -o PreferredAuthentications=none -o StrictHostKeyChecking=no "
            f"-o UserKnownHostsFile=/dev/null -p {self.port} stranger@{self.address} true"
        )


@dataclass(frozen=True)
class SshServers:
    """Every declared SSH server."""

    seen: tuple[SshServer, ...]

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is wrong, in words."""
        return tuple(f"{server} {'; '.join(server.complaints)}" for server in self.seen if server.complaints)

    def require_complete(self) -> None:
        """Raise ProbeError when something of some server is not known; called after the assertion."""
        if doubts := [f"{server}: {'; '.join(server.doubts)}" for server in self.seen if server.doubts]:
            raise ProbeError("; ".join(doubts))
        if not self.seen:
            raise ProbeError("no SSH server was looked at")


def look_at_ssh(network: Network, environment: Environment, folder: Path) -> SshServers:
    """Look at every port with `service: ssh`, at every address of its host. Nobody tries to log in.

    Raises:
        NotAllowed, DeniedByProduction: as for `way_to`; no consent to ordinary traffic.
        NotApplicable: no host declares an SSH server.
    """
    declared = [(host, port) for host in environment.hosts for port in host.ports if is_ssh(port)]
    if not declared:
        raise NotApplicable("no host declares a port with `service: ssh`")
    network.require(Traffic.ORDINARY)
    return SshServers(
        tuple(
            look_at(network, environment, folder, host, port, address)
            for host, port in declared
            for address in (*host.ipv4, *host.ipv6)
        )
    )


def is_ssh(port: HostPort) -> bool:
    """Whether an SSH server is declared there; SFTP is one."""
    return port.proto == "tcp" and canonical(port.service) == "ssh"


def look_at(
    network: Network, environment: Environment, folder: Path, host: Host, port: HostPort, address: str
) -> SshServer:
    """What is seen of one server; what cannot be seen is its `problem`."""
    vantage = vantage_for(port)
    hello: ServerHello | None = None
    methods: list[Methods] = []
    try:
        way = way_to(network, environment, folder, vantage, address, port.port)
        hello = _twice(partial(_hello, way))
        if hello.protocol in {"2.0", "1.99"}:
            for name, told in ((_stranger(), "a user that does not exist"), *((u, u) for u in port.users)):
                methods.append(Methods(told, _twice(partial(_methods, way, name))))
    except ProbeError as error:
        return SshServer(host.name, address, port.port, vantage, hello, tuple(methods), str(error))
    return SshServer(host.name, address, port.port, vantage, hello, tuple(methods))


def _hello(way: Way) -> ServerHello:
    with way() as connection:
        return read_hello(connection)


def _methods(way: Way, user: str) -> tuple[str, ...]:
    with way() as connection:
        return methods_for(connection, user)


def _stranger() -> str:
    return f"stagehold-{secrets.token_hex(4)}"


def _twice(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except ProbeError:
        time.sleep(_PAUSE)
        return ask()
