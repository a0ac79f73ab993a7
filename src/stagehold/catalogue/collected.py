"""What pytest collects from a module, by its own rules, before any of its hooks."""

from __future__ import annotations

import inspect
import unittest
from collections.abc import Iterator
from types import ModuleType

from stagehold.errors import ConfigError
from stagehold.model import CheckSpec


def collected_checks(module: ModuleType) -> Iterator[tuple[str, CheckSpec]]:
    """Name and check of every function and method that pytest would run.

    Raises:
        ConfigError: one function is two checks.
    """
    if getattr(module, "__test__", True):
        yield from _of([vars(module)], "")


def _of(dictionaries: list[dict[str, object]], prefix: str) -> Iterator[tuple[str, CheckSpec]]:
    seen: set[str] = set()
    for dictionary in dictionaries:
        for name, value in list(dictionary.items()):
            if name in seen or name.startswith("__"):
                continue
            seen.add(name)
            wanted = _attribute(value, "__test__", False) is True
            if isinstance(value, type):
                if (wanted or name.startswith("Test") or issubclass(value, unittest.TestCase)) and _runs(value):
                    yield from _of([dict(vars(base)) for base in value.__mro__], f"{prefix}{name}::")
            elif wanted or name.startswith("test"):
                function = value.__func__ if isinstance(value, staticmethod | classmethod) else value
                if callable(function):
                    yield from ((f"{prefix}{name}", spec) for spec in _specs(function))


def _runs(class_: type) -> bool:
    own = any({"__init__", "__new__"} & set(vars(base)) for base in class_.__mro__[:-1])
    made = issubclass(class_, unittest.TestCase) or not own
    return made and not inspect.isabstract(class_) and bool(_attribute(class_, "__test__", True))


def _specs(function: object) -> list[CheckSpec]:
    marks = _attribute(function, "pytestmark", [])
    specs = [
        mark.args[0]
        for mark in (marks if isinstance(marks, list) else [])
        if mark.name == "check" and mark.args and isinstance(mark.args[0], CheckSpec)
    ]
    if len(specs) > 1:
        names = " and ".join(sorted(spec.id for spec in specs))
        raise ConfigError(
            f"{specs[0].location}: one function is the checks {names}",
            remedy="Write a function for each: one outcome cannot prove two claims.",
        )
    return specs


def _attribute(value: object, name: str, otherwise: object) -> object:
    try:
        return getattr(value, name, otherwise)
    except Exception:  # noqa: BLE001 - any object may lie in a module
        return otherwise
