"""Where a laboratory can live on this machine: in namespaces of its own, or on spare loopback addresses."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess

from ledgerlab.lab.errors import LabError
from ledgerlab.lab.plan import HTTPS_PORT, NAMESPACE_PREFIX, PARTNER_PORT, REDIRECT_PORT, Mode

NAMESPACES = ("--user", "--map-root-user", "--net", "--pid", "--ipc", "--fork", "--kill-child=KILL")
# Uid 1 has a name on every system, which initdb asks for.
_SOME_USER = ("unshare", "--user", "--map-user=1", "--map-group=1")
_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def _works(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=10, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def choose(wanted: str) -> Mode:
    """The mode for `auto`, `namespace` or `loopback`.

    Raises:
        LabError: namespaces are asked for and this machine refuses them.
    """
    if wanted == "loopback":
        return "loopback"
    pair = "ip link add name one type veth peer name two && unshare --user --map-user=1 --map-group=1 true"
    if _works("unshare", *NAMESPACES, "sh", "-c", pair):
        return "namespace"
    if wanted == "namespace":
        raise LabError("This machine refuses user and network namespaces (unshare, ip); use --mode loopback.")
    return "loopback"


def has_ipv6(mode: Mode) -> bool:
    """Whether the hosts can have IPv6 addresses: those of a namespace, where the kernel speaks it at all."""
    if mode != "namespace":
        return False
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError:
        return False
    return True


def unprivileged(mode: Mode) -> tuple[str, ...]:
    """What to put before a program that refuses to be root (PostgreSQL)."""
    if mode == "namespace":
        return _SOME_USER
    if os.geteuid() != 0:
        return ()
    return _SOME_USER if _works(*_SOME_USER, "true") else _NOBODY


class Addresses:
    """A prefix nobody else uses, held as long as this object (and the process) lives."""

    def __init__(self, mode: Mode) -> None:
        self._lock: socket.socket | None = None
        self.prefix = NAMESPACE_PREFIX if mode == "namespace" else self._claim()

    def _claim(self) -> str:
        for number in range(2, 251):
            prefix = f"127.77.{number}."
            lock = socket.socket(socket.AF_UNIX)
            try:
                # An abstract name: gone with the process, whatever ends it.
                lock.bind(f"\0ledgerlab-{prefix}")
                _require_free(f"{prefix}10")
            except OSError:
                lock.close()
                continue
            self._lock = lock
            return prefix
        raise LabError("No loopback addresses are free between 127.77.2.0 and 127.77.250.0.")

    def release(self) -> None:
        """Lets others use the prefix."""
        if self._lock is not None:
            self._lock.close()


def _require_free(address: str) -> None:
    for port in (HTTPS_PORT, REDIRECT_PORT, PARTNER_PORT):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
