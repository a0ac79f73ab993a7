"""What endpoints do with data that comes before the handshake is over."""

from stagehold import check


@check(
    "TLS-016",
    severity="normal",
    proves=["encrypted-transport"],
    why="Somebody on the way may send a request again, such as a payment, as often as they like.",
    remedy="Switch early data (0-RTT) off at the listener, or answer 425 to what changes anything and came early.",
    defects=["early-data-accepted"],
)
def test_early_data_is_off_or_only_for_reading(tls_scan, evidence):
    """TLS 1.3 early data is off, or a POST that is sent as early data is answered with 425.

    Every address is asked for its first page in TLS 1.3, and the ticket that comes with the answer read: early data
    is off when it allows none, or when no ticket comes. Otherwise the session is resumed with a POST of nothing to `/`,
    without credentials, as early data; where it is taken, only the answer 425 is sound. An announcement without the
    taking, and neither ticket nor answer, are inconclusive. Not applicable where no address speaks TLS 1.3;
    not configured where only a client with a certificate could look.
    Early data that something in front of the declared address takes cannot be seen from here, nor whether other paths
    are treated like `/`. A server that keeps such a POST until the handshake is over would be safe as well (RFC 8470
    section 3), yet fails here: an answer that only comes then does not show that the request was kept as long, and
    what stands behind cannot tell any more that it came early. sslyze is not used: it does not look at what is
    answered.
    Where mail, a directory or a database is spoken, a command without effect takes the place of both requests, and
    early data that is taken fails: none of these protocols has rules for it (RFC 8446 appendix E.5), or an answer 425.
    Sources: RFC 8470 section 5.2, RFC 8446 section 8, RFC 9325 section 3.7, CWE-294.
    """
    rows = [
        (address, one.allowed, one.taken, one.status, one.problem) for address, one in tls_scan.early_data().items()
    ]
    evidence.table("early data", ("address", "bytes a ticket allows", "taken", "answered", "not known because"), rows)
    evidence.reproduce(
        f"printf 'GET / HTTP/1.1\\r\\nHost: {tls_scan.endpoint.name}\\r\\n\\r\\n' | "
        f"{tls_scan.s_client} -tls1_3 -ign_eof | grep 'Max Early Data'"
    )
    problems = tls_scan.early_data_problems()
    evidence.compare(expected="early data is off, or a POST gets 425", observed="; ".join(problems) or "the same")

    assert not problems, f"{tls_scan}: {'; '.join(problems)}"
