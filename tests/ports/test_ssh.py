"""SSH servers that are not meant for the outside are looked at from where they are meant to be reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def seen(scene_with_sshd: Callable[..., Any]) -> Any:
    """What is seen of the office's SSH server, by the way to it."""
    return scene_with_sshd("ssh_scenes")


@pytest.mark.parametrize("way", ["namespace", "ssh"])
def test_a_server_for_the_office_is_looked_at_from_there(seen: Any, way: str) -> None:
    """Through a relay in the namespace, and through `ssh -W`: algorithms and methods."""
    assert seen[way]["problem"] == ""
    assert seen[way]["vantage"] == "office"
    assert seen[way]["methods"] == [["publickey", "keyboard-interactive"]]
    assert seen[way]["algorithms"] > 10


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("closed", "closed: no connection to 10.90.0.2 port 2201: Connection refused"),
        ("closed over ssh", "closed: stdio forwarding failed"),
        ("gone", "the vantage `office` cannot be found"),
    ],
)
def test_a_way_that_leads_nowhere_says_so(seen: Any, way: str, words: str) -> None:
    """Nothing is known of a server that is not reached."""
    assert words in seen[way]["problem"]
    assert seen[way]["methods"] == []
