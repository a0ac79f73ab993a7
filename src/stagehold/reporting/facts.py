"""What the decision page, its Markdown and the terminal all say, worked out once from a verdict."""

from __future__ import annotations

from dataclasses import dataclass

from stagehold.errors import ReportError
from stagehold.model import (
    CheckResult,
    CommitmentResult,
    Decision,
    LaneRecord,
    Outcome,
    Promise,
    Verdict,
    WaiverState,
)
from stagehold.reporting.text import duration, plural
from stagehold.reporting.waiver_drafts import FILE_NAME as DRAFTS
from stagehold.reporting.waiver_drafts import render_drafts
from stagehold.tally import count_checks, count_promises, every_state, withheld

OPEN = (Outcome.INCONCLUSIVE, Outcome.NOT_RUN)
_RELEASE_PROFILE = "release"


@dataclass(frozen=True)
class Sign:
    """How a state is shown: never by colour alone."""

    word: str
    glyph: str
    tone: str
    """`good`, `bad`, `open`, `waived` or `none`: a class of the page and a style of the terminal."""


DECISIONS = {
    Decision.GO: Sign("GO", "✓", "good"),
    Decision.NO_GO: Sign("NO-GO", "✕", "bad"),
    Decision.INCONCLUSIVE: Sign("NO DECISION", "?", "open"),
}
OUTCOMES = {
    Outcome.PASSED: Sign("passed", "✓", "good"),
    Outcome.FAILED: Sign("failed", "✕", "bad"),
    Outcome.INCONCLUSIVE: Sign("could not check", "?", "open"),
    Outcome.NOT_RUN: Sign("did not run", "?", "open"),
    Outcome.UNCOVERED: Sign("not configured", "○", "none"),
    Outcome.NOT_APPLICABLE: Sign("not applicable", "–", "none"),  # noqa: RUF001 - a dash is meant
}
ACCEPTED = Sign("failed and waived", "◐", "waived")
"""A failed check whose every failure a waiver in force accepts."""
PROMISES = {
    Promise.KEPT: Sign("kept", "✓", "good"),
    Promise.WAIVED: Sign("waived", "◐", "waived"),
    Promise.BROKEN: Sign("broken", "✕", "bad"),
    Promise.NOT_PROVEN: Sign("not proven", "?", "open"),
    Promise.NOT_CLAIMED: Sign("not claimed", "○", "none"),
}
WAIVERS = {
    WaiverState.IN_FORCE: Sign("waived", "◐", "waived"),
    WaiverState.EXPIRED: Sign("waiver expired", "!", "bad"),
    WaiverState.UNUSED: Sign("not needed", "○", "none"),
}
WITHHELD = "set apart with the files of this run"
"""Where rows would stand that a secret could be in."""


@dataclass(frozen=True)
class SuiteRow:
    """One suite in numbers of checks; they add up to `total`."""

    name: str
    sign: Sign
    total: int
    passed: int
    failed: int
    waived: int
    """Failed, and accepted by waivers in force; not among `failed`."""
    unknown: int
    uncovered: int
    not_applicable: int
    took: str
    ended: str
    ended_well: bool


def require_coherent(verdict: Verdict) -> None:
    """Refuse to render a GO that its own facts contradict.

    Raises:
        ReportError: the verdict says GO and holds a reason, a problem, a failed or undecided check, a broken
            promise, or no passed check at all.
    """
    if verdict.decision is not Decision.GO:
        return
    outcomes = {check.outcome for check in verdict.checks}
    required = [result for result in verdict.commitments if result.required]
    if (
        verdict.reasons
        or verdict.problems
        or outcomes & set(OPEN)
        or any(check.outcome is Outcome.FAILED and not check.waived for check in verdict.checks)
        or Outcome.PASSED not in outcomes
        or any(result.state not in {Promise.KEPT, Promise.WAIVED} for result in required)
        or any(result.lacking for result in required)
        or any(result.state is Promise.BROKEN for result in verdict.commitments)
    ):
        raise ReportError("the verdict says GO, and what it holds does not: no report may show it")


def suites(verdict: Verdict) -> tuple[SuiteRow, ...]:
    """One row for each suite that has checks or had a lane, worst state first in its sign."""
    lanes = {lane.suite: lane for lane in verdict.run.lanes}
    names = sorted({check.spec.suite for check in verdict.checks} | set(lanes))
    rows = []
    for name in names:
        count = count_checks(check for check in verdict.checks if check.spec.suite == name)
        lane = lanes.get(name)
        ended, ended_well = _ended(lane)
        if count.failed:
            sign = Sign("failed", "✕", "bad")
        elif count.undecided or not ended_well or not count.total:
            sign = Sign("not proven", "?", "open")
        elif count.waived:
            sign = Sign("waived", "◐", "waived")
        elif not count.passed:
            sign = Sign("nothing checked", "○", "none")
        else:
            sign = Sign("passed", "✓", "good")
        rows.append(
            SuiteRow(
                name=name,
                sign=sign,
                total=count.total,
                passed=count.passed,
                failed=count.failed,
                waived=count.waived,
                unknown=count.undecided,
                uncovered=count.uncovered,
                not_applicable=count.not_applicable,
                took=duration(lane.seconds) if lane else "no lane",
                ended=ended,
                ended_well=ended_well,
            )
        )
    return tuple(rows)


