"""Nothing incomplete, foreign or unhealthy is taken for a measurement."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagehold.environment.load_plan import Slo
from stagehold.errors import ProbeError
from stagehold.probes.load import LoadOrder, LoadRun, order_load
from stagehold.probes.load.completeness import read_result, require_complete, require_healthy
from tests.load.orders import order, request
from tests.load.results import RUN, cell, document

Change = Callable[[dict[str, Any]], None]


def the_order(**changes: Any) -> LoadOrder:
    """Twenty requests per second for five seconds, no warm-up."""
    return order("https://web.test", None, [request("page")], warm_up=0, **changes)


def a_document() -> dict[str, Any]:
    """A complete result of that order."""
    return document(the_order(), [cell("page", second, 20) for second in range(5)])


def _set(*path: str | int, to: Any) -> Change:
    def change(whole: dict[str, Any]) -> None:
        place: Any = whole
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = to

    return change


def _without_cells(whole: dict[str, Any]) -> None:
    whole["cells"] = []
    whole["workers"][0] |= {"scheduled": 0, "ok": 0}


def _other_name(whole: dict[str, Any]) -> None:
    for item in whole["cells"]:
        item["name"] = "other"


def _one_second_short(whole: dict[str, Any]) -> None:
    whole["cells"].pop()
    whole["workers"][0] |= {"scheduled": 80, "ok": 80}


def _slow_uncounted(whole: dict[str, Any]) -> None:
    whole["cells"][0]["histogram"] = {"400000": 20}


def _all_failed(kind: str) -> Change:
    def change(whole: dict[str, Any]) -> None:
        whole["cells"] = [cell("page", second, 0, failed={kind: 20}) for second in range(5)]
        whole["workers"][0] |= {"ok": 0, "failed": 100}

    return change


def _never_sent(whole: dict[str, Any]) -> None:
    whole["cells"] = [cell("page", second, 0, dropped=20) for second in range(5)]
    whole["workers"][0] |= {"ok": 0, "dropped": 100}


def test_a_complete_result_is_accepted() -> None:
    """The document all other cases start from passes."""
    result = LoadRun.model_validate(a_document())
    require_complete(result, the_order())
    require_healthy(result, the_order())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set("workers", to=[]), "lost worker: 0 of 1"),
        (_set("lost", to=[0]), "lost worker"),
        (_set("workers_expected", to=2), "ran 2 workers"),
        (_set("workers", 0, "worker", to=3), "numbers"),
        (_set("workers", 0, "crash", to="KeyError: 'x'"), "KeyError"),
        (_set("faults", to=["worker 0 reported twice"]), "reported twice"),
        (_set("workers", 0, "ok", to=99), "books of load worker 0"),
        (_set("cells", 0, "ok", to=19), "do not balance"),
        (_set("cells", 0, "histogram", to={}), "do not balance"),
        (_set("cells", 0, "over", to={"250.0": 21}), "over the limit"),
        (_set("cells", 0, "over", to={"9.0": 0}), "limits that the plan does not have"),
        (_slow_uncounted, "too few 'page' over 250 ms"),
        (_without_cells, "sent no request"),
        (_one_second_short, "80 requests were scheduled where the plan has 100"),
        (_other_name, "undeclared requests"),
        (_never_sent, "never sent"),
        (_set("cells", 0, "window", to=77), "seconds that the plan does not have"),
        (_all_failed("connection"), "no request reached the service"),
        (_all_failed("certificate"), "no request reached the service"),
    ],
)
def test_an_incomplete_result_is_refused(change: Change, words: str) -> None:
    """Each way in which a result can be incomplete is named."""
    whole = a_document()
    change(whole)
    with pytest.raises(ProbeError, match=words):
        require_complete(LoadRun.model_validate(whole), the_order())


def test_requests_that_only_time_out_reached_the_service() -> None:
    """A service that accepts and never answers is judged, not excused."""
    whole = a_document()
    _all_failed("timeout")(whole)
    require_complete(LoadRun.model_validate(whole), the_order())


def test_a_generator_out_of_ports_is_refused() -> None:
    """One request that failed for want of local ports, files or memory spoils the run."""
    whole = a_document()
    whole["cells"][0] = cell("page", 0, 19, failed={"generator": 1})
    whole["workers"][0] |= {"ok": 99, "failed": 1}
    with pytest.raises(ProbeError, match="ran out of"):
        require_complete(LoadRun.model_validate(whole), the_order())


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("lag_p99_ms", 300.0, "300 ms late or later, limit 250 ms"),
        ("lag_windows_p99_ms", [1100.0, 1.0, 1.0, 1.0, 1.0], "in 1 seconds"),
        ("cpu", [0.99] * 6, "99% of its core"),
        ("cpu", [], "not recorded"),
    ],
)
def test_an_unhealthy_generator_is_refused(field: str, value: Any, words: str) -> None:
    """Late starts and a busy core make the figures nobody's, even on a shared machine."""
    whole = a_document()
    whole["workers"][0]["health"][field] = value
    with pytest.raises(ProbeError, match=words):
        require_healthy(LoadRun.model_validate(whole), the_order())


