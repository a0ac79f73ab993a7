"""More verdicts for the decision page: with waivers, changes, a leak, and with drawings on disk."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from stagehold.model import CaseResult, Changes, Evidence, ExpectedCheck, Outcome, Problem, Risk, Verdict, Waiver
from stagehold.verdict import Rules, decide
from tests.unit.drawing.gallery import DRAWINGS
from tests.unit.reporting import samples
from tests.unit.reporting.sketches import DIGEST, REQUIRED, SKETCHES, STATEMENT

NOW = datetime(2026, 11, 23, 16, 41, tzinfo=UTC)
DRAWN = {
    "TLS-001": "protocols",
    "TLS-008": "ladder",
    "TLS-009": "ladder",
    "NET-001": "ports",
    "ACC-001": "heat map",
    "LOD-001": "latency",
}
"""Check to the drawing that `drawn()` attaches to it; two checks share one."""


def waiver(name: str, check: str, observed: str, expires: str) -> Waiver:
    """A waiver of three weeks that ends at `expires`."""
    return Waiver(
        id=name,
        check=check,
        observed=observed,
        reason="The proxy is replaced in December.",
        risk=Risk.LOW,
        owner="platform",
        author="Ada Berg",
        approved_by="Jon Holm",
        ticket="SEC-1204",
        created="2026-11-10",
        expires=expires,
    )


def judged(failed: dict[str, str], *waivers: Waiver) -> Verdict:
    """The verdict of a run in which these checks failed with these observations."""
    sketches = [sketch for sketch in SKETCHES if sketch.cases == ("",) or sketch.id not in failed]
    recorded = [
        CaseResult(
            check=sketch.id,
            case=case,
            outcome=Outcome.FAILED if sketch.id in failed else Outcome.PASSED,
            message=failed.get(sketch.id, ""),
            expected=sketch.expected if sketch.id in failed else "",
            observed=failed.get(sketch.id, ""),
        )
        for sketch in sketches
        for case in sketch.cases
    ]
    return decide(
        expected=[ExpectedCheck(spec=samples.spec(sketch), cases=sketch.cases) for sketch in sketches],
        recorded=recorded,
        statement=STATEMENT,
        rules=Rules(required_commitments=tuple(REQUIRED)),
        run=samples.RUN,
        waivers=waivers,
        now=NOW,
    )


def go_with_waiver() -> Verdict:
    """One failure accepted for a week more, and a waiver that nothing needs."""
    return judged(
        {"TLS-008": "the leaf alone"},
        waiver("W-12", "TLS-008", "the leaf alone", "2026-11-30T05:19:00Z"),
        waiver("W-07", "TLS-009", "other.demo.test", "2026-11-29T00:00:00Z"),
    )


def waiver_expired() -> Verdict:
    """The same failure, its waiver three days too old."""
    return judged({"TLS-008": "the leaf alone"}, waiver("W-12", "TLS-008", "the leaf alone", "2026-11-20T05:19:00Z"))


def leak() -> Verdict:
    """Everything proven, and a secret in what would be published."""
    what = "a secret was found in what would be published: accounts.a_acct.password in evidence/x.csv"
    return samples.verdict(problems=(Problem(what=what, remedy="Change the password.", leak=True),))


def changed() -> Verdict:
    """Two failures, one of them new, beside the last GO."""
    changes = Changes(
        run_id="20261110-020000-demo-11aa",
        finished="2026-11-10T02:14:00Z",
        release=DIGEST,
        newly_failing=("TLS-001", "ACC-008"),
        fixed=("HDR-001",),
        added=("NET-003",),
        failing_since={"TLS-001": samples.RUN.started, "ACC-008": "2026-11-21T02:00:00Z"},
        p95_ms={"GET /api/invoices": (120.0, 240.0)},
    )
    return samples.no_go(2).model_copy(update={"changes": changes})


def drawn(verdict: Verdict, folder: Path) -> Verdict:
    """The verdict with a drawing for each check of `DRAWN`, written to the run's folder."""
    checks = []
    for check in verdict.checks:
        kind = DRAWN.get(check.spec.id)
        if kind is None:
            checks.append(check)
            continue
        drawing = DRAWINGS[kind](str)
        path = f"evidence/{check.spec.suite}/{check.spec.id}/{kind.replace(' ', '-')}.svg"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(drawing.svg, encoding="utf-8")
        item = Evidence(name=f"the {kind}", media_type="image/svg+xml", path=path, alt=drawing.alt)
        cases = tuple(c.model_copy(update={"evidence": (*c.evidence, item)}) for c in check.cases)
        checks.append(check.model_copy(update={"cases": cases}))
    return verdict.model_copy(update={"checks": tuple(checks)})


PAGES = {
    **{name: make for name, (make, _) in samples.SAMPLES.items()},
    "go_with_waiver": go_with_waiver,
    "waiver_expired": waiver_expired,
    "leak": leak,
    "changed": changed,
}
"""Every kind of page by name."""
