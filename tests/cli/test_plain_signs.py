"""Output that knows no ✓: passed, failed, undecided and the rest keep signs of their own, and no letter becomes `?`."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stagehold.model import Outcome
from stagehold.reporting.facts import DECISIONS, OUTCOMES, PROMISES
from stagehold.reporting.terminal_checks import _LOOKS
from stagehold.reporting.terminal_lines import glyph
from stagehold.signs import plain

POOR = {
    "ASCII by name": {"PYTHONIOENCODING": "ascii"},
    "ASCII and strict": {"PYTHONIOENCODING": "ascii:strict"},
    "a locale without UTF-8": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "POSIX": {"LC_ALL": "POSIX", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}


def said(code: str, surroundings: dict[str, str], cwd: Path) -> str:
    """Standard output and error of a Python process there; ASCII or a failure."""
    known = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHONIO"))}
    done = subprocess.run(
        [sys.executable, *code.split("\0")],
        capture_output=True,
        check=False,
        timeout=60,
        cwd=cwd,
        env=known | surroundings,
    )
    return (done.stdout + done.stderr).decode("ascii")


def test_signs_of_outcomes_differ_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passed, failed, undecided, not configured and not applicable can be told apart without colour."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    kinds = (Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.UNCOVERED, Outcome.NOT_APPLICABLE)
    signs = [plain(glyph(_LOOKS[kind][0])) for kind in kinds]

    assert len(set(signs)) == len(kinds)
    assert "?" not in signs


COMMANDS = {
    "help": ("--help",),
    "help of a command": ("run", "--help"),
    "list": ("list",),
    "one check": ("list", "TLS-001"),
    "plan": ("plan", "demo"),
    "doctor": ("doctor",),
    "no such check": ("list", "TLS-0…1"),
    "a remedy": ("run", "nö-such-environment", "--out", "out"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_commands_write_no_question_marks(command: tuple[str, ...], tmp_path: Path) -> None:
    """Every command says in ASCII what it says in UTF-8, sign for sign."""
    arguments = "\0".join(("-m", "stagehold", *command))
    rich = said_in_utf8(arguments, tmp_path)

    poor = said(arguments, POOR["ASCII by name"], tmp_path)

    assert "Traceback" not in poor
    assert poor.count("?") == rich.count("?")


def said_in_utf8(arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments.split("\0")],
        capture_output=True, check=False, timeout=60, cwd=cwd, env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    return (done.stdout + done.stderr).decode()


_CHECKS = """
import sys
from pathlib import Path
from stagehold.signs import use_plain_signs
from stagehold.reporting.terminal_lines import console
from stagehold.reporting.terminal_checks import print_checks
from stagehold.model import Outcome
from tests.unit.reporting.samples import go
use_plain_signs((sys.stdout, sys.stderr))
one = go().checks[0]
results = [one.model_copy(update={"outcome": outcome}) for outcome in Outcome]
print_checks(results, console(), Path("reports"))
sys.stdout.write("\\u21af \\u00e9 \\u2713\\n")
"""


@pytest.mark.parametrize("surroundings", POOR.values(), ids=POOR)
def test_checks_keep_their_signs(surroundings: dict[str, str]) -> None:
    """The table of `stagehold check` in ASCII: a sign before each line, five different ones."""
    lines = said(f"-c\0{_CHECKS}", surroundings, Path(__file__).parents[2]).splitlines()

    signs = {
        words[2]: words[0]
        for line in lines
        if len(words := line.split()) > 2 and re.fullmatch(r"[A-Z]{3}-[0-9]{3}", words[1])
    }
    assert signs["passed"] == "+"
    assert signs["failed"] == "x"
    assert len({signs[word] for word in ("passed", "failed", "inconclusive", "uncovered")}) == 4
    assert lines[-1] == "\\u21af e +"
    assert not [line for line in lines if "?" in line]


def test_signs_of_the_summary_differ_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the last lines of a run show for its decision, checks and sentences: one sign for one kind."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    signs = {
        sign.word: plain(glyph(sign.glyph)) for kinds in (DECISIONS, OUTCOMES, PROMISES) for sign in kinds.values()
    }

    assert "?" not in signs.values()
    assert (
        len({signs[word] for word in ("passed", "failed", "could not check", "not configured", "not applicable")}) == 5
    )
    assert len({signs[word] for word in ("GO", "NO-GO", "NO DECISION")}) == 3
    assert len({signs[word] for word in ("kept", "waived", "broken", "not proven", "not claimed")}) == 5