def test_a_generator_of_its_own_is_held_to_more() -> None:
    """Forty milliseconds late are accepted on a shared machine and refused elsewhere."""
    whole = a_document()
    whole["workers"][0]["health"]["lag_p99_ms"] = 40.0
    result = LoadRun.model_validate(whole)
    require_healthy(result, the_order())
    with pytest.raises(ProbeError, match="bottleneck"):
        require_healthy(result, the_order(plan={"allow_colocated": False}))


def test_a_capped_generator_that_dropped_is_refused() -> None:
    """What one process may not keep open is no fault of the service."""
    whole = a_document()
    whole["workers"][0] |= {"in_flight_capped": True, "dropped": 1}
    with pytest.raises(ProbeError, match="more workers"):
        require_healthy(LoadRun.model_validate(whole), the_order())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "left no result"),
        ("", "not readable"),
        ('{"schema": "stagehold-load/result/1"', "not readable"),
        ("null", "not readable"),
        (json.dumps(a_document() | {"run": "other"}), "another run"),
        (json.dumps(a_document() | {"plan_digest": "sha256:0"}), "another plan"),
        (json.dumps(a_document() | {"surprise": 1}), "not readable"),
        (json.dumps(a_document()).replace('"lag_p50_ms": 1.0', '"lag_p50_ms": NaN'), "not readable"),
    ],
)
def test_a_result_of_something_else_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    """Missing, cut off, foreign or malformed results are refused with the reason."""
    path = tmp_path / "result.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ProbeError, match=words):
        read_result(path, run=RUN, plan_digest=a_document()["plan_digest"])


@pytest.mark.parametrize(
    ("slo", "profile", "words"),
    [
        (Slo(p95_ms={"default": 100}), "release", "no profile 'release'"),
        (Slo(p95_ms={"pgae": 100, "default": 100}), "smoke", "limits for pgae"),
        (Slo(), "smoke", "no latency limit for page"),
    ],
)
def test_an_order_that_does_not_fit_its_limits_is_refused(slo: Slo, profile: str, words: str) -> None:
    """A missing profile, a misspelt name and a request without limit are errors, never a weaker check."""
    plan = the_order().plan
    with pytest.raises(ProbeError, match=words):
        order_load(
            plan, slo, profile, base_url="https://web.test", address="127.0.0.1", ca_file=None, sessions={}, canary=""
        )


def test_an_order_without_a_session_is_refused(tmp_path: Path) -> None:
    """A request whose account has no session is never sent anonymously instead."""
    private = order("https://web.test", None, [request("page", account="bob")])
    with pytest.raises(ProbeError, match="no session for the load accounts bob"):
        private.document(RUN, tmp_path / "result.json")


def test_an_order_shows_no_secret() -> None:
    """The representation that tracebacks print leaves the sessions out."""
    assert "alice" not in repr(the_order())
