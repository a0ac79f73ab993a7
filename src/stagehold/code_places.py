"""Places in code as people open them: `file:line`, and the line of a check's own code at which an error arose.

What reports keep is the same on every machine for the shipped checks (`suites/tls/test_protocols.py:12`); for a
company's own it is the path from where the command was started, or the whole path where the file is not below.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from stagehold.shipped import PACKAGE, shipped

_LONGEST_LINE = 160


def place(path: str | Path, line: int | None = None) -> str:
    """`file:line` as reports keep it; shipped files are named from the folder that holds the suites."""
    real = Path(os.path.realpath(path))
    home = shipped("suites").resolve()
    name = real.relative_to(home.parent).as_posix() if real.is_relative_to(home) else _from_here(real)
    return name if line is None else f"{name}:{line}"


def opened(place_: str) -> str:
    """A place as it can be opened from where one stands: relative when it is below, otherwise the whole path."""
    path, colon, line = place_.rpartition(":")
    if not colon or not line.isdigit():
        path, colon, line = place_, "", ""
    ours = path.startswith("suites/") and not Path(path).is_file()
    shown = _from_here((shipped("suites").parent / path).resolve()) if ours else path
    return f"{shown}{colon}{line}"


def blame(error: BaseException, within: Path) -> str:
    """`file:line: the line of code` of the innermost frame of an error below a folder, else of stagehold's own.

    "" when it arose in neither, or nothing is known of it.
    """
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_file():
        return _told(error.filename, error.lineno, error.text)
    frames = traceback.extract_tb(error.__traceback__)
    for home in (within.resolve(), PACKAGE):
        for frame in reversed(frames):
            if Path(os.path.realpath(frame.filename)).is_relative_to(home):
                return _told(frame.filename, frame.lineno, frame.line)
    return ""


def _told(path: str, line: int | None, code: str | None) -> str:
    text = " ".join((code or "").split())
    if len(text) > _LONGEST_LINE:
        text = f"{text[:_LONGEST_LINE]}…"
    return f"{place(path, line)}{f': {text}' if text else ''}"


def _from_here(real: Path) -> str:
    here = Path.cwd().resolve()
    return (real.relative_to(here) if real.is_relative_to(here) else real).as_posix()
