"""The UDP probe in a network of its own, at 2 % loss: answers are found, and silence counts only beside a control."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.ports import agents
from stagehold.probes.ports.udp import scan_udp


@pytest.fixture(scope="module")
def found(scene: Callable[..., Any]) -> Any:
    """What is found on hosts that refuse, drop, answer on every port, and say nothing at all."""
    return scene("udp_scenes")


def test_undeclared_answers_are_found_and_declared_ones_allowed(found: Any) -> None:
    """SNMP and the SQL Server browser are found over both versions of IP; the declared DNS is in order."""
    assert found["10"]["open"] == [[53, 161, 1434], [53, 161, 1434]]
    assert found["10"]["surplus"] == [[a, port] for a in ("10.88.0.10", "fd88::10") for port in (161, 1434)]


def test_answers_are_found_behind_a_firewall_that_drops(found: Any) -> None:
    """Where everything else is silent, memcached answers."""
    assert found["20"]["surplus"] == [["10.88.0.20", 11211]]


def test_silence_counts_beside_another_host_that_answers(found: Any) -> None:
    """UDP gets there and back, since another declared host answered it."""
    assert found["30"]["surplus"] == []
    assert found["30"]["control"][0].startswith("host10 10.88.0.10 port")
    assert found["with control"]["control"] == ["host50 10.88.0.50 port 500 is open (udp-response)"]


def test_silence_alone_proves_nothing(found: Any) -> None:
    """Where no packet comes back from anybody, UDP may never have left."""
    assert "whether UDP leaves the vantage `external` at all is not known" in found["alone"]["error"]


def test_something_that_answers_on_every_port_is_no_service(found: Any) -> None:
    """A tarpit answers on ports that were chosen at random, too."""
    assert "something answers for every port" in found["40"]["error"]


def test_a_declared_service_that_answers_is_what_is_wanted(found: Any) -> None:
    """A host that shows its declared UDP service and nothing else is in order, and its own control."""
    assert found["50"] == {
        "surplus": [],
        "open": [[500]],
        "control": ["port 500 is open (udp-response)"],
    }


def test_without_raw_sockets_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user cannot see refusals, so the scan is not even tried."""
    monkeypatch.setattr(agents, "may_use_raw_sockets", lambda: False)
    described = Environment.model_validate(
        {
            "environment": {"id": "e"},
            "targets": [{"name": "web", "base_url": "http://127.0.0.1"}],
            "hosts": [{"name": "web", "ipv4": ["127.0.0.1"]}],
            "consent": {"classes": ["intrusive"]},
        }
    )

    with pytest.raises(ProbeError, match="may not use raw sockets"):
        scan_udp(Network.build(described), described, described.hosts[0], addresses=["127.0.0.1"])
