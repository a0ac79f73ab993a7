"""Checks that are written and that pytest does not collect: they would never run, and nobody would miss them."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from stagehold.catalogue.sources import Source
from stagehold.catalogue.written import Written, written_checks
from stagehold.code_places import place
from stagehold.marker import Made

_NEVER = "the line is never executed when the file is imported; define it where nothing decides whether it exists"
_GONE = "what pytest would collect does not hold it any more; give it a name of its own"
_UNUSED = "it decorates no function; write `@` before it, directly above its function"


def find_uncollected(sources: Sequence[Source], made: Sequence[Made], found: AbstractSet[int]) -> list[str]:
    """A sentence for each, with file and line.

    Args:
        sources: the files of a suite.
        made: every use of `check(…)` while they were imported.
        found: `id()` of the checks that pytest would collect.
    """
    trails = [one.trail for one in made]
    written = written_checks(sources, trails)
    lost = [_lost(one, written) for one in made if id(one.spec) not in found]
    lost += [_told(one) for one in written if not one.executed(trails)]
    return sorted(set(lost))


def _lost(one: Made, written: Sequence[Written]) -> str:
    if one.spec is None:
        return f"{place(*one.trail[0])}: {one.id} is not collected: {_UNUSED}"
    reason = next((place_.reason for place_ in written if place_.reason and place_.holds(one.trail)), "")
    return f"{one.spec.location}: {one.spec.id} is not collected: {reason or _GONE}"


def _told(one: Written) -> str:
    name = f"the check {one.name}" if one.name else "this check"
    return f"{place(one.source.path, one.first)}: {name} is not collected: {one.reason or _NEVER}"
