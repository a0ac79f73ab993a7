"""One case of a check as an Allure result, under an identity that never changes.

Identities are made of check id and case alone: the same case has the same history on every machine. Field names
as in Allure's result format (allure2 reader of Allure 3.18).
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from stagehold.errors import ReportError
from stagehold.model import (
    SAFEGUARDS,
    CaseResult,
    CheckResult,
    CommitmentResult,
    Evidence,
    Outcome,
    Severity,
    Verdict,
    WaiverResult,
)
from stagehold.reporting import facts
from stagehold.reporting.cases import ShownCase, waiver_line, waiver_of
from stagehold.reporting.text import clean, clip, link, markdown, markdown_code, one_line

NO_SENTENCE = "No sentence of the statement"
WAIVED, EXPIRED = "Waived", "Waiver expired"
CATEGORIES = {
    EXPIRED: "failed",
    "Broken promise": "failed",
    "Could not check": "broken",
    WAIVED: "skipped",
    "Not configured": "skipped",
    "Not applicable": "skipped",
}
"""What a result that did not pass is filed under, with the status it has."""

STATUSES = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.INCONCLUSIVE: "broken",
    Outcome.NOT_RUN: "broken",
    Outcome.UNCOVERED: "skipped",
    Outcome.NOT_APPLICABLE: "skipped",
}
_FILED = {
    Outcome.FAILED: "Broken promise",
    Outcome.INCONCLUSIVE: "Could not check",
    Outcome.NOT_RUN: "Could not check",
    Outcome.UNCOVERED: "Not configured",
    Outcome.NOT_APPLICABLE: "Not applicable",
}
_SEVERITIES = {Severity.BLOCKER: "blocker", Severity.CRITICAL: "critical", Severity.NORMAL: "normal"}
_NAMESPACE = uuid.UUID("7a6f0f0e-3f57-5d0b-9f6e-0c8a55c2b1d4")
TEXT_LIMIT = 20_000
_PAGES = {"text/html", "application/xhtml+xml", "text/markdown"}
"""What the viewer would render with pictures and links of the target's choosing."""


def case_result(
    verdict: Verdict, check: CheckResult, entry: ShownCase, run_folder: Path, folder: Path
) -> dict[str, Any]:
    """The result of one case; its evidence is copied into the folder.

    Raises:
        ReportError: evidence is missing or lies outside of the run's folder.
        OSError: it cannot be copied.
    """
    spec, result = check.spec, entry.result
    own = [item for item in verdict.commitments if spec.id in item.checks]
    first = own[0] if own else None
    identity = f"{spec.id}\n{result.case}"
    waiver = waiver_of(verdict, result)
    category = _category(result, waiver)
    start, stop = _times(result, verdict)
    labels = [
        ("epic", spec.suite.upper() if len(spec.suite) <= 3 else spec.suite.capitalize()),  # noqa: PLR2004 - TLS
        ("feature", SAFEGUARDS[spec.proves[0]]),
        ("story", _sentence(first) if first else NO_SENTENCE),
        ("severity", _SEVERITIES[spec.severity]),
        ("suite", spec.suite),
        ("as_id", spec.id),
        ("framework", "stagehold"),
        *(("owner", owner) for owner in dict.fromkeys(item.commitment.owner for item in own) or (verdict.run.owner,)),
        *(("commitment", item.commitment.id) for item in own),
        *((("category", category),) if category else ()),
        *((("waiver", waiver.waiver.id),) if waiver else ()),
        *(("tag", tag) for tag in (spec.id, "waived" if result.waiver else facts.OUTCOMES[result.outcome].word)),
    ]
    return {
        "uuid": uuid_of(identity),
        "historyId": digest_of(identity),
        "testCaseId": digest_of(spec.id),
        "fullName": one_line(f"{spec.suite}/{spec.id}{f'[{result.case}]' if result.case else ''}"),
        "name": _title(check, result.case),
        "titlePath": [],
        "status": CATEGORIES.get(category, STATUSES[result.outcome]),
        "stage": "finished",
        "statusDetails": _details(check, result, waiver),
        "description": _description(check, result, own, waiver),
        "start": start,
        "stop": stop,
        "labels": [{"name": name, "value": one_line(value, 300)} for name, value in labels if value],
        "parameters": [{"name": "case", "value": one_line(result.case)}] if result.case else [],
        "links": [],
        "steps": [_earlier_try(item) for item in entry.earlier],
        "attachments": [
            _attach(item, f"{identity}\n{number}", run_folder, folder)
            for number, item in sorted(enumerate(result.evidence), key=lambda pair: not pair[1].alt)
        ],
    }


