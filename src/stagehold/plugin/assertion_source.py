"""Imports the files of checks so that every assertion in them is written down (`assertion_book`) when it is executed.

pytest has a hook for assertions that hold, which describes each of them with the `repr` of all it names, and none for
those that fail and are caught. Here each costs a call. It covers all files that are not installed: checks, fixtures,
and the helpers of a company beside or below them. pytest's own rewriting is applied afterwards, so that failures
read as they always do, and nothing compiled that lies beside a file is used.
"""

from __future__ import annotations

import ast
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
from _pytest.assertion.rewrite import rewrite_asserts

from stagehold.catalogue.lost_assertions import find_lost_assertions
from stagehold.plugin.assertion_book import BOOK
from stagehold.plugin.assertion_catchers import find_catchers
from stagehold.plugin.assertion_threads import short
from stagehold.plugin.assertion_writer import write_down
from stagehold.shipped import PACKAGE, repository


class SuiteFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and loads the modules of checks."""

    def __init__(self, config: pytest.Config, suites: Sequence[Path]) -> None:
        self._config = config
        self._suites = suites
        self._ours = functools.lru_cache(maxsize=None)(self._holds_checks)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A module in a folder of checks or of helpers; None for everything that is installed."""
        places = [place for place in (sys.path if path is None else path) if self._ours(place)]
        found = importlib.machinery.PathFinder.find_spec(fullname, places) if places else None
        if found is None or found.origin is None or not isinstance(found.loader, importlib.machinery.SourceFileLoader):
            return None
        return importlib.util.spec_from_file_location(
            fullname, found.origin, loader=self, submodule_search_locations=found.submodule_search_locations
        )

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:  # noqa: ARG002 - of the interface
        """As Python does."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the file with its assertions written down.

        Raises:
            pytest.UsageError: an assertion in it can never fail.
        """
        file = str(module.__spec__.origin) if module.__spec__ else ""
        source = Path(file).read_bytes()
        tree = ast.parse(source, filename=file)
        if found := find_lost_assertions(tree, short(file)):
            raise pytest.UsageError("\n".join(map(str, found)))
        BOOK.catchers[file] = find_catchers(tree)
        rewrite_asserts(write_down(tree, file), source, file, self._config)
        exec(compile(tree, file, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - this is an import

    def _holds_checks(self, place: str) -> bool:
        try:
            folder = Path(place).resolve()
        except OSError:
            return False
        if any(folder.is_relative_to(suite) for suite in self._suites):
            return True
        return not any(folder.is_relative_to(installed) for installed in _installed())


def install(config: pytest.Config, suites: Sequence[Path]) -> None:
    """Have the files of checks loaded by this from now on; once for each pytest run."""
    if any(isinstance(finder, SuiteFinder) and finder._config is config for finder in sys.meta_path):  # noqa: SLF001
        return
    finder = SuiteFinder(config, suites)
    sys.meta_path.insert(0, finder)
    config.add_cleanup(lambda: sys.meta_path.remove(finder))


@functools.cache
def _installed() -> tuple[Path, ...]:
    """Where installed packages and stagehold itself are."""
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [sysconfig.get_path(kind) for kind in kinds]
    folders += [f"{sys.base_prefix}/lib/python{sys.version_info[0]}.{sys.version_info[1]}", *site.getsitepackages()]
    folders += [site.getusersitepackages(), str(PACKAGE), *([str(PACKAGE.parent)] if repository() else [])]
    return tuple(Path(folder).resolve() for folder in folders)
