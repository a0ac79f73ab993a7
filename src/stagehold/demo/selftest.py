"""`stagehold selftest`: the clean demo gives GO, and each seeded defect makes exactly its checks fail."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.demo.up import known_defects
from stagehold.errors import ConfigError
from stagehold.model import CheckSpec, Decision, Outcome, Verdict
from stagehold.runs import read_verdict

CLEAN = "(clean)"
_DEADLINE = 600.0


@dataclass(frozen=True)
class Row:
    """One line of the matrix."""

    defect: str
    wanted: frozenset[str]
    """Ids that must fail; empty for the clean demo."""
    decision: str
    failed: frozenset[str]
    strays: tuple[str, ...]
    """Checks that neither passed nor failed, and for no reason of `requires=`."""
    exit_code: int
    seconds: float
    note: str = ""

    @property
    def good(self) -> bool:
        """Whether this line is as it must be."""
        decision, code = (Decision.NO_GO, 1) if self.wanted else (Decision.GO, 0)
        return (
            self.decision == decision.value
            and self.exit_code == code
            and self.failed == self.wanted
            and not self.strays
            and not self.note
        )


def matrix(specs: Sequence[CheckSpec], only: Sequence[str]) -> dict[str, frozenset[str]]:
    """Defect to the checks that name it; the clean demo first.

    Raises:
        ConfigError: a check names no defect or one the demo does not have, a defect is named by no check,
            or `only` holds an unknown id.
    """
    known = known_defects()
    ids = {spec.id for spec in specs}
    wrong = sorted(set(only) - ids)
    wrong_names = sorted({name for spec in specs for name in spec.defects} - set(known))
    unnamed = sorted(set(known) - {name for spec in specs for name in spec.defects})
    without = sorted(spec.id for spec in specs if not spec.defects)
    for what, names in (
        ("there is no check", wrong),
        ("the demo has no defect", wrong_names),
        ("no check names the defect", unnamed),
        ("no defect proves", without),
    ):
        if names:
            raise ConfigError(f"{what} {', '.join(names)}", remedy="stagehold list; stagehold list --defects")
    rows = {CLEAN: frozenset[str]()}
    for name in known:
        named_by = frozenset(spec.id for spec in specs if name in spec.defects)
        if not only or named_by & set(only):
            rows[name] = named_by
    return rows


def run_selftest(only: Sequence[str], console: Console) -> int:
    """Run the matrix, print it as it goes; 0 only if every line is as it must be."""
    specs = read_catalogue(shipped_suites())
    rows = matrix(specs, [name.upper() for name in only])
    console.print(f"selftest: {len(rows)} runs of the gate on the demo", highlight=False)
    results = []
    for defect, wanted in rows.items():
        row = run_row(defect, wanted)
        results.append(row)
        _print_row(row, console)
    bad = [row for row in results if not row.good]
    if bad:
        console.print(f"[bold red]{len(bad)} of {len(results)} runs were not as they must be[/]", highlight=False)
        return 1
    console.print(f"[bold green]all {len(results)} runs were as they must be[/]", highlight=False)
    return 0


def run_row(defect: str, wanted: frozenset[str]) -> Row:
    """One run of the gate, as a user starts it, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="stagehold-selftest-") as folder:
        out = Path(folder) / "out"
        command = [sys.executable, "-m", "stagehold", "demo", "--out", str(out)]
        if defect != CLEAN:
            command += ["--defect", defect]
        begin = time.monotonic()
        note = ""
        code = -1
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE, check=False)
            code = done.returncode
            verdict: Verdict | None = read_verdict(out)
        except subprocess.TimeoutExpired:
            verdict, note = None, f"no end within {_DEADLINE:.0f} s"
        except ConfigError as error:
            verdict, note = None, str(error)
        seconds = time.monotonic() - begin
        if verdict is None:
            return Row(defect, wanted, "-", frozenset(), (), code, seconds, note)
        return Row(
            defect=defect,
            wanted=wanted,
            decision=verdict.decision.value,
            failed=frozenset(c.spec.id for c in verdict.checks if c.outcome is Outcome.FAILED),
            strays=_strays(verdict, wanted),
            exit_code=code,
            seconds=seconds,
            note="; ".join(problem.what for problem in verdict.problems),
        )


def _strays(verdict: Verdict, wanted: frozenset[str]) -> tuple[str, ...]:
    spread = set(wanted)
    for _ in verdict.checks:  # requirements of requirements
        spread |= {c.spec.id for c in verdict.checks if spread & set(c.spec.requires)}
    return tuple(
        f"{c.spec.id} {c.outcome.value}: {c.reason}"
        for c in verdict.checks
        if c.outcome not in {Outcome.PASSED, Outcome.FAILED, Outcome.NOT_APPLICABLE} and c.spec.id not in spread
    )


def _print_row(row: Row, console: Console) -> None:
    mark = "[green]✓[/]" if row.good else "[bold red]✗[/]"
    failed = ", ".join(sorted(row.failed)) or "nothing"
    console.print(
        f"{mark} {row.defect:<36} {row.decision:<12} failed: {failed:<10} {row.seconds:>5.0f} s",
        highlight=False,
        soft_wrap=True,
    )
    if not row.good:
        console.print(
            f"    must fail: {', '.join(sorted(row.wanted)) or 'nothing'}; exit {row.exit_code}",
            highlight=False,
        )
        for line in (*row.strays, row.note):
            if line:
                console.print(f"    {line}", highlight=False, markup=False, soft_wrap=True)
