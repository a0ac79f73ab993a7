"""Whether the way around the CDN or the web application firewall is closed."""

from stagehold import check


@check(
    "NET-011",
    severity="critical",
    proves=["declared-exposure", "firewall-verified"],
    why="Whoever finds the origin's address attacks it past every rule and limit of what stands before it.",
    remedy="Let the origin's firewall admit the CDN's addresses only, or make it ask for the CDN's client certificate.",
    needs=["targets[].origin_addresses"],
    defects=["origin-open"],
)
def test_origins_refuse_direct_requests(origins, evidence):
    """The origins behind a declared CDN or firewall refuse direct requests that carry the public name.

    Each of `origin_addresses` is connected to on the target's ports, plain HTTP too, and asked for the start page, the
    pages of declared flows and a path that does not exist, with the public name as SNI and Host. Refused and unanswered
    connections, refused handshakes, closed connections and one and the same client error for every path are refusals;
    any other answer fails, redirects included. The public address must answer meanwhile. Faults, limits, timeouts
    after a connection, an address without a route and a service that refuses everybody are inconclusive. Addresses that
    are not declared are not found: without any the check is not configured.
    Sources: WSTG-CONF-01, RFC 9110 section 7.4, CWE-693.
    """
    rows = [
        (str(item.origin), a.asked.path, str(a), a.value("location")) for item in origins.seen for a in item.answers
    ]
    rows += [(str(item.origin), "", item.closed or item.problem, "") for item in origins.seen if not item.answers]
    evidence.table("direct requests", ("origin", "path", "answer", "leads to"), rows)
    wrong = origins.wrong
    evidence.compare(
        expected="no answer but refusals",
        observed="; ".join(wrong) or "; ".join(item.summary for item in origins.seen) or "nothing was seen",
    )
    if origins.seen:
        evidence.reproduce(next((item for item in origins.seen if item.complaint), origins.seen[0]).reproduction)

    assert not wrong, "; ".join(wrong)
    origins.require_complete()
