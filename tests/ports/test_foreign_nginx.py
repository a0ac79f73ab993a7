"""The whole gate on a foreign nginx with a private CA, in a network of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def runs(scene: Callable[..., Any]) -> Any:
    """A sound nginx, and one with a port and a suite too many."""
    return scene("nginx_scenes")


def test_a_sound_nginx_is_let_through(runs: Any) -> None:
    """Described in a dozen lines: GO, with both promises kept and nothing open."""
    assert runs["sound"]["open"] == {}, runs["sound"]
    assert (runs["sound"]["decision"], runs["sound"]["code"]) == ("GO", 0), runs["sound"]
    assert runs["sound"]["promises"] == {"T1": "kept", "T2": "kept"}


def test_one_port_and_one_suite_too_many_are_found_and_nothing_else(runs: Any) -> None:
    """NO_GO with exactly these two findings, each breaking its promise."""
    assert runs["faulty"]["open"] == {"NET-001": "failed", "TLS-003": "failed"}, runs["faulty"]
    assert (runs["faulty"]["decision"], runs["faulty"]["code"]) == ("NO_GO", 1)
    assert runs["faulty"]["promises"] == {"T1": "broken", "T2": "broken"}
