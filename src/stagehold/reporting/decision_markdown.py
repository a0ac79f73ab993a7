"""`decision.md`: the decision page for places that show Markdown, such as a CI job's summary."""

from __future__ import annotations

from collections.abc import Sequence

from stagehold.model import Outcome, Promise, Verdict
from stagehold.reporting import facts, trust
from stagehold.reporting.answers import actors, answers, title
from stagehold.reporting.markdown_page import MarkdownPage
from stagehold.reporting.reasons import Reason, reasons
from stagehold.reporting.suites import suite_sentence
from stagehold.reporting.text import link, markdown, markdown_code, minute, plural, utc

MOST_BYTES = 60_000
_MOST_REASONS = 20


def render_markdown(verdict: Verdict, most_bytes: int = MOST_BYTES) -> str:
    """The facts of the decision page in at most `most_bytes` of UTF-8, the decision first."""
    page = MarkdownPage(most_bytes)
    decision = title(verdict)
    found = reasons(verdict)
    page.add(
        f"# {decision.glyph} {decision.word}",
        "",
        f"**{markdown(verdict.headline, 600)}**",
        "",
        markdown(facts.advice(verdict)),
    )
    page.table(
        ("Question", "Answer", "In short"),
        (
            (answer.question, f"{answer.sign.glyph} **{markdown(answer.sign.word, 120)}**", markdown(answer.says, 260))
            for answer in answers(verdict, found)
        ),
    )
    _what(page, verdict)
    _why(page, found)
    _who(page, found)
    _suites(page, verdict)
    _promises(page, verdict)
    _waivers(page, verdict)
    _changes(page, verdict)
    _limits(page, verdict)
    _trust(page, verdict)
    _checks(page, verdict)
    return page.render()


def _what(page: MarkdownPage, verdict: Verdict) -> None:
    run = verdict.run
    page.add("", "## What was tested")
    page.table(
        ("Fact", "Value"),
        (
            ("Expected build", markdown_code(run.artifact.expected_digest or "not declared")),
            ("Observed build", markdown_code(run.artifact.observed_digest or "not observed")),
            ("Targets", " ".join(markdown_code(target) for target in dict.fromkeys(run.targets)) or "none on record"),
            ("Environment", markdown(run.environment)),
            ("Load profile", markdown(run.profile or "none")),
            ("Time", markdown(f"{utc(run.started)} to {utc(run.finished) or 'not finished'}")),
            ("Took", trust.took(run) or "not on record"),
            ("Run", markdown_code(run.run_id)),
        ),
    )


def _why(page: MarkdownPage, found: Sequence[Reason]) -> None:
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
            ("Failing since", minute(reason.since) if reason.since else ""),
            ("Who acts", markdown(", ".join(reason.owners))),
            ("What to do", markdown(reason.remedy)),
            ("Why it matters", markdown(reason.why)),
            ("Where", markdown(reason.where)),
            ("See it yourself", markdown_code(reason.reproduce) if reason.reproduce else ""),
            ("Defined in", markdown_code(reason.defined) if reason.defined else ""),
            ("Evidence", ", ".join(markdown_code(link(item.path)) for item in reason.evidence[:4])),
        ):
            if value:
                page.add(f"- {name}: {value}")
    if len(found) > _MOST_REASONS:
        page.add("", f"and {len(found) - _MOST_REASONS} more: decision.html names them all.")


def _who(page: MarkdownPage, found: Sequence[Reason]) -> None:
    if not found:
        return
    page.add("", "## Who acts", "")
    for actor in actors(found):
        checks = ", ".join(dict.fromkeys(check for reason in actor.reasons for check in reason.checks[:6]))
        about = f": {checks}" if checks else ""
        page.add(f"- **{markdown(actor.name, 80)}** ({plural(len(actor.reasons), 'reason')}){about}")


