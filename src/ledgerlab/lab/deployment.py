"""Puts a copy of the service into the laboratory's folder, with the edits of the chosen defects."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import ledgerlab
from ledgerlab.defects import Defect, Edit
from ledgerlab.lab.errors import LabError
from ledgerlab.service.version import build_digest

PACKAGE = Path(ledgerlab.__file__).parent
SERVICE = PACKAGE / "service"
_STAGED = "app.new"


def source_digest() -> str:
    """The build digest of the service as it lies in the source tree."""
    return build_digest(SERVICE)


def apply(edit: Edit, tree: Path) -> None:
    """Makes the edit.

    Raises:
        LabError: the text to be replaced does not occur exactly once.
    """
    path = tree / edit.file
    text = path.read_text()
    if text.count(edit.before) != 1:
        raise LabError(f"The text to edit occurs {text.count(edit.before)} times in {edit.file}, not once.")
    path.write_text(text.replace(edit.before, edit.after))


def stage(folder: Path, defects: Iterable[Defect]) -> str:
    """Copies the service beside the one that runs, edits the copy, and returns the digest of the release candidate.

    The candidate is what the edits of the defects made of the tree, except for those of defects that are
    not in the candidate: these are applied after the digest was taken.

    Raises:
        LabError: an edit does not apply; what runs is untouched.
    """
    staged = folder / _STAGED
    if staged.exists():
        shutil.rmtree(staged)
    tree = staged / "ledgerlab" / "service"
    shutil.copytree(SERVICE, tree, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PACKAGE / "__init__.py", tree.parent)
    chosen = tuple(defects)
    _change(tree, (defect for defect in chosen if defect.in_candidate))
    candidate = build_digest(tree)
    _change(tree, (defect for defect in chosen if not defect.in_candidate))
    return candidate


def install(folder: Path) -> None:
    """Puts what was staged in the place the service is started from, `folder/app`."""
    app = folder / "app"
    if app.exists():
        shutil.rmtree(app)
    (folder / _STAGED).rename(app)


def deploy(folder: Path, defects: Iterable[Defect]) -> str:
    """Stages and installs; returns the digest of the release candidate."""
    candidate = stage(folder, defects)
    install(folder)
    return candidate


def _change(tree: Path, defects: Iterable[Defect]) -> None:
    for defect in defects:
        for edit in defect.edits:
            apply(edit, tree)
        for new in defect.files:
            path = tree / new.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(new.content)
