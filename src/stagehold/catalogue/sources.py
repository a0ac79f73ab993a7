"""The files below a suite: each read and parsed once, with why pytest passes it by where it does."""

from __future__ import annotations

import ast
import configparser
import fnmatch
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stagehold.code_places import place
from stagehold.errors import ConfigError

_CONFIGURATION = configparser.ConfigParser()
_CONFIGURATION.read(Path(__file__).parents[1] / "plugin" / "lane.ini", encoding="utf-8")
_FILES = _CONFIGURATION["pytest"]["python_files"].split()
_NO_FOLDERS = _CONFIGURATION["pytest"]["norecursedirs"].split()
_IGNORING = frozenset({"collect_ignore", "collect_ignore_glob"})
_APPLE_DOUBLE = b"\x00\x05\x16\x07"


@dataclass(frozen=True, eq=False)
class Source:
    """One file of Python."""

    path: Path
    tree: ast.Module
    passed_by: str
    """Why pytest does not collect it; empty when it does."""

    @property
    def short(self) -> str:
        """Folder and name."""
        return f"{self.path.parent.name}/{self.path.name}"


def read_sources(folder: Path) -> list[Source]:
    """Every file of Python below a folder, in folders behind links and hidden ones too, sorted.

    Raises:
        ConfigError: one of them cannot be read as Python, a link leads nowhere or in a circle, or a conftest.py
            tells pytest to pass files by.
    """
    sources = []
    for path, skipped in sorted(_files(folder, (Path(os.path.realpath(folder)),), "")):
        name = path.name
        listed = any(fnmatch.fnmatchcase(name, pattern) for pattern in _FILES)
        passed_by = skipped or ("" if listed else _other_name(name))
        if (tree := _parse(path, outside=bool(skipped))) is not None:
            source = Source(path, tree, passed_by)
            _refuse_ignoring(source)
            sources.append(source)
    return sources


def _other_name(name: str) -> str:
    if name == "conftest.py":
        return "no check is collected from a conftest.py; move it to a file called test_….py"
    return f"no check is collected from a file called {name}; rename it to test_….py"


def _files(folder: Path, above: tuple[Path, ...], skipped: str) -> Iterator[tuple[Path, str]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise ConfigError(f"{place(folder)} cannot be read: {error.strerror}") from error
    virtual = any(entry.name in {"pyvenv.cfg", "conda-meta"} for entry in entries)
    if virtual and not skipped:
        skipped = _other_folder(folder.name, len(above) == 1)
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir():
            if entry.name == "site-packages" and skipped:
                continue  # packages of others, stagehold perhaps among them
            real = Path(os.path.realpath(path))
            if real in above:
                raise ConfigError(f"{path} is a link in a circle", remedy="Remove the link.")
            unwanted = entry.name == "__pycache__" or any(fnmatch.fnmatchcase(entry.name, one) for one in _NO_FOLDERS)
            told = skipped or (_other_folder(entry.name, False) if unwanted else "")
            yield from _files(path, (*above, real), told)
        elif path.suffix == ".py" and not entry.name.startswith(".#"):  # an editor's mark of an open file
            if not entry.is_file():
                raise ConfigError(f"{path} is no file, or a link to nothing", remedy="Mend or remove it.")
            yield path, skipped


def _other_folder(name: str, whole: bool) -> str:
    if whole:
        return f"the suite's folder {name} is a virtual environment, which pytest passes by"
    return f"no check is collected from a folder called {name}; move the file, or rename the folder"


def _parse(path: Path, *, outside: bool) -> ast.Module | None:
    try:
        content = path.read_bytes()
        if path.name.startswith("._") and content.startswith(_APPLE_DOUBLE):
            return None
        return ast.parse(importlib.util.decode_source(content), filename=str(path))
    except SyntaxError as error:
        if outside and b"stagehold" not in content:
            return None  # such as a library's file for another Python
        where, why = place(path, error.lineno or 1), f"{type(error).__name__}: {error.msg}"
        where += f": {error.text.strip()}" if error.text else ""
    except (ValueError, RecursionError, MemoryError) as error:
        where, why = place(path, 1), f"{type(error).__name__}: {error}"
    except OSError as error:
        where, why = place(path), str(error.strerror)
    raise ConfigError(
        f"{place(path)} cannot be imported: {why} ({where})",
        remedy="Mend or remove the file: checks that are written in it would not be found.",
    )


def _refuse_ignoring(source: Source) -> None:
    """A conftest.py below a suite may hold fixtures; what it passes by could be a check."""
    if source.path.name != "conftest.py":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        elif isinstance(node, ast.alias):
            name = node.asname or node.name
        else:
            continue
        if name in _IGNORING:
            raise ConfigError(
                f"{place(source.path, node.lineno)}: {name} could hide a check",
                remedy="Beside checks only fixtures are allowed in a conftest.py: remove the line.",
            )
