"""Searches of many requests on services that are slow, that stand few requests, that die, hang, or serve one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.network.pace import Pace
from stagehold.probes.consoles.fingerprints import paths
from stagehold.probes.consoles.search import ConsoleSearch, search
from stagehold.probes.ports.unknown_names import look_for_strangers
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.exposure.signature import signatures
from stagehold.probes.web.exposure.sweep import Ask, Exposure, asks_for, sweep
from stagehold.probes.web.visitor import ANONYMOUS, Visitor
from tests.probes.slow_servers import HANGS, SlowService, slow_server

METRICS = b"# HELP a A.\n# TYPE a counter\na 1\n"
ENVIRONMENT = b'{"activeProfiles":[],"propertySources":[]}'


class Look:
    """One sweep of a service, with what it takes."""

    def __init__(self, service: SlowService, pace: Pace | None = None, *, count: int = 48, timeout: float = 6) -> None:
        self.service = service
        self.pace = pace or Pace()
        environment = Environment.model_validate(
            {"environment": {"id": "slow"}, "targets": [{"name": "web", "base_url": service.base_url}]}
        )
        target = environment.targets[0]
        self.client = HttpClient(Network.build(environment), target, ca_file=None, timeout=timeout)
        self.visitor = Visitor(ANONYMOUS, target, self.client.request, let_go=self.client.let_go)
        self.root = service.base_url
        self.asks: list[Ask] = asks_for(signatures("endpoints"), [self.root])[:count]

    def __call__(self) -> tuple[Exposure, str]:
        """What was found, and what was left for want of time."""
        known = [self.visitor.ask("start page", "/")]
        search = self.pace.search()
        search.expect(len(self.asks))
        try:
            found = sweep(self.visitor, self.asks, [self.root], known=known, search=search)
        finally:
            self.client.close()
        return found, search.unasked()


@pytest.fixture
def service() -> Iterator[SlowService]:
    """A slow service that stands many requests."""
    with slow_server(SlowService()) as served:
        yield served


def test_several_are_in_flight_within_the_cap(service: SlowService) -> None:
    """A slow service is asked several things at once, never more than the cap, each path once."""
    found, left = Look(service, Pace(at_once=4))()
    assert (found.finds, found.gaps, left) == ((), (), "")
    assert 1 < service.most <= 4
    assert all(count == 1 for path, count in service.asked.items() if path != "/")


def test_cap_of_one(service: SlowService) -> None:
    """`requests_in_flight: 1` means one after another."""
    found, left = Look(service, Pace(at_once=1), count=12)()
    assert (found.gaps, left) == ((), "")
    assert service.most == 1


def test_finds_are_those_of_a_fast_service_in_the_same_order(service: SlowService) -> None:
    """What is served is found, in the order of the list, however fast the service is and whatever is asked first."""
    service.served |= {"/metrics": METRICS, "/env": ENVIRONMENT, "/actuator/env": ENVIRONMENT}
    slow, _ = Look(service)()
    assert service.most > 1
    service.seconds = 0.0
    fast, _ = Look(service)()
    assert slow.rows == fast.rows
    assert [row[0] for row in slow.rows] == ["/metrics", "/actuator/env", "/env"]
    assert slow.asked == fast.asked == 48


def test_gravest_is_found_although_the_time_runs_out(service: SlowService) -> None:
    """A search that is cut has asked for the gravest paths; what it found counts, and what is left is said."""
    service.served["/actuator/env"] = ENVIRONMENT
    found, left = Look(service, Pace(at_once=2, seconds=1.2), count=200)()
    assert [find.what for find in found.finds] == ["Spring Boot environment or beans"]
    assert "requests were not sent: the 1 s for this search are over" in left
    assert "policy.search_seconds" in left


@pytest.mark.parametrize("how", ["429", "503", "502", "403", "404", "200", "reset"])
def test_service_that_stands_few_requests_is_decided(how: str) -> None:
    """Whatever more than two requests at once are answered with, no limit hides what is served, nor is a doubt."""
    hidden = ["/metrics", "/actuator/prometheus", "/actuator/metrics", "/jolokia", "/env", "/beans", "/openapi.json"]
    served = {"/": b"<h1>Welcome</h1>", **dict.fromkeys(hidden, METRICS)}
    served |= dict.fromkeys(("/env", "/beans"), ENVIRONMENT) | {"/jolokia": b'{"agent": "1.2"}'}
    with slow_server(SlowService(stands=2, refuses_with=how, served=served)) as service:
        found, left = Look(service)()
    assert (found.gaps, left) == ((), "")
    assert {row[0] for row in found.rows} == {*hidden} - {"/actuator/metrics", "/openapi.json"}
    assert 1 <= service.refused <= 4, "the cap was learned from the first round that was too much"


def test_service_that_dies_is_not_waited_for() -> None:
    """What was found before the service died counts; the rest is named as not asked, without asking all of it."""
    with slow_server(SlowService(lives_for=20, served={"/": b"<h1>Welcome</h1>", "/env": ENVIRONMENT})) as service:
        found, left = Look(service, count=200)()
    assert [find.what for find in found.finds] == ["Spring Boot environment or beans"]
    assert "the service does not answer any more" in left
    assert any("the known page is not answered any more" in gap for gap in found.gaps)
    assert service.asked.total() < 60


def test_path_that_hangs_is_one_gap() -> None:
    """A path that is never answered is a gap of its own; every other path is decided."""
    with slow_server(SlowService(hangs=True)) as service:
        found, left = Look(service, timeout=1.5)()
    assert left == ""
    assert len(found.gaps) == 1
    assert f"{HANGS}: no " in found.gaps[0]


@pytest.mark.parametrize("keeps_alive", [True, False])
def test_server_of_one_connection_at_a_time_is_decided(*, keeps_alive: bool) -> None:
    """A server that waits for the next request on a kept connection, and hears no other meanwhile, is decided."""
    served = SlowService(keeps_alive=keeps_alive)
    with slow_server(served, one_connection_at_a_time=True) as service:
        found, left = Look(service, count=30)()
    assert (found.finds, found.gaps, left) == ((), (), "")
    assert service.most == 1


def test_strangers_cookies_are_shared_by_all_connections(service: SlowService) -> None:
    """A person's requests carry the same cookies, whichever connection they go over."""
    look = Look(service, count=30)
    look.client.session.cookies.set("who", "ada")
    look()
    assert look.client.session.cookies.get("who") == "ada"
    assert look.client.sent == service.asked.total()


