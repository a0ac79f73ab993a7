"""Why a page may be believed, and how to look for oneself: digests, counts, the command that verifies the files."""

from __future__ import annotations

from datetime import datetime

from stagehold.model import RunInfo, Verdict
from stagehold.reporting.text import duration, plural
from stagehold.tally import withheld

VERIFY = (
    "jq -r '.files | to_entries[] | \"\\(.value.sha256) *\\(.key)\"' manifest.json"
    " | sha256sum --check --quiet && echo intact"
)
"""A command line for the run's folder: whether every file is the one that was written."""
REPORTS_FAILED = "the reports could not be written"
"""How the problem of a run begins whose files may not all have been searched for secrets."""
_CLEAN = (
    "None was found: evidence was searched before it was rendered, every file, this page too, before it was published."
)
_UNSEARCHED = "Whether files of this run hold any is not known: the reports could not be written. Do not publish them."


def took(run: RunInfo) -> str:
    """How long a run took; "" where its times are not on record."""
    try:
        seconds = (datetime.fromisoformat(run.finished) - datetime.fromisoformat(run.started)).total_seconds()
    except (TypeError, ValueError):
        return ""
    return duration(seconds) if seconds >= 0 else ""


def digests(run: RunInfo) -> tuple[tuple[str, str], ...]:
    """Everything that says exactly what was tested by what."""
    return (
        ("Expected build", run.artifact.expected_digest),
        ("Observed build", run.artifact.observed_digest),
        ("Environment", run.environment_digest),
        ("Checks", run.suite_digest),
    )


def lines(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """Heading and sentence of what makes the decision trustworthy."""
    expected, executed = verdict.expected_checks, verdict.executed_checks
    rest = expected - executed
    counted = f"{plural(expected, 'check')} expected, {executed} came to a result"
    unwritten = any(problem.what.startswith(REPORTS_FAILED) for problem in verdict.problems)
    leaks = [problem for problem in verdict.problems if problem.leak]
    return (
        (
            "Counted",
            f"{counted}; {rest} did not{'' if withheld(verdict) else ', by name on this page'}."
            if rest
            else f"{counted}: all of them.",
        ),
        ("Decided", "From the recorded outcomes in events.jsonl; no tool's own summary was believed."),
        (
            "Secrets",
            f"{plural(len(leaks), 'find')}: the files are set apart, and what was found must be changed."
            if leaks
            else (_UNSEARCHED if unwritten else _CLEAN),
        ),
        ("Signature", "This verdict carries none; manifest.json holds the digest of every file of the run."),
    )
