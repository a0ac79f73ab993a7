"""What must not change while a run goes on: the files it was started with, and the machine's idea of the time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stagehold.environment.reader import LoadedEnvironment
from stagehold.environment.secrets import declared
from stagehold.environment.waiver_file import FILE_NAME as WAIVERS
from stagehold.model import Problem

_MOST_DRIFT = 60.0
"""Seconds by which the clock may be corrected meanwhile; certificates and waivers are dated to the day or minute."""


@dataclass(frozen=True)
class Clock:
    """The time of day, and how far it moved beside the time that passed."""

    started: float = field(default_factory=time.time)
    _begin: float = field(default_factory=time.monotonic)

    def latest(self) -> datetime:
        """The later of what the clock says and what it should say: turned back, it revives no expired waiver."""
        passed = datetime.fromtimestamp(self.started, UTC) + timedelta(seconds=time.monotonic() - self._begin)
        return max(passed, datetime.now(UTC))

    def problem(self) -> Problem | None:
        """A problem when the clock jumped."""
        drift = (time.time() - self.started) - (time.monotonic() - self._begin)
        if abs(drift) <= _MOST_DRIFT:
            return None
        way = "forward" if drift > 0 else "back"
        return Problem(
            what=f"the clock of this machine jumped {way} by {abs(drift):.0f} s while the run was going on",
            remedy="Dates of certificates and waivers could not be trusted. Look at the time service (or did the "
            "machine sleep?), then run again.",
        )


@dataclass(frozen=True)
class Inputs:
    """The files of a run, by what they held when it began."""

    digests: dict[Path, str]

    @classmethod
    def of(cls, loaded: LoadedEnvironment, more: Iterable[Path] = ()) -> Inputs:
        """Description, statement, waivers, and whatever else the description names but for secrets."""
        named = (item.reference for item in declared(loaded.environment) if not item.secret)
        files = [loaded.folder / name.removeprefix("file:") for name in named if name.startswith("file:")]
        files += [loaded.path, loaded.statement.path, loaded.folder / WAIVERS, *more]
        return cls({path: _digest(path) for path in dict.fromkeys(files)})

    def problems(self) -> list[Problem]:
        """A problem for each file that is another one now."""
        return [
            Problem(
                what=f"{path.name} changed while the run was going on",
                remedy=f"Nobody knows which of the two was tested. Leave {path} alone and run again.",
            )
            for path, digest in self.digests.items()
            if _digest(path) != digest
        ]


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
