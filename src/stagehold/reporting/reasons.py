"""Why a run is not GO: one reason for each cause, with who acts and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stagehold.model import CheckResult, CommitmentResult, Decision, Evidence, Outcome, Promise, Verdict
from stagehold.reporting.cases import shown_cases
from stagehold.reporting.facts import OPEN, OUTCOMES, PROMISES, Sign


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


def reasons(verdict: Verdict) -> tuple[Reason, ...]:
    """Why not GO, the surest first: failed checks, problems of the run, the undecided, the unproven."""
    if verdict.decision is Decision.GO:
        return ()
    found = [_failed(verdict, check) for check in verdict.checks if check.outcome is Outcome.FAILED]
    found += [
        Reason(OUTCOMES[Outcome.INCONCLUSIVE], problem.what, remedy=problem.remedy) for problem in verdict.problems
    ]
    found += _undecided(verdict)
    named = {check for reason in found for check in reason.checks}
    found += _unproven(verdict, named)
    return tuple(found) or tuple(
        Reason(OUTCOMES[Outcome.INCONCLUSIVE], text) for text in verdict.reasons or (verdict.headline,)
    )


def _failed(verdict: Verdict, check: CheckResult) -> Reason:
    cases = shown_cases(check)
    failed = [entry.result for entry in cases if entry.result.outcome is Outcome.FAILED]
    first = failed[0]
    concerned = _concerned(verdict, (check.spec.id,))
    names = [result.case for result in failed if result.case]
    where = f"{len(failed)} of {len(cases)} cases: {', '.join(names)}" if len(cases) > 1 else ", ".join(names)
    return Reason(
        sign=OUTCOMES[Outcome.FAILED],
        title=check.spec.claim or check.spec.id,
        checks=(check.spec.id,),
        promises=tuple(_sentence(result) for result in concerned),
        expected=first.expected or check.spec.claim,
        observed=first.observed or first.message or check.reason,
        remedy=check.spec.remedy,
        owners=_owners(concerned),
        reproduce=first.reproduce,
        evidence=tuple(item for result in failed for item in result.evidence),
        where=where,
    )


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
                evidence=tuple(item for result in results for item in result.evidence) if alone else (),
            )
        )
    return found


def _unproven(verdict: Verdict, named: set[str]) -> list[Reason]:
    """Required promises that nothing above explains; those with the same cause share one reason."""
    groups: dict[str, list[CommitmentResult]] = {}
    for result in verdict.commitments:
        if result.required and result.state is Promise.NOT_PROVEN and not named & set(result.checks):
            groups.setdefault(result.reason, []).append(result)
    return [
        Reason(
            PROMISES[Promise.NOT_PROVEN],
            f"Nothing proves {'this promise' if len(results) == 1 else f'these {len(results)} promises'}: {cause}",
            promises=tuple(_sentence(result) for result in results),
            owners=_owners(results),
            remedy="Configure what the checks need, or leave the promise out of policy.required_commitments, "
            "which every decision then shows as not claimed.",
        )
        for cause, results in groups.items()
    ]


def _concerned(verdict: Verdict, checks: Iterable[str]) -> list[CommitmentResult]:
    wanted = set(checks)
    return [result for result in verdict.commitments if wanted & set(result.checks)]


def _sentence(result: CommitmentResult) -> str:
    return f"{result.commitment.id} {result.commitment.text}"


def _owners(concerned: Iterable[CommitmentResult]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(result.commitment.owner for result in concerned))