def _suites(page: MarkdownPage, verdict: Verdict) -> None:
    page.add("", f"## Suites ({facts.checks_line(verdict)})")
    page.table(
        ("Suite", "State", "Passed", "What it showed", "Took", "Ended"),
        (
            (
                markdown(suite.name, 60),
                f"{suite.sign.glyph} {suite.sign.word}",
                f"{suite.passed} of {suite.total}",
                markdown(suite_sentence(verdict, suite)),
                suite.took,
                markdown(suite.ended, 200),
            )
            for suite in facts.suites(verdict)
        ),
    )


def _promises(page: MarkdownPage, verdict: Verdict) -> None:
    page.add("", f"## Promises ({facts.commitments_line(verdict)})")
    rows = []
    for result in verdict.commitments:
        if result.state is Promise.NOT_CLAIMED:
            continue
        sign = facts.PROMISES[result.state]
        proof = facts.commitment_counts(result)
        if missing := facts.shortfall(result):
            proof += f"; {missing}"
        rows.append(
            (
                f"{markdown(result.commitment.id, 40)} {markdown(result.commitment.text, 300)}",
                f"{sign.glyph} {sign.word}",
                markdown(proof, 1000),
                markdown(result.commitment.owner, 80),
            )
        )
    page.table(("Promise", "State", "Proof", "Owner"), rows)


def _waivers(page: MarkdownPage, verdict: Verdict) -> None:
    if not verdict.waivers:
        return
    page.add("", f"## Waivers ({len(verdict.waivers)})")
    rows = []
    for result in verdict.waivers:
        waiver, sign = result.waiver, facts.WAIVERS[result.state]
        where = f" {markdown(waiver.case, 80)}" if waiver.case else ""
        rows.append(
            (
                markdown(waiver.id, 60),
                f"{sign.glyph} {sign.word}: {markdown(result.note, 200)}",
                f"{waiver.check}{where}: {markdown(waiver.observed, 300)}",
                markdown(", ".join(result.commitments) or "none", 200),
                markdown(waiver.owner, 80),
                markdown(" and ".join(name for name in (waiver.approved_by, waiver.approved_also_by) if name), 160),
                markdown(waiver.ticket, 120),
                minute(waiver.expires),
            )
        )
    page.table(
        ("Waiver", "State", "Accepts", "Promises without proof", "Owner", "Approved by", "Ticket", "Until"), rows
    )


def _changes(page: MarkdownPage, verdict: Verdict) -> None:
    changes = verdict.changes
    if changes is None:
        return
    page.add("", "## Changed since the last GO", "")
    if not changes.run_id:
        page.add("The history holds no GO of this environment yet.")
        return
    page.add(f"Compared with {markdown_code(changes.run_id)}, {minute(changes.finished)}.", "")
    for name, ids in (
        ("Newly failing", changes.newly_failing),
        ("Repaired", changes.fixed),
        ("New checks", changes.added),
        ("Checks gone", changes.removed),
    ):
        page.add(f"- {name}: {', '.join(ids[:40]) or 'none'}{f' and {len(ids) - 40} more' if len(ids) > 40 else ''}")  # noqa: PLR2004
    for name, (then, now) in sorted(changes.p95_ms.items())[:20]:
        page.add(f"- {markdown(name, 120)}: 95 % within {now:.0f} ms, then {then:.0f} ms")


def _trust(page: MarkdownPage, verdict: Verdict) -> None:
    page.add("", "## Why this can be believed", "")
    page.add(*(f"- {name}: {markdown(sentence)}" for name, sentence in trust.lines(verdict)))
    page.add(f"- Verify, in the run's folder: {markdown_code(trust.VERIFY)}")


def _limits(page: MarkdownPage, verdict: Verdict) -> None:
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


def _checks(page: MarkdownPage, verdict: Verdict) -> None:
    page.add("", "## All checks")
    page.table(
        ("Check", "State", "Claim"),
        (
            (
                check.spec.id,
                f"{facts.shown_outcome(check).glyph} {facts.shown_outcome(check).word}",
                markdown(check.spec.claim, 200),
            )
            for check in verdict.checks
        ),
    )
