"""What people do every day works."""

from __future__ import annotations

from stagehold import check


@check(
    "FUN-002",
    severity="blocker",
    proves=["working-journeys"],
    why="What people do every day does not work, or only seems to.",
    remedy="Follow the screenshot and the step named in the message; mend the page or the handler behind it.",
    requires=["AUT-001"],
    needs=["journeys"],
    defects=["approve-handler-broken"],
    traffic="canary-write",
)
def test_journey_completes_with_its_result(journey_run, evidence):
    """A person completes the journey in a real browser, and its result is there afterwards.

    The account logs in through the page and does the declared steps by labels and accessible names. No
    response on the way may be a server error. The declared result is then read by API in another session; a
    result that names this run's canary must not hold beforehand. A step that cannot be done is a failure; an
    unreachable target, a lost browser or rate limiting is inconclusive. Sources: WSTG-BUSL-06, ASVS 2.3.1.
    """
    run = journey_run
    states = ["done"] * run.done + ["stuck"] * bool(run.stuck)
    states += ["not reached"] * (len(run.steps) - len(states))
    evidence.table(
        "steps", ["step", "what", "state"], zip(range(1, len(run.steps) + 1), run.steps, states, strict=True)
    )
    if run.result:
        evidence.text("result", run.result)
    if run.picture is not None:
        evidence.png("screenshot", run.picture)
    if run.trace is not None:
        evidence.file("trace", run.trace, "application/zip", "zip")
    expected = f"all {len(run.steps)} steps of {run.journey.name} are done"
    if run.journey.result is not None:
        expected += f" and {run.journey.result.path} holds {run.journey.result.contains!r}"
    observed = "; ".join(run.problems) or f"{run.done} steps done; {run.result or 'no result declared'}"
    evidence.compare(expected=expected, observed=observed)

    assert not run.problems, f"journey {run.journey.name}: {'; '.join(run.problems)}"
