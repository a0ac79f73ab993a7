"""Whether people have looked at the firewall: what they approved, and how long ago it was tested."""

import datetime as dt

from stagehold import check


@check(
    "NET-012",
    severity="normal",
    proves=["firewall-verified"],
    why="A port that somebody opened and declared in one go was never seen by whoever answers for the firewall.",
    remedy="Review the run's ports-proposal.yaml, name the approver in it, and make it the file of `baselines.ports`.",
    needs=["hosts", "vantage.external", "baselines.ports"],
    defects=["port-opened-without-approval"],
    traffic="intrusive",
)
def test_open_ports_are_the_approved_ones(port_matrix, evidence):
    """What is open, for whom, is what was approved.

    The TCP matrix of all hosts and vantages, seen in this run, against the reviewed file of `baselines.ports`, which
    names its approver and the digest of its matrix. A port that contradicts the description as well is reported by
    NET-001 to NET-007 and not again here. Inconclusive while any scan is, and where nobody approved what stands in the
    file. Sources: PCI DSS 1.2.7, ASVS 13.1.1.
    """
    columns = ("vantage", "host", "address", "seen open", "approved")
    evidence.table("port matrix", columns, port_matrix.rows())
    approval, differences = port_matrix.approval, port_matrix.differences()
    evidence.compare(
        expected=f"as approved by {approval.approved_by} on {approval.approved_on} ({approval.digest})",
        observed="; ".join(differences) or f"the same, as far as it is as declared ({port_matrix.digest})",
    )

    assert not differences, f"not as approved: {'; '.join(differences)}"


@check(
    "NET-013",
    severity="critical",
    proves=["firewall-verified"],
    why="A firewall that was right once is changed by people every week; only a test tells whether it still is.",
    remedy="Run the ports suite regularly and append each run's firewall-test.json to the ledger.",
    needs=["hosts", "evidence.firewall_tests"],
    core=True,
    defects=["firewall-tests-neglected"],
    traffic="evidence",
)
def test_firewall_was_tested_lately(last_firewall_test, environment, evidence):
    """A complete test of the firewall from outside was finished within the declared interval, before this run.

    The newest entry of the ledger that is of this environment, from outside, of every declared host, and complete:
    a test with a gap does not count. Inconclusive when the ledger cannot be read, or holds tests of the future.
    Sources: PCI DSS 11.3.2, the statement.
    """
    described = environment.evidence.firewall_tests
    allowed = dt.timedelta(days=described.interval_days)
    expected = f"a complete test of all hosts within {described.interval_days} days"
    if last_firewall_test is None:
        evidence.compare(expected=expected, observed=f"{described.file} holds none")
    else:
        evidence.json("last test", last_firewall_test.model_dump(mode="json", by_alias=True))
        age = dt.datetime.now(dt.UTC) - last_firewall_test.finished
        late = age > allowed
        evidence.compare(
            expected=expected,
            observed=f"the last one was {age.days} days ago, on {last_firewall_test.finished:%Y-%m-%d %H:%M} UTC",
            deviation="the last complete test is too old" if late else "",
        )

    assert last_firewall_test is not None, f"{described.file} holds no complete test of all hosts from outside"
    assert dt.datetime.now(dt.UTC) - last_firewall_test.finished <= allowed, (
        f"the last complete test of the firewall was on {last_firewall_test.finished:%Y-%m-%d}, "
        f"more than {described.interval_days} days ago"
    )
