"""Connections of our own to many ports at once: whether they are accepted, refused, or met with silence."""

from __future__ import annotations

import errno
import select
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum

_TOGETHER = 200
"""Sockets open at a time; more hosts than one do not touch at once."""
_TURN = threading.Lock()


class Touch(StrEnum):
    """How a port took a connection."""

    ACCEPTED = "accepted"
    RESET = "accepted and reset at once"
    REFUSED = "refused"
    SILENT = "silent"


_TOLD = {errno.ECONNREFUSED: Touch.REFUSED, errno.ECONNRESET: Touch.RESET}
"""A reset instead of an answer is a refusal; one that comes after the handshake is told otherwise by the kernel."""


def touch(address: str, ports: Iterable[int], seconds: float) -> dict[int, Touch]:
    """Connect to each port and hang up; nothing is sent.

    Args:
        address: a literal address that the caller may contact.
        ports: any number; some hundreds are connected to at a time.
        seconds: to wait for an answer.
    """
    wanted = list(dict.fromkeys(ports))
    found: dict[int, Touch] = {}
    for start in range(0, len(wanted), _TOGETHER):
        with _TURN:
            found |= _touch(address, wanted[start : start + _TOGETHER], seconds)
    return found


def _touch(address: str, ports: list[int], seconds: float) -> dict[int, Touch]:
    found = dict.fromkeys(ports, Touch.SILENT)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sockets: dict[int, tuple[socket.socket, int]] = {}
    accepted: dict[int, tuple[socket.socket, float]] = {}
    poll, waiting = select.poll(), set[int]()
    begin = time.monotonic()
    try:
        for port in ports:
            one = socket.socket(family, socket.SOCK_STREAM)
            one.setblocking(False)
            sockets[one.fileno()] = (one, port)
            problem = one.connect_ex((address, port))
            if problem in {0, errno.EINPROGRESS}:
                poll.register(one, select.POLLOUT)
                waiting.add(one.fileno())
            else:
                found[port] = _TOLD.get(problem, Touch.SILENT)
        while waiting and (left := begin + seconds - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left * 1000):
                one, port = sockets[descriptor]
                poll.unregister(descriptor)
                waiting.discard(descriptor)
                problem = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if problem == 0:
                    found[port] = Touch.ACCEPTED
                    accepted[port] = (one, time.monotonic() - begin)
                else:
                    found[port] = _TOLD.get(problem, Touch.SILENT)
        _see_resets(accepted, found)
    finally:
        for one, _ in sockets.values():
            with suppress(OSError):
                one.close()
    return found


def _see_resets(accepted: dict[int, tuple[socket.socket, float]], found: dict[int, Touch]) -> None:
    """Tell the connections apart that are reset within some round trips: nobody stands behind who accepted."""
    if not accepted:
        return
    poll = select.poll()
    ports = {}
    for port, (one, _) in accepted.items():
        poll.register(one, select.POLLIN)
        ports[one.fileno()] = port
    end = time.monotonic() + 0.05 + 3 * max(seconds for _, seconds in accepted.values())
    while ports and (left := end - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            port = ports.pop(descriptor)
            poll.unregister(descriptor)
            try:
                accepted[port][0].recv(1)
            except OSError as error:
                if error.errno == errno.ECONNRESET:
                    found[port] = Touch.RESET
