"""Whether this process looks from the declared vantage, and with which rights."""

from __future__ import annotations

import socket
from pathlib import Path

from stagehold.environment.model import Vantage
from stagehold.errors import ProbeError

_NETNS = "netns:"


def require_vantage(name: str, vantage: Vantage, folder: Path, proc: Path = Path("/proc")) -> None:
    """Make sure that "from outside" is from outside.

    A vantage `netns:FILE` is the network namespace of the process whose id the file holds (relative to
    `folder`). The gate starts its lanes inside it; a scan from anywhere else would prove nothing.

    Raises:
        ProbeError: the process is gone, cannot be seen, or lives in another network namespace than this one.
    """
    if not vantage.agent.startswith(_NETNS):
        return
    path = folder / vantage.agent.removeprefix(_NETNS)
    try:
        process = int(path.read_text(encoding="ascii").strip())
        there = (proc / str(process) / "ns" / "net").readlink()
        here = (proc / "self" / "ns" / "net").readlink()
    except (OSError, ValueError) as error:
        raise ProbeError(
            f"the vantage `{name}` cannot be found: {error}",
            remedy=f"Start what writes {path.name}, then run again.",
        ) from error
    if there != here:
        raise ProbeError(
            f"this process does not look from the vantage `{name}`: it is in another network namespace",
            remedy=f"Run inside it: nsenter -t {process} --net (and --user where needed).",
        )


def may_use_raw_sockets() -> bool:
    """Whether half-open scans are possible: tried, because capabilities may not reach this namespace."""
    try:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        ):
            return True
    except OSError:
        return False
