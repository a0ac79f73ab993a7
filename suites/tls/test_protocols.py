"""Which protocol versions the endpoints speak."""

import pytest

from stagehold import check

pytestmark = pytest.mark.usefixtures("protocol_evidence")


@check(
    "TLS-001",
    severity="blocker",
    proves=["encrypted-transport"],
    why="Old versions can be broken by somebody on the way, passwords and books included.",
    remedy="Remove the version from the listener; keep those that the profile accepts, TLS 1.3 among them.",
    defects=["tls-1.1-accepted"],
)
def test_legacy_version_is_refused(tls_scan, refused_version, evidence):
    """No endpoint completes a handshake in a version that the profile does not accept, such as TLS 1.1.

    Whatever the profile, SSL 2.0, SSL 3.0, TLS 1.0 and TLS 1.1 must be refused. With `tls.profile: {use: modern}` so
    must TLS 1.2: an endpoint that accepts it fails this check and no other, unless what it accepts in TLS 1.2 is wrong
    by itself (TLS-003 to TLS-007, TLS-015).
    Every address of the endpoint is offered every suite of the version (sslyze). Refused means that the server
    answered and declined, or hung up twice while it went on shaking hands otherwise; an unanswered handshake, or a
    server that accepts nothing at all, is inconclusive.
    Sources: RFC 8996, RFC 9325 section 3.1.1, ASVS 12.1.1, WSTG-CRYP-01, CWE-327.
    """
    version = refused_version
    evidence.table("suites", ("address", "version", "answer", "suite"), tls_scan.accepted_suites())
    evidence.json("sslyze", tls_scan.raw(version))
    evidence.reproduce(tls_scan.offer(version))
    accepted = tls_scan.accepts(version)
    where = ", ".join(tls_scan.accepting(version))
    evidence.compare(expected=f"{version} is refused", observed=f"accepted at {where}" if accepted else "refused")

    assert not accepted, f"{tls_scan} accepts {version} at {where}"


@check(
    "TLS-002",
    severity="critical",
    proves=["encrypted-transport"],
    why="Clients fall back to a version whose weaknesses TLS 1.3 was made to remove.",
    remedy="Allow TLS 1.3 on the listener beside TLS 1.2, and update its TLS library if it has none.",
    defects=["tls-1.3-missing"],
)
@pytest.mark.usefixtures("tls13_required")
def test_tls_13_is_preferred(tls_scan, evidence):
    """TLS 1.3 is accepted, and agreed on with clients that offer TLS 1.2 and TLS 1.3.

    Every address is offered TLS 1.3 alone (sslyze), then both versions in a ClientHello of our own, hybrid groups
    included. Where the profile, or `tls.profile.require_tls13`, says false, the claim is not made, and counts as not
    configured.
    Sources: ASVS 12.1.1, NIST SP 800-52r2 section 3.1, RFC 9325 section 3.1.1.
    """
    evidence.table("suites", ("address", "version", "answer", "suite"), tls_scan.accepted_suites())
    evidence.table("agreed on", ("address", "version"), tls_scan.negotiated())
    evidence.json("sslyze", tls_scan.raw("TLS 1.3"))
    evidence.reproduce(f"{tls_scan.s_client} </dev/null | grep New")
    wrong = tls_scan.not_preferring_tls13()
    evidence.compare(expected="TLS 1.3 at every address", observed="; ".join(wrong) or "TLS 1.3")

    assert not wrong, f"{tls_scan}: {'; '.join(wrong)}"


@check(
    "TLS-015",
    severity="normal",
    proves=["encrypted-transport"],
    why="Somebody on the way may put words before a client's own, or keep the server busy with handshakes.",
    remedy="Update the TLS library, and switch off renegotiation, or that which clients initiate.",
    defects=["client-renegotiation-allowed"],
)
def test_renegotiation_is_safe(tls_scan, evidence):
    """TLS 1.2 announces secure renegotiation, and does not renegotiate as often as a client asks for it.

    The announcement is read from the ServerHello; then a handshake is finished and others asked for on the same
    connection, at every address. Ten in a row fail; stacks that allow a few in so many minutes, such as Node, are at no
    risk. An alert or the end of the connection is a refusal; silence is inconclusive. Not applicable where no address
    speaks TLS 1.2; not configured where only a client with a certificate could look.
    Sources: RFC 5746 section 3.6, RFC 9325 section 3.5, CVE-2009-3555, CWE-400.
    """
    rows = [
        (one.address, one.renegotiation.secure, one.renegotiation.rounds, one.renegotiation.problem)
        for one in tls_scan.addresses
        if one.renegotiation
    ]
    evidence.table(
        "renegotiation", ("address", "announced as secure", "times a client got it", "not known because"), rows
    )
    evidence.reproduce(f"(sleep 1; echo R; sleep 2) | {tls_scan.s_client} -tls1_2")
    problems = tls_scan.renegotiation_problems()
    evidence.compare(
        expected="announced as secure, refused to clients sooner or later", observed="; ".join(problems) or "the same"
    )

    assert not problems, f"{tls_scan}: {'; '.join(problems)}"
