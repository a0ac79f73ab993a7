"""What belongs to stagehold beside its library: a list that travels in the package, compared before every run.

An installation in which files are missing would prove less than it claims. `make docs` writes the list.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import get_args

from stagehold.errors import ConfigError
from stagehold.model import CheckSpec
from stagehold.shipped import PACKAGE, Part, repository

NAME = "catalogue/shipped.json"
_AGAIN = "Install stagehold again."
_WRITE_AGAIN = "In a working copy: bring the files back, or write the list again with `make docs` when it is meant."
_CLOSED = ("suites/", "load/")
"""Where a file that does not belong there may judge, or keep others from it."""
_SHOWN = 12


@dataclass(frozen=True)
class ShippedList:
    """What the package says that travels with it."""

    checks: dict[str, str]
    """Id to file."""
    files: dict[str, str]
    """File to SHA-256, in hexadecimal."""


def shipped_files(package: Path = PACKAGE) -> dict[str, str]:
    """The files that are there: name to SHA-256; compiled ones do not count."""
    root = repository(package) or package / "_shipped"
    found = {}
    for part in get_args(Part):
        for path in sorted((root / part).rglob("*")):
            if "__pycache__" in path.relative_to(root).parts or (path.is_dir() and not path.is_symlink()):
                continue
            content = path.read_bytes() if path.is_file() else b"a link"
            found[path.relative_to(root).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def changed_library(package: Path = PACKAGE) -> list[str]:
    """The files of the package that are not what its installer recorded; where nothing was recorded, none."""
    found = []
    for distribution in metadata.distributions(name="stagehold", path=[str(package.parent)]):
        for file in distribution.files or ():
            path = Path(str(file.locate()))
            if file.hash is None or file.hash.mode != "sha256" or not path.is_relative_to(package):
                continue
            content = path.read_bytes() if path.is_file() else b""
            if base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=") != file.hash.value:
                found.append(path.relative_to(package).as_posix())
    return sorted(found)


def write_list(specs: Iterable[CheckSpec], package: Path = PACKAGE) -> str:
    """The list as it is written."""
    checks = {spec.id: spec.location.rpartition(":")[0] for spec in specs}
    return json.dumps({"checks": checks, "files": shipped_files(package)}, indent=1, sort_keys=True) + "\n"


def read_list(package: Path = PACKAGE) -> ShippedList:
    """The list of the package.

    Raises:
        ConfigError: it is missing or damaged.
    """
    try:
        document = json.loads((package / NAME).read_text(encoding="utf-8"))
        known = ShippedList(document["checks"], document["files"])
        texts = [*known.checks.items(), *known.files.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"the list of what belongs to stagehold ({NAME}) is missing or damaged", remedy=_AGAIN) from (
            error
        )
    if not known.checks or not known.files or not all(isinstance(text, str) for pair in texts for text in pair):
        raise ConfigError(f"the list of what belongs to stagehold ({NAME}) is empty or damaged", remedy=_AGAIN)
    return known


def require_files(package: Path = PACKAGE) -> None:
    """Whether the installation is whole.

    In a working copy files may have been changed, added or, among the suites, moved: that is what it is for, and
    each verdict holds a digest of the checks as they were. `require_checks` holds there, too.

    Raises:
        ConfigError: naming what is missing, added or changed.
    """
    known = read_list(package)
    try:
        there = shipped_files(package)
    except OSError as error:
        raise ConfigError(f"{error.filename} of stagehold cannot be read: {error.strerror}", remedy=_AGAIN) from error
    copy = repository(package) is not None
    missing = sorted(set(known.files) - set(there))
    changed = sorted(name for name in set(known.files) & set(there) if known.files[name] != there[name])
    added = sorted(name for name in set(there) - set(known.files) if name.startswith(_CLOSED))
    changed += [] if copy else [name for name in changed_library(package) if not name.startswith("_shipped/")]
    if copy:
        missing, changed, added = [name for name in missing if not name.startswith("suites/")], [], []
    gone = sorted(id_ for id_, file in known.checks.items() if file in missing)
    _refuse(
        {"missing": missing, "checks that are missing with them": gone, "changed": changed, "added": added},
        _WRITE_AGAIN if copy else _AGAIN,
    )


def require_checks(specs: Iterable[CheckSpec], suites: Collection[str], package: Path = PACKAGE) -> None:
    """Whether the checks of the shipped suites are those of the list.

    Args:
        specs: the catalogue.
        suites: names of the shipped suites.
        package: where the list is.

    Raises:
        ConfigError: naming what is missing or added.
    """
    known = set(read_list(package).checks)
    there = {spec.id for spec in specs if spec.suite in suites}
    _refuse(
        {"missing checks": sorted(known - there), "added checks": sorted(there - known)},
        _WRITE_AGAIN if repository(package) is not None else _AGAIN,
    )


def _refuse(differences: dict[str, list[str]], remedy: str) -> None:
    told = [f"{what}: {_named(names)}" for what, names in differences.items() if names]
    if told:
        raise ConfigError(f"what belongs to stagehold is not what was built; {'; '.join(told)}", remedy=remedy)


def _named(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return f"{', '.join(names[:_SHOWN])}{f' and {more} more' if more > 0 else ''}"
