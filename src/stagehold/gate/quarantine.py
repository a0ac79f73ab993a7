"""A secret in what a run wrote: the files are set apart, and what stays outside says where, never what."""

from __future__ import annotations

from pathlib import Path

from stagehold.errors import ReportError
from stagehold.model import Problem, Verdict
from stagehold.redaction.redactor import Redactor
from stagehold.redaction.registry import SecretRegistry
from stagehold.redaction.scan import Leak, scan_tree
from stagehold.runs import VERDICT
from stagehold.verdict import leaked

QUARANTINE = "quarantine"
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
    """Search everything in a run's folder that could be published.

    Raises:
        LeakFound: secrets were found.
        ReportError: something could not be searched, so that nobody knows.
    """
    searched = scan_tree(folder, secrets, exclude=(QUARANTINE,))
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


def set_apart(folder: Path) -> None:
    """Move everything but the verdict into `quarantine/`, which only its owner can enter.

    Raises:
        OSError: something could not be moved; then the blocking verdict stands, and so do the files.
    """
    quarantine = folder / QUARANTINE
    quarantine.mkdir(mode=0o700, exist_ok=True)
    quarantine.chmod(0o700)
    for entry in sorted(folder.iterdir()):
        if entry.name in {QUARANTINE, VERDICT}:
            continue
        target = quarantine / entry.name
        number = 1
        while target.exists():
            number += 1
            target = quarantine / f"{entry.name}.{number}"
        entry.rename(target)


def blocked_by(leaks: tuple[Leak, ...], verdict: Verdict, secrets: SecretRegistry) -> Verdict:
    """The verdict with nothing in it that somebody else's text could have brought along."""
    bare = leaked(verdict, problems_of(leaks))
    clean = Redactor(secrets).text(bare.model_dump_json(by_alias=True))
    return Verdict.model_validate_json(clean)
