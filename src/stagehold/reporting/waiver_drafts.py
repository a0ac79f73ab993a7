"""`waiver-drafts.yaml`: what failed in a run, worded as a waiver must word it; people fill in the rest.

A draft as it is here accepts nothing: who answers for it, why and until when is empty, which the reader refuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from stagehold.model import CaseResult, CheckResult, Outcome, Risk, Severity
from stagehold.reporting.text import one_line
from stagehold.waivers import GUARDED, NEVER, deviation_of

FILE_NAME = "waiver-drafts.yaml"

_HEAD = """\
# Every failure of this run that a waiver could accept. Repairing comes first; what cannot wait goes into
# waivers.yaml beside environment.yaml, filled in and approved by somebody else than its author.
# `observed` stays word for word: another failure of the same check is not accepted.
schema: stagehold/waivers/v1
waivers:
"""


def render_drafts(checks: Iterable[CheckResult], created: str) -> str:
    """The drafts as YAML; "" when nothing failed that could be waived.

    Args:
        checks: the checks of a run.
        created: the date of the drafts, `2026-11-24`.
    """
    drafts = [
        _draft(check, case, created)
        for check in checks
        if check.outcome is Outcome.FAILED and not NEVER & set(check.spec.proves)
        for case in {(c.case, deviation_of(c)): c for c in check.cases if _open(c)}.values()
    ]
    return _HEAD + "".join(drafts) if drafts else ""


def write_drafts(folder: Path, checks: Iterable[CheckResult], created: str) -> Path | None:
    """Write the drafts into a run's folder, or remove older ones; returns the file, if there is one.

    Raises:
        OSError: it cannot be written.
    """
    path = folder / FILE_NAME
    path.unlink(missing_ok=True)
    text = render_drafts(checks, created)
    if not text:
        return None
    path.write_text(text, encoding="utf-8")
    return path


def _open(case: CaseResult) -> bool:
    return case.outcome is Outcome.FAILED and not case.waiver and bool(deviation_of(case))


def _draft(check: CheckResult, case: CaseResult, created: str) -> str:
    spec = check.spec
    grave = spec.severity is Severity.BLOCKER and bool(GUARDED & set(spec.proves))
    risk = Risk.HIGH.value if grave else ""
    values = {
        "id": "",
        "check": spec.id,
        **({"case": case.case} if case.case else {}),
        "observed": deviation_of(case),
        "reason": "",
        "risk": risk,
        "owner": "",
        "author": "",
        "approved_by": "",
        **({"approved_also_by": ""} if grave else {}),
        "ticket": "",
        "created": created,
        "expires": "",
    }
    notes = {
        "risk": "high: at most 7 days" if grave else "low, medium or high: at most 90, 30 or 7 days",
        "expires": f"UTC, such as {created}T00:00:00Z",
    }
    lines = [f"  # {spec.id} {one_line(spec.claim, 160)}"]
    for key, value in values.items():
        note = f" # {notes[key]}" if key in notes else ""
        lines.append(f"  {'- ' if key == 'id' else '  '}{key}: {json.dumps(value, ensure_ascii=False)}{note}")
    return "\n".join(lines) + "\n"
