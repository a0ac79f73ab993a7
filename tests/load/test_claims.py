"""What counts prove: the burden is on the release, bursts weigh more, and too little is never enough."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.capacity import Standing, assess, require_enough
from stagehold.capacity.claims import ALL, dispersion
from stagehold.capacity.tables import counter_rows, request_rows, summary
from stagehold.environment.load_plan import Slo
from stagehold.errors import ProbeError
from stagehold.probes.load import LoadOrder, LoadRun
from tests.load.orders import order, request
from tests.load.results import LIMIT, cell, load_run

SLO = Slo(p95_ms={"default": LIMIT}, error_rate=0.02)


def an_order(**changes: Any) -> LoadOrder:
    """An order for one request called `page`."""
    return order("https://web.test", None, [request("page")], **changes)


def run_of(*cells: dict[str, Any]) -> LoadRun:
    """A complete run with these cells."""
    return load_run(an_order(), list(cells))


def standing(run: LoadRun, seconds: float, subject: str = "page", text: str = "within") -> Standing:
    """What became of the claim about a subject whose text holds `text`."""
    claims = assess(run, SLO, seconds).claims
    return next(claim.standing for claim in claims if claim.subject == subject and text in claim.text)


@pytest.mark.parametrize(
    ("seconds", "per_second", "slow_per_second", "expected"),
    [
        (20, 15, 0, Standing.PROVEN),
        (6, 10, 0, Standing.PROVEN),
        (5, 11, 0, Standing.INCONCLUSIVE),  # 55 requests; 59 are needed
        (4, 100, 0, Standing.INCONCLUSIVE),  # four seconds are too few to see bursts
        (20, 20, 1, Standing.INCONCLUSIVE),  # exactly at the limit of 5 %
        (20, 20, 4, Standing.REFUTED),
        (20, 20, 20, Standing.REFUTED),
    ],
)
def test_latency_is_proven_or_not(seconds: int, per_second: int, slow_per_second: int, expected: Standing) -> None:
    """The exact bound decides; the limit itself passes nobody."""
    cells = [cell("page", second, per_second, slow=slow_per_second) for second in range(seconds)]
    assert standing(run_of(*cells), seconds) is expected


def test_a_burst_refutes_what_the_whole_run_would_hide() -> None:
    """Ten slow requests in one second of 30 refute p95, although they are 2.5 % of all."""
    cells = [cell("page", second, 20, slow=10 if second == 7 else 0) for second in range(30)]
    capacity = assess(run_of(*cells), SLO, 30)
    assert "second 7: 10 of 20 bad" in str(capacity.refuted[0])


def test_the_same_number_spread_out_passes() -> None:
    """Ten slow requests spread over 30 seconds are within the limit."""
    cells = [cell("page", second, 20, slow=1 if second % 3 == 0 else 0) for second in range(30)]
    assert standing(run_of(*cells), 30) is Standing.PROVEN


def test_warm_up_excuses_slowness_and_no_error() -> None:
    """Slow answers before second 0 do not count; failures there do."""
    slow_start = [cell("page", -1, 20, slow=20), *(cell("page", second, 20) for second in range(10))]
    assert standing(run_of(*slow_start), 10) is Standing.PROVEN
    bad_start = [
        cell("page", -1, 0, failed={"status 503": 20}),
        *(cell("page", second, 20) for second in range(10)),
    ]
    assert standing(run_of(*bad_start), 10, text="without a right answer") is Standing.REFUTED


def test_one_broken_request_among_many_is_refuted_by_name() -> None:
    """A request that fails always is refuted although all requests together stay inside the error rate."""
    cells = [cell("page", second, 1000) for second in range(10)]
    cells += [cell("rare", second, 0, failed={"wrong body": 6}) for second in range(10)]
    run = run_of(*cells)
    assert standing(run, 10, "rare", "without a right answer") is Standing.REFUTED
    assert standing(run, 10, ALL, "without a right answer") is Standing.PROVEN


def test_fast_errors_never_improve_latency() -> None:
    """Failures, requests never sent and unfinished ones all count as over every limit."""
    for fate in ({"failed": {"status 500": 5}}, {"dropped": 5}, {"unfinished": 5}):
        cells = [cell("page", second, 15, **fate) for second in range(20)]
        assert standing(run_of(*cells), 20) is Standing.REFUTED


def test_a_run_that_was_stopped_never_passes() -> None:
    """However good its counts are, a run that did not offer everything is refuted."""
    run = run_of(*[cell("page", second, 20) for second in range(20)])
    worker = run.workers[0].model_copy(update={"stopped": "most were late"})
    capacity = assess(run.model_copy(update={"workers": (worker,)}), SLO, 20)
    assert [claim.text for claim in capacity.refuted] == ["the whole load can be offered"]


def test_requests_that_could_not_be_sent_are_a_refutation() -> None:
    """With a healthy generator, a rate below 99 % of the offered one is the service's doing."""
    cells = [cell("page", second, 98, dropped=2) for second in range(10)]
    assert standing(run_of(*cells), 10, ALL, "can be sent") is Standing.REFUTED


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(20, 40)), min_size=1, max_size=30))
def test_only_what_is_inside_the_limit_can_be_proven(counts: list[tuple[int, int]]) -> None:
    """Proven means a share below the limit, no worse second, and enough requests; whatever the pattern."""
    cells = [cell("page", second, total, slow=bad) for second, (bad, total) in enumerate(counts)]
    (claim,) = [c for c in assess(run_of(*cells), SLO, len(counts)).claims if "within" in c.text]
    assert claim.lower <= claim.bad / claim.total <= claim.upper
    if claim.standing is Standing.PROVEN:
        assert claim.upper <= claim.allowed
        assert claim.total >= 59
    if claim.lower > claim.allowed and len(counts) >= 5:
        assert claim.standing is Standing.REFUTED


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(20, 40)), min_size=2, max_size=30))
def test_dispersion_never_adds_evidence(blocks: list[tuple[int, int]]) -> None:
    """Deflation only ever takes evidence away."""
    assert dispersion(blocks) >= 1


