"""Connections to an SSH server from a vantage its port is declared for: from here, or through its agent."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from stagehold.environment.model import Environment, HostPort
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.ports.agents import Agent, agent_of
from stagehold.probes.ports.vantage import require_vantage

SECONDS = 8.0
EXTERNAL = "external"
_RELAY = Path(__file__).with_name("relay.py")
Way = Callable[[], AbstractContextManager[socket.socket]]
"""Opens one more connection; it is closed at the end of the `with`."""


def vantage_for(port: HostPort) -> str:
    """From where a port is looked at: from outside where it is meant for the outside, else from the first it names."""
    return EXTERNAL if EXTERNAL in port.from_ else port.from_[0]


def way_to(network: Network, environment: Environment, folder: Path, vantage: str, address: str, port: int) -> Way:
    """How to connect to an address of a declared host from a vantage; nothing is sent yet.

    Raises:
        NotAllowed, DeniedByProduction: the address is not declared, or production; nor may the agent be.
        ProbeError: the vantage cannot be found, or this process is not at it.
    """
    number = network.dial(address, port)
    described = environment.vantage[vantage]
    if vantage == EXTERNAL:
        require_vantage(vantage, described, folder)
    elif not (agent := agent_of(vantage, described, folder, network)).here:
        return lambda: _relayed(_command(agent, number, port))
    return lambda: network.connect(address, port, seconds=SECONDS)


def _command(agent: Agent, address: str, port: int) -> list[str]:
    """What passes bytes on: `ssh -W` on the way to another machine, a relay of ours in another namespace."""
    if agent.remote:
        place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        *options, mark, destination = agent.prefix
        return [*options, "-W", place, mark, destination]
    return [*agent.prefix, sys.executable, "-I", str(_RELAY), address, str(port)]


@contextlib.contextmanager
def _relayed(command: list[str]) -> Iterator[socket.socket]:
    """A connection through a program; where nothing came of it, the program's last words are the reason."""
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as said:
        with theirs:
            process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=said)
        try:
            yield ours
        except ProbeError as error:
            _end(process, ours)
            said.seek(0)
            if words := said.read(4096).decode("utf-8", "replace").split("\n")[0].strip():
                raise ProbeError(f"the way through its vantage is closed: {words}") from error
            raise
        finally:
            _end(process, ours)


def _end(process: subprocess.Popen[bytes], ours: socket.socket) -> None:
    ours.close()  # which ends the relay
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
