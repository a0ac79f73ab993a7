"""What waivers may do to a run: accept one exact failure for a bounded time, and nothing else.

Pure: no files, no clock. A waiver never changes what was measured; it changes the effect of one failure that is
word for word the one that was accepted. What could not be decided is never accepted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from stagehold.judgement import WORST_FIRST, decisive_of, reason_of
from stagehold.model import (
    CaseResult,
    CheckResult,
    CheckSpec,
    Outcome,
    Problem,
    Risk,
    Severity,
    Waiver,
    WaiverResult,
    WaiverState,
)

LIFETIME = {Risk.LOW: timedelta(days=90), Risk.MEDIUM: timedelta(days=30), Risk.HIGH: timedelta(days=7)}
"""How long a waiver may last, from `created` to `expires`."""
GRACE = timedelta(days=14)
"""From `created`; a waiver that accepts nothing is a warning until then and blocks from then on."""
MOST_ACTIVE = 5
MOST_HIGH = 1
NEVER = frozenset({"release-identity"})
"""Safeguards whose checks cannot be waived: what is released must be what was tested."""
GUARDED = frozenset({"tenant-isolation", "role-separation", "personal-data-isolation", "authentication-required"})
"""Safeguards whose blockers can be waived at risk `high` only, by two approvers."""

_PASSING = {
    "<canary>": re.compile(r"\bshc-[0-9a-f]+(-[0-9a-f]+)?\b"),
    "<uuid>": re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE),
    "<time>": re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?(?!\d)"),
    "<address>": re.compile(r"\b0x[0-9a-f]{6,16}\b"),
}
"""What is made anew in every run. Numbers stay: port 9090 is not port 9100, and 900 ms are not 300 ms."""


@dataclass(frozen=True)
class Waived:
    """What waivers made of a run."""

    checks: list[CheckResult]
    results: list[WaiverResult] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def deviation_of(case: CaseResult) -> str:
    """The failure of a case as a waiver names it: on one line, without what is made anew in every run."""
    said = (case.deviation,) if case.deviation else (case.observed, case.message)
    return stable("; ".join(dict.fromkeys(part for part in said if part)))


def stable(text: str) -> str:
    """The text on one line, invisible characters spelled out, canaries, UUIDs and moments by a word."""
    text = " ".join(text.split())
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    for word, pattern in _PASSING.items():
        text = pattern.sub(word, text)
    return text


def moment(text: str) -> datetime:
    """A moment as a waiver holds it."""
    return datetime.fromisoformat(text)


def objections(waiver: Waiver, spec: CheckSpec) -> list[tuple[str, str]]:
    """Why a waiver may not exist at all: the key that is wrong, and what is wrong with it."""
    found: list[tuple[str, str]] = []
    lifetime = moment(waiver.expires) - moment(waiver.created)
    most = LIFETIME[waiver.risk]
    if lifetime <= timedelta(0):
        found.append(("expires", "does not come after `created`"))
    elif lifetime > most:
        found.append(("expires", f"a waiver of {waiver.risk.value} risk lasts at most {most.days} days"))
    if not stable(waiver.observed).strip(" *.?"):
        found.append(("observed", "names no failure: a waiver accepts one exact deviation"))
    if waiver.case and not waiver.case.strip(" *.?"):
        found.append(("case", "names no case: wildcards are not known"))
    if kept := sorted(NEVER & set(spec.proves)):
        found.append(("check", f"{spec.id} proves {', '.join(kept)} and can never be waived"))
    if spec.severity is Severity.BLOCKER and (grave := sorted(GUARDED & set(spec.proves))):
        why = f"{spec.id} is a blocker that proves {', '.join(grave)}"
        if waiver.risk is not Risk.HIGH:
            found.append(("risk", f"{why}: its risk is high"))
        if not waiver.approved_also_by.strip():
            found.append(("approved_also_by", f"{why}: it needs a second approver"))
    return found + _signatures(waiver)


def _signatures(waiver: Waiver) -> list[tuple[str, str]]:
    author, first, second = (
        " ".join(name.casefold().split()) for name in (waiver.author, waiver.approved_by, waiver.approved_also_by)
    )
    found = [("approved_by", "is the author: somebody else must approve")] if first == author else []
    if second and second in {author, first}:
        found.append(("approved_also_by", "is the author or the first approver: a third person must approve"))
    return found


def apply_waivers(
    checks: Sequence[CheckResult], waivers: Sequence[Waiver], *, cases: Mapping[str, Sequence[str]], now: datetime
) -> Waived:
    """The checks with the failures marked that waivers in force accept, and what each waiver did.

    Args:
        checks: as judged from what was recorded.
        waivers: every waiver of the environment, expired ones included.
        cases: the case ids that were collected, by check id.
        now: when the run is decided.
    """
    checks = [_unmarked(check) for check in checks]
    by_id = {check.spec.id: check for check in checks}
    problems: list[Problem] = []
    usable: list[Waiver] = []
    for waiver in waivers:
        if wrong := _unusable(waiver, by_id, cases):
            problems.append(Problem(what=f"waiver {waiver.id} {wrong}", remedy=_REMOVE))
        else:
            usable.append(waiver)
    active = [waiver for waiver in waivers if in_force(waiver, now)]
    problems += over_budget(active)
    changed = [_accepted(check, [w for w in usable if w.check == check.spec.id], now) for check in checks]
    after = {check.spec.id: check for check in changed}
    results = []
    for waiver in waivers:
        result, problem = _what_it_did(waiver, after.get(waiver.check), now, usable=waiver in usable)
        results.append(result)
        problems += [problem] if problem else []
    return Waived(changed, results, problems)


_REMOVE = "Correct it, or remove it from waivers.yaml."


def in_force(waiver: Waiver, now: datetime) -> bool:
    """Whether the moment lies in the waiver's life; the instant of expiry does not."""
    return moment(waiver.created) <= now < moment(waiver.expires)