def test_a_short_run_says_what_it_cannot_show() -> None:
    """The words for a short run and for a long one differ."""
    cells = [cell("page", second, 20) for second in range(20)]
    assert "cannot certify" in assess(run_of(*cells), SLO, 20).limits_of_proof
    assert "would have shown" in assess(run_of(*cells), SLO, 300).limits_of_proof


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rate": 5, "seconds": 10}, "yields 50 requests of 'page'"),
        ({"rate": 20, "seconds": 10, "slo": Slo(p99_ms={"default": 250})}, "at least 299"),
        ({"rate": 500, "seconds": 4}, "in 5 s"),
    ],
)
def test_an_order_that_cannot_prove_is_refused_before_traffic(changes: dict[str, Any], words: str) -> None:
    """Too few requests for a percentile, or too few seconds, are named before anything is sent."""
    with pytest.raises(ProbeError, match=words):
        require_enough(an_order(**changes))


def test_an_order_that_can_prove_is_not_refused() -> None:
    """Sixty requests per second for 20 s are enough for p95."""
    require_enough(an_order(rate=60, seconds=20))


def test_tables_and_summary_name_every_request() -> None:
    """The evidence holds a row per request and per second, and the claims in words."""
    cells = [cell("page", second, 20, slow=1) for second in range(6)]
    run = run_of(*cells)
    assert [row[0] for row in request_rows(run, SLO)[1]] == ["page"]
    columns, rows = counter_rows(run)
    assert len(rows) == 6
    assert all(len(row) == len(columns) for row in rows)
    text = summary(run, assess(run, SLO, 6), an_order())
    assert "95% answered right within 250 ms" in text
    assert "joint measurement" in text
