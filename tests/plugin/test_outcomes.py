"""What becomes of a check, by running pytest for real: one lane with one check for every way to end."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagehold.gate.collecting import pytest_command
from stagehold.model import Outcome
from stagehold.surroundings import scrubbed_environment
from tests.plugin.conftest import ENVIRONMENT

RunChecks = Callable[..., Any]

WAYS = '''
@claim("AAA-001")
def test_returns(): """Returns."""

@claim("AAA-002")
def test_asserts():
    """Asserts."""
    assert 1 == 2, "one is not two"

@claim("AAA-003")
def test_probe_breaks():
    """The probe cannot observe."""
    raise ProbeError("no answer")

@claim("AAA-004")
def test_crashes():
    """Crashes."""
    raise ZeroDivisionError("oops")

@claim("AAA-005")
def test_skips():
    """Skips itself."""
    pytest.skip("not today")

@claim("AAA-006")
@pytest.mark.skip(reason="never")
def test_is_skipped(): """Is skipped by a mark."""

@claim("AAA-007")
@pytest.mark.xfail(reason="known")
def test_expected_failure():
    """Fails as expected."""
    assert False

@claim("AAA-008")
@pytest.mark.xfail(reason="known", strict=False)
def test_unexpected_pass(): """Passes although it was expected to fail."""

@pytest.fixture
def asserting():
    assert False, "in a fixture"

@claim("AAA-009")
def test_fixture_asserts(asserting): """Its fixture asserts."""

@pytest.fixture
def breaks_afterwards():
    yield
    raise RuntimeError("could not clean up")

@claim("AAA-010")
def test_teardown_breaks(breaks_afterwards): """Its fixture breaks afterwards."""

@claim("AAA-011")
def test_uncovered():
    """Finds its input missing."""
    raise Uncovered("needs a thing")

@claim("AAA-012")
def test_not_applicable():
    """Observes that the claim does not concern the target."""
    raise NotApplicable("an opaque token")

@claim("AAA-013", needs=["policy.lockout"])
def test_needs(): """Needs what is not configured."""

@claim("AAA-014", traffic="intrusive")
def test_no_consent(): """Sends what nobody consented to."""

@claim("AAA-015")
def test_over_hosts(exposed_host): """Runs over hosts, of which none is declared."""

@claim("AAA-016")
def test_over_targets(target):
    """Runs over targets."""
    assert target

@claim("AAA-017")
def test_pytest_fail():
    """Fails by pytest.fail."""
    pytest.fail("says so")

@claim("AAA-018")
def test_exits():
    """Calls sys.exit."""
    raise SystemExit(0)

@claim("AAA-019")
def test_fails_and_teardown_breaks(breaks_afterwards):
    """Fails, and its fixture breaks afterwards."""
    assert False, "first of all"

@claim("AAA-020")
def test_answers_instead_of_asserting():
    """Returns what was meant to be asserted."""
    return 1 == 2

@claim("AAA-021")
def test_message_is_no_unicode():
    """Tells half a character, as an answer may hold it."""
    assert False, "half \\ud800 a character"
'''

EXPECTED = {
    "AAA-001": (Outcome.INCONCLUSIVE, "it asserted nothing"),
    "AAA-002": (Outcome.FAILED, "one is not two"),
    "AAA-003": (Outcome.INCONCLUSIVE, "no answer"),
    "AAA-004": (Outcome.INCONCLUSIVE, "ZeroDivisionError: oops"),
    "AAA-005": (Outcome.INCONCLUSIVE, "skipped: not today"),
    "AAA-006": (Outcome.INCONCLUSIVE, "skipped: never"),
    "AAA-007": (Outcome.INCONCLUSIVE, "xfail"),
    "AAA-008": (Outcome.INCONCLUSIVE, "xfail"),
    "AAA-009": (Outcome.INCONCLUSIVE, "in a fixture"),
    "AAA-010": (Outcome.INCONCLUSIVE, "could not clean up"),
    "AAA-011": (Outcome.UNCOVERED, "needs a thing"),
    "AAA-012": (Outcome.NOT_APPLICABLE, "an opaque token"),
    "AAA-013": (Outcome.UNCOVERED, "policy.lockout"),
    "AAA-014": (Outcome.UNCOVERED, "intrusive"),
    "AAA-015": (Outcome.UNCOVERED, "hosts"),
    "AAA-016": (Outcome.PASSED, ""),
    "AAA-017": (Outcome.FAILED, "says so"),
    "AAA-018": (Outcome.INCONCLUSIVE, "SystemExit"),
    "AAA-019": (Outcome.FAILED, "first of all"),
    "AAA-020": (Outcome.INCONCLUSIVE, "should return None"),
    "AAA-021": (Outcome.FAILED, "half \\ud800 a character"),
}


def test_every_way_to_end_has_its_outcome(run_checks: RunChecks) -> None:
    """Checks assert, probes raise; skips, xfails and crashes never count as passed."""
    run = run_checks(ways=WAYS)

    seen = {check_id: (result.outcome, result.reason) for check_id, result in run.checks.items()}
    assert {check_id: outcome for check_id, (outcome, _) in seen.items()} == {
        check_id: outcome for check_id, (outcome, _) in EXPECTED.items()
    }
    for check_id, (_, text) in EXPECTED.items():
        assert text in seen[check_id][1], check_id


def test_one_outcome_is_recorded_per_case(run_checks: RunChecks) -> None:
    """A check over two targets leaves two records, with the targets' names as case ids."""
    run = run_checks(ways='@claim("AAA-016")\ndef test_over_targets(target): """Runs over targets."""\n')

    assert sorted(result.case for result in run.recorded.cases) == ["api", "web"]


