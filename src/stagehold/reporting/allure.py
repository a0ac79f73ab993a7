"""`allure-results/`, written from the verdict: Allure is the viewer, the event log stays the source of truth.

One result for each case, and one for each thing that keeps a run from a decision, so that a blocked run
never looks green. Identities are made of check id and case alone: the same case has the same history on every
machine. Field names as in Allure's result format (allure2 reader of Allure 3.18).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from stagehold.errors import ReportError
from stagehold.model import (
    SAFEGUARDS,
    CaseResult,
    CheckResult,
    CommitmentResult,
    Decision,
    Evidence,
    Outcome,
    Severity,
    Verdict,
)
from stagehold.reporting import facts
from stagehold.reporting.cases import ShownCase, shown_cases
from stagehold.reporting.text import clean, clip, link, markdown, one_line

FOLDER = "allure-results"
NO_SENTENCE = "No sentence of the statement"
CATEGORIES = (
    ("Broken promise", "failed"),
    ("Could not check", "broken"),
    ("Not configured", "skipped"),
)

STATUSES = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.INCONCLUSIVE: "broken",
    Outcome.NOT_RUN: "broken",
    Outcome.UNCOVERED: "skipped",
    Outcome.NOT_APPLICABLE: "skipped",
}
_SEVERITIES = {Severity.BLOCKER: "blocker", Severity.CRITICAL: "critical", Severity.NORMAL: "normal"}
_NAMESPACE = uuid.UUID("7a6f0f0e-3f57-5d0b-9f6e-0c8a55c2b1d4")
_TEXT_LIMIT = 20_000
_PAGES = {"text/html", "application/xhtml+xml", "text/markdown"}
"""What the viewer would render with pictures and links of the target's choosing."""


def write_allure_results(verdict: Verdict, run_folder: Path, *, executor: Mapping[str, str] | None = None) -> Path:
    """Write the results afresh and return their folder.

    Args:
        verdict: what was decided.
        run_folder: where `evidence/` lies; `allure-results/` is replaced in it.
        executor: what started the run, as Allure's `executor.json` (`name`, `type`, `buildName`, `buildUrl`).

    Raises:
        ReportError: evidence that the verdict names is missing or outside of the folder, the verdict
            contradicts itself, or the folder cannot be written.
    """
    facts.require_coherent(verdict)
    folder = run_folder / FOLDER
    try:
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        for check in verdict.checks:
            for entry in shown_cases(check):
                _write(folder, _case_result(verdict, check, entry, run_folder, folder))
        for result in _gate_results(verdict):
            _write(folder, result)
        _write_side_files(verdict, folder, executor or {})
    except OSError as error:
        raise ReportError(f"{FOLDER} could not be written: {error}") from error
    return folder


def expected_statuses(folder: Path) -> Counter[str]:
    """How many results of each status the folder holds: what a report made of it must show.

    Raises:
        ReportError: a result cannot be read.
    """
    try:
        return Counter(json.loads(path.read_bytes())["status"] for path in folder.glob("*-result.json"))
    except (OSError, ValueError, KeyError) as error:
        raise ReportError(f"a file of {FOLDER} cannot be read back: {error}") from error


