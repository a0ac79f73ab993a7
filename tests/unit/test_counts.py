"""One count for one thing: what headline, headings and tiles say is what stands in the rows below them."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from io import StringIO
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from stagehold.model import (
    CaseResult,
    CheckSpec,
    Commitment,
    Decision,
    ExpectedCheck,
    LaneRecord,
    Outcome,
    Problem,
    Promise,
    RunInfo,
    Severity,
    Verdict,
    Waiver,
)
from stagehold.reporting import facts
from stagehold.reporting.decision import render_decision
from stagehold.reporting.junit import render_junit
from stagehold.reporting.terminal import print_summary
from stagehold.reporting.trust import lines
from stagehold.tally import count_checks
from stagehold.verdict import Rules, decide, leaked

SAFEGUARDS = ("encrypted-transport", "declared-exposure", "tenant-isolation", "notices")
SUITES = ("tls", "ports")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CHECK_WORDS = [facts.ACCEPTED.word, *(sign.word for sign in facts.OUTCOMES.values())]
PROMISE_WORDS = [sign.word for sign in facts.PROMISES.values()]


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    """What `decide()` says of a few checks, sentences and waivers of any kind."""
    number = draw(st.integers(0, 7))
    outcomes = [draw(st.sampled_from(list(Outcome))) for _ in range(number)]
    specs = [
        CheckSpec(
            id=f"TLS-{index:03d}",
            severity=draw(st.sampled_from(list(Severity))),
            proves=tuple(draw(st.sets(st.sampled_from(SAFEGUARDS), min_size=1, max_size=2))),
            remedy="Mend it.",
            suite=draw(st.sampled_from(SUITES)),
            claim=f"Claim {index}.",
        )
        for index in range(number)
    ]
    statement = [
        Commitment(
            id=f"S{index:02d}",
            text="We promise.",
            owner="team",
            safeguards=tuple(draw(st.sets(st.sampled_from(SAFEGUARDS), min_size=1, max_size=3))),
        )
        for index in range(draw(st.integers(1, 5)))
    ]
    waived = draw(st.sets(st.sampled_from(range(number)), max_size=3)) if number else set()
    return decide(
        expected=[ExpectedCheck(spec=spec, cases=("",)) for spec in specs],
        recorded=[
            CaseResult(check=spec.id, case="", outcome=outcome, observed="seen", message="so")
            for spec, outcome in zip(specs, outcomes, strict=True)
            if outcome is not Outcome.NOT_RUN
        ],
        statement=statement,
        rules=Rules(
            required_commitments=draw(
                st.none() | st.sets(st.sampled_from([item.id for item in statement]), min_size=1).map(tuple)
            ),
            strict=draw(st.booleans()),
        ),
        run=RunInfo(
            run_id="r",
            environment="e",
            owner="ops",
            lanes=tuple(LaneRecord(suite=suite, seconds=1, exit_code=0) for suite in SUITES),
        ),
        waivers=[
            Waiver.model_validate(
                {
                    "id": f"W-{index}", "check": f"TLS-{index:03d}", "observed": "seen; so", "reason": "r",
                    "risk": "low", "owner": "o", "author": "a", "approved_by": "b", "ticket": "t",
                    "created": "2026-11-20", "expires": "2026-12-01T00:00:00Z",
                }
            )
            for index in sorted(waived)
        ],
        now=NOW,
    )  # fmt: skip


def counted(heading: str, words: list[str]) -> Counter[str]:
    """`3 broken, 1 not claimed` as numbers by word; longer words first, so that `kept` is not a part of another."""
    found: Counter[str] = Counter()
    for word in sorted(words, key=len, reverse=True):
        pattern = rf"\b(\d+) (?:of \d+ required )?{word}\b"
        for number in re.findall(pattern, heading):
            found[word] += int(number)
        heading = re.sub(pattern, "", heading)
    return Counter({word: number for word, number in found.items() if number})


def section(html: str, name: str) -> tuple[str, str]:
    """Heading and the rest of a section of the page."""
    part = html.split(f'<h2 id="{name}">')[1].split("</section>", maxsplit=1)[0]
    heading, rest = part.split("</h2>", maxsplit=1)
    return heading, rest


def states(html: str, words: list[str]) -> Counter[str]:
    """How often each state is shown as a sign."""
    shown = re.findall(r'<span class="state \w+"><span aria-hidden="true">.</span> ([\w ]+)</span>', html)
    return Counter(word for word in shown if word in words)


def terminal(verdict: Verdict) -> str:
    console = Console(file=StringIO(), width=400, force_terminal=False)
    print_summary(verdict, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@settings(max_examples=60, deadline=None)
@given(verdicts())
def test_the_page_agrees_with_itself(verdict: Verdict) -> None:
    """Promises, list of those not claimed, suites and all checks hold as many rows as their headings say."""
    html, _ = render_decision(verdict)

    heading, rows = section(html, "promises")
    table, _, unclaimed = rows.partition("<details")
    numbers = counted(heading, PROMISE_WORDS)
    listed = unclaimed.count("<li>")
    assert numbers == states(table, PROMISE_WORDS) + Counter({"not claimed": listed})
    if unclaimed:
        assert f"<summary>{listed} not claimed" in unclaimed
    assert table.count("not required</span>") == sum(map(int, re.findall(r"\((\d+) of them not required", heading)))
    heading, rows = section(html, "suites")
    by_state = states(section(html, "checks")[1], CHECK_WORDS)
    assert counted(heading, CHECK_WORDS) == by_state
    assert [sum(column) for column in zip((0, 0), *_of(rows), strict=True)] == [
        by_state["passed"],
        by_state.total(),
    ]


def _of(rows: str) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in re.findall(r'data-label="Passed">(\d+) of (\d+)<', rows)]


@settings(max_examples=60, deadline=None)
@given(verdicts())
def test_markdown_and_terminal_agree_with_themselves_and_the_page(verdict: Verdict) -> None:
    """The same headings, and as many rows below them."""
    _, markdown = render_decision(verdict)
    text = terminal(verdict)
    promises, checks = facts.commitments_line(verdict), facts.checks_line(verdict)

    assert f"## Promises ({promises})" in markdown
    assert f"## Suites ({checks})" in markdown
    assert f"promises: {promises}\n" in text
    assert f"\n{checks}\n" in text
    rows = markdown.split("## Promises")[1].split("\n## ")[0].splitlines()[1:]
    claimed = counted(promises, PROMISE_WORDS) - Counter({"not claimed": 99})
    assert Counter(word for row in rows for word in PROMISE_WORDS if re.search(rf"\| . {word} \|", row)) == claimed
    lines = text.split("promises: ")[1].split("\n\n")[0].splitlines()[1:]
    assert Counter(word for line in lines for word in PROMISE_WORDS if re.match(rf"  . {word} +S\d", line)) == claimed
    rows = markdown.split("## All checks")[1].splitlines()
    shown = Counter(word for row in rows for word in CHECK_WORDS if re.search(rf"\| . {word} \|", row))
    assert shown == counted(checks, CHECK_WORDS)


@settings(max_examples=150, deadline=None)
@given(verdicts())
def test_the_headline_counts_what_the_rows_count(verdict: Verdict) -> None:
    """Failed checks, broken promises, kept of required, what ran: the first line's numbers are those of the rest."""
    states = Counter(result.state for result in verdict.commitments)
    required = sum(result.required for result in verdict.commitments)
    failed = sum(check.outcome is Outcome.FAILED and not check.waived for check in verdict.checks)
    headline = verdict.headline

    assert f"{states[Promise.KEPT]} of {required} required commitments kept" in headline
    assert (f", {states[Promise.NOT_CLAIMED]} not claimed" in headline) == bool(states[Promise.NOT_CLAIMED])
    assert verdict.not_claimed == states[Promise.NOT_CLAIMED]
    if verdict.decision is Decision.NO_GO and failed:
        assert f" {failed} check" in headline
        broken = states[Promise.BROKEN]
        assert (f"{broken} promise" in headline) if broken else "no promise of the statement" in headline
    if verdict.decision is Decision.GO:
        assert f"{verdict.executed_checks} of {verdict.expected_checks} check" in headline
    assert f"{verdict.expected_checks} check" in dict(lines(verdict))["Counted"]
    assert f"{verdict.executed_checks} came to a result" in dict(lines(verdict))["Counted"]


