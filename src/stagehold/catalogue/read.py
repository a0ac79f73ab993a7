"""The catalogue of checks, read from the checks themselves by importing the suites' files."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from stagehold.catalogue.collected import collected_checks
from stagehold.catalogue.lost_assertions import find_lost_assertions
from stagehold.catalogue.shipped_list import require_files
from stagehold.catalogue.sources import Source, read_sources
from stagehold.catalogue.uncollected import find_uncollected
from stagehold.code_places import blame, place
from stagehold.errors import ConfigError
from stagehold.marker import watched
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
        ConfigError: an own folder does not exist, or the installation is not whole.
    """
    require_files()
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
        ConfigError: a file cannot be imported, an id is used twice, a check that is written is not collected, or
            a suite holds no check at all.
    """
    specs: dict[str, CheckSpec] = {}
    for suite, folder in suites.items():
        sources = read_sources(folder)
        _refuse_lost_assertions(sources)
        for spec in _collected(sources):
            if spec.id in specs:
                raise ConfigError(f"{spec.id} is defined at {specs[spec.id].location} and at {spec.location}")
            specs[spec.id] = spec.model_copy(update={"suite": suite})
        if not any(spec.suite == suite for spec in specs.values()):
            raise ConfigError(f"the suite {suite} holds no check", remedy=f"Look into {folder}.")
    return sorted(specs.values(), key=lambda spec: (list(suites).index(spec.suite), spec.id))


def _refuse_lost_assertions(sources: Sequence[Source]) -> None:
    """Checks, fixtures and helpers: what can never fail stops a run before anything is sent."""
    if found := [finding for source in sources for finding in find_lost_assertions(source.tree, source.short)]:
        raise ConfigError(
            "\n".join(map(str, found)), remedy="Write an assertion that can fail, where the check itself executes it."
        )


def _collected(sources: Sequence[Source]) -> list[CheckSpec]:
    """The checks that pytest would collect from the files: all that are written."""
    found: dict[int, tuple[str, CheckSpec]] = {}
    with watched() as made:
        for source in sources:
            for name, spec in collected_checks(_import(source.path)) if not source.passed_by else ():
                if id(spec) in found:
                    raise ConfigError(
                        f"{spec.location}: {spec.id} is collected twice, as {found[id(spec)][0]} and as {name} of "
                        f"{source.short}",
                        remedy="Keep one of them.",
                    )
                found[id(spec)] = name, spec
    if uncollected := find_uncollected(sources, made, set(found)):
        raise ConfigError(
            "\n".join(uncollected), remedy="Every check that is written must be collected, or it proves nothing."
        )
    return [spec for _, spec in found.values()]


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
