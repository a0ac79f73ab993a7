"""TLS servers for the tests, good and bad, each on a loopback address of its own."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import ssl
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

_ADDRESSES = itertools.count(1)


def fresh_address() -> str:
    """A loopback address that nobody else uses: other tests and services share the machine."""
    page, last = divmod(next(_ADDRESSES), 254)
    number = os.getpid()
    return f"127.{number % 100 + 100}.{(number // 100 + 125 * page) % 250 + 1}.{last + 1}"


@contextlib.contextmanager
def python_server(
    chain: Path, key: Path, *, prepare: Callable[[ssl.SSLContext], None] = lambda context: None
) -> Iterator[tuple[str, int]]:
    """A TLS server of Python's `ssl` (TLS 1.2 and 1.3 unless `prepare` says otherwise)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    prepare(context)

    def shake(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)

    with raw_server(shake) as place:
        yield place


@contextlib.contextmanager
def raw_server(
    handle: Callable[[socket.socket], None], *, family: int = socket.AF_INET, at: tuple[str, int] | None = None
) -> Iterator[tuple[str, int]]:
    """A TCP server that hands every connection to `handle`, in a thread of its own; `at` a place of its own or this."""
    place = at or (fresh_address() if family == socket.AF_INET else "::1", 0)
    listener = socket.create_server(place, family=family, backlog=128)
    stop = threading.Event()

    def one(connection: socket.socket) -> None:
        connection.settimeout(5)
        with connection, contextlib.suppress(OSError):
            handle(connection)

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[:2]
    finally:
        stop.set()
        # Wakes the accept: closing alone leaves it waiting.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def only(version: ssl.TLSVersion) -> Callable[[ssl.SSLContext], None]:
    """Makes a server speak one version, however old."""

    def prepare(context: ssl.SSLContext) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")

    return prepare


def say_nothing(connection: socket.socket) -> None:
    """Accepts and never answers."""
    while connection.recv(4096):
        pass


def talk_garbage(connection: socket.socket) -> None:
    """Answers a ClientHello with something else."""
    connection.recv(4096)
    connection.sendall(b"220 mail.test ready\r\n" * 4)


def reset(connection: socket.socket) -> None:
    """Resets after the ClientHello."""
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
