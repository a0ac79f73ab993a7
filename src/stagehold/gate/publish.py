"""Writes the reports of a run, and its verdict last: a report that cannot be written blocks."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stagehold.errors import ReportError, StageholdError
from stagehold.gate.quarantine import LeakFound, blocked_by, require_clean, set_apart
from stagehold.model import Problem, Verdict
from stagehold.redaction.redactor import Redactor
from stagehold.redaction.registry import KNOWN, SecretRegistry
from stagehold.reporting.allure import write_allure_results
from stagehold.reporting.allure_cli import LONGEST, find_allure_cli, find_node, generate_allure_report
from stagehold.reporting.ci_log import render_annotations
from stagehold.reporting.decision import render_decision
from stagehold.reporting.executor import executor_of
from stagehold.reporting.junit import render_junit
from stagehold.reporting.manifest import manifest
from stagehold.reporting.trust import REPORTS_FAILED
from stagehold.reporting.waiver_drafts import FILE_NAME as DRAFTS
from stagehold.reporting.waiver_drafts import write_drafts
from stagehold.run_files import MANIFEST, PAGES, QUARANTINE, VERDICT, files_below, remove
from stagehold.runs import left_alone, of_earlier_run, release_reserve, shown, write_durably, write_verdict
from stagehold.verdict import with_problem


def publish(
    folder: Path,
    verdict: Verdict,
    *,
    allure: bool = True,
    history: Path | None = None,
    seconds: float = LONGEST,
    secrets: SecretRegistry = KNOWN,
) -> Verdict:
    """Write every report, then the verdict; returns the verdict that is on disk in the end.

    Everything is searched for secrets before it is rendered, because rendering hides it, and once more afterwards; a
    secret makes the verdict NO_GO and sets the files apart. A failure on the way turns GO into INCONCLUSIVE. When not
    even that can be written (a full disk), the blocking verdict that has been there since the run began stays.
    `seconds` are what is left of the run's time; the program that renders gets at least a minute.
    """
    release_reserve(folder)
    try:
        require_clean(folder, secrets)
        _write_reports(folder, verdict, allure=allure, history=history, seconds=seconds)
        require_clean(folder, secrets)
        _finish(folder)
    except LeakFound as found:
        verdict = _quarantine(folder, verdict, found, secrets)
    except (OSError, StageholdError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}" if isinstance(error, ValueError) else str(error)
        verdict = with_problem(
            verdict,
            Problem(what=f"{REPORTS_FAILED}: {reason}", remedy=getattr(error, "remedy", "")),
        )
        _salvage(folder, verdict)
        try:
            require_clean(folder, secrets)
        except LeakFound as found:
            verdict = _quarantine(folder, verdict, found, secrets)
        except StageholdError:
            return verdict
    return verdict


def report_paths(folder: Path) -> dict[str, Path]:
    """What a person opens next, by name; only what is there. Relative to where one stands, when below it."""
    names = {
        "decision": folder / "decision.html",
        "report": folder / "allure-report" / "index.html",
        "verdict": folder / VERDICT,
        "waiver drafts": folder / DRAFTS,
    }
    here = Path.cwd()
    return {
        name: path.relative_to(here) if path.is_relative_to(here) else path
        for name, path in names.items()
        if path.is_file()
    }


def _write_reports(folder: Path, verdict: Verdict, *, allure: bool, history: Path | None, seconds: float) -> None:
    # What an earlier attempt left must not look better than what is written now. Without its list, which names files
    # that are about to go, the names that runs use tell what is theirs.
    others = left_alone(folder)
    remove(folder, {MANIFEST} - others)
    for stale in ("allure-results", "allure-report"):
        remove(folder, files_below(folder, stale) - others)
        if allure and (rest := sorted(files_below(folder, stale))):
            raise ReportError(f"no run wrote {shown(rest[0])}, and it lies where reports are written")
    write_drafts(folder, verdict.checks, verdict.run.finished[:10])
    if not allure:
        _write_pages(folder, verdict, allure=False)
        return
    write_allure_results(verdict, folder, executor=executor_of(os.environ))
    name = f"{verdict.run.environment}: {verdict.decision.value.replace('_', '-')}"
    node, cli = find_node(), find_allure_cli()
    # Rendering is another program's work for seconds; the pages are made meanwhile.
    with ThreadPoolExecutor(max_workers=1) as beside:
        rendering = beside.submit(
            generate_allure_report, folder, node=node, cli=cli, name=name, history=history, seconds=seconds
        )
        _write_pages(folder, verdict, allure=True)
        rendering.result()


def _write_pages(folder: Path, verdict: Verdict, *, allure: bool) -> None:
    """Pages and verdict under names that nobody reads yet."""
    others = left_alone(folder)
    for name, text in zip(PAGES, _texts(folder, verdict, allure=allure), strict=True):
        if not {name, f".{name}"} & others:
            _write(folder / f".{name}", text.encode())
    _write(folder / f".{VERDICT}", verdict.model_dump_json(indent=2, by_alias=True).encode())


def _finish(folder: Path) -> None:
    """Manifest, pages and verdict, in this order and close together."""
    others, earlier = left_alone(folder), of_earlier_run(folder)
    listing = manifest(folder, exclude=(MANIFEST, VERDICT, QUARANTINE, *PAGES, *others))
    files = {name.removeprefix("."): entry for name, entry in listing["files"].items()}
    listing["files"] = {name: entry for name, entry in files.items() if name not in earlier or name in PAGES}
    if rest := {name: entry for name, entry in files.items() if name not in listing["files"]}:
        listing["earlier"] = rest
    if others:
        listing["left_alone"] = sorted(others)
    if MANIFEST not in others:
        write_durably(folder / MANIFEST, json.dumps(listing, indent=2, sort_keys=True).encode())
    for name in (*PAGES, VERDICT):
        if not {name, f".{name}"} & others:
            (folder / f".{name}").replace(folder / name)


def _texts(folder: Path, verdict: Verdict, *, allure: bool) -> tuple[str, ...]:
    return (*render_decision(verdict, folder, allure=allure), render_junit(verdict), render_annotations(verdict))


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _quarantine(folder: Path, verdict: Verdict, found: LeakFound, secrets: SecretRegistry) -> Verdict:
    """The blocking verdict first, then the files out of the way, then the pages that say so."""
    verdict = blocked_by(found.leaks, verdict, secrets)
    try:
        write_verdict(folder, verdict)
        set_apart(folder, left_alone(folder))
        _write_pages(folder, verdict, allure=False)
        require_clean(folder, secrets)
        _finish(folder)
    except (OSError, StageholdError, ValueError) as error:
        # The name of a file may hold what was found in it.
        why = error.strerror if isinstance(error, OSError) else Redactor(secrets).text(str(error))
        problem = Problem(what=f"the files could not all be set apart: {why}", remedy="Do not publish this folder.")
        return with_problem(verdict, problem)
    return verdict


def _write_what_fits(folder: Path, verdict: Verdict) -> None:
    """The verdict with as much as there is room for; decision and reasons name every failure even in the shortest."""
    bare = tuple(
        check.model_copy(
            update={"cases": tuple(case.model_copy(update={"details": "", "evidence": ()}) for case in check.cases)}
        )
        for check in verdict.checks
    )
    shorter = verdict.model_copy(update={"checks": bare})
    for document in (
        verdict.model_dump_json(indent=2, by_alias=True),
        verdict.model_dump_json(by_alias=True),
        shorter.model_dump_json(by_alias=True),
        verdict.model_copy(update={"checks": (), "commitments": ()}).model_dump_json(by_alias=True),
    ):
        try:
            write_durably(folder / VERDICT, document.encode())
        except OSError:
            continue
        return


def _salvage(folder: Path, verdict: Verdict) -> None:
    """Leave as much truth on disk as fits, the blocking verdict first; nothing that looks better stays."""
    others = left_alone(folder)
    try:
        stale = {MANIFEST, "allure-report/index.html", *PAGES, *(f".{name}" for name in (*PAGES, VERDICT))}
        # The disk may be full: what Allure shows can be made again from the verdict, which must find room.
        for name in ("allure-results", "allure-report"):
            stale |= set(files_below(folder, name))
        remove(folder, stale - others)
        _write_what_fits(folder, verdict)
        for name, text in zip(PAGES, _texts(folder, verdict, allure=False), strict=True):
            if name not in others:
                (folder / name).write_text(text, encoding="utf-8")
    except (OSError, StageholdError, ValueError):
        return
