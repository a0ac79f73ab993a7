"""Fixtures for HTTP: clients that leave through the network's door only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stagehold.environment.model import Target
from stagehold.network.door import Network
from stagehold.probes.web.client import HttpClient


@pytest.fixture(scope="session")
def requests_sent() -> Counter[str]:
    """How many requests this lane has sent, per target name."""
    return Counter()


@pytest.fixture(scope="session")
def http(network: Network, ca_file: Path | None, requests_sent: Counter[str]) -> Iterator[Callable[..., HttpClient]]:
    """`http(target)` is a fresh client without cookies; `http(target, address=…)` asks one pinned node."""
    clients: list[HttpClient] = []

    def make(target: Target, *, address: str | None = None, timeout: float = 10.0) -> HttpClient:
        client = HttpClient(network, target, ca_file=ca_file, timeout=timeout, address=address, tally=requests_sent)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()
