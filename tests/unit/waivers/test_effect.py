"""What a waiver does to a verdict: it accepts one exact failure for a bounded time, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.model import Decision, Outcome, Problem, Promise, Severity, Verdict, Waiver, WaiverState
from stagehold.waivers import GRACE, LIFETIME, MOST_ACTIVE, deviation_of, stable
from tests.unit.waivers.people import NOW, SEEN, failed, judge, outcome, spec, waiver


def state(verdict: Verdict, name: str = "W-1") -> WaiverState:
    return next(result.state for result in verdict.waivers if result.waiver.id == name)


def note(verdict: Verdict, name: str = "W-1") -> str:
    return next(result.note for result in verdict.waivers if result.waiver.id == name)


def test_an_accepted_failure_is_go_with_a_waiver() -> None:
    """GO, and the headline says so; the check stays failed, its sentence is waived, the decision has an end."""
    verdict = judge([failed()], waiver())

    assert verdict.decision is Decision.GO
    assert verdict.headline.startswith(
        "GO with 1 waiver, valid until 2026-12-01 00:00 UTC: 1 check failed and accepted"
    )
    assert verdict.valid_until == "2026-12-01T00:00:00Z"
    check = next(check for check in verdict.checks if check.spec.id == "NET-001")
    assert (check.outcome, check.waived, check.waivers) == (Outcome.FAILED, True, ("W-1",))
    assert check.cases[0].waiver == "W-1"
    assert [item.state for item in verdict.commitments] == [Promise.WAIVED, Promise.KEPT]
    assert (state(verdict), note(verdict)) == (WaiverState.IN_FORCE, "7 days left")
    assert verdict.waivers[0].commitments == ("S09",)


def test_without_a_waiver_the_same_failure_blocks() -> None:
    """The twin."""
    assert judge([failed()]).decision is Decision.NO_GO


@pytest.mark.parametrize(
    ("changes", "now", "words"),
    [
        ({"expires": "2026-11-20T12:00:00Z", "created": "2026-11-01"}, NOW, "expired 3 days ago (owner team-network)"),
        ({"expires": "2026-11-23T12:00:00Z"}, NOW, "expired 0 hours ago (owner team-network)"),
        ({"expires": "2026-11-23T10:30:00Z"}, NOW, "expired 1 hour ago (owner team-network)"),
    ],
    ids=["days", "this very moment", "hours"],
)
def test_an_expired_waiver_accepts_nothing_and_is_named_first(
    changes: dict[str, Any], now: datetime, words: str
) -> None:
    """The failure blocks, headed by the waiver, how long ago it ended, and who answers for it."""
    verdict = judge([failed()], waiver(**changes), now=now)

    assert verdict.decision is Decision.NO_GO
    assert verdict.reasons[0].startswith(f"NET-001 failed: Waiver W-1 {words}: {SEEN}")
    assert state(verdict) is WaiverState.EXPIRED
    assert verdict.valid_until == ""


def test_a_waiver_that_does_not_begin_yet_accepts_nothing() -> None:
    """One day early is as good as none."""
    assert judge([failed()], waiver(created="2026-11-24")).decision is Decision.NO_GO


def test_without_a_clock_no_waiver_is_in_force() -> None:
    """A caller that forgets the time gets a block, not a pass."""
    assert judge([failed()], waiver(), now=None).decision is Decision.NO_GO


@pytest.mark.parametrize(
    "observed",
    [
        "open: 10.0.0.1 port 9101",
        "open: 10.0.0.1 port 9100, 10.0.0.2 port 9100",
        "open: 10.0.0.1 port 910",
        "",
        "*",
    ],
)
def test_another_deviation_of_the_same_case_blocks(observed: str) -> None:
    """One more port, another port, a prefix, nothing, everything: none of it was accepted."""
    verdict = judge([failed(observed=observed or "no words")], waiver())

    assert verdict.decision is Decision.NO_GO
    assert state(verdict) is WaiverState.UNUSED
    assert note(verdict).startswith("it fails otherwise than was accepted: ")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("shc-0a1b2c-3d", "shc-ffee99", True),
        ("at 2026-11-23T12:00:00.123Z", "at 2026-11-24 09:30:00+01:00", True),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id 00000000-0000-0000-0000-000000000000", True),
        ("object at 0x7f1a33e28720", "object at 0x7f1a33e28999", True),
        ("two\n  lines", "two lines", True),
        ("port 9100", "port 9090", False),
        ("300 ms", "900 ms", False),
        ("TLS 1.0", "TLS 1.1", False),
        ("open", "Open", False),
        ("a\u202eb", "ab", False),
    ],
)
def test_only_what_is_made_anew_in_every_run_is_left_out(first: str, second: str, same: bool) -> None:
    """Canaries, moments, UUIDs, addresses and line breaks do not matter; numbers, versions and letters do."""
    assert (stable(first) == stable(second)) is same
    assert (judge([failed(observed=second)], waiver(observed=first)).decision is Decision.GO) is same


def test_a_waiver_names_what_is_shown() -> None:
    """The deviation is the observation and the message, once; a check can word it itself."""
    told = failed().model_copy(update={"message": "9100 answers"})

    assert deviation_of(told) == f"{SEEN}; 9100 answers"
    assert deviation_of(told.model_copy(update={"message": SEEN})) == SEEN
    assert deviation_of(told.model_copy(update={"deviation": "slow:\n p95 above 300 ms"})) == "slow: p95 above 300 ms"


@pytest.mark.parametrize("bad", [Outcome.INCONCLUSIVE, Outcome.NOT_RUN])
def test_what_could_not_be_decided_is_never_accepted(bad: Outcome) -> None:
    """An accepted failure is measured; a tool error is none, whatever the waiver says."""
    verdict = judge([outcome(bad)], waiver(observed=f"because {bad}"))

    assert verdict.decision is Decision.INCONCLUSIVE
    assert verdict.checks[0].waived is False
    assert "only a failure can be accepted" in note(verdict)


@pytest.mark.parametrize("bad", [Outcome.INCONCLUSIVE, Outcome.NOT_RUN, Outcome.FAILED])
def test_every_case_must_be_accepted(bad: Outcome) -> None:
    """A waiver for one case does nothing for another that failed or could not be decided."""
    verdict = judge([failed(case="a"), outcome(bad, case="b")], waiver(case="a"), cases=("a", "b"))

    assert verdict.decision is Decision.NO_GO
    assert verdict.checks[0].waived is False
    assert "blocks all the same" in note(verdict)


def test_every_try_must_be_accepted() -> None:
    """A case that failed in two ways is accepted in one of them only."""
    verdict = judge([failed(), failed(observed="open: 10.0.0.1 port 22", attempt=2)], waiver())

    assert verdict.decision is Decision.NO_GO


def test_a_waived_check_does_not_carry_what_requires_it() -> None:
    """Who needs a working login cannot be decided without one, waiver or not."""
    second = spec("NET-002", requires=("NET-001",))
    verdict = judge([failed(), outcome(Outcome.PASSED, "NET-002")], waiver(), specs=[spec(), second])

    assert verdict.decision is Decision.INCONCLUSIVE


def test_a_lane_cannot_waive_itself() -> None:
    """A waiver's id in a recorded result means nothing."""
    assert judge([failed().model_copy(update={"waiver": "W-1"})]).decision is Decision.NO_GO


