"""Allure's results say what the verdict says, once for each case, with stable identities."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagehold.errors import ReportError
from stagehold.model import Evidence, Outcome, RunInfo, Verdict
from stagehold.reporting.allure import expected_statuses, write_allure_results
from stagehold.reporting.allure_case import STATUSES
from stagehold.verdict import unfinished
from tests.unit.reporting import samples
from tests.unit.reporting.samples import with_evidence


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*-result.json"))]


def write(verdict: Verdict, run_folder: Path) -> list[dict[str, Any]]:
    return results(write_allure_results(with_evidence(verdict, run_folder), run_folder))


def labels(result: dict[str, Any], name: str) -> list[str]:
    return [label["value"] for label in result["labels"] if label["name"] == name]


def test_one_result_for_each_case(tmp_path: Path) -> None:
    """A GO of 17 checks with 24 cases has 24 results, all passed, each with its evidence."""
    found = write(samples.go(), tmp_path)
    assert Counter(result["status"] for result in found) == {"passed": 24}
    for result in found:
        (attachment,) = result["attachments"]
        assert (tmp_path / "allure-results" / attachment["source"]).read_text() == "port,state\n8443,open\n"


def test_statuses_of_all_outcomes() -> None:
    """Failed stays failed, what could not be decided is broken, what was not claimed is skipped."""
    assert {outcome.value: status for outcome, status in STATUSES.items()} == {
        "passed": "passed",
        "failed": "failed",
        "inconclusive": "broken",
        "not_run": "broken",
        "uncovered": "skipped",
        "not_applicable": "skipped",
    }


def test_a_failure_in_full(tmp_path: Path) -> None:
    """Title, promise, claim, remedy, severity, owner, grouping and expected/observed of a failure."""
    found = write(samples.no_go(1), tmp_path)
    (failed,) = [r for r in found if r["status"] == "failed" and labels(r, "as_id") == ["TLS-001"]]
    assert failed["name"] == "No endpoint completes a handshake older than TLS 1.2: TLS 1.1"
    assert labels(failed, "epic") == ["TLS"]
    assert labels(failed, "feature") == ["Traffic is encrypted with current protocols only."]
    assert labels(failed, "story") == ["S15 HTTPS is used between servers and users."]
    assert labels(failed, "severity") == ["blocker"]
    assert labels(failed, "owner") == ["platform"]
    assert failed["statusDetails"]["expected"] == "TLS 1.0 refused"
    assert failed["statusDetails"]["message"].splitlines()[1:] == ["Expected: TLS 1.0 refused"]
    promise, checked, fails = failed["description"].split("\n\n")[:3]
    assert promise.startswith("**We promise:** S15 HTTPS is used")
    assert checked.startswith("**We checked:** TLS-001: No endpoint completes")
    assert "Remove the version from the listener" in fails


@pytest.mark.parametrize(
    ("make", "failed", "broken"),
    [
        (samples.no_go, 4, 0),
        (samples.inconclusive, 0, 10),
        (lambda: unfinished(RunInfo(run_id="r", environment="e")), 0, 2),
        (lambda: samples.verdict({"AUT-024": Outcome.UNCOVERED}), 0, 1),
    ],
)
def test_a_blocked_run_never_looks_green(tmp_path: Path, make: Callable[[], Verdict], failed: int, broken: int) -> None:
    """The decision and each problem are results of their own, and global errors hold every reason."""
    verdict = make()
    statuses = Counter(result["status"] for result in write(verdict, tmp_path))
    assert (statuses["failed"], statuses["broken"]) == (failed, broken)
    (path,) = (tmp_path / "allure-results").glob("*-globals.json")
    errors = json.loads(path.read_text("utf-8"))["errors"]
    assert len(errors) == len(verdict.reasons)


def test_identities_are_stable(tmp_path: Path) -> None:
    """Another folder, another time and other outcomes leave the history of a case what it was."""
    first = write(samples.go(), tmp_path / "a")
    run = samples.RUN.model_copy(update={"run_id": "other", "started": "2027-01-01T00:00:00Z"})
    second = write(samples.verdict({"TLS-008": Outcome.FAILED}, run=run), tmp_path / "b")

    def identities(found: list[dict[str, Any]]) -> set[tuple[str, str]]:
        return {(r["historyId"], r["testCaseId"]) for r in found if labels(r, "as_id")}

    assert identities(first) == identities(second)
    assert len(identities(first)) == 24
    for text in (json.dumps(first), json.dumps(second)):
        assert str(tmp_path) not in text


def test_results_are_replaced(tmp_path: Path) -> None:
    """A second writing leaves nothing of the first."""
    write(samples.no_go(12), tmp_path)
    assert len(write(samples.go(), tmp_path)) == 24
    assert not list((tmp_path / "allure-results").glob("*-globals.json"))


def test_missing_evidence_is_refused(tmp_path: Path) -> None:
    """Evidence that the verdict names must be there."""
    verdict = with_evidence(samples.go(), tmp_path)
    shutil.rmtree(tmp_path / "evidence/tls")
    with pytest.raises(ReportError, match="missing"):
        write_allure_results(verdict, tmp_path)


def test_evidence_through_a_link_is_refused(tmp_path: Path) -> None:
    """A link that leads out of the run's folder is not followed."""
    run_folder = tmp_path / "run"
    verdict = with_evidence(samples.go(), run_folder)
    (tmp_path / "secret").write_text("secret")
    path = run_folder / "evidence/tls/TLS-001/what-answered.csv"
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(ReportError, match="missing"):
        write_allure_results(verdict, run_folder)


def test_pages_of_the_target_become_text(tmp_path: Path) -> None:
    """What the target answered as HTML is shown as text, never as a page."""
    item = Evidence(name="answer", media_type="Text/HTML; charset=utf-8", path="evidence/x.html")
    verdict = with_evidence(samples.go(), tmp_path)
    (tmp_path / "evidence/x.html").write_text("<script>alert(1)</script>")
    first = verdict.checks[0]
    cases = (first.cases[0].model_copy(update={"evidence": (item,)}), *first.cases[1:])
    changed = verdict.model_copy(update={"checks": (first.model_copy(update={"cases": cases}), *verdict.checks[1:])})
    found = results(write_allure_results(changed, tmp_path))
    shown = [a for r in found for a in r["attachments"] if a["name"] == "answer"]
    assert [(a["type"], a["source"].endswith("-attachment.txt")) for a in shown] == [("text/plain", True)]


def test_environment_properties_survive_any_value(tmp_path: Path) -> None:
    """Keys and values with separators, line ends and foreign letters are one line of ASCII each."""
    write(samples.hostile(), tmp_path)
    lines = (tmp_path / "allure-results/environment.properties").read_bytes().decode("ascii").splitlines()
    assert lines[0] == "Decision=NO-GO"
    assert all(line.count("=") == 1 for line in lines)


def test_unreadable_results_are_refused(tmp_path: Path) -> None:
    """Counting what must be shown stops at a torn file."""
    (tmp_path / "x-result.json").write_text('{"status": "pas')
    with pytest.raises(ReportError):
        expected_statuses(tmp_path)
