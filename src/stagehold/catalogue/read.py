"""The catalogue of checks, read from the checks themselves by importing the suites' files."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from stagehold.catalogue.lost_assertions import Finding, find_lost_assertions
from stagehold.code_places import blame, place
from stagehold.errors import ConfigError
from stagehold.model import CheckSpec
from stagehold.shipped import shipped

LOAD_SUITE = "load"


def shipped_suites() -> dict[str, Path]:
    """The suites that travel with stagehold: name to folder, sorted."""
    root = shipped("suites")
    return {
        folder.name: folder
        for folder in sorted(root.iterdir())
        if folder.is_dir() and not folder.name.startswith(("_", "."))
    }


def all_suites(folder: Path, own: Iterable[str]) -> dict[str, Path]:
    """Shipped suites and a company's own (`suites:` of the environment, relative to its folder).

    Raises:
        ConfigError: an own folder does not exist.
    """
    suites = shipped_suites()
    for entry in own:
        path = (folder / entry).resolve()
        if not path.is_dir():
            raise ConfigError(
                f"suites: there is no folder {entry}", remedy="Give a folder relative to the environment."
            )
        name = path.name if path.name not in suites else f"own-{path.name}"
        if name in suites:
            raise ConfigError(f"suites: {entry} is listed twice, or two folders have the same name")
        suites[name] = path
    return suites


def read_catalogue(suites: Mapping[str, Path]) -> list[CheckSpec]:
    """Every check of the suites, sorted by suite and id.

    Raises:
        ConfigError: a file cannot be imported, an id is used twice, or a suite holds no check at all.
    """
    specs: dict[str, CheckSpec] = {}
    for suite, folder in suites.items():
        found = 0
        _refuse_lost_assertions(folder)
        for path in sorted([*folder.rglob("test_*.py"), *folder.rglob("*_test.py")]):
            for spec in _specs_of(path):
                if spec.id in specs:
                    raise ConfigError(f"{spec.id} is defined at {specs[spec.id].location} and at {spec.location}")
                specs[spec.id] = spec.model_copy(update={"suite": suite})
                found += 1
        if not found:
            raise ConfigError(f"the suite {suite} holds no check", remedy=f"Look into {folder}.")
    return sorted(specs.values(), key=lambda spec: (list(suites).index(spec.suite), spec.id))


def _refuse_lost_assertions(folder: Path) -> None:
    """Checks, fixtures and helpers: what can never fail stops a run before anything is sent."""
    found: list[Finding] = []
    for path in sorted(folder.rglob("*.py")):
        with contextlib.suppress(SyntaxError, ValueError, OSError):  # said where the file is imported
            source = importlib.util.decode_source(path.read_bytes())
            found += find_lost_assertions(source, f"{path.parent.name}/{path.name}")
    if found:
        raise ConfigError(
            "\n".join(map(str, found)), remedy="Write an assertion that can fail, where the check itself executes it."
        )


def _specs_of(path: Path) -> list[CheckSpec]:
    module = _import(path)
    specs = []
    for _, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ != module.__name__:
            continue
        specs += [
            mark.args[0]
            for mark in getattr(function, "pytestmark", [])
            if mark.name == "check" and mark.args and isinstance(mark.args[0], CheckSpec)
        ]
    return specs


def _import(path: Path) -> ModuleType:
    name = f"stagehold_suite_{path.parent.name}_{path.stem}".replace("-", "_").replace(".", "_")
    module_spec = importlib.util.spec_from_file_location(name, path)
    if module_spec is None or module_spec.loader is None:
        raise ConfigError(f"{path.name} cannot be imported")
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[name] = module
    try:
        module_spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, pytest's Skipped: a file that leaves must not end the gate
        told = str(error).partition("\n")[0]
        where = blame(error, path.parent) or place(path)
        raise ConfigError(
            f"{place(path)} cannot be imported: {type(error).__name__}: {told} ({where})",
            remedy="Mend the file; `python -m pytest --collect-only` on it shows the whole traceback.",
        ) from error
    finally:
        sys.modules.pop(name, None)
    return module
