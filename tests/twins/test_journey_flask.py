"""What breaks on the way of a journey, on a Flask shop: red on each fault, green on what is none."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from stagehold.errors import ProbeError
from stagehold.probes.browser.journeys import JourneyRun, open_as, walk
from stagehold.probes.browser.launch import Chromium
from stagehold.probes.browser.watch import Kind
from stagehold.probes.login.driver import Sessions
from tests.probes.pki import Authority, write_chain
from tests.twins.auth_stage import NAME, sessions_of
from tests.twins.journey_flask import PASSWORD, Shop, serving

pytestmark = pytest.mark.slow
FLOWS = {"web": {"kind": "form", "whoami": {"path": "/me", "user": "/user"}}}
JOURNEY = {
    "name": "order",
    "target": "app",
    "account": "web-ada",
    "steps": [{"goto": "/orders"}, {"fill": {"What": "{canary}"}}, {"click": "Order"}, {"see": "{canary}"}],
    "result": {"path": "/api/orders", "contains": "{canary}"},
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Sessions, Chromium]]:
    """One shop and one browser for all tests here."""
    folder = tmp_path_factory.mktemp("shop")
    authority = Authority.create()
    chain, key = write_chain(folder, authority.leaf(NAME), authority.intermediate)
    ca_file = authority.ca_file(folder)
    shop = Shop()
    consent = {"classes": ["evidence", "ordinary", "canary-write"]}
    with serving(shop, chain, key) as port:
        sessions = sessions_of(port, folder, FLOWS, {"ada": PASSWORD}, journeys=[JOURNEY], consent=consent)
        with Chromium(sessions.driver.network, ca_file=ca_file, patience=2) as chromium:
            yield shop, sessions, chromium


@pytest.fixture
def walked(stage: tuple[Shop, Sessions, Chromium]) -> Iterator[Callable[..., JourneyRun]]:
    """Walks the journey in a shop with these faults."""
    shop, sessions, chromium = stage

    def walk_with(*faults: str) -> JourneyRun:
        shop.faults = set(faults)
        journey = sessions.driver.environment.journeys[0]
        return walk(journey, chromium=chromium, sessions=sessions, canary=f"shc-{secrets.token_hex(4)}")

    yield walk_with
    shop.faults.clear()


@pytest.mark.parametrize(
    ("fault", "kind", "words", "lasting"),
    [
        ("throws", Kind.PAGE_ERROR, "TypeError", "focus"),
        ("rejects", Kind.PAGE_ERROR, "basket 4711 is gone", "basket … is gone"),
        ("server-error", Kind.SERVER_ERROR, "GET /broken/4711: 503", "GET /broken/…: 503"),
        ("cut-off", Kind.FAILED_REQUEST, "GET /cut: net::ERR", "GET /cut: net::ERR"),
        ("missing-script", Kind.FAILED_REQUEST, "GET /static/app.4711.js: 404", "GET /static/app.….js: 404"),
    ],
)
def test_what_breaks_is_told_though_people_get_there(
    walked: Callable[..., JourneyRun], fault: str, kind: Kind, words: str, lasting: str
) -> None:
    """The journey is completed with its result, and its trouble is told once for all pages, with a picture."""
    run = walked(fault)

    assert run.problems == ()
    assert [trouble.kind for trouble in run.seen.certain] == [kind]
    trouble = run.seen.certain[0]
    assert words in str(trouble)
    assert lasting in trouble.lasting
    assert trouble.page == "/orders"
    assert trouble.times >= 2
    assert run.picture is not None


def test_what_is_no_trouble_passes(walked: Callable[..., JourneyRun]) -> None:
    """Aborted and prefetched requests, data and pictures that are missing, the console, workers and third parties."""
    run = walked(
        "aborts", "prefetch", "missing-data", "missing-picture", "console", "worker", "analytics", "foreign-picture"
    )

    assert run.problems == ()
    assert run.seen.troubles == ()
    run.require_whole()
    assert {"GET /nothing: 404", "GET /static/logo.png: 404"} <= {trouble.what for trouble in run.seen.spared}
    assert any("ERR_ABORTED" in trouble.what for trouble in run.seen.spared)
    assert run.seen.kept_out == ("127.0.0.1:9443",)


def test_a_page_error_beside_a_blocked_script_is_in_doubt(walked: Callable[..., JourneyRun]) -> None:
    """A page that needs a script of an undeclared host throws because the gate keeps it out: inconclusive."""
    run = walked("needs-analytics")
    assert run.seen.certain == ()
    with pytest.raises(ProbeError, match=r"127\.0\.0\.1:9443"):
        run.require_whole()

    assert [trouble.kind for trouble in walked("needs-analytics", "cut-off").seen.certain] == [Kind.FAILED_REQUEST]


def test_a_journey_that_is_stuck_was_not_seen_to_its_end(walked: Callable[..., JourneyRun]) -> None:
    """Without the last step nothing is said about the way; a server error that stopped it is named with the step."""
    run = walked("lost")
    assert run.seen.troubles == ()
    with pytest.raises(ProbeError, match="4 of 5 steps"):
        run.require_whole()

    loud = walked("lost-loudly")
    assert "POST /orders: 500" in loud.problems[0]
    assert loud.seen.server_errors == ("POST /orders: 500",)


def test_people_in_python_journeys_are_watched(stage: tuple[Shop, Sessions, Chromium]) -> None:
    """Whoever is let into a page by `open_as` hears the same troubles."""
    shop, sessions, chromium = stage
    shop.faults = {"throws"}
    with open_as(chromium, sessions.driver, "web-ada") as person:
        person.page.goto("/orders")
        person.rest()
        found = person.watch.seen().certain
    shop.faults.clear()

    assert [trouble.kind for trouble in found] == [Kind.PAGE_ERROR]
