"""Scans of several endpoints side by side, politely: of each address one at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from types import TracebackType
from typing import Self

from stagehold.environment.model import TlsEndpoint
from stagehold.network.door import Network
from stagehold.probes.tls.facts import TlsScan
from stagehold.probes.tls.scan import scan_endpoint

_MOST = 8


def usual_pace() -> int:
    """How many at once: a scan mostly computes, and waits a little."""
    return min(len(os.sched_getaffinity(0)) + 1, _MOST)


class Scans:
    """The scans of all endpoints, begun at once; a context manager that waits for those that are still going on.

    Args:
        network: the door.
        endpoints: each is scanned once.
        at_once: how many at a time.
    """

    def __init__(self, network: Network, endpoints: Sequence[TlsEndpoint], *, at_once: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(at_once or usual_pace(), thread_name_prefix="tls")
        self._begun: dict[TlsEndpoint, Future[TlsScan]] = {}
        turns = {address: Lock() for entry in network.entries for address in entry.addresses}
        for endpoint in dict.fromkeys(endpoints):
            self._begun[endpoint] = self._pool.submit(scan_endpoint, network, endpoint, turn=turns.__getitem__)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def of(self, endpoint: TlsEndpoint) -> TlsScan:
        """The scan of one of them, as soon as it is there.

        Raises:
            NotAllowed, DeniedByProduction, ProbeError: as for `scan_endpoint`.
        """
        return self._begun[endpoint].result()
