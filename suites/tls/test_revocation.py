"""Whether the certificates served have been taken back by their authority."""

from stagehold import check


@check(
    "TLS-013",
    severity="critical",
    proves=["trusted-certificate"],
    requires=["TLS-008"],
    why="A certificate is taken back when its key may be in other hands; clients that look refuse the connection.",
    remedy="Install a new certificate with a new key. Where an answer is to be stapled, renew that.",
    defects=["certificate-revoked"],
)
def test_leaf_is_not_revoked(tls_scan, certificate_revocation, evidence):
    """No leaf certificate is revoked, and one that demands a stapled answer comes with it.

    The leaf of every chain (RSA and ECDSA, TLS 1.2 and 1.3, each address) needs one source that says good: the OCSP
    answer stapled to it, or a CRL, from its distribution points in turn and then from `tls.crl`. Revoked in either is a
    failure, and so is a certificate with must-staple (RFC 7633) without an answer that counts. An answer counts if it
    is about this certificate, in date, and signed by the issuer or a responder that the issuer authorised; a list if
    it is the issuer's own, signed, complete, in date, and without critical extensions that are not understood. One
    that does not count proves nothing, and without another source the check is inconclusive, as it is where a list
    cannot be had: only hosts of the URLs in `tls.crl` are asked. That nothing is stapled is no finding; OCSP
    responders are not asked, as many authorities run none since 2025.

    Without a distribution point and without `tls.crl` this is not configured; not applicable to a certificate that is
    its own anchor, and to public ones of at most seven days, which need not be revocable (Baseline Requirements 1.6.1).
    Sources: ASVS 12.1.4, RFC 5280 section 6.3, RFC 6960, RFC 7633, CWE-299.
    """
    evidence.table("what is said of the leaves", certificate_revocation.COLUMNS, certificate_revocation.rows())
    for number, answer in enumerate(certificate_revocation.material(), start=1):
        evidence.file(f"source {number}: {answer.source}", answer.data, "application/octet-stream", "der")
    evidence.reproduce(
        f"{tls_scan.s_client} -status </dev/null "
        "| openssl x509 -noout -serial -ext crlDistributionPoints"
        + "".join(f"; curl -sL {url} | openssl crl -inform DER -noout -text" for url in certificate_revocation.urls())
    )
    problems = certificate_revocation.problems()
    evidence.compare(expected="not revoked, says a source that counts", observed="; ".join(problems) or "the same")

    assert not problems, f"{tls_scan}: {'; '.join(problems)}"
