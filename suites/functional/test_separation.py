"""What is tested is tested apart from production."""

from __future__ import annotations

from stagehold import check


@check(
    "FUN-005",
    severity="blocker",
    proves=["separate-environment"],
    why="Tests that reach production's database, mail or keys change customers' data, and prove nothing about a build.",
    remedy="Give the environment a database, a mail sink, an identity provider and keys of its own; change the secrets "
    "that two environments shared.",
    needs=["evidence.environment"],
    defects=["production-key-deployed"],
)
def test_environment_shares_nothing_with_production(separation, evidence):
    """The environment's addresses, databases, mail, identity provider and secrets are not production's.

    What the records of `evidence.environment` tell, at every address of the target that tells it, is compared with
    `deny.production`: identifiers without regard to case, mail hosts with production's domains and everything below
    them, issuers as URLs, fingerprints as hashes. Addresses are compared as they were resolved for this run;
    production's are refused by the network layer before anything is sent. Inconclusive when a record cannot be read,
    is too old or from the future, or a pointer leads nowhere; uncovered when either side of a comparison is not
    declared. Sources: PCI DSS 6.5.3; the statement's sentence on a separate environment.
    """
    evidence.table(
        "compared with production",
        ["kind", "here", "told by", "production's"],
        [[item.kind, item.value, item.source, item.production or "no"] for item in separation.compared],
    )
    evidence.text("how much was compared", separation.summary)
    shared = separation.complaints
    evidence.compare(
        expected="nothing in common with production",
        observed="; ".join(shared) or f"nothing; {separation.summary}",
        deviation="; ".join(sorted(shared)),
    )

    assert not shared, f"{'; '.join(shared)} ({separation.summary})"
    separation.require_complete()