@pytest.mark.parametrize(
    ("how", "deadline"),
    [("os._exit(0)", 60), ("os.kill(os.getpid(), signal.SIGKILL)", 60), ("time.sleep(120)", 12)],
    ids=["exits 0", "is killed", "hangs"],
)
def test_a_lane_that_dies_takes_only_its_own_checks_down(run_checks: RunChecks, how: str, deadline: float) -> None:
    """Whatever ends one lane, its checks are not run and the other lane's are judged."""
    run = run_checks(
        deadline=deadline,
        bad=f'@claim("BAD-001")\ndef test_dies():\n    """Dies."""\n    {how}\n\n'
        '@claim("BAD-002")\ndef test_after(): """Comes after."""\n',
        good='@claim("AAA-001")\ndef test_holds():\n    """Holds."""\n    assert time.time() > 1\n',
    )

    outcomes = {check_id: result.outcome for check_id, result in run.checks.items()}
    assert outcomes == {"AAA-001": Outcome.PASSED, "BAD-001": Outcome.NOT_RUN, "BAD-002": Outcome.NOT_RUN}
    assert {event["suite"] for event in run.recorded.of("lane_finished")} == {"good"}
    assert {event["suite"] for event in run.recorded.of("lane_started")} == {"good", "bad"}


def test_a_lane_that_starts_after_its_gate_is_gone_ends_itself(
    prepare: Callable[..., tuple[Path, dict[str, Path]]],
) -> None:
    """A gate may be killed while a lane is still importing: the lane must not go on sending for nobody."""
    run, suites = prepare(own='@claim("AAA-001")\ndef test_waits():\n    """Waits."""\n    time.sleep(60)\n')
    context = json.loads((run / "context.json").read_text(encoding="utf-8"))
    gone = subprocess.Popen(["true"])
    gone.wait()
    (run / "context.json").write_text(json.dumps(context | {"gate_pid": gone.pid}), encoding="utf-8")

    begin = time.monotonic()
    lane = subprocess.Popen(
        pytest_command(list(suites.values()), run), env=scrubbed_environment(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        lane.wait(30)
    finally:
        if lane.poll() is None:
            os.killpg(lane.pid, 9)
            lane.wait()

    assert time.monotonic() - begin < 30


def test_cases_of_like_names_keep_their_own_evidence(run_checks: RunChecks) -> None:
    """`a_b` and `a-b` would be the same file name; neither overwrites what the other saw."""
    run = run_checks(
        own='@claim("AAA-001")\n@pytest.mark.parametrize("name", ["a_b", "a-b", "a b"])\n'
        'def test_saves(name, evidence):\n    """Saves what it saw."""\n    evidence.text("seen", name)\n'
    )

    saved = {case.case: (run.folder / case.evidence[0].path).read_text() for case in run.recorded.cases}
    assert saved == {"a_b": "a_b", "a-b": "a-b", "a b": "a b"}


SECRETIVE = (
    ENVIRONMENT
    + """
flows:
  web: {kind: basic, target: web, whoami: {path: /me, user: /name}}
accounts:
  - {alias: a, flow: web, user: anna, password_ref: "file:password"}
"""
)
TALKS = '''
import base64

@claim("AAA-001")
def test_talks(sessions, evidence):
    """Tells what it should not, in a suite that knows the secret because it may sign in."""
    secret = "k3y & \\"quote\\" /x"
    evidence.text("seen", f"password={secret}")
    evidence.json("seen", {"sent": secret, "basic": base64.b64encode(f"anna:{secret}".encode()).decode()})
    evidence.compare(expected="silence", observed=secret)
    assert not secret, f"got {secret}"
'''


def test_no_password_is_written_anywhere(run_checks: RunChecks, tmp_path: Path) -> None:
    """Whoever tells a password, in evidence, message or traceback, it does not reach the run's records."""
    secret = 'k3y & "quote" /x'
    (tmp_path / "password").write_text(secret, encoding="utf-8")

    run = run_checks(SECRETIVE, own=TALKS)

    assert run.checks["AAA-001"].outcome is Outcome.FAILED
    assert run.checks["AAA-001"].reason == "got [redacted:accounts.a.password]"
    encoded = (secret, json.dumps(secret)[1:-1], base64.b64encode(f"anna:{secret}".encode()).decode())
    for path in (run.folder / "events.jsonl", *(run.folder / "evidence").rglob("*")):
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        assert not [form for form in encoded if form in text], path.name


SPIES = """
import os
from stagehold.redaction.registry import KNOWN

def known():
    return os.environ.get("B_PASSWORD"), len(KNOWN)
"""
MAY_SIGN_IN = """
@claim("AAA-001")
def test_may(sessions):
    \"\"\"Names a fixture that signs in.\"\"\"
    variable, registered = known()
    assert variable == "correct horse 7"
    assert registered > 0
"""
MAY_NOT = """
@claim("BBB-001")
def test_may_not():
    \"\"\"Names none.\"\"\"
    assert known() == (None, 0)

@claim("BBB-002")
def test_asks_all_the_same(request):
    \"\"\"Asks for one when it runs.\"\"\"
    assert request.getfixturevalue("sessions") is None
"""


def test_secrets_reach_only_suites_that_sign_in(run_checks: RunChecks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite whose checks name no fixture that signs in gets no variable with a secret, and is told why it cannot."""
    monkeypatch.setenv("B_PASSWORD", "correct horse 7")
    environment = SECRETIVE.replace("file:password", "env:B_PASSWORD")

    run = run_checks(environment, may=SPIES + MAY_SIGN_IN, maynot=SPIES + MAY_NOT)

    assert run.checks["AAA-001"].outcome is Outcome.PASSED, run.checks["AAA-001"].reason
    assert run.checks["BBB-001"].outcome is Outcome.PASSED, run.checks["BBB-001"].reason
    assert run.checks["BBB-002"].outcome is Outcome.INCONCLUSIVE
    assert "was given no secrets" in run.checks["BBB-002"].reason
