"""Why a run is not GO: one reason for each cause, with who acts and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from stagehold.model import (
    CaseResult,
    CheckResult,
    CommitmentResult,
    Decision,
    Evidence,
    Outcome,
    Problem,
    Promise,
    Severity,
    Verdict,
)
from stagehold.reporting.cases import shown_cases
from stagehold.reporting.facts import OPEN, OUTCOMES, PROMISES, Sign

_GRAVEST = tuple(Severity)


@dataclass(frozen=True)
class Reason:
    """One thing that keeps the release: a failed check, a problem of the run, or something unproven."""

    sign: Sign
    title: str
    checks: tuple[str, ...] = ()
    promises: tuple[str, ...] = ()
    """Sentences of the statement that it concerns, with their ids."""
    expected: str = ""
    observed: str = ""
    remedy: str = ""
    owners: tuple[str, ...] = ()
    reproduce: str = ""
    evidence: tuple[Evidence, ...] = ()
    where: str = ""
    """Case ids, where only some of several are concerned."""
    why: str = ""
    """Why it matters."""
    defined: str = ""
    """`file:line` of the check, where one check alone is concerned."""
    since: str = ""
    """UTC, ISO 8601: the first of the unbroken row of runs in which it failed; "" without a history."""


def reasons(verdict: Verdict) -> tuple[Reason, ...]:
    """Why not GO, the surest first: what refuses by itself, failed checks, problems, the undecided, the unproven.

    What no sentence with an owner is concerned by is for the owner of the environment.
    """
    owner = (verdict.run.owner,) if verdict.run.owner else ()
    return tuple(replace(reason, owners=reason.owners or owner) for reason in _reasons(verdict))


def _reasons(verdict: Verdict) -> tuple[Reason, ...]:
    if verdict.decision is Decision.GO:
        return ()
    grave = [problem for problem in verdict.problems if problem.leak or problem.refuses]
    found = [Reason(_sign(problem), problem.what, remedy=problem.remedy) for problem in grave]
    failed = [check for check in verdict.checks if check.outcome is Outcome.FAILED and not check.waived]
    found += [_failed(verdict, check) for check in sorted(failed, key=_gravity)]
    others = [problem for problem in verdict.problems if problem not in grave]
    found += [Reason(_sign(problem), problem.what, remedy=problem.remedy) for problem in others]
    found += _undecided(verdict)
    named = {check for reason in found for check in reason.checks}
    found += _unproven(verdict, named)
    return tuple(found) or tuple(
        Reason(OUTCOMES[Outcome.INCONCLUSIVE], text) for text in verdict.reasons or (verdict.headline,)
    )


def _gravity(check: CheckResult) -> tuple[bool, int]:
    """Another build first: then everything else was seen of a build that nobody wants to release."""
    return "release-identity" not in check.spec.proves, _GRAVEST.index(check.spec.severity)


def _sign(problem: Problem) -> Sign:
    if problem.leak:
        return Sign("secret found", "✕", "bad")
    return Sign("refused", "✕", "bad") if problem.refuses else OUTCOMES[Outcome.INCONCLUSIVE]


def _failed(verdict: Verdict, check: CheckResult) -> Reason:
    cases = shown_cases(check)
    every = [entry.result for entry in cases if entry.result.outcome is Outcome.FAILED]
    failed = [result for result in every if not result.waiver]
    first = failed[0] if failed else CaseResult(check=check.spec.id, case="", outcome=check.outcome)
    concerned = _concerned(verdict, (check.spec.id,))
    names = [result.case for result in failed if result.case]
    where = f"{len(failed)} of {len(cases)} cases: {', '.join(names)}" if len(cases) > 1 else ", ".join(names)
    return Reason(
        sign=OUTCOMES[Outcome.FAILED],
        title=check.spec.claim or check.spec.id,
        checks=(check.spec.id,),
        promises=tuple(_sentence(result) for result in concerned),
        expected=first.expected or check.spec.claim,
        observed=_observed(check, first),
        remedy=check.spec.remedy,
        owners=_owners(concerned),
        reproduce=first.reproduce,
        evidence=_evidence(failed),
        where=where,
        defined=check.spec.location,
        why=check.spec.why,
        since=verdict.changes.failing_since.get(check.spec.id, "") if verdict.changes else "",
    )


def _evidence(results: Sequence[CaseResult]) -> tuple[Evidence, ...]:
    """What the cases left behind; of several cases each piece tells whose it is."""
    return tuple(
        item.model_copy(update={"name": f"{item.name}, {result.case}"}) if result.case and len(results) > 1 else item
        for result in results
        for item in result.evidence
    )


def _observed(check: CheckResult, first: CaseResult) -> str:
    """What was seen; where a waiver ended or does not suffice, the check's reason says that first."""
    seen = first.observed or first.message
    return check.reason if not seen or check.reason.startswith("Waiver ") else seen


