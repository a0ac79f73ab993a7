"""A secret in what a run wrote: the files are set apart, and what stays outside says where, never what."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from stagehold.errors import ReportError
from stagehold.model import Problem, Verdict
from stagehold.redaction.redactor import Redactor
from stagehold.redaction.registry import SecretRegistry
from stagehold.redaction.scan import Leak, scan_tree
from stagehold.run_files import LISTING, QUARANTINE, VERDICT, files_below
from stagehold.runs import left_alone, write_durably
from stagehold.verdict import leaked

_SCHEMA = "stagehold/quarantine/v1"
_MOST_NAMED = 20
_REMEDY = (
    f"Change the secret now: whoever could read the run's folder may have it. Look into {QUARANTINE}/ who wrote it, "
    "mend that, delete the folder, and run again."
)


class LeakFound(ReportError):
    """A search found secrets."""

    def __init__(self, leaks: tuple[Leak, ...]) -> None:
        super().__init__(f"a secret stands in {len({leak.file for leak in leaks})} files")
        self.leaks = leaks


def require_clean(folder: Path, secrets: SecretRegistry) -> None:
    """Search everything that runs wrote into a folder and that could be published.

    Raises:
        LeakFound: secrets were found.
        ReportError: something could not be searched, so that nobody knows.
    """
    searched = scan_tree(folder, secrets, exclude={QUARANTINE, *left_alone(folder)})
    if searched.leaks:
        raise LeakFound(searched.leaks)
    if searched.unreadable:
        more = f" (and {len(searched.unreadable) - 1} more)" if len(searched.unreadable) > 1 else ""
        raise ReportError(
            f"not everything could be searched for secrets: {searched.unreadable[0]}{more}",
            remedy="Attach evidence that can be looked into, and smaller parts of it.",
        )


def problems_of(leaks: tuple[Leak, ...]) -> list[Problem]:
    """One problem for each place, by the secret's name."""
    named = [
        Problem(what=f"A secret was found in the report: {leak}", remedy=_REMEDY, leak=True)
        for leak in leaks[:_MOST_NAMED]
    ]
    if len(leaks) > _MOST_NAMED:
        rest = f"A secret was found in the report: {len(leaks) - _MOST_NAMED} more places"
        named.append(Problem(what=rest, remedy=_REMEDY, leak=True))
    return named


def set_apart(folder: Path, others: Collection[str] = ()) -> None:
    """Move everything but the verdict into `quarantine/`, which only its owner can enter.

    Args:
        folder: a run's folder.
        others: relative paths of what is not the run's and stays where it is.

    Raises:
        OSError: something could not be moved; then the blocking verdict stands, and so do the files.
    """
    quarantine = folder / QUARANTINE
    quarantine.mkdir(mode=0o700, exist_ok=True)
    quarantine.chmod(0o700)
    moves: list[tuple[Path, Path]] = []
    for entry in sorted(folder.iterdir()):
        if entry.name in {QUARANTINE, VERDICT} or entry.name in others:
            continue
        target = _free(quarantine / entry.name)
        if mixed := files_below(folder, entry.name) & set(others):
            own = sorted(files_below(folder, entry.name) - mixed)
            moves += [(folder / path, target / path.partition("/")[2]) for path in own]
        else:
            moves.append((entry, target))
    # First the list: who empties the folder after a kill in between must know what is the run's.
    _list(folder, moves)
    for source, target in moves:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)


def _free(target: Path) -> Path:
    """The name, or the next one that nothing has."""
    number, free = 1, target
    while free.exists():
        number += 1
        free = target.with_name(f"{target.name}.{number}")
    return free


def _list(folder: Path, moves: Sequence[tuple[Path, Path]]) -> None:
    listing, quarantine = folder / LISTING, folder / QUARANTINE
    known: set[str] = set(json.loads(listing.read_bytes())["files"]) if listing.is_file() else set()
    for source, target in moves:
        for path in files_below(source.parent, source.name):
            known.add((target.relative_to(quarantine) / Path(path).relative_to(source.name)).as_posix())
    write_durably(listing, json.dumps({"schema": _SCHEMA, "files": sorted(known)}).encode())


def blocked_by(leaks: tuple[Leak, ...], verdict: Verdict, secrets: SecretRegistry) -> Verdict:
    """The verdict with nothing in it that somebody else's text could have brought along."""
    bare = leaked(verdict, problems_of(leaks))
    clean = Redactor(secrets).text(bare.model_dump_json(by_alias=True))
    return Verdict.model_validate_json(clean)
