"""Verdicts as the gate makes them, for tests of what people see: `decide()` over invented outcomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from stagehold.model import (
    Artifact,
    CaseResult,
    CheckSpec,
    Commitment,
    Decision,
    Evidence,
    ExpectedCheck,
    LaneRecord,
    Outcome,
    Problem,
    RunInfo,
    Traffic,
    Verdict,
)
from stagehold.verdict import Rules, decide
from tests.unit.reporting.sketches import DIGEST, OTHER_DIGEST, REQUIRED, SKETCHES, STATEMENT, Sketch

HOSTILE = (
    "</script><script>alert(1)</script> | <img src=x onerror=alert(2)> ]]> \x00\x1b[31mred\x1b[0m "
    "\u202egnp.exe @everyone #1 ![x](http://evil.example/x.png) `code` {{ 7*7 }} \x07\r\nsecond line"
)


RUN = RunInfo(
    run_id="20261123-164007-demo-7c1f",
    environment="demo",
    environment_file="environment.yaml",
    environment_digest="sha256:" + "ab" * 32,
    suite_digest="sha256:" + "cd" * 32,
    targets=("https://ledger.demo.test:8443",),
    profile="smoke",
    started="2026-11-23T16:40:07.120Z",
    finished="2026-11-23T16:41:32.480Z",
    artifact=Artifact(expected_digest=DIGEST, observed_digest=DIGEST),
    tools={"nmap": "7.93", "chromium": "156.0", "sslyze": "6.3.1", "locust": "2.47.0"},
    lanes=(
        LaneRecord(suite="tls", seconds=4.2, exit_code=0),
        LaneRecord(suite="ports", seconds=18.7, exit_code=0),
        LaneRecord(suite="auth", seconds=11.3, exit_code=0),
        LaneRecord(suite="access", seconds=6.0, exit_code=0),
        LaneRecord(suite="headers", seconds=1.4, exit_code=0),
        LaneRecord(suite="functional", seconds=21.9, exit_code=0),
        LaneRecord(suite="load", seconds=35.0, exit_code=0),
    ),
)


def spec(sketch: Sketch) -> CheckSpec:
    """The check that a sketch stands for."""
    return CheckSpec(
        id=sketch.id,
        severity=sketch.severity,
        proves=sketch.proves,
        remedy=sketch.remedy,
        requires=sketch.requires,
        traffic=Traffic.ORDINARY,
        claim=sketch.claim,
        detail="Measured from outside. Source: OWASP ASVS 5.0.0.",
        suite=sketch.suite,
        location=f"suites/{sketch.suite}/test_{sketch.suite}.py:12",
    )


def evidence(sketch: Sketch) -> Evidence:
    """One table, in the folder where the run keeps it."""
    return Evidence(
        name="what answered",
        media_type="text/csv",
        path=f"evidence/{sketch.suite}/{sketch.id}/what-answered.csv",
    )


def verdict(
    outcomes: dict[str, Outcome] | None = None,
    *,
    message: str = "",
    problems: Sequence[Problem] = (),
    run: RunInfo = RUN,
    sketches: Sequence[Sketch] = SKETCHES,
    statement: Sequence[Commitment] = STATEMENT,
    required: Sequence[str] = REQUIRED,
) -> Verdict:
    """The verdict of a run in which each check's last case came out as told; everything else passed."""
    outcomes = outcomes or {}
    recorded = []
    for sketch in sketches:
        wanted = outcomes.get(sketch.id, Outcome.PASSED)
        for case in sketch.cases:
            outcome = wanted if case == sketch.cases[-1] else Outcome.PASSED
            bad = outcome is Outcome.FAILED
            recorded.append(
                CaseResult(
                    check=sketch.id,
                    case=case,
                    outcome=outcome,
                    message=message
                    or ("" if outcome is Outcome.PASSED else sketch.observed if bad else "no answer within 10 s"),
                    expected=sketch.expected if bad else "",
                    observed=(message or sketch.observed) if bad else "",
                    reproduce=f"curl -si https://ledger.demo.test:8443/ # {sketch.id}" if bad else "",
                    details="E  AssertionError" if bad else "",
                    started="2026-11-23T16:40:09.000Z",
                    seconds=0.42,
                    evidence=(evidence(sketch),),
                )
            )
    return decide(
        expected=[ExpectedCheck(spec=spec(sketch), cases=sketch.cases) for sketch in sketches],
        recorded=recorded,
        statement=statement,
        rules=Rules(required_commitments=tuple(required)),
        run=run,
        problems=problems,
    )


