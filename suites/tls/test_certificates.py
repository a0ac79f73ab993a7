"""Whether the certificates served are trusted, name the host and are in date."""

import pytest

from stagehold import check

pytestmark = pytest.mark.usefixtures("certificate_evidence")


@check(
    "TLS-008",
    severity="blocker",
    proves=["trusted-certificate"],
    why="Clients refuse the connection, or people learn to click the warning away.",
    remedy="Serve the leaf followed by every intermediate up to the declared anchor.",
    defects=["incomplete-chain"],
)
def test_chain_leads_to_the_declared_anchor(tls_scan, certificate_rules, evidence):
    """The chain served leads to the declared trust anchor without anything being fetched.

    OpenSSL builds the path from the served certificates only, to `tls.trust.ca_file` or the public store.
    Names and dates are left to TLS-009 and TLS-010. Every chain is judged: RSA and ECDSA, TLS 1.2 and 1.3, at
    each address. Sources: ASVS 12.2.2 and 12.3.4, RFC 5280 section 6, CWE-295.
    """
    problems = [
        f"{chain.address}: {problem}"
        for chain in tls_scan.chains
        if (problem := certificate_rules.untrusted(chain.certificates))
    ]
    evidence.compare(
        expected=f"a complete chain to {certificate_rules.anchors.name}",
        observed="; ".join(problems) or "a complete chain",
    )

    assert not problems, f"{tls_scan}: {'; '.join(problems)}"


@check(
    "TLS-009",
    severity="blocker",
    proves=["trusted-certificate"],
    why="Clients refuse the connection, or people learn to accept the certificate of anybody.",
    remedy="Issue the certificate with every served name as a subject alternative name.",
    defects=["certificate-for-other-name"],
)
def test_certificate_names_the_host(
    tls_scan,
    certificate_rules,
    served_names,
    evidence,
):
    """Every served host name is a subject alternative name of the certificate sent for it.

    Matched as RFC 9525 says: DNS names (wildcards as the whole first label), addresses for literal addresses;
    the common name counts for nothing. Sources: RFC 9525, ASVS 12.2.2, CWE-297.
    """
    problems = [
        f"{chain.address}: {problem}"
        for chain in tls_scan.chains
        for name in served_names
        if (problem := certificate_rules.misnamed(chain.certificates, name))
    ]
    evidence.compare(
        expected=f"a certificate for {', '.join(served_names)}", observed="; ".join(problems) or "the same"
    )

    assert not problems, f"{tls_scan}: {'; '.join(problems)}"


@check(
    "TLS-010",
    severity="critical",
    proves=["trusted-certificate"],
    why="The service becomes unreachable the day the certificate ends.",
    remedy="Renew the certificate, and find out why its renewal did not run.",
    defects=["certificate-expires-soon"],
)
@pytest.mark.usefixtures("agreed_clock")
def test_certificates_are_in_date(tls_scan, certificate_rules, evidence):
    """Every certificate is in date and the leaf has enough days left.

    Judged are the leaf, everything served beside it, and the anchor its chain leads to. Enough is what the profile's
    `min_days_left` says, or `tls.profile.min_days_left`; `auto` is a third of the lifetime and at most 30 days, so that
    a certificate of any lifetime can meet it. The time is this machine's, and inconclusive where the `Date` of a
    target's answers differs from it by more than 30 seconds. Sources: WSTG-CRYP-01, CWE-298, RFC 9110 section 6.6.1.
    """
    chains = tls_scan.chains
    problems = [
        f"{chain.address}: {problem}"
        for chain in chains
        for problem in certificate_rules.out_of_date(chain.certificates)
    ]
    evidence.compare(
        expected="every certificate in date, the leaf for longer than the margin",
        observed="; ".join(problems) or certificate_rules.least_days_left(chains[0].certificates),
    )

    assert not problems, f"{tls_scan}: {'; '.join(problems)}"


@check(
    "TLS-011",
    severity="normal",
    proves=["trusted-certificate"],
    why="A stolen key stays useful as long as its certificate lives; clients refuse public ones that live too long.",
    remedy="Have the certificate issued for a shorter time, and renewed by a machine.",
    defects=["certificate-lives-too-long"],
)
def test_certificate_does_not_live_too_long(tls_scan, certificate_rules, evidence):
    """No leaf certificate lives longer than its issuer's rules allow.

    Public certificates (the profile's `public_lifetimes`): 398 days, 200 where issued since 2026-03-15, 100 since
    2027-03-15, 47 since 2029-03-15 (the first and the last second counted). Those of a private CA:
    `tls.trust.max_lifetime_days_private`, without which the claim is not configured.
    Sources: CA/Browser Forum ballot SC-081v3 and Baseline Requirements 6.3.2, CWE-324.
    """
    problems = [
        f"{chain.address}: {problem}"
        for chain in tls_scan.chains
        if (problem := certificate_rules.long_lived(chain.certificates))
    ]
    evidence.compare(
        expected=f"at most {certificate_rules.longest(tls_scan.chains[0].certificates)} days",
        observed="; ".join(problems) or "no longer",
    )

    assert not problems, f"{tls_scan}: {'; '.join(problems)}"


@check(
    "TLS-012",
    severity="critical",
    proves=["trusted-certificate"],
    why="Whoever works the key out, or forges a signature, can pass for the service.",
    remedy="Issue the certificate anew: RSA of at least 2048 bits, P-256 or Ed25519, signed with SHA-256 or better.",
    defects=["weak-certificate-key"],
)
def test_keys_and_signatures_are_strong(tls_scan, certificate_rules, tls_profile, evidence):
    """Every certificate below the root has a strong key and a strong signature.

    Strong keys are RSA of at least 2048 bits, curves of at least 256 bits, Ed25519 and Ed448; a signature with MD5
    or SHA-1 is not. A profile of one's own may ask for more (`least_rsa_bits`, `least_curve_bits`, `forbidden_hashes`).
    Judged are the leaf and every certificate between it and the anchor; all that were served where
    no path leads to an anchor. The root's own signature is of no account.
    Sources: ASVS 11.6.1 and appendix C, RFC 9325 section 4.5, CWE-326.
    """
    problems = [
        f"{chain.address}: {problem}"
        for chain in tls_scan.chains
        for problem in certificate_rules.weak(chain.certificates)
    ]
    rules = tls_profile.rules
    evidence.compare(
        expected=f"RSA of {rules.least_rsa_bits.value} bits or more, a curve of {rules.least_curve_bits.value} bits or "
        f"more, no signature with {' or '.join(rules.hash_names)}",
        observed="; ".join(problems) or "the same",
    )

    assert not problems, f"{tls_scan}: {'; '.join(problems)}"
