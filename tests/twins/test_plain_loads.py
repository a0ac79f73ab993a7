"""What the pages of a Flask shop load and submit without TLS: red on each way, green on what is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stagehold.errors import ProbeError
from stagehold.probes.browser.journeys import JourneyRun
from stagehold.probes.browser.plain_loads import Loads
from tests.twins.test_journey_flask import stage, walked

__all__ = ["stage", "walked"]
pytestmark = pytest.mark.slow
ELSEWHERE = "http://127.0.0.2:9080"


WAYS = {
    "plain-picture": ("img src", f"{ELSEWHERE}/logo.png"),
    "plain-srcset": ("img srcset", f"{ELSEWHERE}/logo.png"),
    "plain-style": ("mixed content", f"{ELSEWHERE}/paper.png"),
    "plain-script": ("script src", f"{ELSEWHERE}/app.js"),
    "plain-frame": ("iframe src", f"{ELSEWHERE}/help"),
    "plain-form": ("form action", f"{ELSEWHERE}/search"),
    "plain-button": ("button formaction", f"{ELSEWHERE}/buy"),
    "plain-later": ("img src", f"{ELSEWHERE}/late.png"),
    "plain-data": ("request (fetch)", f"{ELSEWHERE}/rates"),
    "plain-socket": ("request (websocket)", "ws://127.0.0.2:9080/live"),
}


def test_each_way_without_tls_is_told(walked: Callable[..., JourneyRun]) -> None:
    """People get there, and each address that the page names without TLS is told with the page and without a query."""
    run = walked(*WAYS)
    told = {(load.how, load.url) for load in run.loads.plain}

    assert run.problems == ()
    assert set(WAYS.values()) <= told
    assert {url for _, url in told} == {url for _, url in WAYS.values()}
    assert {load.page for load in run.loads.plain} == {"/orders"}


def test_pages_that_name_tls_only_pass(walked: Callable[..., JourneyRun]) -> None:
    """Secure pictures of others and links to http that nobody follows are no loads; every page was read."""
    run = walked("plain-link", "foreign-picture", "missing-picture")

    assert run.loads.plain == ()
    assert run.loads.pages >= 2
    assert run.loads.requests >= 5
    run.loads.require_read()


def test_what_the_pages_policy_upgrades_is_listed_only(walked: Callable[..., JourneyRun]) -> None:
    """With `upgrade-insecure-requests` every browser asks with https, so nothing goes without TLS."""
    loads = walked("upgrade", "plain-picture").loads

    assert loads.plain == ()
    assert {load.url for load in loads.upgraded} == {f"{ELSEWHERE}/logo.png"}


def test_pages_nobody_saw_prove_nothing() -> None:
    """No page, or one whose document could not be read, is inconclusive."""
    with pytest.raises(ProbeError, match="no page was opened"):
        Loads().require_read()
    with pytest.raises(ProbeError, match="/orders"):
        Loads(pages=1, unread=("/orders",)).require_read()
