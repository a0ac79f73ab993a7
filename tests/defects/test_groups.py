"""Several defects in a row prove each of them: the grouping, and what may be concluded from rows that were good."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stagehold.catalogue.read import LOAD_SUITE, read_catalogue, shipped_suites
from stagehold.demo.groups import grouped, unproven
from stagehold.demo.matrix import Measure, Row, one_by_one, wanted_failures
from stagehold.demo.up import clashing_defects, known_defects
from stagehold.model import CheckSpec

SPECS = read_catalogue(shipped_suites())
SUITES = ["tls", "ports", "auth", LOAD_SUITE]


@st.composite
def catalogues(draw: st.DrawFn) -> list[CheckSpec]:
    """Up to 16 checks, each with a defect of its own and perhaps some of others, and perhaps one that it requires."""
    count = draw(st.integers(1, 16))
    ids = [f"TLS-{number:03}" for number in range(count)]
    return [
        SPECS[0].model_copy(
            update={
                "id": name,
                "suite": draw(st.sampled_from(SUITES)),
                "defects": (f"d-{name}", *draw(st.lists(st.sampled_from(ids).map("d-{}".format), max_size=2))),
                "requires": tuple(draw(st.lists(st.sampled_from(ids[:number]), max_size=1))) if number else (),
            }
        )
        for number, name in enumerate(ids)
    ]


def wanted(specs: list[CheckSpec]) -> dict[str, frozenset[str]]:
    """What each defect must make fail."""
    return wanted_failures(specs, sorted({name for spec in specs for name in spec.defects}))


@given(catalogues())
def test_good_rows_prove_every_defect(specs: list[CheckSpec]) -> None:
    """Whatever checks and defects there are: if every row is as it must be, no defect is left to be doubted."""
    chosen = wanted(specs)

    assert unproven(chosen, grouped(chosen, specs)) == []
    assert unproven(chosen, one_by_one(chosen, specs)) == []


@given(catalogues())
def test_no_row_hides_a_defect_behind_another(specs: list[CheckSpec]) -> None:
    """In a row nothing waits for a check that must fail, no check has two reasons to, and load is alone.

    Only suites whose defects are things apart have two of them.
    """
    chosen = wanted(specs)
    suites = {spec.id: spec.suite for spec in specs}
    needs = {spec.id: set(spec.requires) for spec in specs}

    for row in grouped(chosen, specs):
        held = Counter(suite for name in row.defects for suite in {suites[check] for check in chosen[name]})
        assert all(number <= (2 if suite in {"tls", "ports"} else 1) for suite, number in held.items())
        assert sum(len(chosen[name]) for name in row.defects) == len(row.wanted)
        assert LOAD_SUITE not in held or (len(row.defects) == 1 and row.measure is Measure.GATE)
        for name in row.defects:
            others = frozenset().union(*(chosen[other] for other in row.defects if other != name))
            assert not any(needs[check] & others for check in chosen[name])


@given(catalogues(), st.data())
def test_what_is_called_proven_is_true(specs: list[CheckSpec], data: st.DataObject) -> None:
    """Whatever the defects really do, and whichever rows are run: a defect that is not doubted does exactly its own."""
    chosen = wanted(specs)
    ids = st.sampled_from([spec.id for spec in specs])
    really = {
        name: ids_ if data.draw(st.booleans()) else frozenset(data.draw(st.sets(ids, max_size=3)))
        for name, ids_ in chosen.items()
    }
    rows = [*grouped(chosen, specs)]
    for names in data.draw(st.lists(st.sets(st.sampled_from(list(chosen)), min_size=1, max_size=4), max_size=3)):
        group = tuple(sorted(names))
        rows.append(Row(group, frozenset().union(*(chosen[name] for name in group)), Measure.CHECKS))

    good = [row for row in rows if frozenset().union(*(really[name] for name in row.defects)) == row.wanted]

    for name in set(chosen) - set(unproven(chosen, good)):
        assert really[name] == chosen[name]


def test_nothing_is_proven_by_no_row() -> None:
    """Without a good row every defect is doubted."""
    chosen = wanted_failures(SPECS, list(known_defects()))

    assert unproven(chosen, []) == list(chosen)


def test_one_bad_row_leaves_only_its_own_defects_in_doubt() -> None:
    """The rest stays proven when a row of the real matrix is not as it must be."""
    chosen = wanted_failures(SPECS, list(known_defects()))
    rows = grouped(chosen, SPECS)
    bad = next(row for row in rows if len(row.defects) > 1)

    doubtful = set(unproven(chosen, [row for row in rows if row is not bad]))

    assert doubtful
    # Some of them may have been alone in their other row.
    assert doubtful <= set(bad.defects)


def test_what_clashes_is_kept_apart() -> None:
    """The demo's defects that want the same thing otherwise are never in a row, and still every one is proven."""
    chosen, clashes = wanted_failures(SPECS, list(known_defects())), clashing_defects()
    rows = grouped(chosen, SPECS, clashes)

    assert len(clashes) >= 10
    assert not any(pair <= set(row.defects) for pair in clashes for row in rows)
    assert unproven(chosen, rows) == []


def test_the_matrix_is_less_than_half_as_long() -> None:
    """Grouping makes at most four rows of ten defects, few of them whole runs."""
    chosen = wanted_failures(SPECS, list(known_defects()))
    rows = grouped(chosen, SPECS, clashing_defects())

    assert len(rows) <= 0.4 * len(chosen)
    assert sum(row.measure is Measure.GATE for row in rows) <= 3
