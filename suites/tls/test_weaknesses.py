"""Weaknesses of TLS libraries that have names."""

import pytest

from stagehold import check

LOOKS = {
    "Heartbleed": lambda scan: scan.nmap_script("ssl-heartbleed"),
    "CCS injection": lambda scan: scan.nmap_script("ssl-ccs-injection"),
    "ROBOT": lambda scan: scan.sslyze("--robot"),
    "compression": lambda scan: f"{scan.s_client} -tls1_2 -comp </dev/null | grep Comp",
}


@check(
    "TLS-014",
    severity="critical",
    proves=["encrypted-transport"],
    why="Anybody can read the server's memory, or somebody on the way what was sent, passwords and books included.",
    remedy="Update the TLS library of the listener; switch off RSA key exchange, compression and heartbeats.",
    defects=["heartbleed-at-the-listener"],
)
@pytest.mark.parametrize("weakness", LOOKS)
def test_endpoint_is_free_of_known_weaknesses(tls_scan, weakness, evidence):
    """Endpoints are free of Heartbleed, CCS injection, ROBOT and TLS compression.

    Every address is spoken to in each version up to TLS 1.2 that it speaks, with messages of our own, after its first
    flight: a heartbeat that claims 64 bytes and carries none (any answer with content fails; no memory is kept), a
    ChangeCipherSpec before there are keys (fails when plain text is then decrypted), and, where RSA key exchange is
    accepted, five keys padded rightly and wrongly, along with the rest of the handshake and ahead of it (fails when
    reactions differ the same way three times, however weak the oracle). In a ClientHello compression is offered
    (fails when it is chosen).
    Free is who sends an alert, hangs up twice, or passes over the message and goes on; who does not accept RSA key
    exchange is free of ROBOT, who speaks TLS 1.3 only of all four. Silence, a connection lost before the end of the
    first flight, and keys met differently from time to time are inconclusive. sslyze is not used here: it calls
    whoever speaks TLS 1.3, or stays silent, free of the first two. Subtle oracles of timing are not looked for.
    Sources: CVE-2014-0160, CVE-2014-0224, CVE-2017-13099, CVE-2012-4929, RFC 6520 section 4, RFC 9325 section 3.3,
    WSTG-CRYP-01, WSTG-CRYP-02, CWE-327.
    """
    found = tls_scan.weaknesses
    evidence.table(weakness, ("address", "answer", "seen"), found.rows(weakness))
    evidence.reproduce(LOOKS[weakness](tls_scan))
    problems = found.problems(weakness)
    evidence.compare(expected=f"free of {weakness}", observed="; ".join(problems) or "free")

    assert not problems, f"{tls_scan} has {weakness}: {'; '.join(problems)}"
