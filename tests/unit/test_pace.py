"""The pace of searches, with a clock of its own: rounds, controls, pauses, the end of the time, the order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from stagehold.errors import ProbeError
from stagehold.network.pace import Asking, Pace, Search, retry_after


@dataclass
class Service:
    """Answers a path after some seconds of the clock; counts what is in flight."""

    seconds: float = 0.7
    now: float = 0.0
    asked: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    in_flight: int = 0
    most: int = 0
    busy: Callable[[str], bool] = lambda _: False
    dead: bool = False

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def send(self, path: str) -> str:
        """One request."""
        with self._lock:
            self.asked.append(path)
            self.in_flight += 1
            self.most = max(self.most, self.in_flight)
        with self._lock:
            self.in_flight -= 1
            self.now += self.seconds
        if self.dead:
            raise ProbeError(f"{path}: no connection")
        return f"busy {path}" if self.busy(path) else f"answer to {path}"


def pace(service: Service, **options: float) -> Pace:
    """A pace on the service's clock."""

    def sleep(seconds: float) -> None:
        service.slept.append(seconds)
        service.now += seconds

    return Pace(clock=lambda: service.now, sleep=sleep, **options)  # type: ignore[arg-type]


def kind(answer: str) -> str:
    """Answers of the service are all of a kind."""
    return answer.split(maxsplit=1)[0]


def asking(service: Service, **options: object) -> Asking[str, str]:
    """How the tests ask."""
    return Asking(service.send, lambda answer: 2.0 if answer.startswith("busy") else None, kind, **options)  # type: ignore[arg-type]


def paths(count: int) -> list[str]:
    """Some paths."""
    return [f"/{number}" for number in range(count)]


def run(search: Search, service: Service, wanted: list[str], **options: object) -> list[tuple[str, str | ProbeError]]:
    """Ask for all of them."""
    search.expect(len(wanted))
    how = asking(service, **options)
    return [*search.ask_all("here", wanted, how)]


def test_answers_come_in_the_order_of_the_questions() -> None:
    """Several in flight change nothing of what is yielded, nor its order."""
    service = Service()
    done = run(pace(service).search(), service, paths(40))
    assert done == [(path, f"answer to {path}") for path in paths(40)]
    assert sorted(service.asked) == sorted(paths(40))


def test_fast_service_is_asked_one_after_another() -> None:
    """Where an answer takes less than 50 ms there is never more than one request in flight, in the given order."""
    service = Service(seconds=0.004)
    run(pace(service).search(), service, paths(100))
    assert service.most == 1
    assert service.asked == paths(100)


def test_cap_of_one_is_kept() -> None:
    """`requests_in_flight: 1` asks one after another, however slow the service is."""
    service = Service()
    run(pace(service, at_once=1).search(), service, paths(40))
    assert service.most == 1


def test_together_can_be_refused() -> None:
    """Requests that depend on one another are never in flight together."""
    service = Service()
    run(pace(service).search(), service, paths(40), together=False)
    assert service.most == 1


def test_time_runs_out_with_words() -> None:
    """What was asked is yielded; what is left is counted, with the key that gives more time."""
    service = Service()
    search = pace(service, at_once=1, seconds=7.0).search()
    done = run(search, service, paths(40))
    assert len(done) == 10
    assert search.unasked() == (
        "30 of 40 requests were not sent: the 7 s for this search are over (an answer takes 0.7 s, 1 in flight); "
        "more time is given by `policy.search_seconds`"
    )


def test_lane_shortens_the_search() -> None:
    """A search takes at most half of what its lane has left, and then names the lane's keys."""
    service = Service()
    search = pace(service, at_once=1, seconds=300.0, lane_left=lambda: 14.0).search()  # type: ignore[arg-type]
    assert len(run(search, service, paths(40))) == 10
    assert search.unasked().endswith("more time is given by `policy.lane_deadline` and `policy.deadline`")


def test_no_time_at_all_asks_nothing() -> None:
    """A lane that is over asks nothing and says so."""
    service = Service()
    search = pace(service, lane_left=lambda: -3.0).search()  # type: ignore[arg-type]
    assert run(search, service, paths(3)) == []
    assert "3 of 3 requests were not sent" in search.unasked()


def test_complete_search_leaves_nothing() -> None:
    """Where everything was asked there is nothing to say."""
    service = Service()
    search = pace(service).search()
    run(search, service, paths(20))
    assert search.unasked() == ""


def test_busy_answer_is_asked_again_after_the_pause_it_named() -> None:
    """A 429 that goes away is no doubt."""
    told: set[str] = set()
    service = Service(seconds=0.004)
    service.busy = lambda path: path == "/3" and not (path in told or told.add(path))  # type: ignore[func-returns-value]
    done = run(pace(service).search(), service, paths(6))
    assert done[3] == ("/3", "answer to /3")
    assert service.slept == [2.0]


def test_pauses_in_vain_become_short() -> None:
    """Where a pause has not helped, the next ones cost a second."""
    service = Service(seconds=0.004, busy=lambda _: True)
    done = run(pace(service).search(), service, paths(3))
    assert [answer for _, answer in done] == ["busy /0", "busy /1", "busy /2"]
    assert service.slept == [2.0, 1.0, 1.0]


def test_dead_service_is_not_asked_on() -> None:
    """When nothing is answered any more, and the known page neither, the rest is not asked."""
    service = Service(dead=True)
    search = pace(service).search()
    assert len(run(search, service, paths(40), alive=lambda: False)) == 1
    assert search.unasked() == "39 of 40 requests were not sent: the service does not answer any more"


def test_one_dead_path_stops_nothing() -> None:
    """A path that is never answered is one error among answers."""
    service = Service(seconds=0.004)

    def send(path: str) -> str:
        if path == "/5":
            raise ProbeError("no complete answer within 10 s")
        return service.send(path)

    search = pace(service).search()
    how = Asking[str, str](send, lambda _: None, kind)
    done = [*search.ask_all("here", paths(10), how)]
    assert [path for path, answer in done if isinstance(answer, ProbeError)] == ["/5"]
    assert len(done) == 10


def test_progress_tells_how_much_is_left() -> None:
    """At most every three seconds: how many of how many, and the seconds left."""
    told: list[str] = []
    service = Service()
    run(pace(service, at_once=1, tell=told.append).search(), service, paths(20))  # type: ignore[arg-type]
    assert told[0] == "5 of 20, 10 s left"
    assert len(told) == 4


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7), (" 12 ", 12), ("", 1), ("soon", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 1), ("-3", 1), ("9" * 40, 999999)],
)
def test_retry_after(said: str, seconds: float) -> None:
    """Seconds count; dates and nonsense are a second."""
    assert retry_after(said) == seconds
