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

    The account logs in through the page and does the declared steps by labels and accessible names. The declared
    result is then read by API in another session; a result that names this run's canary must not hold beforehand.
    A step that cannot be done is a failure; an unreachable target, a lost browser or rate limiting is
    inconclusive. What breaks without keeping anybody from the result is FUN-003's. Sources: WSTG-BUSL-06, ASVS 2.3.1.
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


@check(
    "FUN-003",
    severity="critical",
    proves=["working-journeys"],
    why="People get there, but something broke on the way: what they do not see today is what fails them next.",
    remedy="Look for the request or the script that the message names; the service's log has the other side of it.",
    requires=["FUN-002"],
    needs=["journeys"],
    defects=["page-script-throws"],
    traffic="canary-write",
)
def test_nothing_breaks_on_the_way(journey_run, evidence):
    """While people do it, no server error is answered, no page throws an uncaught error and no request fails.

    Heard on the very walk that FUN-002 judges, the login included, on every page that opened. Requests are those to
    what the environment declares: a 5xx, no answer, or an error status for a script or a style sheet. Requests that
    the browser gave up itself (a prefetch, a page that was left), the icon nobody names, and hosts that are not the
    environment's are no trouble, nor is what pages write to the console; all are listed. A page error is
    inconclusive where scripts or data of an undeclared host were kept from the pages, because that may be its
    cause; so is a journey that was not walked to its end. Sources: ASVS 16.5.4; WSTG-ERRH-01.
    """
    seen = journey_run.seen
    rows = [(t.kind, t.page, t.what, t.times, "counts") for t in seen.certain]
    rows += [(t.kind, t.page, t.what, t.times, "in doubt") for t in seen.doubtful]
    rows += [(t.kind, t.page, t.what, t.times, "does not count") for t in seen.spared]
    rows += [("kept out", "", host, "", "not declared") for host in seen.kept_out]
    evidence.table("what broke on the way", ["kind", "page", "what", "times", "judged"], rows)
    if seen.troubles and journey_run.picture is not None:
        evidence.png("the last page", journey_run.picture)
    evidence.compare(
        expected=f"nothing breaks in the {len(journey_run.steps)} steps of {journey_run.journey.name}",
        observed="; ".join(map(str, seen.troubles)) or f"nothing in {journey_run.done} steps",
        deviation="; ".join(sorted({trouble.lasting for trouble in seen.certain})),
    )

    assert not seen.certain, f"journey {journey_run.journey.name}: {'; '.join(map(str, seen.certain))}"
    journey_run.require_whole()