def left_or_ago(waiver: Waiver, now: datetime) -> str:
    """`4 days left`, `expired 3 days ago`; parts of a day count in hours."""
    rest = moment(waiver.expires) - now
    span = _span(abs(rest))
    return f"{span} left" if rest > timedelta(0) else f"expired {span} ago"


def _span(span: timedelta) -> str:
    number, unit = (span.days, "day") if span.days else (span.seconds // 3600, "hour")
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _unusable(waiver: Waiver, checks: Mapping[str, CheckResult], cases: Mapping[str, Sequence[str]]) -> str:
    check = checks.get(waiver.check)
    if check is None:
        return f"names {waiver.check}, which is not among the checks of this run"
    if waiver.case not in cases.get(waiver.check, ()):
        known = ", ".join(name or "the check itself" for name in cases.get(waiver.check, ())) or "none"
        named = f"the case {waiver.case!r}" if waiver.case else "no case"
        return f"names {named} of {waiver.check}, whose cases are: {known}"
    return "; ".join(f"{key}: {text}" for key, text in objections(waiver, check.spec))


def over_budget(active: Sequence[Waiver]) -> list[Problem]:
    """What is wrong with so many waivers in force at once; each of these refuses a release by itself."""
    high = [waiver for waiver in active if waiver.risk is Risk.HIGH]
    return [
        Problem(what=f"{len(some)} waivers{kind} are active at once, {most} at most", remedy=remedy, refuses=True)
        for some, kind, most, remedy in (
            (active, "", MOST_ACTIVE, "Repair what the oldest ones accept, and remove them."),
            (high, " of high risk", MOST_HIGH, "Repair what one of them accepts, and remove it."),
        )
        if len(some) > most
    ]


def _unmarked(check: CheckResult) -> CheckResult:
    """The check without waivers that something else than this module wrote into its results."""
    cases = tuple(case.model_copy(update={"waiver": ""}) if case.waiver else case for case in check.cases)
    return check.model_copy(update={"cases": cases, "waivers": ()})


def _accepted(check: CheckResult, waivers: Sequence[Waiver], now: datetime) -> CheckResult:
    """The check with its accepted failures marked; it is waived when nothing else is wrong with it."""
    if check.outcome is not Outcome.FAILED or not waivers:
        return check
    live = [waiver for waiver in waivers if in_force(waiver, now)]
    cases = tuple(_marked(case, live) for case in check.cases)
    failed = [case for case in cases if case.outcome is Outcome.FAILED]
    open_failures = [case for case in failed if not case.waiver]
    covered = {case.case for case in failed} - {case.case for case in open_failures}
    others = sorted(
        (
            case
            for case in decisive_of(cases)
            if case.case not in covered and case.outcome not in {Outcome.PASSED, Outcome.NOT_APPLICABLE}
        ),
        key=lambda case: WORST_FIRST.index(case.outcome),
    )
    ids = tuple(dict.fromkeys(case.waiver for case in failed if case.case in covered))
    if not others:
        return check.model_copy(update={"cases": cases, "waivers": ids})
    reason = reason_of(others[0], others) if open_failures else ""
    if ids and not open_failures:
        words = others[0].outcome.value.replace("_", " ")
        reason = f"{', '.join(ids)} accepts its failure, but {others[0].case or 'it'} is {words}: {others[0].message}"
    expired = [w for w in waivers if not in_force(w, now) and any(matches(w, case) for case in open_failures)]
    for waiver in expired:
        reason = f"Waiver {waiver.id} {left_or_ago(waiver, now)} (owner {waiver.owner}): {reason or check.reason}"
    return check.model_copy(update={"cases": cases, "reason": reason or check.reason})


def _marked(case: CaseResult, live: Sequence[Waiver]) -> CaseResult:
    found = next((waiver for waiver in live if matches(waiver, case)), None)
    return case.model_copy(update={"waiver": found.id}) if found else case


def matches(waiver: Waiver, case: CaseResult) -> bool:
    """Whether the case failed in the very way that the waiver accepts, in force or not."""
    return (
        case.outcome is Outcome.FAILED
        and (waiver.check, waiver.case) == (case.check, case.case)
        and stable(waiver.observed) == deviation_of(case)
    )


def _what_it_did(
    waiver: Waiver, check: CheckResult | None, now: datetime, *, usable: bool
) -> tuple[WaiverResult, Problem | None]:
    cases = [case for case in check.cases if case.case == waiver.case] if check else []
    if any(case.waiver == waiver.id for case in cases):
        note = left_or_ago(waiver, now)
        if check and not check.waived:
            note += f"; {check.spec.id} blocks all the same: {check.reason}"
        return WaiverResult(waiver=waiver, state=WaiverState.IN_FORCE, note=note), None
    ended = now >= moment(waiver.expires)
    state = WaiverState.EXPIRED if ended else WaiverState.UNUSED
    if not usable or check is None:
        return WaiverResult(waiver=waiver, state=state, note="it cannot be applied"), None
    note, idle = _why_unused(waiver, check, cases, now)
    if ended:
        note = f"{left_or_ago(waiver, now)}; {note}"
    stale = idle and now >= moment(waiver.created) + GRACE
    problem = Problem(
        what=f"waiver {waiver.id} (owner {waiver.owner}) accepts nothing any more: {note}",
        remedy="Remove it from waivers.yaml: what is repaired needs no waiver.",
    )
    return WaiverResult(waiver=waiver, state=state, note=note), problem if stale else None


def _why_unused(waiver: Waiver, check: CheckResult, cases: Sequence[CaseResult], now: datetime) -> tuple[str, bool]:
    """In words, and whether there is nothing left to accept."""
    case = decisive_of(cases)[0] if cases else None
    if case is None or check.outcome in {Outcome.INCONCLUSIVE, Outcome.NOT_RUN}:
        return f"{check.spec.id} could not be decided, and only a failure can be accepted", False
    match case.outcome:
        case Outcome.FAILED:
            if any(matches(waiver, one) for one in cases):
                return "another waiver accepts the same failure" if case.waiver else "its failure blocks", False
            return f"it fails otherwise than was accepted: {deviation_of(case)}", False
        case Outcome.INCONCLUSIVE | Outcome.NOT_RUN:
            return "it could not be decided, and only a failure can be accepted", False
        case outcome:
            until = moment(waiver.created) + GRACE
            warning = f"; from {until:%Y-%m-%d} on it blocks" if now < until else ""
            return f"the case is {outcome.value.replace('_', ' ')} now: remove the waiver{warning}", True
