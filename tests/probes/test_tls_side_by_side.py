"""Scans of several endpoints: side by side, of each address one at a time, and what goes wrong stays where it is."""

from __future__ import annotations

import time
from collections import Counter
from threading import Lock
from typing import Any

import pytest

from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.tls import scan
from stagehold.probes.tls.facts import AddressScan
from stagehold.probes.tls.side_by_side import Scans

PLACES = {"a": ["192.0.2.1"], "b": ["192.0.2.1"], "c": ["192.0.2.1", "192.0.2.2"], "d": ["192.0.2.3"], "e": []}


class Seen:
    """Stands in for the scan of one address, and counts how many go on."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.together = 0

    def __call__(self, _network: Network, _endpoint: Any, address: str, _deadline: float) -> AddressScan:
        with self.lock:
            self.now[address] += 1
            self.most[address] = max(self.most[address], self.now[address])
            self.together = max(self.together, self.now.total())
        time.sleep(0.1)
        with self.lock:
            self.now[address] -= 1
        return AddressScan(address, problem="nobody was asked")


def environment() -> Environment:
    """Five endpoints, three of them at one address, and one whose name does not resolve."""
    endpoints = [{"host": f"{name}.test", "port": 443, "addresses": places} for name, places in PLACES.items()]
    targets = [{"name": "a", "base_url": "https://a.test", "addresses": PLACES["a"]}]
    return Environment.model_validate(
        {"environment": {"id": "several"}, "targets": targets, "tls": {"endpoints": endpoints}}
    )


def test_side_by_side_and_of_each_address_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every endpoint is scanned at each of its addresses, several at a time, but no address by two at once."""
    seen = Seen()
    monkeypatch.setattr(scan, "_scan_address", seen)
    described = environment()
    network = Network.build(described, resolve=lambda _: [])

    with Scans(network, described.tls_endpoints, at_once=5) as scans:
        found = {
            endpoint.host: [one.address for one in scans.of(endpoint).addresses]
            for endpoint in described.tls_endpoints
            if endpoint.addresses
        }

    assert found == {f"{name}.test": places for name, places in PLACES.items() if places}
    assert set(seen.most.values()) == {1}
    assert seen.together > 1


def test_what_goes_wrong_stays_with_its_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not resolve is a probe error of that endpoint, told each time, and of no other."""
    monkeypatch.setattr(scan, "_scan_address", Seen())
    described = environment()
    *others, lost = described.tls_endpoints

    with Scans(Network.build(described, resolve=lambda _: []), described.tls_endpoints) as scans:
        for _ in range(2):
            with pytest.raises(ProbeError, match=r"e\.test"):
                scans.of(lost)
        assert all(scans.of(endpoint).addresses for endpoint in others)
