"""Browsers are told to use HTTPS and nothing else."""

from __future__ import annotations

from stagehold import check


@check(
    "HDR-001",
    severity="critical",
    proves=["transport-policy"],
    why="On one visit over plain HTTP somebody in between can take over the session.",
    remedy="Send Strict-Transport-Security on every response where TLS ends, errors included (nginx: `always`).",
    defects=["hsts-missing-on-errors"],
    traffic="evidence",
)
def test_every_response_carries_the_policy(environment, target, policy_samples, evidence):
    """Every HTTPS response, errors and redirects included, tells browsers to use HTTPS only.

    Pages, login pages, refused private pages, missing pages and malformed requests are asked for anonymously.
    Each response must carry exactly one Strict-Transport-Security header that browsers understand, with at
    least the declared max-age and includeSubDomains where declared; plain HTTP must carry none. Without a good
    and a 4xx response among them the check is inconclusive, unless missing pages and refused ones both answer
    2xx or 3xx; for literal addresses it does not apply.
    Sources: RFC 6797 sections 6.1, 7.2 and 8.1; ASVS 3.4.1; WSTG-CONF-07; CWE-319.
    """
    evidence.table(
        "responses",
        ["what", "url", "status", "Strict-Transport-Security", "complaint"],
        [[s.what, s.url, s.status, " | ".join(s.values), s.complaint] for s in policy_samples],
    )
    wrong = [sample for sample in policy_samples if sample.complaint]
    subdomains = "; includeSubDomains" if environment.hsts.include_subdomains else ""
    evidence.compare(
        expected=f"max-age of at least {environment.hsts.min_age}{subdomains} on {len(policy_samples)} responses",
        observed="; ".join(f"{s.what} ({s.status}): {s.complaint}" for s in wrong) or "on all of them",
    )
    evidence.reproduce((wrong or policy_samples)[0].reproduction)

    assert not wrong, (
        f"{len(wrong)} of {len(policy_samples)} responses of {target.name} break the transport policy: "
        + "; ".join(f"{s.what} ({s.status}): {s.complaint}" for s in wrong)
    )