def with_evidence(verdict: Verdict, run_folder: Path) -> Verdict:
    """The verdict, after the evidence it names and the folder does not hold yet was put there."""
    for check in verdict.checks:
        for case in check.cases:
            for item in case.evidence:
                path = run_folder / item.path
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.exists():
                    path.write_text("port,state\n8443,open\n")
    run_folder.mkdir(parents=True, exist_ok=True)
    return verdict


def go() -> Verdict:
    """17 checks, all passed."""
    return verdict()


def no_go(failures: int = 3) -> Verdict:
    """The first so many independent checks failed; one of the middle is not configured."""
    order = (
        "TLS-001",
        "ACC-008",
        "NET-001",
        "TLS-008",
        "TLS-009",
        "TLS-010",
        "NET-002",
        "NET-003",
        "ACC-001",
        "ACC-010",
        "HDR-001",
        "FUN-001",
    )
    outcomes = dict.fromkeys(order[:failures], Outcome.FAILED)
    run = RUN
    if "FUN-001" in outcomes:
        run = RUN.model_copy(update={"artifact": Artifact(expected_digest=DIGEST, observed_digest=OTHER_DIGEST)})
    return verdict({**outcomes, "AUT-024": Outcome.UNCOVERED}, run=run)


def inconclusive() -> Verdict:
    """Logging in could not be checked, so what requires it could not either; the load lane was killed."""
    lanes = tuple(
        lane.model_copy(update={"exit_code": None, "note": "stopped at its deadline of 900 s"})
        if lane.suite == "load"
        else lane
        for lane in RUN.lanes
    )
    return verdict(
        {"AUT-001": Outcome.INCONCLUSIVE, "LOD-001": Outcome.NOT_RUN},
        problems=(
            Problem(what="the lane 'load' was stopped at its deadline", remedy="Look at its log, then run again."),
        ),
        run=RUN.model_copy(update={"lanes": lanes}),
    )


def hostile() -> Verdict:
    """Every text that can come from outside is an attack."""
    attack = HOSTILE + "A" * 10_000
    sketches = tuple(
        Sketch(s.id, s.suite, s.claim + HOSTILE, s.proves, s.remedy + HOSTILE, (HOSTILE,), s.severity) for s in SKETCHES
    )
    statement = tuple(c.model_copy(update={"text": c.text + HOSTILE, "owner": c.owner + HOSTILE}) for c in STATEMENT)
    run = RUN.model_copy(
        update={
            "environment": HOSTILE,
            "targets": (HOSTILE,),
            "tools": {HOSTILE: HOSTILE},
            "profile": HOSTILE,
            "artifact": Artifact(expected_digest=HOSTILE, observed_digest=attack),
        }
    )
    return verdict(
        {"TLS-001": Outcome.FAILED, "NET-001": Outcome.INCONCLUSIVE, "ACC-001": Outcome.UNCOVERED},
        message=attack,
        problems=(Problem(what=attack, remedy=attack),),
        run=run,
        sketches=sketches,
        statement=statement,
    )


def many(count: int, outcome: Callable[[int], Outcome] = lambda _: Outcome.PASSED) -> Verdict:
    """A run of so many checks."""
    sketches = tuple(
        Sketch(
            f"TLS-{number:03d}" if number < 1000 else f"NET-{number - 1000:03d}",
            f"suite{number % 7}",
            f"Claim number {number} holds.",
            ("encrypted-transport",),
            "Repair it.",
        )
        for number in range(count)
    )
    return verdict(
        {sketch.id: outcome(number) for number, sketch in enumerate(sketches)},
        sketches=sketches,
        statement=(STATEMENT[7],),
        required=("S15",),
    )


SAMPLES: dict[str, tuple[Callable[[], Verdict], Decision]] = {
    "go": (go, Decision.GO),
    "no_go_3": (no_go, Decision.NO_GO),
    "no_go_12": (lambda: no_go(12), Decision.NO_GO),
    "inconclusive": (inconclusive, Decision.INCONCLUSIVE),
    "hostile": (hostile, Decision.NO_GO),
}
"""Every shape of a verdict and the decision it carries."""
