"""`@check`: turns an ordinary pytest function into one claim of the gate."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import ValidationError

from stagehold.code_places import place
from stagehold.model import CheckSpec, Severity, Traffic

F = TypeVar("F", bound=Callable[..., Any])


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
        marked: F = pytest.mark.check(spec)(function)
        return marked

    return mark
