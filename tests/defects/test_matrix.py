"""A part of the defect matrix on one demo, as `stagehold selftest` runs it; the whole of it is `make selftest`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.demo.bench import Bench, measure
from stagehold.demo.groups import grouped
from stagehold.demo.matrix import CLEAN, Measure, Row, wanted_failures
from stagehold.demo.up import clashing_defects, known_defects

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """One demo for all rows here, switched between them."""
    with Bench(read_catalogue(shipped_suites())) as one:
        yield one


def _largest_row() -> Row:
    """The row without load that proves most."""
    specs = read_catalogue(shipped_suites())
    rows = grouped(wanted_failures(specs, list(known_defects())), specs, clashing_defects())
    return max((row for row in rows if row.measure is Measure.CHECKS), key=lambda row: len(row.defects))


def test_the_gate_lets_the_clean_demo_through(bench: Bench) -> None:
    """The whole gate, load and reports included, says GO on the clean demo."""
    (measured,) = measure([CLEAN], [bench])

    assert measured.good, measured


def test_exactly_the_checks_that_name_the_defects_fail(bench: Bench) -> None:
    """Of all suites but load, exactly the checks that name a seeded defect of the row fail."""
    (measured,) = measure([_largest_row()], [bench])

    assert measured.good, measured