def commitments_line(verdict: Verdict) -> str:
    """The denominator: `7 of 7 required kept, 11 not claimed`; the numbers are those of the rows below it."""
    if withheld(verdict):
        return WITHHELD
    return every_state(count_promises(verdict.commitments))


def shown_outcome(check: CheckResult) -> Sign:
    """The outcome of a check; a failure that waivers accept stays a failure and says so."""
    return ACCEPTED if check.waived else OUTCOMES[check.outcome]


def commitment_counts(result: CommitmentResult) -> str:
    """`21 checks passed, 9 not configured`: never only the flattering half."""
    parts = [
        f"{count} {word}"
        for count, word in (
            (result.failed - result.waived, "failed"),
            (result.waived, "failed and waived"),
            (result.inconclusive, "could not check"),
            (result.uncovered, "not configured"),
            (result.not_applicable, "not applicable"),
        )
        if count
    ]
    return ", ".join([f"{plural(result.passed, 'check')} passed", *parts])


def advice(verdict: Verdict) -> str:
    """What the decision asks of who reads it, in one or two sentences that hold for this very verdict."""
    if verdict.decision is Decision.INCONCLUSIVE:
        return (
            "This build must not be deployed yet: a promise counts only when it is proven. "
            "Remove the cause named below and run the gate again."
        )
    if verdict.decision is Decision.NO_GO:
        if any(problem.leak for problem in verdict.problems):
            return "Change the secret that is named below, remove it from what is published, and run the gate again."
        repair = "Repair what is named below and run the gate again."
        if not render_drafts(verdict.checks, ""):
            return repair
        return f"{repair} A failure that cannot wait for its repair needs an approved waiver; {DRAFTS} holds the words."
    if build_sign(verdict)[0].tone != "good":
        return "What was tested here may be deployed; this run does not say which build that is."
    return "This build may be deployed."


def shortfall(result: CommitmentResult) -> str:
    """What keeps a sentence from being kept: its reason, and of a broken one the safeguards nothing proves either."""
    if result.state is not Promise.BROKEN or not result.lacking:
        return result.reason
    lacking = "; ".join(f"{item.safeguard}: {item.why}" for item in result.lacking)
    return f"{result.reason}; not proven either: {lacking}"


def checks_line(verdict: Verdict) -> str:
    """`17 checks: 14 passed, 3 failed`; outcomes that did not occur are left out."""
    if withheld(verdict):
        return f"{plural(verdict.expected_checks, 'check')}, {WITHHELD}"
    count = count_checks(verdict.checks)
    numbers = (count.passed, count.failed, count.inconclusive, count.not_run, count.uncovered, count.not_applicable)
    signs = (*OUTCOMES.values(), ACCEPTED)
    parts = [f"{number} {sign.word}" for number, sign in zip((*numbers, count.waived), signs, strict=True) if number]
    return f"{plural(count.total, 'check')}: {', '.join(parts)}" if parts else "no checks"


def of_outcome(verdict: Verdict, *outcomes: Outcome) -> tuple[CheckResult, ...]:
    """The checks of these outcomes, by id."""
    return tuple(sorted((c for c in verdict.checks if c.outcome in outcomes), key=lambda check: check.spec.id))


def build_sign(verdict: Verdict) -> tuple[Sign, str]:
    """Whether the build that ran is the build that is to be released, in one sentence.

    Two equal digests and a passed check of the build's identity are proof; one contradiction outweighs both.
    """
    artifact = verdict.run.artifact
    expected, observed = artifact.expected_digest, artifact.observed_digest
    checks = [check for check in verdict.checks if "release-identity" in check.spec.proves]
    outcomes = {check.outcome for check in checks}
    if (expected and observed and expected != observed) or Outcome.FAILED in outcomes:
        return Sign("another build", "✕", "bad"), "Another build is running than the one to be released."
    unknown = Sign("unknown", "?", "open")
    if not expected:
        return unknown, "No digest was declared for this release: no build is vouched for."
    if outcomes & set(OPEN):
        return unknown, "Which build is running could not be decided."
    if observed:
        return Sign("same build", "✓", "good"), "The running build is the one to be released."
    if outcomes == {Outcome.PASSED}:
        names = ", ".join(check.spec.id for check in checks)
        return Sign("same build", "✓", "good"), f"{names} saw the build that is to be released running."
    return unknown, "The running build could not be observed."


def limits(verdict: Verdict) -> tuple[str, ...]:
    """What this decision does not say, in sentences; lists of checks by name are shown beside them."""
    found = ["This was a testing environment, not production: what holds here was shown here, at this time."]
    profile = verdict.run.profile
    if profile != _RELEASE_PROFILE:
        name = f"the load profile {profile!r}" if profile else "no load profile"
        found.append(f"The run used {name}, not 'release': capacity at release load is not proven.")
    unclaimed = [r.commitment.id for r in verdict.commitments if r.state is Promise.NOT_CLAIMED]
    if unclaimed:
        found.append(f"Not claimed by this environment: {', '.join(unclaimed)}.")
    return tuple(found)


def _ended(lane: LaneRecord | None) -> tuple[str, bool]:
    """In words, and whether the process came to its own end (pytest: 0 all passed, 1 some did not)."""
    if lane is None:
        return "no process is on record", False
    note = f": {lane.note}" if lane.note else ""
    if lane.exit_code in {0, 1}:
        return f"finished{note}", True
    if lane.exit_code is None:
        return f"did not finish{note}", False
    return f"ended with code {lane.exit_code}{note}", False
