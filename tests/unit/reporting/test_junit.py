"""`junit.xml` is red whenever the gate blocks, green for GO alone, and says nothing about the machine."""

from __future__ import annotations

import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from stagehold.errors import ReportError
from stagehold.model import CaseResult, Decision, Outcome, Problem, RunInfo, Verdict
from stagehold.reporting.junit import render_junit
from stagehold.verdict import unfinished, with_problem
from tests.unit.reporting import pages, samples
from tests.unit.reporting.sketches import SKETCHES

GOLDEN = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="stagehold" tests="5" failures="2" errors="1" skipped="0" time="1.680">
  <testsuite name="gate" tests="1" failures="1" errors="0" skipped="0" time="0.000">
    <testcase classname="stagehold.gate" name="the decision is GO" time="0">
      <failure type="NO_GO" message="HEADLINE">TLS-001 failed: ledger.demo.test:8443 completed a TLS 1.0 handshake with ECDHE-RSA-AES256-SHA
TLS-008 could not be decided: no answer within 10 s
S15 is not proven: nothing</failure>
    </testcase>
  </testsuite>
  <testsuite name="tls" timestamp="2026-11-23T16:40:07.120Z" tests="4" failures="1" errors="1" skipped="0" time="1.680">
    <testcase classname="stagehold.tls.TLS-001" name="TLS-001 No endpoint completes a handshake older than TLS 1.2. [SSL 3.0]" time="0.420" file="suites/tls/test_tls.py" line="12" />
    <testcase classname="stagehold.tls.TLS-001" name="TLS-001 No endpoint completes a handshake older than TLS 1.2. [TLS 1.0]" time="0.420" file="suites/tls/test_tls.py" line="12" />
    <testcase classname="stagehold.tls.TLS-001" name="TLS-001 No endpoint completes a handshake older than TLS 1.2. [TLS 1.1]" time="0.420" file="suites/tls/test_tls.py" line="12">
      <failure type="broken promise" message="ledger.demo.test:8443 completed a TLS 1.0 handshake with ECDHE-RSA-AES256-SHA">Claim: No endpoint completes a handshake older than TLS 1.2.
Expected: TLS 1.0 refused
Observed: ledger.demo.test:8443 completed a TLS 1.0 handshake with ECDHE-RSA-AES256-SHA
Reason: ledger.demo.test:8443 completed a TLS 1.0 handshake with ECDHE-RSA-AES256-SHA
Remedy: Remove the version from the listener; keep TLS 1.2 and 1.3.
See it yourself: curl -si https://ledger.demo.test:8443/ # TLS-001
Defined in: suites/tls/test_tls.py:12
Evidence: evidence/tls/TLS-001/what-answered.csv</failure>
    </testcase>
    <testcase classname="stagehold.tls.TLS-008" name="TLS-008 Each endpoint sends the whole chain up to the anchor." time="0.420" file="suites/tls/test_tls.py" line="12">
      <error type="could not check" message="no answer within 10 s">Claim: Each endpoint sends the whole chain up to the anchor.
Reason: no answer within 10 s
Remedy: Serve the leaf and all intermediates, in order.
Defined in: suites/tls/test_tls.py:12
Evidence: evidence/tls/TLS-008/what-answered.csv</error>
    </testcase>
  </testsuite>
