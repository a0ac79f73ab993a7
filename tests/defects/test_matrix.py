"""A part of the defect matrix on one demo, as `stagehold selftest` runs it; the whole of it is `make selftest`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.demo.bench import Bench, measure
from stagehold.demo.groups import grouped
from stagehold.demo.matrix import CLEAN, CLEAN_AGAIN, Measure, Row, wanted_failures
from stagehold.demo.up import known_defects

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """One demo for all rows here, switched between them."""
    with Bench(read_catalogue(shipped_suites())) as one:
        yield one


def _rows(measure: Measure) -> list[Row]:
    specs = read_catalogue(shipped_suites())
    rows = grouped(wanted_failures(specs, list(known_defects())), specs)
    return sorted((row for row in rows if row.measure is measure), key=lambda row: -len(row.defects))


@pytest.mark.parametrize("row", [CLEAN, _rows(Measure.GATE)[0]], ids=["clean", "a defect of every suite but load"])
def test_the_gate_decides(row: Row, bench: Bench) -> None:
    """The whole gate says GO on the clean demo, and NO_GO with exactly the checks that name the seeded defects."""
    (measured,) = measure([row], [bench])

    assert measured.good, measured


def test_exactly_the_checks_that_name_a_defect_fail(bench: Bench) -> None:
    """Of all suites but load, exactly the checks that name a seeded defect fail."""
    (measured,) = measure(_rows(Measure.CHECKS)[:1], [bench])

    assert measured.good, measured


def test_switching_leaves_nothing_behind(bench: Bench) -> None:
    """Switched back, the demo that had the defects passes everything again."""
    (measured,) = measure([CLEAN_AGAIN], [bench])

    assert measured.good, measured
