"""Over which groups the endpoints exchange keys."""

import pytest

from stagehold import check


@pytest.fixture(autouse=True)
def exchange_evidence(tls_scan, tls_profile, evidence):
    """Attaches every group and every size of prime that is accepted, and the profile's rules about them."""
    evidence.table("profile", tls_profile.COLUMNS, tls_profile.rows("groups", "least_dh_bits"))
    evidence.table("groups accepted", ("address", "version", "group"), tls_scan.exchanges.group_rows)
    evidence.table("primes used", ("address", "suite", "bits"), tls_scan.exchanges.prime_rows)


@check(
    "TLS-006",
    severity="normal",
    proves=["encrypted-transport"],
    why="Over a small or little examined curve the keys of a session can be worked out.",
    remedy="Leave only approved groups in the listener's list, such as X25519 and P-256.",
    defects=["small-curve-accepted"],
)
def test_groups_are_approved(tls_scan, tls_profile, evidence):
    """Every group that is accepted for the exchange of keys is one of the approved list.

    All curves and hybrids of IANA's registry are offered in TLS 1.2 and 1.3 in ClientHellos of our own, taking off the
    list what the server chooses until it declines the rest; a decline counts beside a control. The list is the
    profile's `groups`, or `tls.profile.groups`. Finite fields are left to TLS-007. Not applicable where no named group
    is accepted.
    Sources: RFC 9325 section 4, RFC 8422 section 5.1.1, ASVS 12.1.2 and appendix C, CWE-326.
    """
    evidence.reproduce(
        f"openssl s_client -connect {tls_scan.dialled} -servername {tls_scan.endpoint.name} "
        "-groups secp224r1:secp192r1:P-256 </dev/null | grep 'Temp Key'"
    )
    approved = tls_profile.rules.group_names
    found = tls_scan.exchanges.unapproved(approved)
    shown = "; ".join(found)
    evidence.compare(expected=f"nothing but {', '.join(approved)}", observed=shown or "nothing else")

    assert not found, f"{tls_scan}: {shown}"


@check(
    "TLS-007",
    severity="critical",
    proves=["encrypted-transport"],
    why="Keys that were exchanged with a small prime can be worked out, and for everybody who uses that prime at once.",
    remedy="Remove the DHE suites from the listener's list, or give it a prime of at least 2048 bits (ffdhe2048).",
    defects=["small-dh-prime"],
)
def test_finite_fields_are_large(tls_scan, tls_profile, evidence):
    """Keys are exchanged over a finite field with a prime of at least 2048 bits, or not over one at all.

    Every DHE suite is offered in TLS 1.2 in a ClientHello of our own, and the prime read from the server's key
    exchange, for each suite that is accepted. A profile of one's own may ask for more bits (`least_dh_bits`); finite
    groups of TLS 1.3 have 2048 bits or more and are not looked at. Older versions are left to TLS-001, anonymous suites
    to TLS-005. Sources: RFC 9325 section 4.5, RFC 7919, ASVS appendix C, CWE-326.
    """
    evidence.reproduce(
        f"openssl s_client -connect {tls_scan.dialled} -servername {tls_scan.endpoint.name} "
        "-tls1_2 -cipher 'kDHE:!aNULL:@SECLEVEL=0' </dev/null | grep 'Temp Key'"
    )
    least = tls_profile.rules.least_dh_bits.value
    found = tls_scan.exchanges.small_primes(least)
    shown = "; ".join(found)
    evidence.compare(expected=f"primes of {least} bits or more, or none", observed=shown or "the same")

    assert not found, f"{tls_scan}: {shown}"
