"""The service carries the load it was built for."""

from stagehold import ProbeError, check


@check(
    "LOD-001",
    severity="critical",
    core=True,
    proves=["service-capacity"],
    needs=["slo", "load"],
    traffic="intrusive",
    why="At month's end the service is too slow or fails for everybody.",
    remedy="Find the slow or failing operation in the table of requests; profile it at the declared rate.",
    defects=["slow-endpoint"],
)
def test_declared_load_is_carried(load_test, evidence):
    """At the declared load every kind of request is answered right and within its limit.

    Requests leave on a schedule that never waits for answers, and latency counts from the instant a request
    was due, so that a stall cannot hide. Every answer must have the declared status and hold the declared
    text; what does not, or was not answered at all, counts as slower than every limit. An objective passes
    when the exact one-sided 95 % bound (Clopper-Pearson, deflated for bursts) of the bad share is inside it.
    Inconclusive: a load generator that was late, overloaded, incomplete or lost a worker; too few requests to
    decide. Sources: ASVS 15.2.2; Schroeder et al., "Open Versus Closed" (NSDI 2006).
    """
    load_test.attach(evidence)
    evidence.compare(expected=load_test.expected, observed=load_test.observed)
    evidence.reproduce("stagehold check ENVIRONMENT LOD-001")
    assert not load_test.wrong, "; ".join(load_test.wrong)
    if load_test.undecided:
        raise ProbeError("; ".join(load_test.undecided))
