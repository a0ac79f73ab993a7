"""Loopback ports for servers that cannot be told to choose one themselves."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator

# Below the range from which the kernel serves listeners on port 0 and outgoing connections (32768 on Linux), so that
# nobody else is given a port between the moment it is found free and the moment the server listens there.
_FIRST, _EACH, _WORKERS = 20_000, 1_500, 8


def _candidates() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    first = _FIRST + worker * _EACH
    # Another run of the tests may be going on beside this one.
    begin = os.getpid() % _EACH
    return (first + (begin + step) % _EACH for step in itertools.count())


_NEXT = _candidates()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no other call gives in this run of the tests."""
    for port in itertools.islice(_NEXT, _EACH):
        with socket.socket() as listener:
            # As servers do: a connection of an earlier server that is still being forgotten does not matter.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("every port for the tests' servers is taken")
