"""The decision page and its Markdown tell the decision, the reasons and the limits, and can do no harm."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest

from stagehold.errors import ReportError
from stagehold.model import Artifact, Decision, Evidence, Outcome, Problem, Promise, Verdict
from stagehold.reporting.decision import MOST_REASONS, render_decision
from stagehold.reporting.decision_markdown import MOST_BYTES, render_markdown
from stagehold.reporting.facts import DECISIONS, commitments_line
from stagehold.reporting.reasons import reasons
from tests.unit.reporting import samples
from tests.unit.reporting.sketches import DIGEST, OTHER_DIGEST

ALL = pytest.mark.parametrize("name", samples.SAMPLES)


class Page(HTMLParser):
    """Tags, references and text of a page, as a browser would take them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"href", "src", "action", "data", "srcset", "poster", "background"}:
                self.references.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_data(self, data: str) -> None:
        self.text += data


def sample(name: str) -> Verdict:
    return samples.SAMPLES[name][0]()


@ALL
def test_samples_carry_their_decision(name: str) -> None:
    """The samples are what their names say, so that the tests below test something."""
    assert sample(name).decision is samples.SAMPLES[name][1]


@ALL
def test_page_is_static_and_calls_nobody(name: str) -> None:
    """No script, handler, frame, picture or style from elsewhere: links lead to files of the run only."""
    html, _ = render_decision(sample(name))
    page = Page(html)
    assert not {"script", "iframe", "img", "link", "object", "embed", "form", "base", "svg"} & set(page.tags)
    assert not page.handlers
    for reference in page.references:
        assert reference.startswith("#") or re.fullmatch(r"[A-Za-z0-9._%/-]+", reference), reference
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html


@ALL
def test_decision_comes_first(name: str) -> None:
    """Word and headline precede everything else, on the page and in Markdown."""
    verdict = sample(name)
    html, markdown = render_decision(verdict)
    sign = DECISIONS[verdict.decision]
    words = [sign.word for sign in DECISIONS.values()]
    heading = re.search(r"<h1>.*?</h1>", html, re.DOTALL)
    assert heading
    assert [word for word in words if word in re.split(r"<[^>]+>|\s{2,}", heading[0])] == [sign.word]
    assert f'class="banner {sign.tone}"' in html
    assert markdown.startswith(f"# {sign.glyph} {sign.word}\n")
    assert html.index("<h1>") < html.index("What was tested") < html.index('id="why"') < html.index('id="suites"')


@ALL
def test_page_is_small_and_free_of_controls(name: str) -> None:
    """A page fits in a mail, and no control or reordering character survives."""
    html, markdown = render_decision(sample(name))
    assert len(html.encode()) < 300_000
    assert len(markdown.encode()) <= MOST_BYTES
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html + markdown)


def test_a_broken_promise_tells_what_why_and_who() -> None:
    """Promise, claim, expected, observed, owner, remedy, command and evidence of a failure are on the page."""
    html, markdown = render_decision(samples.no_go(1))
    page = Page(html)
    for text in (
        "S15 HTTPS is used between servers and users.",
        "No endpoint completes a handshake older than TLS 1.2.",
        "TLS 1.0 refused",
        "completed a TLS 1.0 handshake",
        "platform",
        "Remove the version from the listener",
        "curl -si",
    ):
        assert text in page.text, text
    assert "evidence/tls/TLS-001/what-answered.csv" in page.references
    assert "allure-report/index.html" in page.references
    assert "We promise: *S15 HTTPS is used" in markdown


def test_many_failures_are_all_named() -> None:
    """Six reasons in full, the rest in a table: none is dropped."""
    verdict = samples.no_go(12)
    html, _ = render_decision(verdict)
    found = reasons(verdict)
    assert len(found) == 13
    assert html.count('<li class="reason ') == MOST_REASONS
    assert f"and {len(found) - MOST_REASONS} more" in html
    for reason in found:
        for check in reason.checks:
            assert check in html


def test_one_cause_is_one_reason_and_roots_come_first() -> None:
    """Five checks stopped by a failed login make one row, behind the login itself."""
    found = reasons(samples.inconclusive())
    assert [reason.checks for reason in found] == [
        (),
        ("AUT-001", "LOD-001"),
        ("ACC-008", "ACC-010", "AUT-007", "AUT-024", "FUN-002"),
    ]


def test_go_states_its_limits() -> None:
    """A GO says what was not covered, what was not claimed, and that smoke is not release load."""
    verdict = samples.verdict({"AUT-024": Outcome.UNCOVERED}, required=["S15"])
    assert verdict.decision is Decision.GO
    html, markdown = render_decision(verdict)
    for text in (html, markdown):
        assert "1 of 1 required kept, 8 not claimed" in text
        assert "1 check not configured: AUT" in text.replace("\\-", "-")
        assert "not production" in text
        assert "capacity at release load is not proven" in text


