"""`decide()` says what the rules say, on random runs; the whole comparison is `python -m tests.faults.compare`."""

from __future__ import annotations

import pytest

from tests.faults.compare import compare
from tests.faults.mutants import MUTANTS, SOURCE, Mutant, survives

QUICK = 5000
TRIED = (
    "a safeguard without proof is let through",
    "a sentence may rest on waivers alone",
    "a second try takes a failure back",
    "a waiver outlives its end",
)


def test_the_code_and_the_rules_agree() -> None:
    """On thousands of random runs, of which each decision makes up a good part, and GO with waivers some."""
    kinds, apart = compare(QUICK, seed=9)

    assert apart == []
    assert min(kinds["GO"], kinds["NO_GO"], kinds["INCONCLUSIVE"]) > QUICK / 20
    assert kinds["GO with waivers"] > QUICK / 200


@pytest.mark.parametrize("name", TRIED)
def test_a_rule_that_is_changed_is_noticed(name: str) -> None:
    """With a rule changed the comparison goes red; `python -m tests.faults.mutants` tries all changes."""
    (mutant,) = (mutant for mutant in MUTANTS if mutant.name == name)

    assert not survives(mutant)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_fits_the_code(mutant: Mutant) -> None:
    """Its line stands in the code exactly once: none is skipped because the code has moved on."""
    text = (SOURCE / f"{mutant.module}.py").read_text(encoding="utf-8")

    assert text.count(mutant.line) == 1