</testsuites>
"""  # noqa: E501 - the file as it is written


def counts(verdict: Verdict) -> tuple[int, int, int]:
    root = ET.fromstring(render_junit(verdict))
    return int(root.get("failures", "")), int(root.get("errors", "")), int(root.get("skipped", ""))


def test_the_file_as_written() -> None:
    """Suites, cases, kinds and texts of a small run, to the letter."""
    verdict = samples.verdict(
        {"TLS-001": Outcome.FAILED, "TLS-008": Outcome.INCONCLUSIVE}, sketches=SKETCHES[:2]
    ).model_copy(
        update={
            "headline": "HEADLINE",
            "reasons": (
                "TLS-001 failed: ledger.demo.test:8443 completed a TLS 1.0 handshake with ECDHE-RSA-AES256-SHA",
                "TLS-008 could not be decided: no answer within 10 s",
                "S15 is not proven: nothing",
            ),
        }
    )
    assert render_junit(verdict) == GOLDEN


def test_go_is_green() -> None:
    """A GO has no failure and no error; what is not configured is skipped."""
    verdict = samples.verdict({"AUT-024": Outcome.UNCOVERED}, required=["S15"])
    assert verdict.decision is Decision.GO
    assert counts(verdict) == (0, 0, 1)


def blocked() -> dict[str, Verdict]:
    """Every way to be blocked, those without a red check first."""
    return {
        "unfinished": unfinished(RunInfo(run_id="r", environment="e")),
        "late problem": with_problem(samples.go(), Problem(what="the report could not be written")),
        "uncovered core": samples.verdict({"AUT-024": Outcome.UNCOVERED}),
        "no expected checks": samples.verdict(sketches=()),
        "not run": samples.verdict({"TLS-001": Outcome.NOT_RUN}),
        "requirement": samples.verdict({"AUT-001": Outcome.UNCOVERED}),
        "failed": samples.no_go(1),
        "hostile": samples.hostile(),
    }


@pytest.mark.parametrize("name", blocked())
def test_whatever_blocks_is_red(name: str) -> None:
    """No blocked run has a file without failure and error, whatever the reason."""
    verdict = blocked()[name]
    assert verdict.decision is not Decision.GO
    failures, errors, _ = counts(verdict)
    assert failures + errors >= 1
    assert (failures > 0) == (verdict.decision is Decision.NO_GO)


def test_totals_are_the_sums() -> None:
    """Numbers of suites and of the file are those of the cases in them."""
    root = ET.fromstring(render_junit(samples.no_go(12)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(root.get(attribute, "")) == len(list(root.iter(tag)))
        assert int(root.get(attribute, "")) == sum(int(s.get(attribute, "")) for s in root)
    assert int(root.get("tests", "")) == len(list(root.iter("testcase")))


def test_a_contradicting_go_is_refused() -> None:
    """A GO with a problem is not written as green."""
    bad = samples.go().model_copy(update={"problems": (Problem(what="x"),)})
    with pytest.raises(ReportError):
        render_junit(bad)


def test_folders_of_the_machine_do_not_appear() -> None:
    """Absolute paths in messages lose the part that tells where the run took place."""
    verdict = samples.verdict(
        {"TLS-001": Outcome.FAILED},
        message=f"see {Path.cwd()}/suites/tls/x.py and {Path.home()}/y and /api/z",
    )
    text = render_junit(verdict)
    assert f"{Path.cwd()}/" not in text
    assert f"{Path.home()}/" not in text
    assert "suites/tls/x.py" in text
    assert "/api/z" in text


def test_a_second_try_is_visible_and_counts_once() -> None:
    """A case that passed at the second try is green, with the first try in its output."""
    verdict = samples.go()
    check = verdict.checks[0]
    first = CaseResult(check=check.spec.id, case=check.cases[0].case, outcome=Outcome.INCONCLUSIVE, message="gone")
    again = check.cases[0].model_copy(update={"attempt": 2})
    retried = check.model_copy(update={"cases": (first, again, *check.cases[1:])})
    verdict = verdict.model_copy(update={"checks": (retried, *verdict.checks[1:])})
    root = ET.fromstring(render_junit(verdict))
    assert root.get("errors") == "0"
    assert [out.text for out in root.iter("system-out")] == ["try 1: inconclusive gone"]


def test_a_thousand_cases_are_quick() -> None:
    """1,000 checks are written in less than five seconds."""
    verdict = samples.many(1000)
    began = time.monotonic()
    assert len(list(ET.fromstring(render_junit(verdict)).iter("testcase"))) == 1001
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", [*samples.SAMPLES, "go_with_waiver", "waiver_expired"])
def test_gitlab_shows_every_case_with_its_text(name: str) -> None:
    """GitLab reads XML as Rails does, where a `type` such as `string` or `file` means conversion, and drops doubles."""
    root = ET.fromstring(render_junit(pages.PAGES[name]()))
    converted = (
        "symbol date datetime duration integer float decimal boolean string yaml base64Binary hexBinary file array"
    )
    assert root.tag == "testsuites"
    assert [mark.get("type") for mark in root.iter() if mark.get("type") in converted.split()] == []
    for mark in (*root.iter("failure"), *root.iter("error")):
        assert mark.text or mark.get("message")
    cases = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(cases) == len(set(cases)) > 0
