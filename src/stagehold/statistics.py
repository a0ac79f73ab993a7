"""Exact binomial bounds, in the standard library: how far a counted share can be from the true one.

Clopper and Pearson (1934) one-sided bounds, through the regularised incomplete beta function (continued
fraction, DLMF 8.17.22) and bisection. Counts need not be whole: deflated counts use the beta continuation.
"""

from __future__ import annotations

import math
from collections.abc import Callable

_TINY = 1e-300
_TERMS = 10_000
_PRECISION = 1e-15


def upper_bound(bad: float, total: float, alpha: float) -> float:
    """The largest true share that would still show so few as `bad` of `total` with probability `alpha`.

    The true share lies above it in at most `alpha` of all experiments. 1.0 when nothing was counted.
    """
    _require_counts(bad, total, alpha)
    if total <= 0 or bad >= total:
        return 1.0
    return _solve(lambda share: 1 - incomplete_beta(bad + 1, total - bad, share) > alpha)


def lower_bound(bad: float, total: float, alpha: float) -> float:
    """The smallest true share that would still show so many as `bad` of `total` with probability `alpha`."""
    _require_counts(bad, total, alpha)
    if total <= 0 or bad <= 0:
        return 0.0
    return _solve(lambda share: incomplete_beta(bad, total - bad + 1, share) < alpha)


def tail(bad: int, total: int, share: float) -> float:
    """The probability of at least `bad` of `total` where each is bad with probability `share`."""
    _require_counts(bad, total, 0.5)
    if bad <= 0:
        return 1.0
    return incomplete_beta(bad, total - bad + 1, share)


def needed(allowed: float, alpha: float) -> int:
    """How many requests, all of them right, it takes to prove a share of at most `allowed`."""
    return math.ceil(math.log(alpha) / math.log1p(-allowed))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for positive a and b.

    Raises:
        ArithmeticError: the continued fraction did not converge; never a made-up value.
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    # Each side of the mean has the fraction that converges quickly there.
    if x < (a + 1) / (a + b + 2):
        return min(1.0, front * _fraction(a, b, x) / a)
    return max(0.0, 1 - front * _fraction(b, a, 1 - x) / b)


def _fraction(a: float, b: float, x: float) -> float:
    """Lentz's evaluation of the continued fraction."""
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        factor = 1.0
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            factor = c * d
            value *= factor
        if abs(factor - 1) < _PRECISION:
            return value
    raise ArithmeticError(f"incomplete beta ({a}, {b}, {x}) did not converge")


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _solve(below: Callable[[float], bool]) -> float:
    """The boundary in [0, 1] between where `below` holds and where it does not."""
    low, high = 0.0, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2


def _require_counts(bad: float, total: float, alpha: float) -> None:
    if not (math.isfinite(bad) and math.isfinite(total) and 0 <= bad <= max(total, 0) and 0 < alpha < 1):
        raise ValueError(f"not counts and a probability: {bad} of {total}, {alpha}")
