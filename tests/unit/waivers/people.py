"""Checks, outcomes and waivers of a small run, for tests of what waivers may do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from stagehold.model import (
    CaseResult,
    CheckSpec,
    Commitment,
    ExpectedCheck,
    Outcome,
    Problem,
    RunInfo,
    Severity,
    Verdict,
    Waiver,
)
from stagehold.verdict import Rules, decide

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SEEN = "open: 10.0.0.1 port 9100"


def spec(check: str = "NET-001", **changes: Any) -> CheckSpec:
    """A check of ordinary weight."""
    fields: dict[str, object] = {
        "id": check,
        "severity": Severity.NORMAL,
        "proves": ("declared-exposure",),
        "remedy": "Close it.",
        "suite": "ports",
    }
    return CheckSpec.model_validate(fields | changes)


def failed(check: str = "NET-001", case: str = "", observed: str = SEEN, attempt: int = 1) -> CaseResult:
    """A measured failure."""
    return CaseResult(check=check, case=case, outcome=Outcome.FAILED, observed=observed, attempt=attempt)


def outcome(outcome: Outcome, check: str = "NET-001", case: str = "", attempt: int = 1) -> CaseResult:
    """Any outcome."""
    return CaseResult(check=check, case=case, outcome=outcome, message=f"because {outcome}", attempt=attempt)


def waiver(name: str = "W-1", **changes: Any) -> Waiver:
    """A waiver of three weeks, written and approved by two people, in force."""
    fields: dict[str, object] = {
        "id": name,
        "check": "NET-001",
        "observed": SEEN,
        "reason": "The metrics port stays open until the sidecar lands.",
        "risk": "low",
        "owner": "team-network",
        "author": "Ada Berg",
        "approved_by": "Jon Holm",
        "ticket": "OPS-9",
        "created": "2026-11-20",
        "expires": "2026-12-01T00:00:00Z",
    }
    return Waiver.model_validate(fields | changes)


def judge(
    recorded: Sequence[CaseResult],
    *waivers: Waiver,
    specs: Sequence[CheckSpec] = (),
    cases: Sequence[str] = ("",),
    now: datetime | None = NOW,
    problems: Sequence[Problem] = (),
) -> Verdict:
    """The verdict over NET-001 (or other checks) and a second check that passed."""
    subjects = list(specs) or [spec()]
    # A sentence none of whose checks passed is not proven, waiver or not.
    other = spec("TLS-001", proves=("encrypted-transport", *subjects[0].proves), suite="tls")
    statement = [
        Commitment(id="S09", text="A firewall.", owner="network", safeguards=subjects[0].proves),
        Commitment(id="S15", text="HTTPS.", owner="platform", safeguards=("encrypted-transport",)),
    ]
    return decide(
        expected=[
            *(ExpectedCheck(spec=one, cases=tuple(cases)) for one in subjects),
            ExpectedCheck(spec=other, cases=("",)),
        ],
        recorded=[*recorded, outcome(Outcome.PASSED, "TLS-001")],
        statement=statement,
        rules=Rules(),
        run=RunInfo(run_id="r1", environment="e1"),
        problems=problems,
        waivers=waivers,
        now=now,
    )
