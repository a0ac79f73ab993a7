"""Connections of our own: accepted, refused and reset are told apart."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from stagehold.errors import ProbeError
from stagehold.probes.ports.lies import refuse_unconfirmed
from stagehold.probes.ports.touch import Touch, touch
from tests.probes.tls_servers import fresh_address

Answer = Callable[[socket.socket], None]


def keep(connection: socket.socket) -> None:
    """Waits for the other side to speak."""
    connection.settimeout(3)
    with contextlib.suppress(OSError):
        connection.recv(1)
    connection.close()


def hang_up(connection: socket.socket) -> None:
    """Closes in order, as a service does that does not like who calls."""
    connection.close()


def reset(connection: socket.socket) -> None:
    """Resets some moments after the handshake, as a SYN proxy does that finds no server."""
    time.sleep(0.02)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextlib.contextmanager
def listening(address: str, answer: Answer) -> Iterator[int]:
    """A listener that does that with each connection."""
    listener = socket.create_server((address, 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(("answer", "took"), [(keep, Touch.ACCEPTED), (hang_up, Touch.ACCEPTED), (reset, Touch.RESET)])
def test_how_a_port_takes_a_connection_is_told(answer: Answer, took: Touch) -> None:
    """Who hangs up in order has accepted; who resets right away stands in front of nobody."""
    address = fresh_address()
    with listening(address, answer) as port:
        assert touch(address, [port], 2.0) == {port: took}


def test_a_port_where_nobody_listens_refuses() -> None:
    """More ports than are touched at a time, each with its own answer."""
    address = fresh_address()
    with listening(address, keep) as port:
        found = touch(address, [port, *(number for number in range(20000, 20450) if number != port)], 2.0)

    assert found.pop(port) is Touch.ACCEPTED
    assert set(found.values()) == {Touch.REFUSED}
    assert len(found) >= 449


def test_an_open_port_must_accept_a_second_connection() -> None:
    """What nmap found open and refuses afterwards, or resets at once, is not taken as open."""
    address = fresh_address()
    with listening(address, keep) as sound, listening(address, reset) as proxied:
        refuse_unconfirmed(address, [sound])
        with pytest.raises(ProbeError, match=f"port {proxied} accepts connections and resets them at once"):
            refuse_unconfirmed(address, [sound, proxied])
    with pytest.raises(ProbeError, match=f"port {sound} was open for nmap and then refused"):
        refuse_unconfirmed(address, [sound])