def _case_result(
    verdict: Verdict, check: CheckResult, entry: ShownCase, run_folder: Path, folder: Path
) -> dict[str, Any]:
    spec, result = check.spec, entry.result
    own = [item for item in verdict.commitments if spec.id in item.checks]
    first = own[0] if own else None
    identity = f"{spec.id}\n{result.case}"
    start, stop = _times(result, verdict)
    labels = [
        ("epic", spec.suite.upper() if len(spec.suite) <= 3 else spec.suite.capitalize()),  # noqa: PLR2004 - TLS
        ("feature", SAFEGUARDS[spec.proves[0]]),
        ("story", _sentence(first) if first else NO_SENTENCE),
        ("severity", _SEVERITIES[spec.severity]),
        ("suite", spec.suite),
        ("as_id", spec.id),
        ("framework", "stagehold"),
        *(("owner", owner) for owner in dict.fromkeys(item.commitment.owner for item in own)),
        *(("commitment", item.commitment.id) for item in own),
        *(("tag", tag) for tag in (spec.id, facts.OUTCOMES[result.outcome].word)),
    ]
    return {
        "uuid": _uuid(identity),
        "historyId": _digest(identity),
        "testCaseId": _digest(spec.id),
        "fullName": one_line(f"{spec.suite}/{spec.id}{f'[{result.case}]' if result.case else ''}"),
        "name": _title(check, result.case),
        "titlePath": [],
        "status": STATUSES[result.outcome],
        "stage": "finished",
        "statusDetails": _details(check, result),
        "description": _description(check, result, own),
        "start": start,
        "stop": stop,
        "labels": [{"name": name, "value": one_line(value, 300)} for name, value in labels],
        "parameters": [{"name": "case", "value": one_line(result.case)}] if result.case else [],
        "links": [],
        "steps": [_earlier_try(item) for item in entry.earlier],
        "attachments": [
            _attach(item, f"{identity}\n{number}", run_folder, folder) for number, item in enumerate(result.evidence)
        ],
    }


def _title(check: CheckResult, case: str) -> str:
    claim = one_line(check.spec.claim or check.spec.id, 300).rstrip(".")
    return f"{claim}: {one_line(case, 120)}" if case else claim


def _details(check: CheckResult, result: CaseResult) -> dict[str, Any]:
    if result.outcome is Outcome.PASSED:
        return {}
    lines = [result.message or check.reason or "no reason was recorded"]
    lines += [f"Expected: {result.expected}"] if result.expected else []
    lines += [f"Observed: {result.observed}"] if result.observed not in lines[0] else []
    details = {"message": clip("\n".join(lines), _TEXT_LIMIT), "trace": clip(result.details, _TEXT_LIMIT)}
    if result.expected or result.observed:
        details |= {"expected": clip(result.expected, 4000), "actual": clip(result.observed, 4000)}
    return details


def _description(check: CheckResult, result: CaseResult, own: list[CommitmentResult]) -> str:
    spec = check.spec
    promises = "; ".join(markdown(_sentence(item), 300) for item in own) or markdown(NO_SENTENCE)
    safeguards = " ".join(markdown(SAFEGUARDS[safeguard]) for safeguard in spec.proves)
    case = f" Case: {markdown(result.case)}." if result.case else ""
    lines = [
        f"**We promise:** {promises}",
        f"**We checked:** {spec.id}: {markdown(spec.claim)}{case} ({safeguards})",
        f"**It fails when** an observation contradicts this. Then: {markdown(spec.remedy, 600)}",
    ]
    if spec.detail:
        lines.append(markdown(spec.detail, 4000))
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


def _gate_results(verdict: Verdict) -> list[dict[str, Any]]:
    """What is no outcome of a check and blocks all the same; nothing for GO."""
    if verdict.decision is Decision.GO:
        return []
    word = facts.DECISIONS[verdict.decision].word
    found = [(f"The decision of the gate: {word}", verdict.headline, "\n".join(verdict.reasons))]
    found += [(f"Problem of the run: {p.what}", p.what, p.remedy) for p in verdict.problems]
    start, stop = _moment(verdict.run.started), _moment(verdict.run.finished)
    return [
        {
            "uuid": _uuid(f"gate\n{number}\n{title}"),
            "historyId": _digest(f"gate\n{title}"),
            "testCaseId": _digest(f"gate\n{title}"),
            "fullName": one_line(f"gate/{title}"),
            "name": one_line(title, 300),
            "titlePath": [],
            "status": "failed" if number == 0 and verdict.decision is Decision.NO_GO else "broken",
            "stage": "finished",
            "statusDetails": {"message": clip(message, _TEXT_LIMIT), "trace": clip(trace, _TEXT_LIMIT)},
            "description": markdown(message, 2000),
            "start": start,
            "stop": max(start, stop),
            "labels": [
                {"name": "epic", "value": "Gate"},
                {"name": "feature", "value": "What keeps the release"},
                {"name": "story", "value": "Decision" if number == 0 else "Problems of the run"},
                {"name": "severity", "value": "blocker"},
                {"name": "suite", "value": "gate"},
            ],
            "parameters": [],
            "links": [],
            "steps": [],
            "attachments": [],
        }
        for number, (title, message, trace) in enumerate(found)
    ]


