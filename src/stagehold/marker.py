"""`@check`: turns an ordinary pytest function into one claim of the gate."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import pytest
from pydantic import ValidationError

from stagehold.code_places import place
from stagehold.model import CheckSpec, Severity, Traffic

F = TypeVar("F", bound=Callable[..., Any])
_FRAMES = 40


@dataclass(eq=False)
class Made:
    """One use of `check(…)`, and the check that came of it; none while it was applied to no function."""

    id: str
    trail: list[tuple[str, int]]
    """File and line of every call that led to it, the nearest first."""
    spec: CheckSpec | None = None


_watching: list[list[Made]] = []


@contextlib.contextmanager
def watched() -> Iterator[list[Made]]:
    """Every use of `check(…)` by this process meanwhile."""
    made: list[Made] = []
    _watching.append(made)
    try:
        yield made
    finally:
        _watching.pop()


def _note(one: Made) -> Made:
    for book in _watching:
        book.append(one)
    return one


def _trail() -> list[tuple[str, int]]:
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - `inspect.stack` reads the source of each frame
    found: list[tuple[str, int]] = []
    while frame is not None and len(found) < _FRAMES:
        found.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return found


def check(
    id: str,  # noqa: A002 - the word of the contract
    *,
    severity: str,
    proves: Sequence[str],
    remedy: str,
    why: str = "",
    requires: Sequence[str] = (),
    needs: Sequence[str] = (),
    core: bool = False,
    defects: Sequence[str] = (),
    traffic: str = "ordinary",
) -> Callable[[F], F]:
    """Declare the test function a check.

    Args:
        id: such as `TLS-001`; never reused.
        severity: `blocker`, `critical` or `normal`.
        proves: safeguards (see `stagehold.model.SAFEGUARDS`); at least one.
        remedy: what to do about a failure, in one or two sentences.
        why: why it matters, in one sentence: what somebody could do when the claim is false.
        requires: ids of checks without whose pass this one can say nothing.
        needs: dotted environment keys without which it is uncovered.
        core: an uncovered core check blocks (blockers always are core).
        defects: the demo's defects that make exactly this check fail.
        traffic: `evidence`, `ordinary`, `canary-write` or `intrusive`.

    Raises:
        ValueError: at import, so that pytest reports it at collection, when anything of this is malformed
            or the function has no docstring: the docstring is the claim.
    """
    called = _note(Made(id, _trail()))

    def mark(function: F) -> F:
        doc = inspect.cleandoc(function.__doc__ or "")
        claim, _, detail = doc.partition("\n\n")
        if not claim:
            raise ValueError(f"{id}: a check needs a docstring; its first sentence is the claim")
        code = function.__code__
        path = Path(code.co_filename)
        try:
            spec = CheckSpec(
                id=id,
                severity=Severity(severity),
                proves=tuple(proves),
                remedy=remedy,
                why=why,
                requires=tuple(requires),
                needs=tuple(needs),
                core=core,
                defects=tuple(defects),
                traffic=Traffic(traffic),
                claim=" ".join(claim.split()),
                detail=detail.strip(),
                suite=path.parent.name,
                location=place(path, code.co_firstlineno),
            )
        except ValidationError as error:
            raise ValueError(f"{id}: {error}") from error
        if called.spec is None:
            called.spec, called.trail = spec, _trail()
        else:  # kept in a name and used again
            _note(Made(id, _trail(), spec))
        marked: F = pytest.mark.check(spec)(function)
        return marked

    return mark
