"""Random runs for the oracle: most of them nearly sound, so that each rule is the only thing that decides often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from stagehold.model import CaseResult, CheckSpec, Commitment, ExpectedCheck, Outcome, Problem, Severity, Waiver
from tests.faults.oracle import Scene

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SAFEGUARDS = (
    "encrypted-transport", "personal-login", "tenant-isolation", "release-identity", "declared-exposure", "notices",
)  # fmt: skip
SEEN = ("port 9100", "port 9101")
_OUTCOMES = list(Outcome)
_SEVERITIES = list(Severity)


def scene(random: Random) -> Scene:
    """One run with all that `decide()` looks at; how wild it is differs from run to run."""
    wild = random.choice((0.0, 0.03, 0.1, 0.4))
    specs = _specs(random, wild)
    expected = [ExpectedCheck(spec=spec, cases=_cases(random, wild)) for spec in specs]
    if expected and random.random() < wild / 4:
        expected.append(random.choice(expected))
    recorded = [result for check in expected for case in check.cases for result in _tries(random, wild, check, case)]
    if random.random() < wild / 4:
        check = random.choice([spec.id for spec in specs] + ["ZZZ-999"])
        recorded.append(CaseResult(check=check, case="stray", outcome=random.choice(_OUTCOMES), observed=SEEN[0]))
    random.shuffle(recorded)
    statement = _statement(random, wild, specs)
    return Scene(
        expected=tuple(expected),
        recorded=tuple(recorded),
        statement=tuple(statement),
        required=_required(random, wild, statement),
        strict=random.random() < 0.15,
        problems=_problems(random, wild),
        waivers=_waivers(random, wild, expected, recorded),
        now=NOW,
    )


def _specs(random: Random, wild: float) -> list[CheckSpec]:
    ids = [f"TLS-{number:03d}" for number in range(random.choice((0, 1, 2, 3, 4, 6)) if wild else random.randint(1, 6))]
    return [
        CheckSpec.model_construct(
            id=name,
            severity=random.choice(_SEVERITIES),
            proves=tuple(random.sample(SAFEGUARDS, random.choice((1, 1, 2)))),
            remedy="r",
            core=random.random() < 0.2,
            # Any check may be named, itself and one that does not exist included: circles of every length.
            requires=tuple(random.sample([*ids, "AUT-404"], random.randint(1, min(2, len(ids)))))
            if random.random() < wild
            else tuple(ids[:1] if name != ids[0] and random.random() < 0.2 else ()),
        )
        for name in ids
    ]


def _cases(random: Random, wild: float) -> tuple[str, ...]:
    if random.random() < wild / 6:
        return ()
    return random.choice((("",), ("",), ("a", "b"), ("a", "b", "c")))


def _tries(random: Random, wild: float, check: ExpectedCheck, case: str) -> list[CaseResult]:
    def result(outcome: Outcome, attempt: int = 1) -> CaseResult:
        seen = random.choice(SEEN) if outcome is Outcome.FAILED else ""
        return CaseResult(check=check.spec.id, case=case, outcome=outcome, observed=seen, attempt=attempt)

    calm = random.choices(
        (Outcome.PASSED, Outcome.UNCOVERED, Outcome.NOT_APPLICABLE, Outcome.FAILED),
        (88, 5, 4, random.choice((0, 2, 12))),
    )[0]
    first = random.choice(_OUTCOMES) if random.random() < wild else calm
    if random.random() < wild / 8:
        return []
    found = [result(first)]
    if first is Outcome.INCONCLUSIVE and random.random() < 0.5:
        found.append(result(random.choice(_OUTCOMES), 2))
    if random.random() < wild / 8:
        found.append(result(random.choice(_OUTCOMES), random.choice((1, 2))))
    return found


def _statement(random: Random, wild: float, specs: list[CheckSpec]) -> list[Commitment]:
    proven = sorted({safeguard for spec in specs for safeguard in spec.proves}) or list(SAFEGUARDS)
    found = [
        Commitment(
            id=f"S{number}",
            text="t",
            owner="o",
            safeguards=tuple(
                random.sample(
                    SAFEGUARDS if random.random() < wild + 0.05 else proven,
                    random.choice((1, 1, 2, 3)) % (len(proven) + 1) or 1,
                )
            ),
        )
        for number in range(random.choice((0, 1, 2, 3)) if random.random() < wild else random.randint(1, 3))
    ]
    if found and random.random() < wild / 8:
        found.append(random.choice(found))
    return found


def _required(random: Random, wild: float, statement: list[Commitment]) -> tuple[str, ...] | None:
    ids = [sentence.id for sentence in statement]
    if not ids or random.random() < 0.4:
        return None
    chosen = random.sample(ids, random.randint(0 if random.random() < wild else 1, len(ids)))
    return (*chosen, "S99") if random.random() < wild / 8 else tuple(chosen)


def _problems(random: Random, wild: float) -> tuple[Problem, ...]:
    if random.random() >= wild / 3:
        return ()
    kind = random.choice(({}, {}, {"leak": True}, {"refuses": True}))
    return (Problem(what="something went wrong", **kind),)


def _waivers(
    random: Random, wild: float, expected: list[ExpectedCheck], recorded: list[CaseResult]
) -> tuple[Waiver, ...]:
    """One for each failure, more or less, and some for nothing; sound, expired, early, too long, badly signed."""
    failures = [result for result in recorded if result.outcome is Outcome.FAILED]
    wanted = [f for f in failures if random.random() < 0.8]
    if expected and random.random() < wild / 2:
        check = random.choice(expected)
        case = random.choice([*check.cases, "gone"])
        for _ in range(random.choice((1, 1, 1, 6))):
            name = random.choice((check.spec.id, check.spec.id, "ZZZ-998"))
            wanted.append(CaseResult(check=name, case=case, outcome=Outcome.FAILED, observed=SEEN[0]))
    # Waivers that nothing needs any more, or not yet.
    wanted += [result for result in recorded if result.outcome is not Outcome.FAILED and random.random() < 0.02]
    specs = {check.spec.id: check.spec for check in expected}
    return tuple(_waiver(random, wild, number, one, specs.get(one.check)) for number, one in enumerate(wanted))


def _waiver(random: Random, wild: float, number: int, failure: CaseResult, spec: CheckSpec | None) -> Waiver:
    grave = spec is not None and spec.severity is Severity.BLOCKER and "tenant-isolation" in spec.proves
    odd = random.random() < wild
    risk = random.choice(("low", "medium", "high")) if odd else "high" if grave else "low"
    most = {"low": 90, "medium": 30, "high": 7}[risk]
    created = NOW - timedelta(
        days=random.choice((-1, 0, 1, 5, 13, 14, 15, 40) if odd else (1, 3, 6, 6 if grave else 16))
    )
    life = timedelta(days=random.choice((0, 1, most, most, most + 1)) if odd else random.randint(min(most, 17), most))
    return Waiver(
        id=f"W-{number}",
        check=failure.check,
        case=failure.case,
        observed=random.choice(SEEN) if odd else failure.observed or SEEN[0],
        reason="r",
        risk=risk,
        owner="o",
        author="ada",
        approved_by=random.choice(("ada", "jon", "jon")) if odd else "jon",
        approved_also_by=random.choice(("", "jon", "eve")) if odd else "eve" if grave else "",
        ticket="t",
        created=f"{created:%Y-%m-%dT%H:%M:%SZ}",
        expires=f"{created + life:%Y-%m-%dT%H:%M:%SZ}",
    )
