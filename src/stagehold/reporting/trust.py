"""Why a page may be believed, and how to look for oneself: digests, counts, the command that verifies the files."""

from __future__ import annotations

from datetime import datetime

from stagehold.model import RunInfo, Verdict
from stagehold.reporting.text import duration, plural

VERIFY = (
    "jq -r '.files | to_entries[] | \"\\(.value.sha256) *\\(.key)\"' manifest.json"
    " | sha256sum --check --quiet && echo intact"
)
"""A command line for the run's folder: whether every file is the one that was written."""


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
    leaks = [problem for problem in verdict.problems if problem.leak]
    return (
        ("Counted", f"{counted}; {rest} did not, by name on this page." if rest else f"{counted}: all of them."),
        ("Decided", "From the recorded outcomes in events.jsonl; no tool's own summary was believed."),
        (
            "Secrets",
            f"{plural(len(leaks), 'find')}: the files are set apart, and what was found must be changed."
            if leaks
            else "Every file is searched before it is published; a find refuses the release.",
        ),
        ("Signature", "This verdict carries none; manifest.json holds the digest of every file of the run."),
    )
