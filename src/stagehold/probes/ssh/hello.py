"""The first, clear words of an SSH server: its version, and what it offers (RFC 4253 sections 4.2 and 7.1)."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass

from stagehold.errors import ProbeError

SECONDS = 10.0
"""For all of it; servers that look up the caller's name answer late."""
_OURS = b"SSH-2.0-stagehold\r\n"
_LONGEST_LINE = 1024
_MOST_LINES = 50
"""Before the version a server may say something else (RFC 4253 section 4.2)."""
_LARGEST_PACKET = 35_000
_DISCONNECT, _IGNORE, _DEBUG, _KEXINIT = 1, 2, 4, 20
_COOKIE = 16
_THROTTLED = "it may be limiting connections (MaxStartups, PerSourcePenalties, fail2ban)"


@dataclass(frozen=True)
class ServerHello:
    """What a server says before anything is agreed on; of ciphers and codes, those of either direction."""

    version: str
    """The line of its version, such as `SSH-2.0-OpenSSH_9.2`."""
    kex: tuple[str, ...] = ()
    host_key: tuple[str, ...] = ()
    cipher: tuple[str, ...] = ()
    mac: tuple[str, ...] = ()

    @property
    def protocol(self) -> str:
        """`2.0`, or an older one; 1.99 speaks both (RFC 4253 section 5.1)."""
        return self.version.split("-")[1] if self.version.count("-") else ""

    @property
    def offers(self) -> tuple[tuple[str, str], ...]:
        """What each algorithm is for, and its name."""
        return tuple(
            (about, name)
            for about, names in (
                ("kex", self.kex),
                ("host_key", self.host_key),
                ("cipher", self.cipher),
                ("mac", self.mac),
            )
            for name in names
        )


def read_hello(connection: socket.socket) -> ServerHello:
    """Listen to a server's first words; the connection is of no use afterwards.

    Raises:
        ProbeError: it hangs up, is silent, or says what is not SSH.
    """
    reader = _Reader(connection)
    try:
        connection.settimeout(SECONDS)
        connection.sendall(_OURS)
        version = _version(reader)
        if version.startswith("SSH-1") and not version.startswith("SSH-1.99"):
            return ServerHello(version)
        return _offers(version, reader)
    except TimeoutError as error:
        raise ProbeError(f"it said too little within {SECONDS:.0f} s: {reader.told}") from error
    except OSError as error:
        raise ProbeError(f"the connection broke ({error.strerror or error}); {_THROTTLED}") from error


def _version(reader: _Reader) -> str:
    for _ in range(_MOST_LINES):
        line = reader.line()
        if line.startswith("SSH-"):
            return line
    raise ProbeError(f"it greets with no version of SSH: {reader.told}")


def _offers(version: str, reader: _Reader) -> ServerHello:
    for _ in range(_MOST_LINES):
        payload = reader.packet()
        kind = payload[0] if payload else 0
        if kind == _DISCONNECT:
            raise ProbeError(f"{version} refuses to go on: {_text(payload[9:])}")
        if kind in {_IGNORE, _DEBUG}:
            continue
        if kind != _KEXINIT:
            raise ProbeError(f"{version} goes on with message {kind} instead of its algorithms")
        lists = _name_lists(payload[1 + _COOKIE :], 6)
        kex, host_key, there, back, mac_there, mac_back = lists
        return ServerHello(version, kex, host_key, _either(there, back), _either(mac_there, mac_back))
    raise ProbeError(f"{version} never names its algorithms")


def _name_lists(data: bytes, count: int) -> list[tuple[str, ...]]:
    """RFC 4251 section 5: a length in four bytes, then names with commas between them."""
    found = []
    for _ in range(count):
        length = struct.unpack(">I", data[:4])[0] if len(data) >= 4 else _LARGEST_PACKET  # noqa: PLR2004
        if 4 + length > len(data):
            raise ProbeError("the list of its algorithms is cut short")
        found.append(tuple(filter(None, data[4 : 4 + length].decode("ascii", "backslashreplace").split(","))))
        data = data[4 + length :]
    if not all(found):
        raise ProbeError("it offers nothing at all for a part of the connection")
    return found


def _either(there: tuple[str, ...], back: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*there, *back)))


def _text(data: bytes) -> str:
    return "".join(c if c.isprintable() else " " for c in data[:200].decode("utf-8", "replace")).strip() or "no reason"


class _Reader:
    """Bounded reading of one connection within `SECONDS` altogether."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._end = time.monotonic() + SECONDS
        self._data = b""
        self._first = b""

    @property
    def told(self) -> str:
        """The first bytes, printable."""
        return repr(self._first[:80])[1:] if self._first else "nothing"

    def line(self) -> str:
        """The next line, without its end."""
        while b"\n" not in self._data:
            if len(self._data) > _LONGEST_LINE:
                raise ProbeError(f"it greets with no version of SSH: {self.told}")
            self._more()
        line, _, self._data = self._data.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "backslashreplace")

    def packet(self) -> bytes:
        """The payload of the next packet (RFC 4253 section 6), before anything is encrypted."""
        length, padding = struct.unpack(">IB", self._take(5))
        if not padding + 1 <= length <= _LARGEST_PACKET:
            raise ProbeError(f"it says what is no packet of SSH: {self.told}")
        return self._take(length - 1)[: length - 1 - padding]

    def _take(self, count: int) -> bytes:
        while len(self._data) < count:
            self._more()
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def _more(self) -> None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        part = self._connection.recv(4096)
        if not part:
            after = f"after {self.told}" if self._first else "without a word"
            raise ProbeError(f"it hangs up {after}; {_THROTTLED}")
        self._first = self._first or part
        self._data += part
