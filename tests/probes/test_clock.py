"""The clocks of targets: what they tell of the time, and when that contradicts ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.clock import ClockReading, read_clock, require_agreement
from tests.free_ports import free_port

Serve = Callable[..., Any]
Tells = Callable[[Callable[[int], dict[str, str]]], ClockReading]


def date(**ahead: float) -> str:
    """The present time, or some time ahead of it, as a `Date` field."""
    return format_datetime(datetime.now(UTC) + timedelta(**ahead), usegmt=True)


@pytest.fixture
def told(serve_pages: Serve, describe: Callable[..., Any], open_network: Callable[..., Network]) -> Tells:
    """What is read of a target that answers its nth request with these fields."""

    def ask(fields: Callable[[int], dict[str, str]]) -> ClockReading:
        paths: list[str] = []

        def serve(_: str, path: str, __: str, ___: bytes) -> tuple[int, dict[str, str], str]:
            assert path not in paths
            paths.append(path)
            return 404, fields(len(paths)), "nothing"

        url = f"http://127.0.0.1:{serve_pages(serve).port}"
        return read_clock(HttpClient(open_network({"app": url}), describe({"app": url}).target("app"), ca_file=None))

    return ask


@pytest.mark.parametrize(
    ("fields", "contradicts"),
    [
        (lambda _: {"Date": date()}, False),
        (lambda _: {"Date": date(seconds=20)}, False),
        (lambda _: {"Date": date(seconds=-20)}, False),
        (lambda _: {"Date": date(seconds=40)}, True),
        (lambda _: {"Date": date(seconds=-40)}, True),
        (lambda _: {"Date": date(days=400)}, True),
        (lambda _: {"Date": date(seconds=-90), "Age": "90"}, False),
        (lambda _: {"Date": date(), "Age": "90"}, True),
        (lambda nth: {"Date": date(hours=0 if nth == 3 else 1)}, False),
        (lambda nth: {"Date": date(hours=1)} if nth == 1 else {"Date": "soon"}, True),
    ],
)
def test_clocks_may_differ_by_half_a_minute(
    told: Tells, fields: Callable[[int], dict[str, str]], contradicts: bool
) -> None:
    """Ahead or behind, caches taken into account; one good answer of three is enough, and no answer takes one back."""
    found = told(fields)

    assert found.contradicts is contradicts, found
    if contradicts:
        with pytest.raises(ProbeError, match=r"app is [\d,]+ s (ahead|behind)"):
            require_agreement([ClockReading("other"), found])
    else:
        require_agreement([found])


@pytest.mark.parametrize("value", ["", "soon", "Thu, 99 Nov 2026 00:00:00 GMT"])
def test_who_tells_no_time_contradicts_nobody(told: Tells, value: str) -> None:
    """Without a `Date` that can be read there is nothing to compare with, and the reading says so."""
    found = told(lambda _: {"Date": value})

    assert found.problem == "its answers tell no time"
    require_agreement([found])


def test_who_cannot_be_asked_contradicts_nobody(
    describe: Callable[..., Any], open_network: Callable[..., Network]
) -> None:
    """Nobody listens: other checks tell that."""
    url = f"http://127.0.0.1:{free_port()}"
    found = read_clock(HttpClient(open_network({"app": url}), describe({"app": url}).target("app"), ca_file=None))

    assert "refused" in found.problem
    require_agreement([found])