@pytest.mark.parametrize(
    ("age", "decision"),
    [
        (timedelta(days=3), Decision.GO),
        (GRACE - timedelta(seconds=1), Decision.GO),
        (GRACE, Decision.INCONCLUSIVE),
        (timedelta(days=40), Decision.INCONCLUSIVE),
    ],
)
def test_a_waiver_that_nothing_needs_warns_first_and_blocks_then(age: timedelta, decision: Decision) -> None:
    """Repaired: it is to be removed, at the latest fourteen days after it was created, expired or not."""
    created = (NOW - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    verdict = judge(
        [outcome(Outcome.PASSED)],
        waiver(created=created, expires="2026-12-01T00:00:00Z" if age < GRACE * 2 else "2026-11-01T00:00:00Z"),
    )

    assert verdict.decision is decision
    assert "the case is passed now: remove the waiver" in note(verdict)
    if decision is Decision.GO:
        assert "on it blocks" in note(verdict)
        assert verdict.valid_until == ""
    else:
        assert "accepts nothing any more" in verdict.reasons[0]
        assert verdict.problems[0].remedy.startswith("Remove it from waivers.yaml")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"check": "NET-009"}, "names NET-009, which is not among the checks of this run"),
        ({"case": "edge"}, "names the case 'edge' of NET-001, whose cases are: the check itself"),
    ],
)
def test_a_waiver_of_what_does_not_exist_blocks(changes: dict[str, Any], words: str) -> None:
    """A check or case that is gone is no failure accepted: whoever signed it must look again."""
    verdict = judge([outcome(Outcome.PASSED)], waiver(**changes))

    assert verdict.decision is Decision.INCONCLUSIVE
    assert words in verdict.reasons[0]


