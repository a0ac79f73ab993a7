"""Which files of a folder a run of stagehold wrote. Nothing else there is removed, moved or published as a run's."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

VERDICT, MANIFEST, QUARANTINE = "verdict.json", "manifest.json", "quarantine"
LISTING = f"{QUARANTINE}/.set-apart.json"
"""What was moved into the quarantine; kept inside, because a name may hold a secret."""
PAGES = ("decision.html", "decision.md", "junit.xml", "github-annotations.txt")
FOLDERS = ("allure-report", "allure-results", "evidence", "lanes", QUARANTINE)
RESERVE = ".reserve"
"""Room on the disk that is kept for the verdict."""
_FILES = (
    VERDICT, MANIFEST, *PAGES, "context.json", "events.jsonl", "expected.json", "firewall-test.json", "pins.json",
    "ports-proposal.yaml", "reserve", "residue.jsonl", "waiver-drafts.yaml",
)  # fmt: skip
_FILE = "|".join(map(re.escape, _FILES))
_TOP = re.compile(rf"(?:{_FILE})|\.(?:{_FILE})(?:\.[0-9]+)?")
_BELOW = re.compile(
    r"""evidence/[^/]+/[A-Z]{3}-[0-9]{3}/[^/]+
    | lanes/[^/]+\.log
    | allure-results/(?:[0-9a-f-]{32,36}-[^/]+|(?:categories|executor)\.json|environment\.properties)
    | allure-report/(?:index\.(?:html|partial)|history\.jsonl)""",
    re.VERBOSE,
)
_VERDICTS, _MANIFESTS = "stagehold/verdict/", "stagehold/manifest/"


@dataclass(frozen=True)
class Survey:
    """What is in a folder: a run's own files, and everybody else's."""

    ours: bool = True
    """Whether the folder is new, empty, or an earlier run's."""
    own: frozenset[str] = frozenset()
    """Relative paths of what a run wrote."""
    foreign: frozenset[str] = frozenset()
    """Relative paths of the rest; a folder that holds nothing of a run is named once, as a whole."""

    def in_the_way(self, places: Collection[str] = (*FOLDERS, *_FILES)) -> list[str]:
        """Those that are not the run's and lie where one writes, so that they could be taken for its evidence."""
        return sorted(path for path in self.foreign if path.partition("/")[0] in places or _TOP.fullmatch(path))


def survey(folder: Path) -> Survey:
    """Tell a run's files from others, by its manifest; where a run was killed before it, by the names runs use.

    Raises:
        OSError: something cannot be looked into.
    """
    entries = {entry.name: entry for entry in os.scandir(folder)}
    ours = all(_temporary(name) for name in entries) or _document(folder / VERDICT, _VERDICTS) is not None
    if not ours:
        return Survey(ours=False)
    listed = _listed(folder)
    apart = _strings((_document(folder / LISTING, "stagehold/quarantine/") or {}).get("files"))
    tops = {PurePosixPath(name).parts[0] for name in listed if "/" in name}
    own, foreign = set[str](), set[str]()
    for name, entry in entries.items():
        if not entry.is_dir(follow_symlinks=False):
            # A manifest that is none of ours, and a link under one of our names, are somebody's.
            mine = entry.is_file(follow_symlinks=False) and (
                (_TOP.fullmatch(name) and (name != MANIFEST or listed is not _NOTHING))
                or _as_listed(folder, name, listed)
            )
            (own if mine else foreign).add(name)
        elif name in FOLDERS or name in tops:
            below = list(_files_below(folder, name))
            mine_below = {path for path in below if _is_own(folder, path, listed, apart)}
            own |= mine_below
            foreign |= set(below) - mine_below
        else:
            foreign.add(name)
    return Survey(own=frozenset(own), foreign=frozenset(foreign))