@settings(max_examples=60, deadline=None)
@given(verdicts())
def test_junit_counts_the_cases_that_block(verdict: Verdict) -> None:
    """As many failures and errors as checks failed or stayed open; what a waiver accepts is skipped and no failure."""
    root = ET.fromstring(render_junit(verdict))
    count = count_checks(verdict.checks)

    suites = [suite for suite in root if suite.get("name") != "gate"]
    told = {key: sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "failures", "errors", "skipped")}
    assert told == {
        "tests": count.total,
        "failures": count.failed,
        "errors": count.undecided,
        "skipped": count.uncovered + count.not_applicable + count.waived,
    }


def one_broken_sentence_of_three() -> Verdict:
    """A port is open that breaks three sentences, of which the environment requires one."""
    spec = CheckSpec(
        id="NET-003", severity=Severity.BLOCKER, proves=("declared-exposure",), remedy="Close it.", suite="ports"
    )
    statement = [
        Commitment(id=f"S{n:02d}", text="t", owner="o", safeguards=("declared-exposure" if n < 4 else "notices",))
        for n in range(1, 19)
    ]
    return decide(
        expected=[ExpectedCheck(spec=spec, cases=("",))],
        recorded=[CaseResult(check="NET-003", case="", outcome=Outcome.FAILED, observed="open")],
        statement=statement,
        rules=Rules(required_commitments=("S01", "S04")),
        run=RunInfo(run_id="r", environment="e"),
    )


def test_three_broken_promises_are_three_everywhere() -> None:
    """Headline, heading and rows count the broken ones that are not required as well, and say so."""
    verdict = one_broken_sentence_of_three()

    assert verdict.headline == (
        "Do not deploy: 1 check failed, 3 promises broken (S01, S02, S03; 2 of them not required); "
        "0 of 2 required commitments kept, 14 not claimed."
    )
    assert facts.commitments_line(verdict) == (
        "0 of 2 required kept, 3 broken (2 of them not required), 1 not proven, 14 not claimed"
    )
    assert terminal(verdict).count("✕ broken") == 3


@pytest.mark.parametrize("make", [render_decision, lambda verdict: (terminal(verdict), "")])
def test_rows_that_are_set_apart_are_not_counted_as_none(make: object) -> None:
    """Where a secret was found, the page says that rows are set apart, not that there were no checks or promises."""
    verdict = leaked(one_broken_sentence_of_three(), [Problem(what="a secret was found", leak=True)])

    for text in make(verdict):  # type: ignore[operator]
        assert "0 of 0 required" not in text
        assert "no checks" not in text
        assert "nothing was to be proven" not in text