def _category(result: CaseResult, waiver: WaiverResult | None) -> str:
    if result.outcome is Outcome.FAILED and waiver:
        return WAIVED if result.waiver else EXPIRED
    return _FILED.get(result.outcome, "")


def _title(check: CheckResult, case: str) -> str:
    claim = one_line(check.spec.claim or check.spec.id, 300).rstrip(".")
    return f"{claim}: {one_line(case, 120)}" if case else claim


def _details(check: CheckResult, result: CaseResult, waiver: WaiverResult | None) -> dict[str, Any]:
    if result.outcome is Outcome.PASSED:
        return {}
    lines = [waiver_line(waiver, in_force=bool(result.waiver))] if waiver else []
    lines += [result.message or check.reason or "no reason was recorded"]
    lines += [f"Expected: {result.expected}"] if result.expected else []
    lines += [f"Observed: {result.observed}"] if result.observed not in "".join(lines) else []
    details = {"message": clip("\n".join(lines), TEXT_LIMIT), "trace": clip(result.details, TEXT_LIMIT)}
    if result.expected or result.observed:
        details |= {"expected": clip(result.expected, 4000), "actual": clip(result.observed, 4000)}
    return details


def _description(
    check: CheckResult, result: CaseResult, own: list[CommitmentResult], waiver: WaiverResult | None
) -> str:
    spec = check.spec
    promises = "; ".join(markdown(_sentence(item), 300) for item in own) or markdown(NO_SENTENCE)
    safeguards = " ".join(markdown(SAFEGUARDS[safeguard]) for safeguard in spec.proves)
    case = f" Case: {markdown(result.case)}." if result.case else ""
    lines = [
        f"**We promise:** {promises}",
        f"**We checked:** {spec.id}: {markdown(spec.claim)}{case} ({safeguards})",
        f"**It fails when** an observation contradicts this. Then: {markdown(spec.remedy, 600)}",
    ]
    if spec.why:
        lines.append(f"**Why it matters:** {markdown(spec.why, 600)}")
    if waiver:
        sentence = waiver_line(waiver, in_force=bool(result.waiver))
        lines.insert(0, f"**{markdown(sentence, 600)}**: {markdown(waiver.waiver.reason, 1000)}")
    lines += [f"**Drawn:** {markdown(item.alt, 1000)}" for item in result.evidence if item.alt]
    if spec.detail:
        lines.append(markdown(spec.detail, 4000))
    if spec.location:
        lines.append(f"Defined in {markdown_code(spec.location)}")
    if result.reproduce:
        lines.append("See it yourself:\n\n" + _code_block(result.reproduce))
    return "\n\n".join(lines)


def _code_block(text: str) -> str:
    """Indented code: no line of the text can end it."""
    return "\n".join(f"    {line}" for line in clip(text, 2000).splitlines())


def _earlier_try(result: CaseResult) -> dict[str, Any]:
    return {
        "name": f"Try {result.attempt}: {facts.OUTCOMES[result.outcome].word}",
        "status": STATUSES[result.outcome],
        "stage": "finished",
        "statusDetails": {"message": clip(result.message, 4000)},
        "steps": [],
        "attachments": [],
        "parameters": [],
    }


def _attach(item: Evidence, identity: str, run_folder: Path, folder: Path) -> dict[str, str]:
    """Copy one piece of evidence; pages become plain text, because they carry what the target answered."""
    link(item.path)
    source = run_folder / item.path
    if not source.is_file() or not source.resolve().is_relative_to(run_folder.resolve()):
        raise ReportError(f"evidence {clean(item.path)!r} is missing from the run's folder")
    page = item.media_type.partition(";")[0].strip().lower() in _PAGES
    suffix = ".txt" if page else source.suffix
    name = f"{uuid_of(identity)}-attachment{suffix}"
    shutil.copyfile(source, folder / name)
    return {
        "name": one_line(item.name, 120),
        "source": name,
        "type": "text/plain" if page else one_line(item.media_type, 120),
    }


def _sentence(result: CommitmentResult) -> str:
    return f"{result.commitment.id} {result.commitment.text}"


def _times(result: CaseResult, verdict: Verdict) -> tuple[int, int]:
    start = moment_ms(result.started) or moment_ms(verdict.run.started)
    return start, start + max(0, round(result.seconds * 1000))


def moment_ms(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 moment; 0 where there is none."""
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000) if text else 0
    except ValueError:
        return 0


def uuid_of(identity: str) -> str:
    """A UUID that the identity alone makes."""
    return str(uuid.uuid5(_NAMESPACE, identity))


def digest_of(identity: str) -> str:
    """A history id that the identity alone makes."""
    return hashlib.sha256(identity.encode()).hexdigest()