def remove(folder: Path, paths: Collection[str]) -> None:
    """Remove these files, and the folders that become empty by that; follows no link. The manifest goes last.

    Raises:
        OSError: something cannot be removed.
    """
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for top in sorted({path.partition("/")[0] for path in paths if "/" in path}):
            with contextlib.suppress(FileNotFoundError):
                _remove_below(root, top, paths)
        # A kill in between must leave the list of what is still to be removed.
        for path in sorted((path for path in paths if "/" not in path), key=lambda path: (path == MANIFEST, path)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path, dir_fd=root)
    finally:
        os.close(root)


def _remove_below(root: int, top: str, paths: Collection[str]) -> None:
    parents = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    for base, folders, names, here in os.fwalk(top, topdown=False, follow_symlinks=False, dir_fd=root, onerror=_raise):
        for name in (*names, *folders):
            path = f"{base}/{name}"
            if path in paths:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=here)
            elif path in parents and name in folders:
                _remove_empty(name, here)
    _remove_empty(top, root)


def _remove_empty(name: str, parent: int) -> None:
    """Remove a folder unless it still holds what is not ours."""
    with contextlib.suppress(OSError):
        os.rmdir(name, dir_fd=parent)


def files_below(folder: Path, top: str) -> set[str]:
    """Relative paths of everything below an entry that is no folder; of the entry itself when it is none."""
    path = folder / top
    if path.is_dir() and not path.is_symlink():
        return set(_files_below(folder, top))
    return {top} if os.path.lexists(path) else set()


def _files_below(folder: Path, top: str) -> Iterator[str]:
    for base, folders, names in os.walk(folder / top, onerror=_raise):
        here = Path(base)
        links = [name for name in folders if (here / name).is_symlink()]
        yield from ((here / name).relative_to(folder).as_posix() for name in (*names, *links))


def _is_own(folder: Path, path: str, listed: Mapping[str, Any], apart: Collection[str]) -> bool:
    if path.startswith(f"{QUARANTINE}/"):
        inner = path.removeprefix(f"{QUARANTINE}/")
        plain = re.sub(r"^([^/]+?)\.[0-9]+(?=/|$)", r"\1", inner)
        return path == LISTING or inner in apart or (not apart and _shaped(plain))
    if listed is _NOTHING:
        return _shaped(path)
    return path in listed and (_shaped(path) or _as_listed(folder, path, listed))


def _shaped(path: str) -> bool:
    return bool(_BELOW.fullmatch(path) or _TOP.fullmatch(path))


def _temporary(name: str) -> bool:
    """What the very first write of a killed run leaves."""
    return bool(re.fullmatch(rf"\.{re.escape(VERDICT)}\.[0-9]+", name))


_NOTHING: Mapping[str, Any] = {}
"""There is no manifest of ours."""


def _listed(folder: Path) -> Mapping[str, Any]:
    """Files of the manifest and of the run before, which could not be removed yet."""
    document = _document(folder / MANIFEST, _MANIFESTS)
    files = document.get("files") if document else None
    if document is None or not isinstance(files, dict):
        return _NOTHING
    earlier = document.get("earlier")
    return {**(earlier if isinstance(earlier, dict) else {}), **files}


def _as_listed(folder: Path, path: str, listed: Mapping[str, Any]) -> bool:
    """Whether a file has the very content that the manifest states: an edited manifest must not delete others."""
    entry = listed.get(path)
    if not isinstance(entry, dict):
        return False
    with (folder / path).open("rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode) or (folder / path).is_symlink():
            return False
        return hashlib.file_digest(stream, "sha256").hexdigest() == entry.get("sha256")


def _document(path: Path, schema: str) -> dict[str, Any] | None:
    """The JSON object in a regular file when it says that it is of this schema, of whatever version."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    told = document.get("schema") if isinstance(document, dict) else None
    return document if isinstance(told, str) and told.startswith(schema) else None


def _strings(value: object) -> frozenset[str]:
    return frozenset(item for item in value if isinstance(item, str)) if isinstance(value, list) else frozenset()


def _raise(error: OSError) -> None:
    raise error
