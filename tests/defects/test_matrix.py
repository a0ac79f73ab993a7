"""A part of the defect matrix, through the command line; the whole of it is `make selftest`."""

from __future__ import annotations

import pytest

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.demo.selftest import CLEAN, matrix, run_row
from stagehold.demo.up import known_defects

SAMPLE = (CLEAN, "database-exposed", "tenant-predicate-missing-on-read")


def test_every_check_has_its_defect_and_every_defect_its_check() -> None:
    """The matrix covers the catalogue and the demo's defects, with nothing left over."""
    specs = read_catalogue(shipped_suites())

    rows = matrix(specs, [])

    assert set(rows) == {CLEAN, *known_defects()}
    assert frozenset().union(*rows.values()) == {spec.id for spec in specs}


def test_every_check_says_why_it_matters() -> None:
    """A failure is shown with what somebody could do with it."""
    assert [spec.id for spec in read_catalogue(shipped_suites()) if not spec.why] == []


@pytest.mark.slow
@pytest.mark.parametrize("defect", SAMPLE)
def test_the_gate_goes_red_for_exactly_the_defect(defect: str) -> None:
    """The clean demo is GO; a seeded defect is NO_GO with exactly the checks that name it."""
    row = run_row(defect, matrix(read_catalogue(shipped_suites()), [])[defect])

    assert row.good, row
