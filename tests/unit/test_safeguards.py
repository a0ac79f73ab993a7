"""Rule 3a: a sentence is kept only when each safeguard it names is proven by a check that passed."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from stagehold.model import (
    CaseResult,
    CheckSpec,
    Commitment,
    Decision,
    ExpectedCheck,
    Outcome,
    Promise,
    Risk,
    RunInfo,
    SafeguardState,
    Severity,
    Verdict,
    Waiver,
)
from stagehold.reporting.decision import render_decision
from stagehold.reporting.junit import render_junit
from stagehold.reporting.reasons import reasons
from stagehold.reporting.terminal import print_summary
from stagehold.verdict import Rules, decide

SENTENCE = Commitment(
    id="S02", text="It survives.", owner="platform team", safeguards=("service-capacity", "fault-tolerance")
)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def judged(
    *second: Outcome, proves: str = "fault-tolerance", waived: bool = False, required: tuple[str, ...] | None = None
) -> Verdict:
    """LOD-001 proves the first safeguard; each further outcome is a check of `proves`, CON-010 onwards."""
    outcomes = {"LOD-001": (Outcome.PASSED, "service-capacity")}
    outcomes |= {f"CON-{10 + number:03d}": (outcome, proves) for number, outcome in enumerate(second)}
    specs = {
        name: CheckSpec(
            id=name, severity=Severity.NORMAL, proves=(safeguard,), remedy="Mend it.", suite="x", claim=f"{name} holds."
        )
        for name, (_, safeguard) in outcomes.items()
    }
    return decide(
        expected=[ExpectedCheck(spec=spec, cases=("",)) for spec in specs.values()],
        recorded=[
            CaseResult(
                check=name,
                case="",
                outcome=outcome,
                message="needs `hooks`" if outcome is Outcome.UNCOVERED else "" if outcome is Outcome.PASSED else "so",
            )
            for name, (outcome, _) in outcomes.items()
            if outcome is not Outcome.NOT_RUN
        ],
        statement=[SENTENCE],
        rules=Rules(required_commitments=required),
        run=RunInfo(run_id="r", environment="e", finished="2026-11-23T12:00:00Z"),
        waivers=[
            Waiver(
                id="W-1", check="CON-010", observed="so", reason="r", risk=Risk.LOW, owner="o", author="a",
                approved_by="b", ticket="t", created="2026-11-20T00:00:00Z", expires="2026-12-01T00:00:00Z",
            )
        ]
        if waived
        else [],
        now=NOW,
    )  # fmt: skip


def pages(verdict: Verdict) -> dict[str, str]:
    """The verdict as people read it, on one line each."""
    console = Console(file=StringIO(), width=80, force_terminal=False)
    print_summary(verdict, console)
    html, markdown = render_decision(verdict)
    assert isinstance(console.file, StringIO)
    shown = {"html": html, "markdown": markdown.replace("\\", ""), "terminal": console.file.getvalue()}
    return {name: " ".join(text.split()) for name, text in {**shown, "junit": render_junit(verdict)}.items()}


@pytest.mark.parametrize(
    ("second", "lack"),
    [
        ((), "fault-tolerance: no check of this installation proves it"),
        ((Outcome.UNCOVERED,), "fault-tolerance: its only check is not configured (CON-010 needs `hooks`)"),
        (
            (Outcome.UNCOVERED, Outcome.UNCOVERED),
            "fault-tolerance: its only checks are not configured (CON-010 needs `hooks`; CON-011 needs `hooks`)",
        ),
        ((Outcome.NOT_APPLICABLE,), "fault-tolerance: all not applicable (CON-010)"),
        ((Outcome.INCONCLUSIVE,), "fault-tolerance: CON-010 could not be decided"),
        ((Outcome.NOT_RUN,), "fault-tolerance: CON-010 could not be decided"),
        (
            (Outcome.UNCOVERED, Outcome.NOT_APPLICABLE),
            "fault-tolerance: not configured (CON-010 needs `hooks`), CON-011 not applicable",
        ),
    ],
    ids=["none", "uncovered", "two uncovered", "not applicable", "undecided", "not run", "mixed"],
)
def test_a_safeguard_that_no_passed_check_proves_keeps_its_sentence_unproven(
    second: tuple[Outcome, ...], lack: str
) -> None:
    """The run is undecided, and every report says which safeguard lacks what."""
    verdict = judged(*second)

    assert verdict.decision is Decision.INCONCLUSIVE
    result = verdict.commitments[0]
    assert (result.state, result.reason) == (Promise.NOT_PROVEN, lack)
    assert [item.safeguard for item in result.lacking] == ["fault-tolerance"]
    assert result.unproven_safeguards == ("fault-tolerance",)
    shown = pages(verdict)
    for name in ("html", "terminal", "junit"):
        assert lack in shown[name].replace("<code>", "`").replace("</code>", "`"), name
    assert lack.split("(", maxsplit=1)[0].strip() in shown["markdown"]
    assert any("platform team" in reason.owners for reason in reasons(verdict))


def test_the_headline_names_the_sentence_that_is_not_proven() -> None:
    """Everything that ran passed, and the first line does not say more than that."""
    assert judged().headline == ("No decision: 1 required promise not proven (S02); 0 of 1 required commitments kept.")


def test_one_passed_check_for_each_safeguard_is_kept() -> None:
    """Further checks that are not configured or not applicable are counted, and nothing else."""
    verdict = judged(Outcome.PASSED, Outcome.UNCOVERED, Outcome.NOT_APPLICABLE)

    assert (verdict.decision, verdict.commitments[0].state) == (Decision.GO, Promise.KEPT)
    assert [item.state for item in verdict.commitments[0].safeguards] == [SafeguardState.PROVEN] * 2


def test_a_safeguard_whose_only_check_is_waived_leaves_its_sentence_waived() -> None:
    """An accepted failure is neither proof nor a lack of it: GO with a waiver, and nothing is counted as kept."""
    verdict = judged(Outcome.FAILED, waived=True)

    assert (verdict.decision, verdict.commitments[0].state) == (Decision.GO, Promise.WAIVED)
    assert verdict.commitments[0].safeguards[1].state is SafeguardState.WAIVED
    assert "0 of 1 required commitments kept, 1 waived" in verdict.headline


def test_a_waiver_does_not_stand_for_another_safeguard() -> None:
    """A waived failure of one safeguard, and nothing at all for the other: not proven."""
    verdict = judged(Outcome.FAILED, proves="service-capacity", waived=True)

    assert (verdict.decision, verdict.commitments[0].state) == (Decision.INCONCLUSIVE, Promise.NOT_PROVEN)
    assert verdict.commitments[0].reason == "fault-tolerance: no check of this installation proves it"


def test_a_broken_sentence_says_what_it_lacks_besides() -> None:
    """Who repairs the failure learns at once that the sentence would not be kept by that."""
    verdict = judged(Outcome.FAILED, proves="service-capacity")

    assert (verdict.decision, verdict.commitments[0].state) == (Decision.NO_GO, Promise.BROKEN)
    lack = "CON-010 failed; not proven either: fault-tolerance: no check of this installation proves it"
    assert lack in pages(verdict)["terminal"]
    assert lack in pages(verdict)["html"]


def test_what_a_named_check_does_not_explain_is_a_reason_of_its_own() -> None:
    """A sentence with an undecided check and a safeguard without any: both are told under 'why'."""
    verdict = judged(Outcome.INCONCLUSIVE, proves="service-capacity")

    found = [(reason.title, reason.observed) for reason in reasons(verdict)]
    assert found == [
        ("CON-010 holds.", "so"),
        ("This promise is not proven", "fault-tolerance: no check of this installation proves it"),
    ]


def test_a_sentence_that_is_not_claimed_says_what_it_lacks() -> None:
    """Left out of what is required it blocks nothing, is counted, and is not told as if it were proven."""
    other = Commitment(id="S05", text="None outside.", owner="network", safeguards=("service-capacity",))
    base = judged()
    verdict = decide(
        expected=[ExpectedCheck(spec=check.spec, cases=("",)) for check in base.checks],
        recorded=[case for check in base.checks for case in check.cases],
        statement=[SENTENCE, other],
        rules=Rules(required_commitments=("S05",)),
        run=base.run,
    )

    assert verdict.decision is Decision.GO
    assert [result.state for result in verdict.commitments] == [Promise.NOT_CLAIMED, Promise.KEPT]
    shown = pages(verdict)
    assert "1 of 1 required kept, 1 not claimed" in shown["terminal"]
    assert "fault-tolerance: no check of this installation proves it" in shown["html"]
