"""A bounded conversation with a server, written down as it goes; what is a secret is written down masked."""

from __future__ import annotations

import socket
import time

from stagehold.errors import ProbeError

LONGEST_LINE = 8192
MOST_LINES = 100
_CHUNK = 4096


class Talk:
    """Sends and reads on one connection.

    Args:
        connection: where.
        seconds: for everything that is read and sent.
        where: how messages call the server.
    """

    def __init__(self, connection: socket.socket, seconds: float, where: str) -> None:
        self._connection = connection
        self._end = time.monotonic() + seconds
        self._held = b""
        self.where = where
        self.lines: list[str] = []
        """What was said: `C: ` before what the client said, `S: ` before what the server did."""

    @property
    def unread(self) -> bytes:
        """What has come and nobody asked for."""
        return self._held

    def require_read(self) -> None:
        """Make sure that nothing came that nobody asked for (ProbeError)."""
        if self._held:
            raise ProbeError(f"{self.where} said more than that TLS may begin: {self._held[:40]!r}")

    def note(self, who: str, words: str) -> None:
        """Writes something down."""
        self.lines.append(f"{who}: {words}")

    def send(self, data: bytes, shown: str) -> None:
        """Sends, and writes `shown` down.

        Raises:
            ProbeError: the server takes nothing more.
        """
        self.note("C", shown)
        try:
            self._connection.settimeout(self._left())
            self._connection.sendall(data)
        except OSError as error:
            raise ProbeError(f"{self.where} took nothing more: {error}") from error

    def line(self) -> str:
        """The next line without its end; bytes that are no ASCII are escaped.

        Raises:
            ProbeError: silence, the end of the connection, or a line without end.
        """
        while b"\n" not in self._held:
            if len(self._held) > LONGEST_LINE:
                raise ProbeError(f"{self.where} sends a line without an end")
            self._held += self._more()
        line, _, self._held = self._held.partition(b"\n")
        text = line.rstrip(b"\r").decode("ascii", "backslashreplace")
        self.note("S", text)
        return text

    def exactly(self, size: int) -> bytes:
        """So many bytes (ProbeError as for `line`)."""
        while len(self._held) < size:
            self._held += self._more()
        data, self._held = self._held[:size], self._held[size:]
        return data

    def _more(self) -> bytes:
        try:
            self._connection.settimeout(self._left())
            data = self._connection.recv(_CHUNK)
        except TimeoutError as error:
            raise ProbeError(f"{self.where} did not answer in time") from error
        except ConnectionError:
            data = b""
        except OSError as error:
            raise ProbeError(f"{self.where} broke the connection: {error}") from error
        if not data:
            raise HungUp(f"{self.where} hung up instead of an answer")
        return data

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise ProbeError(f"{self.where} did not answer in time")
        return left


class HungUp(ProbeError):
    """The server closed or reset the connection instead of an answer."""


class UpgradeRefused(ProbeError):
    """The server answered, and does not begin TLS: it does not offer it, or declines."""
