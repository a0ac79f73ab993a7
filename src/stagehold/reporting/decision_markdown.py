"""`decision.md`: the decision page for places that show Markdown, such as a CI job's summary."""

from __future__ import annotations

from collections.abc import Iterable

from stagehold.model import Outcome, Promise, Verdict
from stagehold.reporting import facts
from stagehold.reporting.reasons import reasons
from stagehold.reporting.text import link, markdown, markdown_code, plural, utc

MOST_BYTES = 60_000
_MOST_REASONS = 20
_RESERVE = 400


class _Page:
    """Lines up to a number of bytes; what does not fit is counted, never silently lost."""

    def __init__(self, most: int) -> None:
        self._lines: list[str] = []
        self._left = most - _RESERVE
        self._lost = 0

    def add(self, *lines: str) -> None:
        for line in lines:
            size = len(line.encode()) + 1
            if self._lost or size > self._left:
                self._lost += 1
            else:
                self._lines.append(line)
                self._left -= size

    def table(self, head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
        names = list(head)
        self.add("", f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}")
        for row in rows:
            self.add(f"| {' | '.join(row)} |")

    def render(self) -> str:
        if self._lost:
            self._lines += ["", f"{plural(self._lost, 'line')} did not fit here; decision.html shows all."]
        return "\n".join(self._lines) + "\n"


def render_markdown(verdict: Verdict, most_bytes: int = MOST_BYTES) -> str:
    """The facts of the decision page in at most `most_bytes` of UTF-8, the decision first."""
    page = _Page(most_bytes)
    decision = facts.DECISIONS[verdict.decision]
    page.add(
        f"# {decision.glyph} {decision.word}",
        "",
        f"**{markdown(verdict.headline, 600)}**",
        "",
        markdown(facts.ADVICE[verdict.decision]),
    )
    _what(page, verdict)
    _why(page, verdict)
    _suites(page, verdict)
    _promises(page, verdict)
    _limits(page, verdict)
    _checks(page, verdict)
    return page.render()


def _what(page: _Page, verdict: Verdict) -> None:
    run = verdict.run
    sign, sentence = facts.build_sign(verdict)
    page.add("", "## What was tested")
    page.table(
        ("Fact", "Value"),
        (
            ("Right build?", f"{sign.glyph} {sign.word}: {markdown(sentence)}"),
            ("Expected build", markdown_code(run.artifact.expected_digest or "not declared")),
            ("Observed build", markdown_code(run.artifact.observed_digest or "not observed")),
            ("Targets", " ".join(markdown_code(target) for target in dict.fromkeys(run.targets)) or "none on record"),
            ("Environment", markdown(run.environment)),
            ("Load profile", markdown(run.profile or "none")),
            ("Time", markdown(f"{utc(run.started)} to {utc(run.finished) or 'not finished'}")),
            ("Run", markdown_code(run.run_id)),
        ),
    )


def _why(page: _Page, verdict: Verdict) -> None:
    found = reasons(verdict)
    if not found:
        return
    page.add("", f"## Why ({plural(len(found), 'reason')})")
    for reason in found[:_MOST_REASONS]:
        checks = f" {', '.join(reason.checks[:12])}" if reason.checks else ""
        page.add("", f"### {reason.sign.glyph} {reason.sign.word}{checks}: {markdown(reason.title)}", "")
        page.add(*(f"- We promise: *{markdown(promise, 300)}*" for promise in reason.promises[:2]))
        for name, value in (
            ("Expected", markdown(reason.expected)),
            ("Observed" if reason.sign.tone == "bad" else "Cause", markdown(reason.observed)),
            ("Who acts", markdown(", ".join(reason.owners))),
            ("What to do", markdown(reason.remedy)),
            ("Where", markdown(reason.where)),
            ("See it yourself", markdown_code(reason.reproduce) if reason.reproduce else ""),
            ("Evidence", ", ".join(markdown_code(link(item.path)) for item in reason.evidence[:4])),
        ):
            if value:
                page.add(f"- {name}: {value}")
    if len(found) > _MOST_REASONS:
        page.add("", f"and {len(found) - _MOST_REASONS} more: decision.html names them all.")


def _suites(page: _Page, verdict: Verdict) -> None:
    page.add("", f"## Suites ({facts.checks_line(verdict)})")
    page.table(
        ("Suite", "State", "Passed", "Failed", "Could not check", "Not configured", "Took", "Ended"),
        (
            (
                markdown(suite.name, 60),
                f"{suite.sign.glyph} {suite.sign.word}",
                str(suite.passed),
                str(suite.failed),
                str(suite.unknown),
                str(suite.uncovered),
                suite.took,
                markdown(suite.ended, 200),
            )
            for suite in facts.suites(verdict)
        ),
    )


def _promises(page: _Page, verdict: Verdict) -> None:
    page.add("", f"## Promises ({facts.commitments_line(verdict)})")
    rows = []
    for result in verdict.commitments:
        if result.state is Promise.NOT_CLAIMED:
            continue
        sign = facts.PROMISES[result.state]
        proof = facts.commitment_counts(result)
        if result.reason:
            proof += f"; {result.reason}"
        if result.unproven_safeguards:
            proof += f"; no passed check proves {', '.join(result.unproven_safeguards)}"
        rows.append(
            (
                f"{markdown(result.commitment.id, 40)} {markdown(result.commitment.text, 300)}",
                f"{sign.glyph} {sign.word}",
                markdown(proof),
                markdown(result.commitment.owner, 80),
            )
        )
    page.table(("Promise", "State", "Proof", "Owner"), rows)


def _limits(page: _Page, verdict: Verdict) -> None:
    page.add("", "## Limits", "")
    page.add(*(f"- {markdown(sentence, 1200)}" for sentence in facts.limits(verdict)))
    for heading, outcome in (
        ("not configured", Outcome.UNCOVERED),
        ("not applicable here", Outcome.NOT_APPLICABLE),
    ):
        checks = facts.of_outcome(verdict, outcome)
        if checks:
            ids = ", ".join(check.spec.id for check in checks)
            page.add(f"- {plural(len(checks), 'check')} {heading}: {ids}")


def _checks(page: _Page, verdict: Verdict) -> None:
    page.add("", "## All checks")
    page.table(
        ("Check", "State", "Claim"),
        (
            (
                check.spec.id,
                f"{facts.OUTCOMES[check.outcome].glyph} {facts.OUTCOMES[check.outcome].word}",
                markdown(check.spec.claim, 200),
            )
            for check in verdict.checks
        ),
    )