def _write_side_files(verdict: Verdict, folder: Path, executor: Mapping[str, str]) -> None:
    run = verdict.run
    environment = {
        "Decision": facts.DECISIONS[verdict.decision].word,
        "Environment": run.environment,
        "Build expected": run.artifact.expected_digest,
        "Build observed": run.artifact.observed_digest,
        "Targets": " ".join(run.targets),
        "Load profile": run.profile,
        "Run": run.run_id,
        "Started": run.started,
        "Finished": run.finished,
        "Environment digest": run.environment_digest,
        "Checks digest": run.suite_digest,
        **run.tools,
    }
    lines = (f"{_property(name)}={_property(value)}\n" for name, value in environment.items() if value)
    (folder / "environment.properties").write_text("".join(lines), encoding="ascii")
    named = {"name": "stagehold", "type": "stagehold", "buildName": run.run_id, **executor}
    _dump(folder / "executor.json", {key: one_line(str(value)) for key, value in named.items()})
    _dump(
        folder / "categories.json",
        [{"name": name, "matchedStatuses": [status]} for name, status in CATEGORIES],
    )
    if verdict.decision is not Decision.GO:
        moment = _moment(run.finished)
        errors = [
            {"message": clip(reason, 4000), "trace": "", "timestamp": moment}
            for reason in verdict.reasons or (verdict.headline,)
        ]
        _dump(folder / f"{_uuid('globals')}-globals.json", {"attachments": [], "errors": errors})


def _attach(item: Evidence, identity: str, run_folder: Path, folder: Path) -> dict[str, str]:
    """Copy one piece of evidence; pages become plain text, because they carry what the target answered."""
    link(item.path)
    source = run_folder / item.path
    if not source.is_file() or not source.resolve().is_relative_to(run_folder.resolve()):
        raise ReportError(f"evidence {clean(item.path)!r} is missing from the run's folder")
    page = item.media_type.partition(";")[0].strip().lower() in _PAGES
    suffix = ".txt" if page else source.suffix
    name = f"{_uuid(identity)}-attachment{suffix}"
    shutil.copyfile(source, folder / name)
    return {
        "name": one_line(item.name, 120),
        "source": name,
        "type": "text/plain" if page else one_line(item.media_type, 120),
    }


def _sentence(result: CommitmentResult) -> str:
    return f"{result.commitment.id} {result.commitment.text}"


def _times(result: CaseResult, verdict: Verdict) -> tuple[int, int]:
    start = _moment(result.started) or _moment(verdict.run.started)
    return start, start + max(0, round(result.seconds * 1000))


def _moment(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 moment; 0 where there is none."""
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000) if text else 0
    except ValueError:
        return 0


def _property(text: str) -> str:
    r"""A key or value of a Java properties file: anything but letters and digits as `\uXXXX`."""
    units = one_line(text, 1000).encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(
        chr(code) if code < 128 and (chr(code).isalnum() or chr(code) in "-_./") else f"\\u{code:04x}"  # noqa: PLR2004 - ASCII
        for code in codes
    )


def _write(folder: Path, result: dict[str, Any]) -> None:
    path = folder / f"{result['uuid']}-result.json"
    if path.exists():
        raise ReportError(f"two results have the identity of {result['fullName']!r}")
    _dump(path, result)


def _dump(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")


def _uuid(identity: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, identity))


def _digest(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()