UNLAWFUL: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "longer than low risk allows": ({"expires": "2027-02-19T00:00:01Z"}, {}, "low risk lasts at most 90 days"),
    "longer than medium": ({"risk": "medium", "expires": "2026-12-21T00:00:00Z"}, {}, "at most 30 days"),
    "longer than high": ({"risk": "high", "expires": "2026-11-28T00:00:00Z"}, {}, "at most 7 days"),
    "ends before it begins": ({"expires": "2026-11-20T00:00:00Z"}, {}, "does not come after `created`"),
    "its author approved": ({"approved_by": " ada  BERG "}, {}, "is the author"),
    "the author approved second": ({"approved_also_by": "Ada Berg"}, {}, "a third person must approve"),
    "one person approved twice": ({"approved_also_by": "jon holm"}, {}, "a third person must approve"),
    "any failure": ({"observed": " * "}, {}, "a waiver accepts one exact deviation"),
    "the build itself": ({}, {"proves": ("release-identity", "declared-exposure")}, "can never be waived"),
    "isolation at low risk": (
        {},
        {"severity": Severity.BLOCKER, "proves": ("tenant-isolation",)},
        "its risk is high",
    ),
    "isolation with one approver": (
        {"risk": "high", "expires": "2026-11-25T00:00:00Z"},
        {"severity": Severity.BLOCKER, "proves": ("role-separation",)},
        "it needs a second approver",
    ),
}


@pytest.mark.parametrize(("changes", "check", "words"), UNLAWFUL.values(), ids=UNLAWFUL)
def test_a_waiver_that_may_not_be_blocks_whoever_passes_it_in(
    changes: dict[str, Any], check: dict[str, Any], words: str
) -> None:
    """The rules hold in the verdict itself, not only where the file is read."""
    verdict = judge([failed()], waiver(**changes), specs=[spec(**check)])

    assert verdict.decision is Decision.NO_GO
    assert any(words in reason for reason in verdict.reasons), verdict.reasons
    assert verdict.checks[0].waived is False


@pytest.mark.parametrize("guarded", ["tenant-isolation", "role-separation", "personal-data-isolation"])
def test_a_blocker_of_access_control_needs_high_risk_and_two_approvers(guarded: str) -> None:
    """With both it is accepted for a week at most."""
    check = spec("ACC-001", severity=Severity.BLOCKER, proves=(guarded,))
    given = waiver(
        check="ACC-001", risk="high", expires="2026-11-27T00:00:00Z", approved_also_by="Mia Voss"
    )  # fmt: skip

    assert judge([failed("ACC-001")], given, specs=[check]).decision is Decision.GO
    assert judge([failed("ACC-001")], given.model_copy(update={"approved_also_by": ""}), specs=[check]).decision is (
        Decision.NO_GO
    )


