"""Writes the reports of a run, and its verdict last: a report that cannot be written blocks."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from stagehold.errors import StageholdError
from stagehold.model import Problem, Verdict
from stagehold.reporting.allure import write_allure_results
from stagehold.reporting.allure_cli import find_allure_cli, find_node, generate_allure_report
from stagehold.reporting.ci_log import render_annotations
from stagehold.reporting.decision import render_decision
from stagehold.reporting.junit import render_junit
from stagehold.reporting.manifest import manifest
from stagehold.runs import VERDICT, write_durably, write_verdict
from stagehold.verdict import with_problem

MANIFEST = "manifest.json"
_PAGES = ("decision.html", "decision.md", "junit.xml", "github-annotations.txt")


def publish(folder: Path, verdict: Verdict, *, allure: bool = True) -> Verdict:
    """Write every report, then the verdict; returns the verdict that is on disk in the end.

    A failure on the way turns GO into INCONCLUSIVE. When not even that can be written (a full disk), the
    blocking verdict that has been there since the run began stays.
    """
    try:
        _write_reports(folder, verdict, allure=allure)
        _finish(folder, verdict)
    except (OSError, StageholdError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}" if isinstance(error, ValueError) else str(error)
        verdict = with_problem(
            verdict,
            Problem(what=f"the reports could not be written: {reason}", remedy=getattr(error, "remedy", "")),
        )
        _salvage(folder, verdict)
    return verdict


def report_paths(folder: Path) -> dict[str, Path]:
    """What a person opens next, by name; only what is there. Relative to where one stands, when below it."""
    names = {
        "decision": folder / "decision.html",
        "report": folder / "allure-report" / "index.html",
        "verdict": folder / VERDICT,
    }
    here = Path.cwd()
    return {
        name: path.relative_to(here) if path.is_relative_to(here) else path
        for name, path in names.items()
        if path.is_file()
    }


def _write_reports(folder: Path, verdict: Verdict, *, allure: bool) -> None:
    # What an earlier attempt left must not look better than what is written now.
    for stale in ("allure-results", "allure-report"):
        if (folder / stale).exists():
            shutil.rmtree(folder / stale)
    if allure:
        write_allure_results(verdict, folder)
        name = f"{verdict.run.environment}: {verdict.decision.value.replace('_', '-')}"
        generate_allure_report(folder, node=find_node(), cli=find_allure_cli(), name=name)


def _finish(folder: Path, verdict: Verdict) -> None:
    """Manifest, pages and verdict, in this order and close together."""
    for name, text in zip(_PAGES, _texts(verdict), strict=True):
        _write(folder / f".{name}", text.encode())
    _write(folder / f".{VERDICT}", verdict.model_dump_json(indent=2, by_alias=True).encode())
    listing = manifest(folder, exclude=(MANIFEST, VERDICT, *_PAGES))
    listing["files"] = {name.removeprefix("."): entry for name, entry in listing["files"].items()}
    write_durably(folder / MANIFEST, json.dumps(listing, indent=2, sort_keys=True).encode())
    for name in (*_PAGES, VERDICT):
        (folder / f".{name}").replace(folder / name)


def _texts(verdict: Verdict) -> tuple[str, ...]:
    return (*render_decision(verdict), render_junit(verdict), render_annotations(verdict))


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _salvage(folder: Path, verdict: Verdict) -> None:
    """Leave as much truth on disk as fits, the blocking verdict first; nothing that looks better stays."""
    try:
        for name in (
            MANIFEST,
            "allure-report/index.html",
            *_PAGES,
            *(f".{n}" for n in (*_PAGES, VERDICT)),
        ):
            (folder / name).unlink(missing_ok=True)
        write_verdict(folder, verdict)
        for name, text in zip(_PAGES, _texts(verdict), strict=True):
            (folder / name).write_text(text, encoding="utf-8")
    except (OSError, StageholdError, ValueError):
        return
