"""What a run amounts to, a second time: the rules as the contract words them, and nothing of the code that decides.

Only the types are shared with stagehold. Where this module and `decide()` differ, one of them is wrong. Choices that
the contract leaves open are marked *Reading:*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stagehold.model import CaseResult, CheckSpec, Commitment, ExpectedCheck, Outcome, Problem, Severity, Waiver

P, F, I, U, NA, NR = (  # noqa: E741 - letters as in a truth table
    Outcome.PASSED,
    Outcome.FAILED,
    Outcome.INCONCLUSIVE,
    Outcome.UNCOVERED,
    Outcome.NOT_APPLICABLE,
    Outcome.NOT_RUN,
)
OPEN = {I, NR}


@dataclass(frozen=True)
class Scene:
    """Everything that `decide()` is given."""

    expected: tuple[ExpectedCheck, ...]
    recorded: tuple[CaseResult, ...]
    statement: tuple[Commitment, ...]
    required: tuple[str, ...] | None
    strict: bool
    problems: tuple[Problem, ...]
    waivers: tuple[Waiver, ...]
    now: datetime


@dataclass(frozen=True)
class Judged:
    """What the rules say; compared as a whole."""

    decision: str
    checks: dict[str, str]
    """Outcome by id; `waived` for a failure that is accepted."""
    sentences: tuple[tuple[str, str], ...]
    lacking: tuple[tuple[str, ...], ...]
    """For each sentence its safeguards that nothing proves."""
    valid_until: str


def judge(scene: Scene) -> Judged:
    """Sections 3 and 10 of the contract, rule by rule."""
    specs = {check.spec.id: check.spec for check in scene.expected}
    outcomes = _required_first(specs, {check.spec.id: _of_check(check, scene.recorded) for check in scene.expected})
    used, waived, blocks, refuses = _waivers(scene, specs, outcomes)

    def state(sentence: Commitment) -> str:
        return _sentence(sentence, specs, outcomes, waived, scene)

    states = [state(sentence) for sentence in scene.statement]
    failed = [name for name, outcome in outcomes.items() if outcome is F and name not in waived]
    # Rule 3: any unwaived failure, of whatever severity; and what refuses by itself.
    if failed or refuses or any(problem.leak or problem.refuses for problem in scene.problems):
        decision = "NO_GO"
    elif (
        blocks
        or scene.problems
        or not scene.expected
        or not P_in(outcomes)
        or any(outcome in OPEN for outcome in outcomes.values())
        or (scene.strict and U in outcomes.values())
        or _log_is_strange(scene)
        or _statement_is_wrong(scene)
        or any(
            word not in {"kept", "waived"}
            for sentence, word in zip(scene.statement, states, strict=True)
            if scene.required is None or sentence.id in scene.required
        )
    ):
        decision = "INCONCLUSIVE"
    else:
        decision = "GO"
    return Judged(
        decision,
        {name: "waived" if name in waived else outcome.value for name, outcome in outcomes.items()},
        tuple((sentence.id, word) for sentence, word in zip(scene.statement, states, strict=True)),
        tuple(_lacking(sentence, specs, outcomes) for sentence in scene.statement),
        min((waiver.expires for waiver in used), default="") if decision == "GO" else "",
    )


def P_in(outcomes: dict[str, Outcome]) -> bool:  # noqa: N802 - reads as the rule does
    """Something was proven at all."""
    return any(outcome is P for outcome in outcomes.values())


def _of_case(tries: Sequence[CaseResult]) -> Outcome:
    """Rule 10: a failure is never taken back; else the last try speaks. Reading: of two records of it, the worse."""
    seen = {result.outcome for result in tries}
    if F in seen:
        return F
    last = max(result.attempt for result in tries)
    return _worst({result.outcome for result in tries if result.attempt == last})


def _worst(outcomes: set[Outcome]) -> Outcome:
    """Rules 1 and 3: nothing hides a failure, nothing but the neutral is hidden by a pass."""
    for outcome in (F, I, NR, U, P, NA):
        if outcome in outcomes:
            return outcome
    return NR


def _of_check(check: ExpectedCheck, recorded: Sequence[CaseResult]) -> Outcome:
    """Every collected case must have a result; a check without a case to run proves nothing."""
    tries: dict[str, list[CaseResult]] = {case: [] for case in check.cases}
    for result in recorded:
        if result.check == check.spec.id:
            tries.setdefault(result.case, []).append(result)
    outcomes = {_of_case(results) if results else NR for results in tries.values()}
    return _worst(outcomes | ({NR} if not check.cases else set()))


def _required_first(specs: dict[str, CheckSpec], own: dict[str, Outcome]) -> dict[str, Outcome]:
    """Rule 10, `requires`: grown from the checks that need nothing, so that a circle never stands.

    Reading: a check that came to no result of its own (uncovered, not applicable, not run) keeps saying so.
    """
    standing: set[str] = set()
    while grown := {n for n, s in specs.items() if n not in standing and own[n] is P and set(s.requires) <= standing}:
        standing |= grown
    return {
        name: I if outcome in {P, F} and not set(specs[name].requires) <= standing else outcome
        for name, outcome in own.items()
    }


_MOST_DAYS = {"low": 90, "medium": 30, "high": 7}
_GUARDED = {"tenant-isolation", "role-separation", "personal-data-isolation", "authentication-required"}


def _waivers(
    scene: Scene, specs: dict[str, CheckSpec], outcomes: dict[str, Outcome]
) -> tuple[list[Waiver], set[str], bool, bool]:
    """Waivers that accept something, checks they accept, whether a waiver blocks, whether there are too many."""
    cases = {check.spec.id: check.cases for check in scene.expected}
    blocks = False
    used: list[Waiver] = []
    accepted: set[int] = set()
    for waiver in scene.waivers:
        if not _may_exist(waiver, specs, cases):
            blocks = True
            continue
        here = [
            (number, result)
            for number, result in enumerate(scene.recorded)
            if (result.check, result.case) == (waiver.check, waiver.case)
        ]
        fits = [n for n, r in here if r.outcome is F and _deviation(r) == waiver.observed]
        live = datetime.fromisoformat(waiver.created) <= scene.now < datetime.fromisoformat(waiver.expires)
        new = [number for number in fits if number not in accepted]
        if outcomes[waiver.check] is F and live and new:
            accepted |= set(new)
            used.append(waiver)
        elif (
            # "passes: a warning for 14 days after `created`, then INCONCLUSIVE". Reading: so does a case that
            # is not configured or does not apply any more.
            outcomes[waiver.check] not in OPEN
            and here
            and _of_case([result for _, result in here]) in {P, U, NA}
            and scene.now >= datetime.fromisoformat(waiver.created) + timedelta(days=14)
        ):
            blocks = True
    waived = set()
    for check in scene.expected:
        name = check.spec.id
        mine = [(n, r) for n, r in enumerate(scene.recorded) if r.check == name]
        failures = {n for n, r in mine if r.outcome is F}
        # Every failure of every try is accepted, and no other case is open or not configured.
        others = {
            _of_case([r for _, r in mine if r.case == case] or [_nothing(name, case)])
            for case in {*check.cases, *(r.case for _, r in mine)}
        } - {F}
        if outcomes[name] is F and failures <= accepted and others <= {P, NA} and check.cases:
            waived.add(name)
    active = [
        w for w in scene.waivers if datetime.fromisoformat(w.created) <= scene.now < datetime.fromisoformat(w.expires)
    ]
    too_many = len(active) > 5 or sum(waiver.risk == "high" for waiver in active) > 1
    return used, waived, blocks, too_many


def _nothing(check: str, case: str) -> CaseResult:
    return CaseResult(check=check, case=case, outcome=NR)


def _deviation(result: CaseResult) -> str:
    return result.deviation or result.observed


def _may_exist(waiver: Waiver, specs: dict[str, CheckSpec], cases: dict[str, tuple[str, ...]]) -> bool:
    """One exact check and case; a life within its risk; other approvers; never the build's identity."""
    spec = specs.get(waiver.check)
    if spec is None or waiver.case not in cases[waiver.check]:
        return False
    life = datetime.fromisoformat(waiver.expires) - datetime.fromisoformat(waiver.created)
    people = [waiver.author, waiver.approved_by] + ([waiver.approved_also_by] if waiver.approved_also_by else [])
    grave = spec.severity is Severity.BLOCKER and bool(_GUARDED & set(spec.proves))
    return (
        timedelta(0) < life <= timedelta(days=_MOST_DAYS[waiver.risk.value])
        and len(set(people)) == len(people)
        and "release-identity" not in spec.proves
        and (not grave or (waiver.risk == "high" and bool(waiver.approved_also_by)))
    )


