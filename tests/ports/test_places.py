"""Other vantages than the outside, for real: a namespace, and a machine behind an sshd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Scene = Callable[..., Any]


@pytest.fixture(scope="module")
def office(scene: Scene) -> Any:
    """What is seen from an office that is a network namespace."""
    return scene("vantage_scenes", "namespace")


@pytest.fixture(scope="module")
def agent(scene_with_sshd: Scene) -> Any:
    """What is seen from an office that is reached through ssh."""
    return scene_with_sshd("vantage_scenes", "ssh")


def test_the_same_host_is_seen_differently_from_two_places(office: Any) -> None:
    """The firewall lets the office through to the database and nobody else."""
    assert office["application"]["open"] == [5432, 8443]
    assert office["outside"]["open"] == [8443]
    assert office["application"]["surplus"] == office["application"]["missing"] == []


def test_what_is_not_declared_for_a_place_is_surplus_there(office: Any) -> None:
    """A port that only the office reaches, and that is declared for nobody, is found from the office."""
    assert office["other"]["surplus"] == [2222]


@pytest.mark.parametrize(
    ("vantage", "words"),
    [
        ("gone", "the vantage `office` cannot be found"),
        ("same", "the vantage `office` is the same place as `external`"),
        ("elsewhere", "leave from 10.89.0.2, declared is 10.89.0.77"),
        ("cut off", "no other declared host answers this vantage either"),
    ],
)
def test_a_place_that_is_not_what_it_claims_says_nothing(office: Any, vantage: str, words: str) -> None:
    """A namespace that is gone, the outside itself, a wrong source address, and a place that reaches nobody."""
    assert words in office[vantage]["error"]


def test_an_agent_behind_ssh_sees_what_the_office_sees(agent: Any) -> None:
    """Nmap is started on the other machine, and its answer is read as strictly."""
    assert agent["application"]["open"] == [5432, 8443]
    assert agent["application"]["surplus"] == agent["application"]["missing"] == []


@pytest.mark.parametrize("known", ["unknown key", "another key"])
def test_a_machine_whose_key_is_not_known_is_never_trusted(agent: Any, known: str) -> None:
    """Even where the user's configuration says `StrictHostKeyChecking no`."""
    assert agent[known]["error"].startswith("no way to vantage `office` through ssh: Host key verification failed")


@pytest.mark.parametrize(
    ("vantage", "words"),
    [
        ("refused", "no way to vantage `office` through ssh"),
        ("production", "deny.production.cidrs"),
        ("elsewhere", "declared is 10.89.0.77"),
        ("another command", "nmap failed on 10.88.0.10"),
    ],
)
def test_an_agent_that_cannot_be_used_says_nothing(agent: Any, vantage: str, words: str) -> None:
    """A refused key, production, a wrong source address, and something else than nmap on the other side."""
    assert words in agent[vantage]["error"]
