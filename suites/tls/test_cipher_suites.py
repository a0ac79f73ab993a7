"""Which cipher suites the endpoints accept."""

import pytest

from stagehold import check


@pytest.fixture(autouse=True)
def suite_evidence(accepted_suites, tls_scan, tls_profile, evidence):
    """Attaches every suite that is accepted, the answers of sslyze by version, and the profile's rules about suites."""
    evidence.table("profile", tls_profile.COLUMNS, tls_profile.rows("aead_only", "forward_secrecy", "suites"))
    columns = ("address", "version", "suite", "broken because it")
    evidence.table("accepted suites", columns, [(s.address, s.version, s.suite, s.flaw) for s in accepted_suites.all])
    evidence.table("answers", ("address", "version", "answer", "suite"), tls_scan.accepted_suites())


@check(
    "TLS-003",
    severity="critical",
    proves=["encrypted-transport"],
    why="Suites without AEAD have been attacked again and again; somebody on the way may read or change the traffic.",
    remedy="Leave only suites with GCM, CCM or ChaCha20-Poly1305 in the listener's list for TLS 1.2.",
    defects=["cbc-suite-accepted", "tls-1.1-accepted"],
)
def test_suites_are_authenticated_encryption(tls_scan, accepted_suites, tls_profile, evidence):
    """Every TLS 1.2 suite accepted encrypts and authenticates in one (AEAD); where the profile lists suites, it is one.

    Every suite that sslyze's OpenSSL knows is offered to every address. Suites of the broken class are left to TLS-005,
    older versions to TLS-001; suites of TLS 1.3 are AEAD by themselves. An unanswered handshake is inconclusive; for
    an endpoint that refuses TLS 1.2 the claim does not apply. Client software that needs others: a dated waiver.
    Profiles that are shipped name no suites. A profile of one's own may (`suites`): then any other suite of the
    versions that it accepts fails here, those of TLS 1.3 included, but one without forward secrecy is left to TLS-004.
    A profile with `aead_only: {value: false}` and no such list does not make the claim: not configured.
    Sources: RFC 9325 section 4.2, ASVS 12.1.2, BSI TR-02102-2, CWE-327.
    """
    evidence.reproduce(
        f"openssl s_client -connect {tls_scan.dialled} -servername {tls_scan.endpoint.name} "
        "-tls1_2 -cipher 'ALL:!AESGCM:!AESCCM:!CHACHA20:!ARIAGCM:!aNULL:!eNULL' </dev/null"
    )
    found = accepted_suites.unapproved(tls_profile.rules)
    shown = "; ".join(map(str, found))
    names = tls_profile.rules.suite_names
    expected = "AEAD suites only in TLS 1.2" if names is None else f"no suites but {', '.join(names)}"
    evidence.compare(expected=expected, observed=shown or "the same")

    assert not found, f"{tls_scan}: {'without AEAD' if names is None else 'not approved'}: {shown}"


@check(
    "TLS-004",
    severity="critical",
    proves=["encrypted-transport"],
    why="Whoever records the traffic and gets the server's key years later can read all of it.",
    remedy="Leave only suites with ECDHE or DHE in the listener's list for TLS 1.2.",
    defects=["static-rsa-suite-accepted"],
)
def test_suites_take_fresh_keys(tls_scan, accepted_suites, tls_profile, evidence):
    """Every TLS 1.2 suite accepted takes fresh keys for each session (forward secrecy).

    From the answers of TLS-003; fresh are the keys of ECDHE and DHE. Suites of the broken class are left to TLS-005,
    older versions to TLS-001; suites of TLS 1.3 take fresh keys by themselves. An unanswered handshake is inconclusive;
    for an endpoint that refuses TLS 1.2 the claim does not apply; where the profile says
    `forward_secrecy: {value: false}` it is not made: not configured.
    Sources: RFC 9325 section 4.1, ASVS 12.1.2, CWE-327.
    """
    evidence.reproduce(
        f"openssl s_client -connect {tls_scan.dialled} -servername {tls_scan.endpoint.name} "
        "-tls1_2 -cipher 'kRSA:!aNULL:!eNULL' </dev/null"
    )
    found = accepted_suites.without_forward_secrecy(tls_profile.rules)
    shown = "; ".join(map(str, found))
    evidence.compare(expected="suites with ECDHE or DHE only in TLS 1.2", observed=shown or "such suites only")

    assert not found, f"{tls_scan}: without forward secrecy: {shown}"


@check(
    "TLS-005",
    severity="blocker",
    proves=["encrypted-transport"],
    why="With such a suite the traffic is readable, or nobody knows whom one talks to.",
    remedy="Remove NULL, anonymous, EXPORT, RC4, DES, 3DES and MD5 suites from the listener's list.",
    defects=["null-suite-accepted"],
)
def test_no_broken_suite_is_accepted(tls_scan, accepted_suites, evidence):
    """No endpoint accepts a suite that is NULL, anonymous, EXPORT, RC2, RC4, DES, 3DES or MD5-based, in any version.

    Every suite that sslyze knows is offered in every version, and once more all broken ones of IANA's registry
    together, in a ClientHello of our own, so that none is missed because no library here speaks it; a refusal of those
    counts beside sound suites that are accepted in the same way. An unanswered handshake is inconclusive. No profile
    can allow such a suite.
    Sources: RFC 9325 section 4.1, RFC 7465, RFC 9150, WSTG-CRYP-01, CWE-326, CWE-327.
    """
    evidence.reproduce(
        f"openssl s_client -connect {tls_scan.dialled} -servername {tls_scan.endpoint.name} "
        "-no_tls1_3 -cipher 'aNULL:eNULL:3DES:RC4:DES:MD5:EXPORT:@SECLEVEL=0' </dev/null"
    )
    found = accepted_suites.broken()
    shown = "; ".join(map(str, found))
    evidence.compare(expected="no broken suite in any version", observed=shown or "none accepted")

    assert not found, f"{tls_scan}: {shown}"
