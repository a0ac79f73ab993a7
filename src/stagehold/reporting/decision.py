"""`decision.html` and `decision.md`: may we deploy, why not, who acts, is this the right build?"""

from __future__ import annotations

from itertools import groupby

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from markupsafe import Markup

from stagehold.errors import ReportError
from stagehold.model import CheckResult, Evidence, Outcome, Promise, Verdict
from stagehold.reporting import facts, text
from stagehold.reporting.cases import shown_cases
from stagehold.reporting.decision_markdown import render_markdown
from stagehold.reporting.reasons import reasons
from stagehold.shipped import shipped

MOST_REASONS = 6


def render_decision(verdict: Verdict) -> tuple[str, str]:
    """The page for the release manager and the same facts in Markdown for a CI job's summary.

    The page is static: no script, no style sheet, font or picture from anywhere, links only to files of the
    run's folder. Whatever came from the target is escaped.

    Raises:
        ReportError: the verdict contradicts itself, an evidence path leads out of the run's folder, or the
            templates are broken.
    """
    facts.require_coherent(verdict)
    try:
        html = _templates().get_template("decision.html.j2").render(_page(verdict))
    except TemplateError as error:
        raise ReportError(f"decision.html could not be rendered: {error}") from error
    return html, render_markdown(verdict)


def _page(verdict: Verdict) -> dict[str, object]:
    run = verdict.run
    by_suite = sorted(verdict.checks, key=lambda check: check.spec.suite)
    return {
        "verdict": verdict,
        "run": run,
        "targets": tuple(dict.fromkeys(run.targets)),
        "decision": facts.DECISIONS[verdict.decision],
        "advice": facts.ADVICE[verdict.decision],
        "build": facts.build_sign(verdict),
        "digests": (
            ("Expected build", run.artifact.expected_digest),
            ("Observed build", run.artifact.observed_digest),
            ("Environment", run.environment_digest),
            ("Checks", run.suite_digest),
        ),
        "reasons": reasons(verdict),
        "most_reasons": MOST_REASONS,
        "suites": facts.suites(verdict),
        "checks_line": facts.checks_line(verdict),
        "commitments_line": facts.commitments_line(verdict),
        "claimed": [r for r in verdict.commitments if r.state is not Promise.NOT_CLAIMED],
        "unclaimed": [r for r in verdict.commitments if r.state is Promise.NOT_CLAIMED],
        "promise_signs": facts.PROMISES,
        "outcome_signs": facts.OUTCOMES,
        "limits": facts.limits(verdict),
        "silent": (
            ("not configured", facts.of_outcome(verdict, Outcome.UNCOVERED)),
            ("not applicable here", facts.of_outcome(verdict, Outcome.NOT_APPLICABLE)),
        ),
        "by_suite": [(suite, list(checks)) for suite, checks in groupby(by_suite, key=lambda check: check.spec.suite)],
    }


def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(shipped("reports/templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        clip=text.clip,
        one_line=text.one_line,
        utc=text.utc,
        link=text.link,
        plural=text.plural,
        sentence=text.sentence,
        digest=text.short_digest,
        counts=facts.commitment_counts,
        evidence_of=_evidence_of,
    )
    return environment


def _finalize(value: object) -> object:
    """Nothing invisible gets onto the page, whichever way it came."""
    return text.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _evidence_of(check: CheckResult) -> tuple[Evidence, ...]:
    return tuple(item for entry in shown_cases(check) for item in entry.result.evidence)
