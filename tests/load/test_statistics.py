"""The bounds against exact sums, published values and each other."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.statistics import incomplete_beta, lower_bound, needed, tail, upper_bound

SHARES = st.floats(0.001, 0.999)


def exact_tail(bad: int, total: int, share: float) -> float:
    """P[Bin(total, share) >= bad] by summing, with log-gamma against overflow."""
    terms = (
        math.lgamma(total + 1)
        - math.lgamma(k + 1)
        - math.lgamma(total - k + 1)
        + k * math.log(share)
        + (total - k) * math.log1p(-share)
        for k in range(bad, total + 1)
    )
    return math.fsum(math.exp(term) for term in terms)


@settings(deadline=None)
@given(total=st.integers(1, 400), bad=st.integers(0, 400), share=SHARES)
def test_tail_is_the_sum_of_its_terms(total: int, bad: int, share: float) -> None:
    """The incomplete beta function gives the same tail as adding up the binomial terms."""
    bad = min(bad, total)
    assert tail(bad, total, share) == pytest.approx(exact_tail(bad, total, share), abs=1e-9)


@settings(deadline=None)
@given(total=st.integers(1, 400), bad=st.integers(0, 399), alpha=st.sampled_from([0.01, 0.05]))
def test_upper_bound_is_where_so_few_become_unlikely(total: int, bad: int, alpha: float) -> None:
    """At the upper bound, so few bad requests have exactly the probability alpha."""
    bad = min(bad, total - 1)
    bound = upper_bound(bad, total, alpha)
    assert 1 - exact_tail(bad + 1, total, bound) == pytest.approx(alpha, abs=1e-6)
    assert lower_bound(bad, total, alpha) <= bad / total <= bound


@pytest.mark.parametrize(
    ("bad", "total", "upper", "lower"),
    [(0, 59, 0.0495, 0.0), (0, 299, 0.00997, 0.0), (10, 100, 0.1637, 0.04235), (59, 59, 1.0, 0.9249)],
)
def test_known_bounds(bad: int, total: int, upper: float, lower: float) -> None:
    """Known one-sided Clopper-Pearson values: 95 % above, 99 % below."""
    assert upper_bound(bad, total, 0.05) == pytest.approx(upper, abs=2e-4)
    assert lower_bound(bad, total, 0.01) == pytest.approx(lower, abs=2e-4)


@settings(deadline=None)
@given(total=st.integers(2, 5_000), bad=st.integers(0, 4_999))
def test_more_bad_never_looks_better(total: int, bad: int) -> None:
    """Both bounds grow with the number of bad requests."""
    bad = min(bad, total - 1)
    assert upper_bound(bad, total, 0.05) <= upper_bound(bad + 1, total, 0.05) + 1e-12
    assert lower_bound(bad, total, 0.01) <= lower_bound(bad + 1, total, 0.01) + 1e-12


@settings(deadline=None)
@given(a=st.floats(0.1, 2_000), b=st.floats(0.1, 2_000), x=SHARES)
def test_the_two_sides_of_the_function_agree(a: float, b: float, x: float) -> None:
    """I_x(a, b) and I_1-x(b, a) add up to one, also for counts that are not whole."""
    assert incomplete_beta(a, b, x) + incomplete_beta(b, a, 1 - x) == pytest.approx(1, abs=1e-8)


def test_nothing_counted_proves_nothing() -> None:
    """Without a request the true share may be anything."""
    assert (lower_bound(0, 0, 0.01), upper_bound(0, 0, 0.05)) == (0.0, 1.0)


@pytest.mark.parametrize(("bad", "total"), [(math.nan, 10), (1, math.nan), (-1, 10), (11, 10), (1, math.inf)])
def test_what_is_no_count_is_refused(bad: float, total: float) -> None:
    """NaN, infinity and impossible counts raise instead of comparing false."""
    with pytest.raises(ValueError, match="not counts"):
        upper_bound(bad, total, 0.05)


@pytest.mark.parametrize(("allowed", "count"), [(0.05, 59), (0.01, 299), (0.001, 2995)])
def test_how_many_are_needed(allowed: float, count: int) -> None:
    """The numbers of clean requests that prove p95, p99 and p99.9."""
    assert needed(allowed, 0.05) == count
    assert upper_bound(0, count, 0.05) <= allowed < upper_bound(0, count - 1, 0.05)