def many(count: int, **changes: object) -> tuple[list[str], list[Waiver]]:
    cases = [f"case-{number}" for number in range(count)]
    return cases, [waiver(f"W-{number}", case=case, **changes) for number, case in enumerate(cases)]


@pytest.mark.parametrize(
    ("count", "changes", "decision"),
    [
        (MOST_ACTIVE, {}, Decision.GO),
        (MOST_ACTIVE + 1, {}, Decision.NO_GO),
        (1, {"risk": "high", "expires": "2026-11-26T00:00:00Z"}, Decision.GO),
        (2, {"risk": "high", "expires": "2026-11-26T00:00:00Z"}, Decision.NO_GO),
    ],
)
def test_too_many_waivers_refuse_the_release(count: int, changes: dict[str, Any], decision: Decision) -> None:
    """Five at once, one of high risk: beyond that the exception has become the rule."""
    cases, waivers = many(count, **changes)
    verdict = judge([failed(case=case) for case in cases], *waivers, cases=cases)

    assert verdict.decision is decision
    assert any("active at once" in reason for reason in verdict.reasons) is (decision is Decision.NO_GO)


def test_the_decision_ends_with_the_first_waiver_it_rests_on() -> None:
    """The earliest expiry counts, and only of waivers that accept something."""
    cases, waivers = many(3)
    waivers[1] = waivers[1].model_copy(update={"expires": "2026-11-25T00:00:00Z"})
    waivers[2] = waivers[2].model_copy(update={"expires": "2026-11-24T00:00:00Z"})
    recorded = [failed(case=cases[0]), failed(case=cases[1]), outcome(Outcome.PASSED, case=cases[2])]

    assert judge(recorded, *waivers, cases=cases).valid_until == "2026-11-25T00:00:00Z"


def test_no_waiver_covers_a_problem_of_the_run() -> None:
    """A killed lane, a leak, a damaged log are no checks: they block beside an accepted failure."""
    verdict = judge([failed()], waiver(), problems=[Problem(what="a secret was found", leak=True)])

    assert verdict.decision is Decision.NO_GO
    assert verdict.valid_until == ""


OUTCOMES = st.sampled_from(list(Outcome))


@settings(max_examples=60)
@given(
    first=OUTCOMES, second=OUTCOMES, accepted=st.sampled_from(["a", "b", ""]), age=st.integers(-100, 100),
    life=st.integers(-5, 120), risk=st.sampled_from(list(LIFETIME)),
)  # fmt: skip
def test_a_waiver_never_opens_more_than_it_accepts(
    first: Outcome, second: Outcome, accepted: str, age: int, life: int, risk: object
) -> None:
    """Whatever came out: GO with it is GO without, or the one failure there is was accepted and the waiver in force."""
    created = NOW - timedelta(days=age)
    given = waiver(
        case=accepted, risk=risk, created=created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        expires=(created + timedelta(days=life)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )  # fmt: skip
    recorded = [
        failed(case=case) if result is Outcome.FAILED else outcome(result, case=case)
        for case, result in (("a", first), ("b", second))
    ]

    with_it = judge(recorded, given, cases=("a", "b")).decision
    without = judge(recorded, cases=("a", "b")).decision

    if with_it is Decision.GO and without is not Decision.GO:
        failing = {case for case, result in (("a", first), ("b", second)) if result is Outcome.FAILED}
        assert failing == {accepted}
        assert 0 <= age < life <= LIFETIME[given.risk].days
        assert {first, second} <= {Outcome.FAILED, Outcome.PASSED, Outcome.UNCOVERED, Outcome.NOT_APPLICABLE}


def test_moments_are_utc() -> None:
    """A date alone begins at midnight UTC."""
    assert waiver(created="2026-11-20").created == "2026-11-20T00:00:00Z"
    assert judge([failed()], waiver(), now=datetime(2026, 11, 20, tzinfo=UTC)).decision is Decision.GO
