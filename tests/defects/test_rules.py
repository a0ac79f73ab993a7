"""The rules of the matrix, without any demo: what must fail, what is run where, and when a row is as it must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.demo.groups import grouped
from stagehold.demo.matrix import CLEAN, Measure, Measured, Row, one_by_one, strays, wanted_failures
from stagehold.demo.up import known_defects
from stagehold.errors import ConfigError
from stagehold.model import CheckResult, CheckSpec, Outcome


def spec(name: str, suite: str, *defects: str, requires: tuple[str, ...] = ()) -> CheckSpec:
    """A check of that suite."""
    like = read_catalogue(shipped_suites())[0]
    return like.model_copy(update={"id": name, "suite": suite, "defects": defects, "requires": requires})


SPECS = [
    spec("TLS-001", "tls", "old", "both"),
    spec("TLS-002", "tls", "new", "both"),
    spec("AUT-001", "auth", "door"),
    spec("LOD-001", "load", "slow", "slower"),
]
KNOWN = ["old", "new", "both", "door", "slow", "slower"]


def test_every_check_has_its_defect_and_every_defect_its_check() -> None:
    """The matrix covers the catalogue and the demo's defects, with nothing left over."""
    specs, known = read_catalogue(shipped_suites()), known_defects()

    chosen = wanted_failures(specs, list(known))

    assert list(chosen) == list(known)
    assert frozenset().union(*chosen.values()) == {one.id for one in specs}


def test_every_check_says_why_it_matters() -> None:
    """A failure is shown with what somebody could do with it."""
    assert [one.id for one in read_catalogue(shipped_suites()) if not one.why] == []


@pytest.mark.parametrize("rows_of", [one_by_one, grouped])
def test_every_suite_has_a_whole_run(rows_of: Callable[..., list[Row]]) -> None:
    """The gate's own NO_GO is seen for a defect of each suite, and load is measured wherever a load check must fail."""
    specs = read_catalogue(shipped_suites())
    suites = {one.id: one.suite for one in specs}

    rows = rows_of(wanted_failures(specs, list(known_defects())), specs)

    whole = [row for row in rows if row.measure is Measure.GATE]
    assert {suites[check] for row in whole for check in row.wanted} == set(suites.values())
    for row in rows:
        if any(suites[check] == "load" for check in row.wanted):
            assert row.measure is Measure.GATE, row


def test_rows_say_what_must_fail_and_how_it_is_measured() -> None:
    """A defect that two checks name makes both fail; whole runs are the first of each suite and all of load."""
    rows: dict[str, tuple[object, str]] = {
        row.name: (row.wanted, row.measure.value) for row in one_by_one(wanted_failures(SPECS, KNOWN), SPECS)
    }

    assert rows == {
        "old": ({"TLS-001"}, "gate"),
        "new": ({"TLS-002"}, "checks"),
        "both": ({"TLS-001", "TLS-002"}, "checks"),
        "door": ({"AUT-001"}, "gate"),
        "slow": ({"LOD-001"}, "gate"),
        "slower": ({"LOD-001"}, "gate"),
    }


def test_some_checks_only() -> None:
    """A check that is asked for brings all of its defects, each with everything that must fail."""
    assert wanted_failures(SPECS, KNOWN, ["TLS-002"]) == {"new": {"TLS-002"}, "both": {"TLS-001", "TLS-002"}}


@pytest.mark.parametrize(
    ("specs", "known", "only", "told"),
    [
        (SPECS, [*KNOWN, "forgotten"], [], "no check names the defect forgotten"),
        (SPECS, KNOWN[:-1], [], "the demo has no defect slower"),
        ([*SPECS, spec("TLS-003", "tls")], KNOWN, [], "no defect proves TLS-003"),
        (SPECS, KNOWN, ["TLS-999"], "there is no check TLS-999"),
        ([*SPECS, spec("TLS-003", "tls")], KNOWN, ["TLS-003"], "no defect proves TLS-003"),
    ],
)
def test_checks_and_defects_that_do_not_fit_are_refused(
    specs: list[CheckSpec], known: list[str], only: list[str], told: str
) -> None:
    """A check nobody can see fail, or a defect nobody looks for, is an error before anything is started."""
    with pytest.raises(ConfigError, match=told):
        wanted_failures(specs, known, only)


WHOLE = Row(("old",), frozenset({"TLS-001"}), Measure.GATE)
PART = replace(WHOLE, measure=Measure.CHECKS)
GOOD = Measured(WHOLE, "NO_GO, exit 1", failed=frozenset({"TLS-001"}))


@pytest.mark.parametrize(
    ("measured", "good"),
    [
        (GOOD, True),
        (Measured(PART, "exit 1", failed=frozenset({"TLS-001"})), True),
        (Measured(CLEAN, "GO, exit 0"), True),
        (replace(GOOD, ending="NO_GO, exit 0"), False),
        (replace(GOOD, ending="INCONCLUSIVE, exit 3"), False),
        (replace(GOOD, failed=frozenset()), False),
        (replace(GOOD, failed=frozenset({"TLS-001", "TLS-002"})), False),
        (replace(GOOD, failed=frozenset({"TLS-002"})), False),
        (replace(GOOD, strays=("TLS-002 inconclusive: no answer",)), False),
        (replace(GOOD, notes=("the tls suite ended early",)), False),
        (Measured(CLEAN, "GO, exit 0", failed=frozenset({"TLS-001"})), False),
        (Measured(PART, "no demo"), False),
    ],
)
def test_a_row_is_good_only_if_everything_is(measured: Measured, good: bool) -> None:
    """Decision, exit code and exactly the failed checks; nothing undecided, nothing else wrong."""
    assert measured.good is good


def test_what_requires_a_failed_check_is_no_stray() -> None:
    """Checks behind a broken login cannot decide, nor can those behind them; any other that cannot is a stray."""
    results = [
        CheckResult(spec=spec("AUT-001", "auth"), outcome=Outcome.FAILED),
        CheckResult(spec=spec("AUT-002", "auth", requires=("AUT-001",)), outcome=Outcome.INCONCLUSIVE),
        CheckResult(spec=spec("AUT-003", "auth", requires=("AUT-002",)), outcome=Outcome.INCONCLUSIVE),
        CheckResult(spec=spec("TLS-001", "tls"), outcome=Outcome.INCONCLUSIVE, reason="no answer"),
        CheckResult(spec=spec("TLS-002", "tls"), outcome=Outcome.UNCOVERED, reason="needs `tls`"),
        CheckResult(spec=spec("TLS-003", "tls"), outcome=Outcome.NOT_APPLICABLE),
        CheckResult(spec=spec("TLS-004", "tls"), outcome=Outcome.PASSED),
    ]

    assert strays(results, {"AUT-001"}) == (
        "TLS-001 inconclusive: no answer",
        "TLS-002 uncovered: needs `tls`",
    )
