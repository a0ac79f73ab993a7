"""Moves this process to the place the environment wants to be looked at from."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from stagehold.environment.model import Environment
from stagehold.errors import RunError

PRIMARY = "external"
_REMEDY = "Is the environment up? The demo: stagehold demo --serve"


def enter(environment: Environment, folder: Path) -> None:
    """Join the network namespace that `vantage.external.agent: netns:FILE` names; `local` does nothing.

    FILE (relative to the environment) holds the id of a process that lives there. The user namespace is
    joined as well, so that no privilege of the machine is needed. Call before any thread is started: the
    kernel refuses multi-threaded processes.

    Raises:
        RunError: the process is gone, or the kernel refuses.
    """
    vantage = environment.vantage.get(PRIMARY)
    if vantage is None or not vantage.agent.startswith("netns:"):
        return
    pid = _process_of(vantage.agent, folder)
    if _same_namespace(pid, "net"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for kind in ("user", "net"):
        if kind == "user" and _same_namespace(pid, "user"):
            continue
        try:
            descriptor = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
        except OSError as error:
            raise RunError(f"vantage {PRIMARY}: process {pid} is gone", remedy=_REMEDY) from error
        try:
            if libc.setns(descriptor, 0) != 0:
                reason = os.strerror(ctypes.get_errno())
                raise RunError(f"vantage {PRIMARY}: cannot join the {kind} namespace of {pid}: {reason}")
        finally:
            os.close(descriptor)


def require_inside(environment: Environment, folder: Path) -> None:
    """Refuse to work on a namespaced environment from anywhere else.

    Its addresses mean other machines outside of the namespace, so nothing may be sent from there.

    Raises:
        RunError: this process is not where `vantage.external` says.
    """
    vantage = environment.vantage.get(PRIMARY)
    if vantage is None or not vantage.agent.startswith("netns:"):
        return
    pid = _process_of(vantage.agent, folder)
    if not _same_namespace(pid, "net"):
        raise RunError(f"this process does not look from vantage {PRIMARY}, so nothing is sent")


def _process_of(agent: str, folder: Path) -> int:
    path = folder / agent.removeprefix("netns:")
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise RunError(f"vantage {PRIMARY}: {path.name} holds no process id", remedy=_REMEDY) from error


def _same_namespace(pid: int, kind: str) -> bool:
    try:
        return Path(f"/proc/{pid}/ns/{kind}").readlink() == Path(f"/proc/self/ns/{kind}").readlink()
    except OSError:
        return False


def identity() -> str:
    """Names the network this process is in; two environments with equal addresses in two namespaces differ."""
    try:
        return str(Path("/proc/self/ns/net").readlink())
    except OSError:
        return "local"
