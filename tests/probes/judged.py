"""Runs the checks of a suite, as they stand there, over one observation: which pass, and which do not."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.model import CheckSpec

SUITES = Path(__file__).parents[2] / "suites"


def outcomes(suite: str, facts: Mapping[str, Any], **axes: Sequence[Any]) -> dict[str, str]:
    """Id and outcome of every check of a suite whose arguments are all among the facts and the axes.

    A check with several cases, of its own or for the values of an axis, fails when one of them does.
    """
    found: dict[str, str] = {}
    for path in sorted((SUITES / suite).glob("test_*.py")):
        for spec, function, cases in _checks(_load(path)):
            wanted = set(inspect.signature(function).parameters) - {"evidence"} - {key for c in cases for key in c}
            if not wanted <= facts.keys() | axes.keys():
                continue
            given = {name: facts[name] for name in wanted - axes.keys()}
            names = sorted(wanted & axes.keys())
            outer = [dict(zip(names, row, strict=True)) for row in itertools.product(*(axes[name] for name in names))]
            seen = {
                _outcome(function, {**given, **case, **one, "evidence": MagicMock()}) for case in cases for one in outer
            }
            found[spec.id] = next(one for one in ORDER if one in seen)
    return found


ORDER = ("failed", "inconclusive", "uncovered", "not applicable", "passed")


def _outcome(function: Any, arguments: Mapping[str, Any]) -> str:
    try:
        function(**{name: arguments[name] for name in inspect.signature(function).parameters})
    except AssertionError:
        return "failed"
    except ProbeError:
        return "inconclusive"
    except Uncovered:
        return "uncovered"
    except NotApplicable:
        return "not applicable"
    return "passed"


def _checks(module: ModuleType) -> Iterator[tuple[CheckSpec, Any, list[dict[str, Any]]]]:
    for function in vars(module).values():
        marks = {mark.name: mark for mark in getattr(function, "pytestmark", ())} if callable(function) else {}
        if "check" not in marks:
            continue
        axes = [
            [{mark.args[0]: value} for value in mark.args[1]]
            for mark in getattr(function, "pytestmark", ())
            if mark.name == "parametrize"
        ]
        cases = [{k: v for part in parts for k, v in part.items()} for parts in itertools.product(*axes)]
        yield marks["check"].args[0], function, cases


@functools.cache
def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"judged_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
