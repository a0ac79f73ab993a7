"""Which build was tested, by what its nodes told at the beginning and in the end, and whether it is to be released."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from stagehold.model import Artifact, CaseResult, ExpectedCheck, Outcome, Problem

_BUILD = "release-identity"


def builds_to_see_again(expected: Sequence[ExpectedCheck], cases: Sequence[CaseResult]) -> dict[str, list[str]]:
    """Suite to the checks of the build's identity that passed: another build may have been deployed since."""
    passed = {case.check for case in cases if case.outcome is Outcome.PASSED}
    found: dict[str, list[str]] = {}
    for check in expected:
        if _BUILD in check.spec.proves and check.spec.id in passed:
            found.setdefault(check.spec.suite, []).append(check.spec.id)
    return found


def unseen_build(artifact: Artifact, cases: Sequence[CaseResult], expected: Sequence[ExpectedCheck]) -> list[Problem]:
    """A problem when a build was named and nothing showed that it is the one that was tested.

    A check that saw another build has failed and says so better.
    """
    judges = {check.spec.id for check in expected if _BUILD in check.spec.proves}
    refuted = any(case.check in judges and case.outcome is Outcome.FAILED for case in cases)
    if not artifact.expected_digest or refuted or artifact.observed_digest == artifact.expected_digest:
        return []
    return [
        Problem(
            what=f"nothing showed that the tested build is {artifact.expected_digest}, the one to be released",
            remedy="Declare `release.version_probe`: where the service tells which build it is.",
        )
    ]


def observed_digest(folder: Path, cases: Sequence[CaseResult], expected: Sequence[ExpectedCheck]) -> str:
    """What the nodes told, from the evidence of the check that asked them; "" when nobody told anything."""
    judges = {check.spec.id for check in expected if _BUILD in check.spec.proves}
    for case in sorted(cases, key=lambda case: -case.attempt):
        for item in case.evidence if case.check in judges else ():
            if item.name == "observed-digest" and case.outcome in {Outcome.PASSED, Outcome.FAILED}:
                try:
                    told = json.loads((folder / item.path).read_text(encoding="utf-8"))["observed"]
                except (OSError, ValueError, KeyError, TypeError):
                    return ""
                return ", ".join(map(str, told)) if isinstance(told, list) else str(told)
    return ""
