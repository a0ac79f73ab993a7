"""The four questions of a release manager are answered at the top, truly and in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stagehold.model import Artifact, Commitment, Decision, Outcome, Problem, Verdict
from stagehold.reporting.allure import write_allure_results
from stagehold.reporting.answers import NOBODY, actors, answers, title
from stagehold.reporting.decision import render_decision
from stagehold.reporting.facts import advice
from stagehold.reporting.reasons import reasons
from stagehold.reporting.text import minute
from stagehold.reporting.trust import REPORTS_FAILED, VERIFY, lines, took
from tests.unit.reporting import pages, samples


def answered(verdict: Verdict) -> dict[str, tuple[str, str]]:
    return {a.question.rstrip("?"): (a.sign.word, a.says) for a in answers(verdict, reasons(verdict))}


def test_go() -> None:
    """Yes, all proven, nobody has to act, the same build."""
    found = answered(samples.go())
    assert found["May we deploy"][0] == "Yes"
    assert found["Why"] == ("All proven", "8 of 8 required promises kept.")
    assert found["Who acts"][0] == "Nobody"
    assert found["Is it the right build"][0] == "same build"
    assert "sha256:4f1d4f1d4f1d…" in found["Is it the right build"][1]


def test_no_go() -> None:
    """No, with the gravest reason in words, the ratio of promises, and every owner with the number of reasons."""
    found = answered(samples.no_go(3))
    assert found["May we deploy"][0] == "No"
    assert found["Why not"] == (
        "4 reasons",
        (
            "First: “A company gets no object of another company by its identifier” is not true. "
            "3 of 8 required promises kept."
        ),
    )
    assert found["Who acts"] == ("3 owners", "application team (2), infrastructure (1), platform (1).")


def test_another_build_is_the_first_reason() -> None:
    """Where another build runs, that comes before what was seen of it, and both builds are named at the top."""
    verdict = samples.no_go(12)
    assert reasons(verdict)[0].checks == ("FUN-001",)
    word, says = answered(verdict)["Is it the right build"]
    assert word == "another build"
    assert "Expected: sha256:4f1d4f1d4f1d…, running: sha256:0b9e0b9e0b9e…" in says


def test_no_decision() -> None:
    """Not yet, with the cause; a cause that concerns no promise is for whoever runs the gate."""
    found = answered(samples.inconclusive())
    assert found["May we deploy"][0] == "Not yet"
    assert found["Why not"][1].startswith("The lane 'load' was stopped at its deadline.")
    assert NOBODY in found["Who acts"][1]


def test_go_with_a_waiver_is_never_a_plain_go() -> None:
    """Heading, answer and promise say that it is for now, until when, and who repairs."""
    verdict = pages.go_with_waiver()
    assert verdict.decision is Decision.GO
    assert title(verdict).word == "GO WITH 1 WAIVER"
    found = answered(verdict)
    assert found["May we deploy"] == ("Yes, for now", "Valid until 30 Nov 2026, 05:19 UTC, when the first waiver ends.")
    assert found["Why"][0] == "1 waived"
    assert found["Who acts"][0] == "platform"
    html, markdown = render_decision(verdict)
    for text in (html, markdown.replace("\\", "")):
        for word in ("GO WITH 1 WAIVER", "W-12", "W-07", "SEC-1204", "Jon Holm", "not needed", "the leaf alone", "S15"):
            assert word in text, word
    assert "every promise that is required was proven or is waived" in html
    assert "failed and waived" in html
    assert "Not proven by it</dt><dd>S15 HTTPS is used between servers and users." in html
    assert html.count("Not proven by it") == 1, "the waiver that nothing needs takes no proof away"
    assert html.count("30 Nov 2026, 05:19 UTC") == 2, "once at the top, once with the waiver"


def test_an_expired_waiver_blocks_by_name() -> None:
    """The failure blocks again, and the page names the waiver that ended."""
    verdict = pages.waiver_expired()
    assert verdict.decision is Decision.NO_GO
    html, markdown = render_decision(verdict)
    for text in (html, markdown.replace("\\", "")):
        assert "W-12" in text
        assert "waiver expired" in text
        assert "expired 3 days ago" in text


def test_a_leak_is_the_first_reason() -> None:
    """A secret that was found refuses the release whatever else is proven."""
    verdict = pages.leak()
    found = reasons(verdict)
    assert verdict.decision is Decision.NO_GO
    assert (found[0].sign.word, found[0].sign.tone) == ("secret found", "bad")
    html, markdown = render_decision(verdict)
    assert "secret found" in html
    assert "secret found" in markdown
    assert dict(lines(verdict))["Secrets"].startswith("1 find")


def test_only_a_finished_search_is_called_clean() -> None:
    """The page says that no secret was found only where every file was searched before it was published."""
    unwritten = samples.verdict(problems=(Problem(what=f"{REPORTS_FAILED}: the disk is full"),))
    assert dict(lines(samples.go()))["Secrets"].startswith("None was found")
    assert "not known" in dict(lines(unwritten))["Secrets"]


def test_what_changed_is_told() -> None:
    """Newly failing, repaired, new checks and latency then and now; and since when each failure lasts."""
    html, markdown = render_decision(pages.changed())
    for text in (html, markdown.replace("\\", "")):
        for word in ("20261110-020000-demo-11aa", "HDR-001", "NET-003", "GET /api/invoices", "240 ms", "120 ms"):
            assert word in text, word
    assert "New in this run" in html
    assert "Failing since 21 Nov 2026, 02:00 UTC" in html
    assert "No history was given" in render_decision(samples.go())[0]


def test_evidence_of_several_cases_tells_whose_it_is() -> None:
    """Three links of one name would be a riddle; the link of a single case needs no more."""
    verdict = samples.no_go(2)
    check = next(check for check in verdict.checks if check.spec.id == "TLS-001")
    both = tuple(case.model_copy(update={"outcome": Outcome.FAILED}) for case in check.cases)
    checks = [check.model_copy(update={"cases": both}) if c.spec.id == "TLS-001" else c for c in verdict.checks]
    names = {r.checks: [e.name for e in r.evidence] for r in reasons(verdict.model_copy(update={"checks": checks}))}
    assert names["TLS-001",] == [f"what answered, {case.case}" for case in both]
    assert len(both) > 1
    assert names["ACC-008",] == ["what answered"]


def test_a_reason_is_listed_with_everybody_who_owns_it() -> None:
    """Who acts is grouped by owner, and no reason is lost on the way."""
    found = reasons(samples.no_go(12))
    grouped = actors(found)
    assert {reason.title for actor in grouped for reason in actor.reasons} == {reason.title for reason in found}
    assert [actor.name for actor in grouped].count("platform") == 1


def test_the_counts_are_printed_with_their_denominator() -> None:
    """Expected and executed are both told, and what is missing is said."""
    assert dict(lines(samples.go()))["Counted"] == "17 checks expected, 17 came to a result: all of them."
    assert "16 came to a result; 1 did not" in dict(lines(samples.no_go(1)))["Counted"]
    assert "sha256sum" in VERIFY
    assert took(samples.RUN) == "1 min 25 s"
    assert took(samples.RUN.model_copy(update={"finished": ""})) == ""


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2026-11-30T05:19:00Z", "30 Nov 2026, 05:19 UTC"),
        ("2026-11-30T05:19:07.120+00:00", "30 Nov 2026, 05:19 UTC"),
        ("2026-11-30T05:19:00+02:00", "2026-11-30T05:19:00+02:00"),
        ("soon", "soon"),
        ("", ""),
    ],
)
def test_a_moment_is_shown_in_utc_or_as_it_is(moment: str, shown: str) -> None:
    """No other zone is silently taken for UTC."""
    assert minute(moment) == shown


def test_advice_names_waivers_where_one_can_be_had() -> None:
    """A NO-GO over a failure that may be waived says so; over a leak or another build it does not."""
    assert "needs an approved waiver; waiver-drafts.yaml holds the words" in advice(samples.no_go(3))
    another_build = samples.verdict({"FUN-001": Outcome.FAILED})
    assert advice(another_build) == "Repair what is named below and run the gate again."
    assert "Change the secret" in advice(pages.leak())


def test_advice_says_no_more_than_was_proven() -> None:
    """A GO vouches for a build only where it was declared and seen."""
    assert advice(samples.go()) == "This build may be deployed."
    unknown = samples.RUN.model_copy(update={"artifact": Artifact()})
    told = advice(samples.verdict(run=unknown))
    assert told == "What was tested here may be deployed; this run does not say which build that is."


@pytest.mark.parametrize(("owner", "acts"), [("platform@ledger.example", "platform@ledger.example"), ("", NOBODY)])
def test_the_owner_of_the_environment_acts_where_no_sentence_names_anybody(
    owner: str, acts: str, tmp_path: Path
) -> None:
    """A failure whose safeguard no sentence names, and a problem of the run: on page, Markdown, terminal and Allure."""
    sentence = Commitment(id="S09", text="Tested.", owner="network", safeguards=("firewall-verified",))
    verdict = samples.verdict(
        {"HDR-001": Outcome.FAILED},
        statement=(sentence,),
        required=("S09",),
        problems=(Problem(what="the lane 'load' crashed"),),
        run=samples.RUN.model_copy(update={"owner": owner}),
    )

    found = reasons(verdict)
    assert [actor.name for actor in actors(found)] == [acts]
    assert len(found) == 2
    html, markdown = render_decision(verdict)
    if owner:
        assert html.count(f"<dt>Who acts</dt><dd>{owner}</dd>") == 2
        assert markdown.count("Who acts: platform") == 2
        folder = write_allure_results(samples.with_evidence(verdict, tmp_path), tmp_path)
        labels = [json.loads(file.read_text())["labels"] for file in folder.glob("*-result.json")]
        assert labels
        assert all({"owner"} <= {label["name"] for label in own} for own in labels)
