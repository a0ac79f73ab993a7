"""The TCP probe in networks of its own: nothing missed where packets get lost, and every lie recognised as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Scene = Callable[..., Any]


@pytest.fixture(scope="module")
def lies(scene: Scene) -> Any:
    """What is found on hosts behind which something lies."""
    return scene("scenes", "lies")


def test_nothing_is_missed_and_nothing_invented_at_two_percent_loss(scene: Scene) -> None:
    """Hosts that drop, refuse, reject, have 50 ports or none, over IPv4 and IPv6: exactly the open ports are found."""
    found = scene("scenes", "lossy-some", "1", "2")

    assert {seed: one["wrong"] for seed, one in found.items()} == {"1": {}, "2": {}}


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("tarpit", "chosen at random, are open: something answers for every port"),
        ("tarpit over IPv6", "chosen at random, are open: something answers for every port"),
        ("partial tarpit", "undeclared ports of 10.88.0.21 are open: something answers"),
        ("syn proxy", "10.88.0.30 port 8081 accepts connections and resets them at once"),
        ("limited", "10.88.0.40 refuses only about"),
        ("elsewhere", "leave from 10.88.0.1, declared is 10.88.0.9"),
    ],
)
def test_a_lie_is_told_apart(lies: Any, host: str, words: str) -> None:
    """Tarpits, SYN proxies, limited resets and a vantage somewhere else give a reason and no result."""
    assert words in lies[host].get("error", lies[host])


def test_a_host_that_does_not_lie_is_seen_from_the_declared_place(lies: Any) -> None:
    """Right beside them, and from the declared source address, an honest host is seen as it is."""
    assert lies["honest"]["open"] == {"10.88.0.10": [443, 8443]}


def test_what_answers_for_everybody_only_after_the_scan_is_recognised(scene: Scene) -> None:
    """Ports that were closed in the scan and are open right after it cast doubt on all of them."""
    assert "was closed in the scan and is open right after it" in scene("scenes", "late")["late"]["error"]
