"""A part of the defect matrix on one demo, as `stagehold selftest` runs it; the whole of it is `make selftest`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.demo.bench import Bench, measure
from stagehold.demo.matrix import CLEAN, CLEAN_AGAIN, Measure, Row, matrix
from stagehold.demo.up import known_defects

pytestmark = pytest.mark.slow
_WHOLE = (CLEAN, "hsts-missing-on-errors")
_CHECKS = "tenant-predicate-missing-on-read"


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """One demo for all rows here, switched between them."""
    with Bench(read_catalogue(shipped_suites())) as one:
        yield one


def _row(defect: str, how: Measure) -> Row:
    rows = matrix(read_catalogue(shipped_suites()), list(known_defects()))
    return replace(next(row for row in rows if row.defect == defect), measure=how)


@pytest.mark.parametrize("defect", _WHOLE)
def test_the_gate_decides(defect: str, bench: Bench) -> None:
    """The whole gate says GO on the clean demo, and NO_GO with exactly the checks that name a seeded defect."""
    (measured,) = measure([_row(defect, Measure.GATE)], [bench])

    assert measured.good, measured


def test_exactly_the_checks_that_name_a_defect_fail(bench: Bench) -> None:
    """Of all suites but load, exactly the checks that name a seeded defect fail."""
    (measured,) = measure([_row(_CHECKS, Measure.CHECKS)], [bench])

    assert measured.good, measured


def test_switching_leaves_nothing_behind(bench: Bench) -> None:
    """Switched back, the demo that had the defects passes everything again."""
    (measured,) = measure([Row(CLEAN_AGAIN, frozenset(), Measure.CHECKS)], [bench])

    assert measured.good, measured
