"""Where nmap is started for a vantage: here, in another network namespace, or on another machine through `ssh`.

`ssh` is the system's, with the user's keys and known hosts. It may ask nobody anything, and a host whose key is
not known is refused, whatever its configuration says.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stagehold.environment.model import Vantage
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.ports.vantage import may_use_raw_sockets

_SSH = (
    "-T", "-x", "-a", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10",
    "-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3", "-o", "ClearAllForwardings=yes",
    "-o", "PermitLocalCommand=no", "-o", "LogLevel=ERROR",
)  # fmt: skip
_SSH_FAILED = 255
"""ssh's own exit code; every other one is the remote command's."""


@dataclass(frozen=True)
class Ran:
    """What a command answered."""

    output: str
    errors: str
    code: int


@dataclass(frozen=True)
class Agent:
    """A place that commands are started at."""

    vantage: str
    prefix: tuple[str, ...] = ()
    """What is put before a command; empty: it is started here."""
    remote: bool = False
    """The prefix hands the command to a shell on another machine."""

    @property
    def here(self) -> bool:
        """Whether connections of this very process come from the vantage."""
        return not self.prefix

    def run(self, command: Sequence[str], seconds: float) -> Ran:
        """Run a command there.

        Raises:
            ProbeError: it cannot be started, or does not end in time; for `ssh`, the way there is closed.
        """
        whole = [*self.prefix, shlex.join(command)] if self.remote else [*self.prefix, *command]
        try:
            done = subprocess.run(
                whole,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ProbeError(f"{command[0]} at vantage `{self.vantage}` did not end within {seconds:.0f} s") from error
        except OSError as error:
            raise ProbeError(f"{whole[0]} cannot be started: {error.strerror}") from error
        if self.remote and done.returncode == _SSH_FAILED:
            raise ProbeError(
                f"no way to vantage `{self.vantage}` through ssh: {_last(done.stderr)}",
                remedy="`ssh -o BatchMode=yes` to it must work from here: its key known, ours accepted, no questions.",
            )
        return Ran(done.stdout, done.stderr, done.returncode)

    def may_scan_half_open(self) -> bool:
        """Whether nmap has the right to raw sockets there.

        Raises:
            ProbeError: as for `run`.
        """
        return may_use_raw_sockets() if self.here else self.run(["id", "-u"], 30).output.strip() == "0"

    def source_towards(self, address: str) -> str:
        """The source address that the kernel there picks for packets to an address; nothing is sent to it.

        Raises:
            ProbeError: there is no route, or it cannot be found out.
        """
        if self.here:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                with socket.socket(family, socket.SOCK_DGRAM) as probe:
                    probe.connect((address, 9))
                    return str(probe.getsockname()[0])
            except OSError as error:
                raise ProbeError(f"no route from here to {address}: {error.strerror or error}") from error
        ran = self.run(["ip", "-o", "route", "get", address], 30)
        words = ran.output.split()
        if ran.code != 0 or "src" not in words[:-1]:
            raise ProbeError(f"vantage `{self.vantage}` has no route to {address}: {_last(ran.errors or ran.output)}")
        return words[words.index("src") + 1]


HERE = Agent("external")


def agent_of(name: str, vantage: Vantage, folder: Path, network: Network) -> Agent:
    """The agent of a vantage.

    Args:
        name: of the vantage.
        vantage: `local`, `netns:FILE` or `ssh:NAME`.
        folder: what FILE and `ssh_config` are relative to.
        network: knows what is production.

    Raises:
        ProbeError: the process of the namespace is gone; `ssh` is missing or does not know the name.
        DeniedByProduction: the machine behind `ssh:NAME` is production.
    """
    kind, _, rest = vantage.agent.partition(":")
    if kind == "netns":
        return _namespace(name, folder / rest)
    if kind == "ssh":
        return _over_ssh(name, rest, folder / vantage.ssh_config if vantage.ssh_config else None, network)
    return Agent(name)


def _namespace(name: str, path: Path) -> Agent:
    try:
        process = int(path.read_text(encoding="ascii").strip())
        there, here = (Path(f"/proc/{pid}/ns") for pid in (process, "self"))
        if (there / "net").readlink() == (here / "net").readlink():
            return Agent(name)
        same_user = (there / "user").readlink() == (here / "user").readlink()
    except (OSError, ValueError) as error:
        raise ProbeError(
            f"the vantage `{name}` cannot be found: {error}", remedy=f"Start what writes {path.name}, then run again."
        ) from error
    joins = () if same_user else ("--user", "--preserve-credentials")
    return Agent(name, ("nsenter", "-t", str(process), "--net", *joins, "--"))


def _over_ssh(name: str, destination: str, config: Path | None, network: Network) -> Agent:
    ssh = shutil.which("ssh")
    if ssh is None:
        raise ProbeError("ssh is missing", remedy="Install the OpenSSH client.")
    options = ("-F", os.fspath(config)) if config else ()
    told = Agent(name).run([ssh, *options, "-G", "--", destination], 10)
    settings = dict(line.split(" ", 1) for line in told.output.splitlines() if " " in line)
    host = settings.get("hostname", "")
    if told.code != 0 or not host:
        raise ProbeError(f"ssh does not know what `{destination}` is: {_last(told.errors)}")
    network.refuse_production(host)
    return Agent(name, (ssh, *options, *_SSH, "--", destination), remote=True)


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else "no message"
