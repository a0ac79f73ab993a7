"""Rules of `decide()` changed on purpose: the oracle must notice each. `python -m tests.faults.mutants` tries all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import stagehold

RUNS = 6000
SOURCE = Path(stagehold.__file__).parent


@dataclass(frozen=True)
class Mutant:
    """One line of the code that decides, and what it says instead."""

    name: str
    module: str
    line: str
    instead: str


MUTANTS = (
    Mutant(
        "a safeguard without proof is let through",
        "commitments",
        "for result in safeguards if result.state is SafeguardState.NOT_PROVEN]",
        "for result in safeguards if False]",
    ),
    Mutant(
        "what does not apply proves a safeguard",
        "commitments",
        "elif not any(check.outcome is Outcome.PASSED for",
        "elif not any(check.outcome in {Outcome.PASSED, Outcome.NOT_APPLICABLE} for",
    ),
    Mutant(
        "a waived failure counts as proof",
        "commitments",
        "    if waived:\n        return Promise.WAIVED",
        "    if False:\n        return Promise.WAIVED",
    ),
    Mutant(
        "a sentence may rest on waivers alone",
        "commitments",
        "if not missing and not named(Outcome.PASSED):",
        "if False:",
    ),
    Mutant(
        "undecided checks of a sentence are overlooked",
        "commitments",
        "for check in named(*UNDECIDED) if",
        "for check in () if",
    ),
    Mutant("uncovered core checks are overlooked", "commitments", "if strict or check.spec.is_core]", "if strict]"),
    Mutant(
        "all that is not required is not claimed, broken or not",
        "commitments",
        "if not required and state not in {Promise.BROKEN, Promise.WAIVED}:",
        "if not required:",
    ),
    Mutant(
        "only core checks refuse",
        "verdict",
        "and not result.waived]\n    refused",
        "and not result.waived and result.spec.is_core]\n    refused",
    ),
    Mutant(
        "waived or not, a failure refuses",
        "verdict",
        "if result.outcome is Outcome.FAILED and not result.waived]\n    refused",
        "if result.outcome is Outcome.FAILED]\n    refused",
    ),
    Mutant(
        "a leak does not refuse",
        "verdict",
        "if problem.leak or problem.refuses]\n    open_checks",
        "if problem.refuses]\n    open_checks",
    ),
    Mutant(
        "problems do not block",
        "verdict",
        "    reasons += [problem.what for problem in trouble]\n",
        "    trouble = []\n",
    ),
    Mutant("strict is not asked", "verdict", "uncovered if rules.strict else []", "[]"),
    Mutant("stray results are welcome", "verdict", "    trouble += _surprises(expected, recorded)\n", ""),
    Mutant(
        "an unknown sentence may be required", "verdict", "            if name not in ids\n", "            if False\n"
    ),
    Mutant(
        "a GO lasts as long as its last waiver",
        "verdict",
        "min((waiver.expires for waiver in in_force)",
        "max((waiver.expires for waiver in in_force)",
    ),
    Mutant(
        "a second try takes a failure back",
        "judgement",
        "if pair[0].outcome is Outcome.FAILED or before.attempt == result.attempt:",
        "if before.attempt == result.attempt:",
    ),
    Mutant(
        "the better of two tries counts",
        "judgement",
        "            chosen[result.case] = pair[0]\n",
        "            chosen[result.case] = pair[1]\n",
    ),
    Mutant(
        "a missing case is overlooked",
        "judgement",
        "outcome=Outcome.NOT_RUN, message=absent",
        "outcome=Outcome.NOT_APPLICABLE, message=absent",
    ),
    Mutant(
        "a pass outweighs what is not configured",
        "judgement",
        "    Outcome.UNCOVERED,\n    Outcome.PASSED,\n",
        "    Outcome.PASSED,\n    Outcome.UNCOVERED,\n",
    ),
    Mutant(
        "a requirement that failed is enough",
        "judgement",
        "(other := settle(needed)).outcome is not Outcome.PASSED",
        "(other := settle(needed)).outcome not in {Outcome.PASSED, Outcome.FAILED}",
    ),
    Mutant(
        "a requirement that does not exist is met",
        "judgement",
        "            elif needed not in own:\n",
        "            elif needed not in own:\n                continue\n            elif False:\n",
    ),
    Mutant(
        "a circle stands",
        "judgement",
        "            if needed in visiting:\n",
        "            if needed in visiting:\n                continue\n            elif False:\n",
    ),
    Mutant(
        "a waiver outlives its end",
        "waivers",
        "return moment(waiver.created) <= now < moment(waiver.expires)",
        "return moment(waiver.created) <= now",
    ),
    Mutant(
        "a waiver holds before it was approved",
        "waivers",
        "return moment(waiver.created) <= now < moment(waiver.expires)",
        "return now < moment(waiver.expires)",
    ),
    Mutant(
        "a waiver accepts any failure of its case",
        "waivers",
        "        and stable(waiver.observed) == deviation_of(case)\n",
        "",
    ),
    Mutant(
        "one accepted case is enough",
        "waivers",
        "            if case.case not in covered and",
        "            if not covered and",
    ),
    Mutant("six waivers are not too many", "waivers", "MOST_ACTIVE = 5", "MOST_ACTIVE = 6"),
    Mutant("the author may approve", "waivers", "if first == author else []", "if False else []"),
    Mutant(
        "the build's identity can be waived",
        "waivers",
        'NEVER = frozenset({"release-identity"})',
        "NEVER = frozenset()",
    ),
    Mutant("a waiver without use never blocks", "waivers", "problem if stale else None", "None"),
)


def survives(mutant: Mutant, runs: int = RUNS) -> bool:
    """Whether the oracle agrees with code that is wrong in this way; the comparison runs in a process of its own.

    Raises:
        ValueError: the line is not there (any more): the mutant must be written anew.
    """
    text = (SOURCE / f"{mutant.module}.py").read_text(encoding="utf-8")
    if text.count(mutant.line) != 1:
        raise ValueError(f"{mutant.module}.py holds {text.count(mutant.line)} times: {mutant.line!r}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "stagehold"
        shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / f"{mutant.module}.py").write_text(text.replace(mutant.line, mutant.instead), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.compare", str(runs)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    if done.returncode and "disagreements" not in done.stdout and "AssertionError" not in done.stderr:
        raise ValueError(f"{mutant.name}: the code does not run:\n{done.stderr}")
    return done.returncode == 0


def main() -> int:
    """Try every mutant and name those that survive."""
    alive = []
    for mutant in MUTANTS:
        lives = survives(mutant)
        sys.stdout.write(f"{'SURVIVES' if lives else 'noticed '}  {mutant.module:<12} {mutant.name}\n")
        sys.stdout.flush()
        alive += [mutant.name] if lives else []
    sys.stdout.write(f"mutants: {len(MUTANTS) - len(alive)} of {len(MUTANTS)} noticed\n")
    return 1 if alive else 0


if __name__ == "__main__":
    raise SystemExit(main())