def test_credentials_that_change_with_each_answer_are_used_one_at_a_time(service: SlowService) -> None:
    """Where each answer brings new credentials, two requests at once would use the same ones: there is one."""
    look = Look(service, count=20)
    look.visitor = replace(look.visitor, holds=service.asked.total)
    found, left = look()
    assert (found.gaps, left) == ((), "")
    assert service.most == 1


def described(service: SlowService) -> Environment:
    """The service as an environment, by the name of this machine."""
    return Environment.model_validate(
        {
            "environment": {"id": "slow"},
            "targets": [
                {
                    "name": "web",
                    "base_url": service.base_url.replace("127.0.0.1", "app.test"),
                    "addresses": ["127.0.0.1"],
                }
            ],
        }
    )


def consoles_of(service: SlowService, pace: Pace | None = None) -> ConsoleSearch:
    """A search for database consoles."""
    environment = described(service)
    return search(Network.build(environment), environment, "external", (pace or Pace()).search())


def test_consoles_are_searched_several_at_once(service: SlowService) -> None:
    """Paths of consoles are asked for several at a time within the cap, and a console is found."""
    service.served["/adminer.php"] = b"<title>Login - Adminer</title>"
    seen = consoles_of(service, Pace(at_once=4))
    assert [str(found.path) for found in seen.found] == ["/adminer.php"]
    assert seen.requests >= len(paths())
    assert 1 < service.most <= 4


def test_consoles_of_a_service_that_stands_few_requests() -> None:
    """Refusals of too many requests at once are no doubt about consoles."""
    with slow_server(SlowService(seconds=0.06, stands=2, refuses_with="reset")) as service:
        seen = consoles_of(service)
    seen.require_complete()
    assert 1 <= service.refused <= 4


def test_consoles_behind_one_connection_at_a_time() -> None:
    """A server that hears one connection at a time is searched to the end."""
    with slow_server(SlowService(seconds=0.06), one_connection_at_a_time=True) as service:
        consoles_of(service).require_complete()
    assert service.most == 1


def test_console_is_told_although_the_service_dies() -> None:
    """What was found before the service died is found."""
    with slow_server(SlowService(lives_for=30, served={"/adminer.php": b"<title>Login - Adminer</title>"})) as service:
        seen = consoles_of(service, Pace(at_once=1))
    assert [found.name for found in seen.found] == ["Adminer"]


def test_search_for_consoles_that_is_cut_says_so(service: SlowService) -> None:
    """When the time is over, the paths that were not asked for are counted, with the key that gives more."""
    with pytest.raises(ProbeError, match=r"\d+ of \d+ paths were not asked for: the 1 s .*`policy.search_seconds`"):
        consoles_of(service, Pace(at_once=1, seconds=1.0)).require_complete()


@pytest.mark.parametrize("how", ["403", "503", "reset"])
def test_unknown_names_at_a_service_that_stands_few_requests(how: str) -> None:
    """A connection that is closed because there were several is no refusal of a name."""
    with slow_server(SlowService(stands=1, refuses_with=how, served={"/": b"<h1>Welcome</h1>"})) as one:
        environment = described(one)
        pace = Pace()
        # The service is known as slow, as after another search of the lane.
        for _ in range(2):
            looked = look_for_strangers(Network.build(environment), environment, pace.search())
    assert any("reaches the application" in words for words in looked.wrong)
    assert all(answer.status in {200, 404} for stray in looked.strays for answer in stray.answers)
