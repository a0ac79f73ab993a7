"""A place that accepts connections and never says a word costs three waits, and no more."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.network.silence import PATIENCE, Silence
from stagehold.probes.web.client import HttpClient

HERE = ("192.0.2.1", 443)


@pytest.fixture
def mute() -> Iterator[int]:
    """A port whose connections are accepted by the kernel, and by nobody else."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


def test_a_mute_service_is_waited_for_three_times(mute: int, describe: Callable[..., Any]) -> None:
    """After three requests without an answer the next ones fail at once, whoever sends them, and say why."""
    environment = describe({"app": f"http://127.0.0.1:{mute}"})
    network = Network.build(environment, resolve=lambda _: [])

    def ask() -> str:
        client = HttpClient(network, environment.targets[0], ca_file=None, timeout=0.3)
        with pytest.raises(ProbeError) as caught:
            client.request("GET", "/")
        return str(caught.value)

    waited = [ask() for _ in range(PATIENCE)]
    begin = time.monotonic()
    at_once = [ask() for _ in range(50)]

    assert not any("without any answer" in words for words in waited)
    assert all(f"port {mute} accepts connections and left 3 requests without any answer" in words for words in at_once)
    assert time.monotonic() - begin < 50 * 0.3


@given(st.lists(st.booleans()))
def test_who_has_answered_once_is_always_asked_again(answers: list[bool]) -> None:
    """One answer, whenever it came, means that there is hope; without any, three waits in vain end it."""
    silence = Silence()
    for answered in answers:
        (silence.heard if answered else silence.waited_in_vain)(HERE)

    if any(answers) or len(answers) < PATIENCE:
        silence.require_hope(HERE)
    else:
        with pytest.raises(ProbeError):
            silence.require_hope(HERE)


def test_places_do_not_speak_for_each_other() -> None:
    """Silence of one port says nothing about another of the same machine."""
    silence = Silence()
    for _ in range(PATIENCE):
        silence.waited_in_vain(HERE)

    silence.require_hope((HERE[0], 8443))
