"""`decision.html` and `decision.md`: may we deploy, why not, who acts, is this the right build?"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from markupsafe import Markup

from stagehold.drawing import STYLE
from stagehold.errors import ReportError
from stagehold.model import CheckResult, Evidence, Outcome, Promise, Verdict, WaiverState
from stagehold.reporting import facts, text, trust
from stagehold.reporting.answers import actors, answers, title
from stagehold.reporting.cases import shown_cases
from stagehold.reporting.decision_markdown import render_markdown
from stagehold.reporting.figures import figures
from stagehold.reporting.reasons import reasons
from stagehold.reporting.suites import suite_sentence
from stagehold.shipped import shipped
from stagehold.tally import withheld

MOST_REASONS = 5
_STYLE = Markup(STYLE)  # noqa: S704 - a constant of ours


def render_decision(verdict: Verdict, folder: Path | None = None, *, allure: bool = True) -> tuple[str, str]:
    """The page for the release manager and the same facts in Markdown for a CI job's summary.

    The page is static: no script, no style sheet, font or picture from anywhere, links only to files of the
    run's folder. Whatever came from the target is escaped.

    Args:
        verdict: what the gate decided.
        folder: the run's folder, whose drawings are inlined; None tells them in words.
        allure: whether Allure's report is made beside it.

    Raises:
        ReportError: the verdict contradicts itself, an evidence path leads out of the run's folder, or the
            templates are broken.
    """
    facts.require_coherent(verdict)
    try:
        html = _templates().get_template("decision.html.j2").render(_page(verdict, folder), allure=allure)
    except TemplateError as error:
        raise ReportError(f"decision.html could not be rendered: {error}") from error
    return html, render_markdown(verdict)


def _page(verdict: Verdict, folder: Path | None) -> dict[str, object]:
    found = reasons(verdict)
    by_suite = sorted(verdict.checks, key=lambda check: check.spec.suite)
    drawn = figures(verdict, folder)
    return {
        "verdict": verdict,
        "run": verdict.run,
        "targets": tuple(dict.fromkeys(verdict.run.targets)),
        "decision": facts.DECISIONS[verdict.decision],
        "title": title(verdict),
        "advice": facts.advice(verdict),
        "answers": answers(verdict, found),
        "build": facts.build_sign(verdict),
        "took": trust.took(verdict.run),
        "digests": trust.digests(verdict.run),
        "reasons": found,
        "most_reasons": MOST_REASONS,
        "actors": actors(found),
        "suites": [(row, suite_sentence(verdict, row)) for row in facts.suites(verdict)],
        "checks_line": facts.checks_line(verdict),
        "withheld": facts.WITHHELD if withheld(verdict) else "",
        "commitments_line": facts.commitments_line(verdict),
        "claimed": [r for r in verdict.commitments if r.state is not Promise.NOT_CLAIMED],
        "unclaimed": [r for r in verdict.commitments if r.state is Promise.NOT_CLAIMED],
        "promised": {r.commitment.id: f"{r.commitment.id} {r.commitment.text}" for r in verdict.commitments},
        "waivers": [
            (heading, results)
            for heading, state in _WAIVERS
            if (results := [result for result in verdict.waivers if result.state is state])
        ],
        "changes": verdict.changes,
        "figures": drawn,
        "drawing_style": _STYLE if any(figure.svg for figure in drawn) else "",
        "promise_signs": facts.PROMISES,
        "waiver_signs": facts.WAIVERS,
        "limits": facts.limits(verdict),
        "silent": (
            ("not configured", facts.of_outcome(verdict, Outcome.UNCOVERED)),
            ("not applicable here", facts.of_outcome(verdict, Outcome.NOT_APPLICABLE)),
        ),
        "trust": trust.lines(verdict),
        "verify": trust.VERIFY,
        "by_suite": [(suite, list(checks)) for suite, checks in groupby(by_suite, key=lambda check: check.spec.suite)],
    }


_WAIVERS = (
    ("In force", WaiverState.IN_FORCE),
    ("Expired: they accept nothing any more", WaiverState.EXPIRED),
    ("Not needed: remove them", WaiverState.UNUSED),
)


def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(shipped("reports/templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        clip=text.clip,
        code=text.code_spans,
        one_line=text.one_line,
        utc=text.utc,
        minute=text.minute,
        link=text.link,
        plural=text.plural,
        sentence=text.sentence,
        digest=text.short_digest,
        counts=facts.commitment_counts,
        shortfall=facts.shortfall,
        outcome=facts.shown_outcome,
        evidence_of=_evidence_of,
    )
    return environment


def _finalize(value: object) -> object:
    """Nothing invisible gets onto the page, whichever way it came."""
    return text.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _evidence_of(check: CheckResult) -> tuple[Evidence, ...]:
    return tuple(item for entry in shown_cases(check) for item in entry.result.evidence)
