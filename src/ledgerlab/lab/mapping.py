"""The edge in front of the hosts: maps a port of theirs to a listener further inside, as routers do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Sequence

from ledgerlab.lab.errors import LabError

Place = tuple[str, int] | str
"""Address and port, or the path of a unix socket."""
_CHUNK = 64 * 1024
_PATIENCE = 10


class PortMapping:
    """Passes bytes on, both ways; each connection goes where `leads_to` says at that moment."""

    def __init__(self, leads_to: Callable[[], Place]) -> None:
        self._leads_to = leads_to
        self._loop: asyncio.AbstractEventLoop | None = None
        self._servers: list[asyncio.Server] = []

    @property
    def on(self) -> bool:
        """Whether it listens."""
        return bool(self._servers)

    def start(self, addresses: Sequence[str], port: int, *, device: str = "") -> None:
        """Listens until `stop`, or until this process ends.

        Args:
            addresses: of the hosts.
            port: of theirs.
            device: the network that connections must come in from; default: any.

        Raises:
            LabError: a listener could not be opened.
        """
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, daemon=True, name="edge").start()
        listening = asyncio.run_coroutine_threadsafe(self._listen(addresses, port, device), self._loop)
        try:
            listening.result(_PATIENCE)
        except (OSError, TimeoutError) as error:
            raise LabError(f"The edge cannot listen on port {port}: {error}") from error

    def stop(self) -> None:
        """Listens no more; connections that are open end with their partners."""
        if self._loop is not None and self._servers:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_PATIENCE)

    async def _listen(self, addresses: Sequence[str], port: int, device: str) -> None:
        for address in addresses:
            listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if device:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
            listener.bind((address, port))
            self._servers.append(await asyncio.start_server(self._pass_on, sock=listener))

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        self._servers = []

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = self._leads_to()
        with contextlib.suppress(OSError):
            if isinstance(place, str):
                far_reader, far_writer = await asyncio.open_unix_connection(place)
            else:
                far_reader, far_writer = await asyncio.open_connection(*place)
            ways = [asyncio.create_task(_copy(reader, far_writer)), asyncio.create_task(_copy(far_reader, writer))]
            try:
                await asyncio.gather(*ways)
            finally:
                far_writer.close()
        writer.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Passes on what comes, and then that nothing more comes."""
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
    with contextlib.suppress(OSError, RuntimeError):
        if sink.can_write_eof():
            sink.write_eof()
