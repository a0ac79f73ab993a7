"""How a running laboratory is told to switch its defects: one line of JSON each way, over a socket in its folder.

Asked: `{"defects": [NAME, ...]}`, the complete set. Answered when it is so: `{"defects": [NAME, ...]}`, or
`{"error": SENTENCE}`. Only the owner of the folder can connect.
"""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ledgerlab.lab.errors import LabError

NAME = "control.sock"
_PATIENCE = 5.0
"""Seconds for a client to say what it wants."""
_DEADLINE = 60.0
"""Seconds for a laboratory to come up again."""
_LONGEST = 65_536


class Control:
    """The laboratory's end; one request at a time."""

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            self._listener.bind(str(path))
        finally:
            os.umask(before)
        self._listener.listen(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def serve(self, seconds: float, switch: Callable[[tuple[str, ...]], None]) -> None:
        """Waits at most that long for a request and answers it.

        Raises:
            LabError: what `switch` raised, after the client was told.
        """
        if not select.select([self._listener], [], [], seconds)[0]:
            return
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(_PATIENCE)
            try:
                names = _names(_line(connection))
                switch(names)
            except (ValueError, OSError) as error:  # nothing was changed
                _tell(connection, error=str(error))
            except LabError as error:
                _tell(connection, error=str(error))
                raise
            else:
                _tell(connection, defects=list(names))


def switch(folder: Path, names: Sequence[str]) -> None:
    """Asks the laboratory in that folder for exactly these defects; returns when it is up with them.

    Raises:
        LabError: no laboratory runs there, or it refused, or it broke.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_DEADLINE)
        try:
            connection.connect(str(folder / NAME))
            connection.sendall(json.dumps({"defects": list(names)}).encode() + b"\n")
            answer = json.loads(_line(connection))
        except OSError as error:
            raise LabError(f"No laboratory answers in {folder}: {error.strerror or error}.") from error
        except ValueError as error:
            raise LabError(f"The laboratory in {folder} ended while it switched.") from error
    if "error" in answer:
        raise LabError(str(answer["error"]))


def _names(line: bytes) -> tuple[str, ...]:
    asked = json.loads(line)
    names = asked.get("defects") if isinstance(asked, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError('a request is {"defects": [NAME, ...]}')
    return tuple(names)


def _line(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\n") and len(received) < _LONGEST:
        part = connection.recv(4096)
        if not part:
            break
        received += part
    return received


def _tell(connection: socket.socket, **facts: object) -> None:
    try:
        connection.sendall(json.dumps(facts).encode() + b"\n")
    except OSError:  # whoever asked is gone
        return