def _undecided(verdict: Verdict) -> list[Reason]:
    """One reason for each cause, roots first: twelve checks that one dead target stops are one row."""
    groups: dict[str, list[CheckResult]] = {}
    unproven = {check.spec.id for check in verdict.checks if check.outcome in (*OPEN, Outcome.FAILED)}
    for check in verdict.checks:
        if check.outcome in OPEN:
            groups.setdefault(check.reason, []).append(check)

    def follows(checks: Iterable[CheckResult]) -> bool:
        return all(unproven & set(check.spec.requires) for check in checks)

    found = []
    for cause, checks in sorted(groups.items(), key=lambda group: follows(group[1])):
        ids = tuple(check.spec.id for check in checks)
        concerned = _concerned(verdict, ids)
        alone = checks[0] if len(checks) == 1 else None
        results = [e.result for check in checks for e in shown_cases(check) if e.result.outcome in OPEN]
        found.append(
            Reason(
                sign=OUTCOMES[checks[0].outcome],
                title=alone.spec.claim or alone.spec.id if alone else f"{len(ids)} checks could not be decided",
                checks=ids,
                promises=tuple(_sentence(result) for result in concerned),
                expected=results[0].expected if alone and results else "",
                observed=cause or "no reason was recorded",
                owners=_owners(concerned),
                remedy="Remove the cause and run the gate again.",
                reproduce=results[0].reproduce if alone and results else "",
                evidence=_evidence(results) if alone else (),
                defined=alone.spec.location if alone else "",
            )
        )
    return found


def _unproven(verdict: Verdict, named: set[str]) -> list[Reason]:
    """Required promises that nothing above explains; those with the same cause share one reason."""
    groups: dict[str, list[CommitmentResult]] = {}
    for result in verdict.commitments:
        if result.required and result.state is Promise.NOT_PROVEN and (cause := _unexplained(result, named)):
            groups.setdefault(cause, []).append(result)
    return [
        Reason(
            PROMISES[Promise.NOT_PROVEN],
            f"{'This promise is' if len(results) == 1 else f'These {len(results)} promises are'} not proven: {cause}",
            promises=tuple(_sentence(result) for result in results),
            owners=_owners(results),
            remedy="Configure what the checks need, add checks that prove the safeguard, or leave the promise out of "
            "`policy.required_commitments`, which every decision then shows as not claimed.",
        )
        for cause, results in groups.items()
    ]


def _unexplained(result: CommitmentResult, named: set[str]) -> str:
    """What a sentence lacks and no check that is named as a reason accounts for."""
    if not named & set(result.checks):
        return result.reason
    return "; ".join(f"{item.safeguard}: {item.why}" for item in result.lacking if not named & set(item.checks))


def _concerned(verdict: Verdict, checks: Iterable[str]) -> list[CommitmentResult]:
    wanted = set(checks)
    return [result for result in verdict.commitments if wanted & set(result.checks)]


def _sentence(result: CommitmentResult) -> str:
    return f"{result.commitment.id} {result.commitment.text}"


def _owners(concerned: Iterable[CommitmentResult]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(result.commitment.owner for result in concerned))
