"""An SNMP agent as machines bring along: it tells what it runs on to whoever knows the community (RFC 1157)."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence

from ledgerlab.lab.errors import LabError

PORT = 161
COMMUNITY = b"public"
_DESCRIPTION = b"Linux ledger-web 6.1.0 x86_64"
_SYS_DESCR = bytes.fromhex("06082b06010201010100")
"""The object identifier 1.3.6.1.2.1.1.1.0."""


class SnmpAgent:
    """Answers on UDP while it is on."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    @property
    def on(self) -> bool:
        """Whether it answers."""
        return bool(self._sockets)

    def start(self, addresses: Sequence[str]) -> None:
        """Answers at these addresses until `stop`.

        Raises:
            LabError: the port cannot be had.
        """
        for address in addresses:
            listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            try:
                listener.bind((address, PORT))
            except OSError as error:
                listener.close()
                self.stop()
                raise LabError(f"The SNMP agent cannot listen on {address} port {PORT}: {error.strerror}.") from error
            self._sockets.append(listener)
            threading.Thread(target=_serve, args=(listener,), daemon=True, name="snmp").start()

    def stop(self) -> None:
        """Answers no more."""
        for listener in self._sockets:
            with contextlib.suppress(OSError):
                # Wakes the thread that waits; closing alone does not.
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._sockets = []


def _serve(listener: socket.socket) -> None:
    while True:
        try:
            asked, sender = listener.recvfrom(1500)
        except OSError:
            return
        if not asked:
            return
        if COMMUNITY in asked[:20]:
            with contextlib.suppress(OSError):
                listener.sendto(_answer(asked), sender)


def _answer(asked: bytes) -> bytes:
    """A GetResponse with the description, to the version and the request id that were asked with."""
    version, request = _field(0x02, asked[4:5]), _request_id(asked)
    value = _field(0x30, _field(0x30, _SYS_DESCR + _field(0x04, _DESCRIPTION)))
    body = _field(0xA2, request + _field(0x02, b"\0") + _field(0x02, b"\0") + value)
    return _field(0x30, version + _field(0x04, COMMUNITY) + body)


def _request_id(asked: bytes) -> bytes:
    """The first integer after the community: the header of the question, then the id."""
    start = asked.index(COMMUNITY) + len(COMMUNITY) + 2
    return asked[start : start + 2 + asked[start + 1]] if len(asked) > start + 1 else _field(0x02, b"\0")


def _field(kind: int, content: bytes) -> bytes:
    return bytes([kind, len(content)]) + content
