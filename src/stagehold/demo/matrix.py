"""The defect matrix: which checks each seeded defect must make fail, and how a row of it is judged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from stagehold.catalogue.read import LOAD_SUITE
from stagehold.errors import ConfigError
from stagehold.model import CheckResult, CheckSpec, Outcome


class Measure(StrEnum):
    """What is run in a row."""

    GATE = "gate"
    """`stagehold run`: every suite, load included, verdict and reports."""
    CHECKS = "checks"
    """`stagehold check` of every suite but load: the gate's own lanes and judgement, without verdict and reports."""


@dataclass(frozen=True)
class Row:
    """One line of the matrix, before it is run."""

    defects: tuple[str, ...]
    """What to switch on in the demo."""
    wanted: frozenset[str]
    """Ids that must fail; empty for the clean demo."""
    measure: Measure
    again: bool = False
    """The clean demo after defects were switched on in it."""

    @property
    def name(self) -> str:
        """The defects, or that there are none."""
        return ", ".join(self.defects) or ("(clean again)" if self.again else "(clean)")

    @property
    def ending(self) -> str:
        """How the run must end: the decision of the gate and the exit code."""
        code = 1 if self.wanted else 0
        if self.measure is Measure.CHECKS:
            return f"exit {code}"
        return f"{'NO_GO' if self.wanted else 'GO'}, exit {code}"


@dataclass(frozen=True)
class Measured:
    """What came of a row."""

    row: Row
    ending: str
    failed: frozenset[str] = frozenset()
    strays: tuple[str, ...] = ()
    """Checks that neither passed nor failed, and for no reason of `requires=`."""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    """What else went wrong."""

    @property
    def good(self) -> bool:
        """Whether it is as it must be."""
        return self.ending == self.row.ending and self.failed == self.row.wanted and not self.strays and not self.notes


def wanted_failures(
    specs: Sequence[CheckSpec], known: Collection[str], only: Collection[str] = ()
) -> dict[str, frozenset[str]]:
    """Each defect of the demo, in its order, to the checks that name it; with `only`, the defects of these checks.

    Raises:
        ConfigError: a check names no defect or one the demo does not have, or a defect is named by no check.
    """
    asked = [spec for spec in specs if not only or spec.id in only]
    named = {name for spec in asked for name in spec.defects}
    for what, names in (
        ("there is no check", sorted(set(only) - {spec.id for spec in specs})),
        ("the demo has no defect", sorted(named - set(known))),
        ("no check names the defect", [] if only else sorted(set(known) - named)),
        ("no defect proves", sorted(spec.id for spec in asked if not spec.defects)),
    ):
        if names:
            raise ConfigError(f"{what} {', '.join(names)}", remedy="stagehold list; stagehold list --defects")
    return {name: frozenset(s.id for s in specs if name in s.defects) for name in known if name in named}


CLEAN = Row((), frozenset(), Measure.GATE)
"""The whole gate on the demo without any defect."""
CLEAN_AGAIN = Row((), frozenset(), Measure.CHECKS, again=True)
"""What is looked at on every demo at the end."""


def one_by_one(chosen: Mapping[str, frozenset[str]], specs: Sequence[CheckSpec]) -> list[Row]:
    """A row for each defect.

    A whole run of the gate is made of the first defect of each suite, and of every defect that a load check names.
    """
    suites = {spec.id: spec.suite for spec in specs}
    seen: set[str] = set()
    rows = []
    for name, ids in chosen.items():
        concerned = {suites[check] for check in ids}
        whole = LOAD_SUITE in concerned or not concerned <= seen
        seen |= concerned
        rows.append(Row((name,), ids, Measure.GATE if whole else Measure.CHECKS))
    return rows


def strays(results: Sequence[CheckResult], wanted: Collection[str]) -> tuple[str, ...]:
    """The checks that could not decide, unless they require one that must fail, or one that requires such a one."""
    requires: Mapping[str, Sequence[str]] = {result.spec.id: result.spec.requires for result in results}
    spread, before = set(wanted), 0
    while len(spread) > before:
        before = len(spread)
        spread |= {name for name, needed in requires.items() if spread & set(needed)}
    settled = {Outcome.PASSED, Outcome.FAILED, Outcome.NOT_APPLICABLE}
    return tuple(
        f"{result.spec.id} {result.outcome.value}: {result.reason}"
        for result in results
        if result.outcome not in settled and result.spec.id not in spread
    )
