"""The edge in front of the hosts: maps a port of theirs to a listener further inside, as routers do."""

from __future__ import annotations

import asyncio
import contextlib
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

    def start(self, addresses: Sequence[str], port: int) -> None:
        """Listens until this process ends.

        Raises:
            LabError: a listener could not be opened.
        """
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True, name="edge").start()
        listening = asyncio.run_coroutine_threadsafe(self._listen(addresses, port), loop)
        try:
            listening.result(_PATIENCE)
        except (OSError, TimeoutError) as error:
            raise LabError(f"The edge cannot listen on port {port}: {error}") from error

    async def _listen(self, addresses: Sequence[str], port: int) -> None:
        for address in addresses:
            await asyncio.start_server(self._pass_on, address, port)

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
