"""`junit.xml`, written from the verdict: what CI systems show next to a build.

`failure` is a broken promise, `error` is what could not be decided, `skipped` is what the environment does
not cover, and a failure that a waiver accepts, which says so. A suite of its own carries the gate's decision,
so that the file is red whenever the gate blocks, whatever the reason, and green for GO alone.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as ET

from stagehold.model import CheckResult, Decision, Outcome, Verdict
from stagehold.reporting import facts
from stagehold.reporting.cases import ShownCase, shown_cases, waiver_line, waiver_of
from stagehold.reporting.text import clip, one_line
from stagehold.shipped import PACKAGE

_KINDS = {
    Outcome.FAILED: ("failure", "broken promise"),
    Outcome.INCONCLUSIVE: ("error", "could not check"),
    Outcome.NOT_RUN: ("error", "did not run"),
    Outcome.UNCOVERED: ("skipped", "not configured"),
    Outcome.NOT_APPLICABLE: ("skipped", "not applicable"),
}


def render_junit(verdict: Verdict) -> str:
    """The verdict as JUnit XML (the dialect that Jenkins, GitLab and others read); times in seconds.

    Raises:
        ReportError: the verdict says GO and what it holds does not.
    """
    facts.require_coherent(verdict)
    root = ET.Element("testsuites", name="stagehold")
    _gate(root, verdict)
    by_suite = sorted(verdict.checks, key=lambda check: (check.spec.suite, check.spec.id))
    for name, checks in groupby(by_suite, key=lambda check: check.spec.suite):
        suite = ET.SubElement(root, "testsuite", name=one_line(name or "checks"))
        if verdict.run.started:
            suite.set("timestamp", one_line(verdict.run.started))
        for check in checks:
            for entry in shown_cases(check):
                _case(suite, verdict, check, entry)
    for suite in root:
        _count(suite, suite.iter("testcase"))
    _count(root, root.iter("testcase"))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _gate(root: ET.Element, verdict: Verdict) -> None:
    suite = ET.SubElement(root, "testsuite", name="gate")
    decision = ET.SubElement(suite, "testcase", classname="stagehold.gate", name="the decision is GO", time="0")
    if verdict.decision is not Decision.GO:
        tag = "failure" if verdict.decision is Decision.NO_GO else "error"
        mark = ET.SubElement(decision, tag, type=verdict.decision.value, message=_text(verdict.headline, 500))
        mark.text = _text("\n".join(verdict.reasons), 8000)
    for problem in verdict.problems:
        case = ET.SubElement(
            suite,
            "testcase",
            classname="stagehold.gate",
            name=_text(f"problem: {problem.what}", 200),
            time="0",
        )
        mark = ET.SubElement(case, "error", type="problem", message=_text(problem.what, 500))
        mark.text = _text(problem.remedy, 2000)
    for result in verdict.waivers:
        waiver = result.waiver
        name = f"waiver {waiver.id} of {waiver.check}{f' [{waiver.case}]' if waiver.case else ''}: {result.state.value}"
        case = ET.SubElement(suite, "testcase", classname="stagehold.gate", name=_text(name, 200), time="0")
        ET.SubElement(case, "skipped", type="waiver", message=_text(result.note, 500))


def _case(suite: ET.Element, verdict: Verdict, check: CheckResult, entry: ShownCase) -> None:
    spec, result = check.spec, entry.result
    name = f"{spec.id} {spec.claim}" + (f" [{result.case}]" if result.case else "")
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_text(f"stagehold.{spec.suite}.{spec.id}", 200),
        name=_text(name, 400),
        time=f"{max(result.seconds, 0.0):.3f}",
    )
    path, _, line = spec.location.rpartition(":")
    if path and line.isdigit():
        case.set("file", _text(path, 400))
        case.set("line", line)
    if result.outcome is not Outcome.PASSED:
        tag, kind = _KINDS[result.outcome]
        reason = result.message or result.observed or check.reason or "no reason was recorded"
        if waiver := waiver_of(verdict, result):
            tag, kind = ("skipped", "waived") if result.waiver else (tag, "waiver expired")
            reason = f"{waiver_line(waiver, in_force=bool(result.waiver))}: {reason}"
        mark = ET.SubElement(case, tag, type=kind, message=_text(" ".join(reason.split()), 500))
        if tag != "skipped":
            mark.text = _text(
                "\n".join(
                    f"{label}: {value}"
                    for label, value in (
                        ("Claim", spec.claim),
                        ("Expected", result.expected),
                        ("Observed", result.observed),
                        ("Reason", result.message),
                        ("Remedy", spec.remedy),
                        ("See it yourself", result.reproduce),
                        ("Defined in", spec.location),
                        ("Evidence", ", ".join(item.path for item in result.evidence)),
                    )
                    if value
                ),
                8000,
            )
    if entry.earlier:
        ET.SubElement(case, "system-out").text = _text(
            "\n".join(f"try {e.attempt}: {e.outcome.value} {e.message}" for e in entry.earlier), 4000
        )


def _count(element: ET.Element, cases: Iterable[ET.Element]) -> None:
    listed = list(cases)
    element.set("tests", str(len(listed)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in listed)))
    element.set("time", f"{sum(float(case.get('time', '0')) for case in listed):.3f}")


def _text(text: str, limit: int) -> str:
    """Valid XML characters only, and nothing that tells where on a machine the run took place."""
    for root in _roots(Path.cwd(), Path.home()):
        text = text.replace(root, "")
    return clip(text, limit)


@lru_cache(maxsize=4)
def _roots(here: Path, home: Path) -> list[str]:
    """Folders of this machine, longest first, each with its closing slash; `/` alone is no folder."""
    folders = {PACKAGE.parents[1], here, home, Path(sys.prefix), Path(tempfile.gettempdir())}
    return sorted((f"{folder}/" for folder in folders if len(folder.parts) > 1), key=len, reverse=True)
