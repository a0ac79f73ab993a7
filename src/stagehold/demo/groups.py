"""Group testing: several defects in a row of the matrix, and yet each of them proven by itself.

A row costs the same with one defect as with six. So every defect is switched on in two rows, each time in other
company, and exactly the checks of the company and its own may fail. If both rows are good, then what a defect makes
fail is among the checks of the one row and among those of the other, and the only ones in both are its own.

This holds as long as defects do together what they do one by one. Where they do not, rows are not as they must be, and
their defects are run one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from stagehold.catalogue.read import LOAD_SUITE
from stagehold.demo.matrix import Measure, Row
from stagehold.model import CheckSpec

Wanted = Mapping[str, frozenset[str]]
"""Name of a defect to the ids of the checks that it must make fail."""
Clashes = Collection[frozenset[str]]
"""Pairs of defects that do not go together."""
_TWICE = {"tls", "ports"}
"""Suites that may have two defects in a row, as theirs are listeners, certificates and ports apart from each other."""


def grouped(chosen: Wanted, specs: Sequence[CheckSpec], clashes: Clashes = ()) -> list[Row]:
    """The rows, in two rounds; a defect that a load check names has a row of its own.

    The fewest rows that hold a defect of every suite are whole runs of the gate.
    """
    suites = {spec.id: spec.suite for spec in specs}
    apart = [name for name, ids in chosen.items() if LOAD_SUITE in {suites[check] for check in ids}]
    fits = _fitting(chosen, specs, clashes)
    first = _round([name for name in chosen if name not in apart], fits)
    company = {name: _checks(group, chosen) - chosen[name] for group in first for name in group}
    again = [name for group in first if len(group) > 1 for name in group]
    # In another order, as the first defects of every suite are at home in the first row.
    second = _round(
        again[::-1],
        lambda name, group: (
            fits(name, group)
            and all(not company[a] & chosen[b] and not company[b] & chosen[a] for a, b in _pairs(name, group))
        ),
    )
    groups = [*([name] for name in apart), *first, *second]
    whole = _covering(groups, {name: frozenset(suites[check] for check in ids) for name, ids in chosen.items()})
    return [
        Row(tuple(group), _checks(group, chosen), Measure.GATE if number in whole else Measure.CHECKS)
        for number, group in enumerate(groups)
    ]


def unproven(chosen: Wanted, good: Iterable[Row]) -> list[str]:
    """The defects of which the good rows do not show that they make exactly their checks fail."""
    rows = [row for row in good if row.defects]
    # What the defect can have made fail, at the most.
    bounds: dict[str, frozenset[str]] = {}
    for row in rows:
        for name in row.defects:
            bounds[name] = bounds.get(name, row.wanted) & row.wanted

    def proven(name: str) -> bool:
        # And of the company nobody can have done it instead.
        return bounds.get(name) == chosen[name] and any(
            name in row.defects and not any(bounds[other] & chosen[name] for other in row.defects if other != name)
            for row in rows
        )

    return [name for name in chosen if not proven(name)]


def _fitting(chosen: Wanted, specs: Sequence[CheckSpec], clashes: Clashes) -> Callable[[str, Sequence[str]], bool]:
    """Whether a defect can join a group.

    Nobody there makes the same check fail, clashes with it, or keeps its checks from deciding, and its suite is not in
    the group yet, or only once.
    """
    suites = {spec.id: spec.suite for spec in specs}
    needs = {spec.id: frozenset(spec.requires) for spec in specs}
    for _ in specs:
        needs = {check: ids.union(*(needs[one] for one in ids)) for check, ids in needs.items()}
    held = {name: {suites[check] for check in ids} for name, ids in chosen.items()}

    def waits(a: str, b: str) -> bool:
        return any(needs[check] & chosen[b] for check in chosen[a])

    def apart(a: str, b: str) -> bool:
        return (
            not chosen[a] & chosen[b] and frozenset((a, b)) not in clashes and not waits(a, b) and not waits(b, a)
        )  # fmt: skip

    def fits(name: str, group: Sequence[str]) -> bool:
        room = all(sum(suite in held[other] for other in group) < (2 if suite in _TWICE else 1) for suite in held[name])
        return room and all(apart(a, b) for a, b in _pairs(name, group))

    return fits


def _round(names: Sequence[str], fits: Callable[[str, Sequence[str]], bool]) -> list[list[str]]:
    """Every name in the first group it fits into."""
    groups: list[list[str]] = []
    for name in names:
        home = next((group for group in groups if fits(name, group)), None)
        if home is None:
            groups.append(home := [])
        home.append(name)
    return groups


def _covering(groups: Sequence[Sequence[str]], suites: Mapping[str, frozenset[str]]) -> set[int]:
    """Numbers of groups that together hold a defect of every suite; every one of load is among them."""
    held = [frozenset().union(*(suites[name] for name in group)) for group in groups]
    chosen = {number for number, names in enumerate(held) if LOAD_SUITE in names}
    left = frozenset().union(*held) - frozenset().union(*(held[number] for number in chosen))
    while left:
        best = max(range(len(held)), key=lambda number: len(held[number] & left))
        chosen.add(best)
        left -= held[best]
    return chosen


def _checks(group: Sequence[str], chosen: Wanted) -> frozenset[str]:
    return frozenset().union(*(chosen[name] for name in group))


def _pairs(name: str, group: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, other) for other in group]