def test_commitments_line_has_the_denominator() -> None:
    """Kept, broken and not proven are counted against what is required."""
    assert commitments_line(samples.no_go(3)) == "3 of 8 required kept, 4 broken, 1 not proven, 1 not claimed"


@pytest.mark.parametrize(
    ("expected", "observed", "check", "word"),
    [
        (DIGEST, DIGEST, Outcome.PASSED, "same build"),
        (DIGEST, DIGEST, Outcome.UNCOVERED, "same build"),
        (DIGEST, DIGEST, Outcome.FAILED, "another build"),
        (DIGEST, DIGEST, Outcome.INCONCLUSIVE, "could not be decided"),
        (DIGEST, OTHER_DIGEST, Outcome.PASSED, "another build"),
        (DIGEST, "", Outcome.PASSED, "same build"),
        (DIGEST, "", Outcome.FAILED, "another build"),
        (DIGEST, "", Outcome.UNCOVERED, "could not be observed"),
        ("", DIGEST, Outcome.PASSED, "No digest was declared"),
        ("", "", Outcome.UNCOVERED, "No digest was declared"),
    ],
)
def test_the_right_build_is_answered(expected: str, observed: str, check: Outcome, word: str) -> None:
    """Equal digests or a passed check of the identity are proof; any contradiction outweighs them."""
    artifact = Artifact(expected_digest=expected, observed_digest=observed)
    verdict = samples.verdict({"FUN-001": check}, run=samples.RUN.model_copy(update={"artifact": artifact}))
    html, _ = render_decision(verdict)
    build = html[html.index("right build?") : html.index("Expected build")]
    assert word in build
    assert ("state good" in build) == (word == "same build")


def contradictions() -> dict[str, Verdict]:
    go = samples.go()
    failed = go.checks[0].model_copy(update={"outcome": Outcome.FAILED})
    unsure = go.checks[0].model_copy(update={"outcome": Outcome.NOT_RUN})
    broken = go.commitments[0].model_copy(update={"state": Promise.BROKEN, "required": False})
    unproven = go.commitments[0].model_copy(update={"state": Promise.NOT_PROVEN})
    changes: dict[str, dict[str, object]] = {
        "reason": {"reasons": ("something",)},
        "problem": {"problems": (Problem(what="a lane crashed"),)},
        "failed": {"checks": (*go.checks, failed)},
        "unsure": {"checks": (*go.checks, unsure)},
        "empty": {"checks": ()},
        "broken": {"commitments": (broken,)},
        "unproven": {"commitments": (unproven,)},
    }
    return {name: go.model_copy(update=change) for name, change in changes.items()}


@pytest.mark.parametrize("name", contradictions())
def test_a_go_that_contradicts_itself_is_not_rendered(name: str) -> None:
    """No page may say GO where the facts do not."""
    with pytest.raises(ReportError, match="says GO"):
        render_decision(contradictions()[name])


def test_evidence_outside_of_the_run_is_refused() -> None:
    """A path that leads out of the folder stops the report."""
    verdict = samples.no_go(1)
    first = verdict.checks[0]
    cases = tuple(
        case.model_copy(update={"evidence": (Evidence(name="x", media_type="text/plain", path="../x"),)})
        for case in first.cases
    )
    bad = verdict.model_copy(update={"checks": (first.model_copy(update={"cases": cases}), *verdict.checks[1:])})
    with pytest.raises(ReportError, match="leads out"):
        render_decision(bad)


def test_a_thousand_checks_take_seconds() -> None:
    """1,000 checks, every third failed, render within five seconds, and the Markdown stays in its limit."""
    verdict = samples.many(1000, lambda number: Outcome.FAILED if number % 3 == 0 else Outcome.PASSED)
    began = time.monotonic()
    html, markdown = render_decision(verdict)
    assert time.monotonic() - began < 5
    assert html.count("TLS-") >= 1000
    assert len(markdown.encode()) <= MOST_BYTES
    assert "more: decision.html names them all" in markdown


def test_markdown_says_what_did_not_fit() -> None:
    """A small limit is kept, the decision survives it, and the cut is counted."""
    text = render_markdown(samples.no_go(12), most_bytes=4000)
    assert len(text.encode()) <= 4000
    assert text.startswith("# ✕ NO-GO")
    assert re.search(r"\d+ lines did not fit here; decision\.html shows all\.\n$", text)


def test_the_page_says_where_a_failed_check_is_defined() -> None:
    """File and line stand in both pages, so that who acts finds the check."""
    verdict = samples.no_go(1)
    failed = next(check for check in verdict.checks if check.outcome is Outcome.FAILED)

    assert f"<code>{failed.spec.location}</code>" in render_decision(verdict)[0]
    assert "Defined in" in render_markdown(verdict)