def _log_is_strange(scene: Scene) -> bool:
    """Reading: a result nobody expected, or a check that exists twice, means that something else wrote or collected."""
    known = {(check.spec.id, case) for check in scene.expected for case in check.cases}
    ids = [check.spec.id for check in scene.expected]
    return any((r.check, r.case) not in known for r in scene.recorded) or len(set(ids)) < len(ids)


def _statement_is_wrong(scene: Scene) -> bool:
    ids = [sentence.id for sentence in scene.statement]
    wrong_list = scene.required is not None and (not scene.required or not set(scene.required) <= set(ids))
    return not ids or len(set(ids)) < len(ids) or wrong_list


def _lacking(sentence: Commitment, specs: dict[str, CheckSpec], outcomes: dict[str, Outcome]) -> tuple[str, ...]:
    """Rule 3a: the safeguards for which no check passed. One that was measured and is false is not *lacking*."""
    return tuple(
        safeguard
        for safeguard in sentence.safeguards
        if not {outcomes[name] for name, spec in specs.items() if safeguard in spec.proves} & {P, F}
    )


def _sentence(
    sentence: Commitment, specs: dict[str, CheckSpec], outcomes: dict[str, Outcome], waived: set[str], scene: Scene
) -> str:
    mine = {name: outcomes[name] for name, spec in specs.items() if set(spec.proves) & set(sentence.safeguards)}
    core = {name for name in mine if specs[name].core or specs[name].severity is Severity.BLOCKER or scene.strict}
    if any(outcome is F and name not in waived for name, outcome in mine.items()):
        return "broken"
    proven = (
        P in mine.values()
        and not any(outcome in OPEN for outcome in mine.values())
        and not any(outcome is U and name in core for name, outcome in mine.items())
        and not _lacking(sentence, specs, outcomes)
    )
    required = scene.required is None or sentence.id in scene.required
    if proven and waived & set(mine):
        return "waived"
    if not required:
        return "not claimed"
    return "kept" if proven else "not proven"
