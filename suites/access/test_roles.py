"""What each role may do, and what it may not."""

from stagehold import check

COLUMNS = ("operation", "role", "declared", "outcome", "account", "status", "reason", "control")


def _show(claim, access_map, evidence, expected):
    evidence.table("cells", COLUMNS, claim.table())
    evidence.figure("roles and operations", access_map.svg, access_map.alt)
    evidence.compare(expected=expected, observed=claim.observed())
    evidence.reproduce(claim.reproduction)


@check(
    "ACC-004",
    severity="blocker",
    proves=["role-separation"],
    why="An employee reads the accounts, the salaries or the audit log of the company.",
    remedy="Require the role in the handler of the operation; or change its row in `access_matrix`, if the role may.",
    requires=["AUT-001"],
    needs=["access_matrix", "inventory", "accounts"],
    defects=["role-check-missing-on-report"],
    traffic="canary-write",
)
def test_role_reads_nothing_that_it_is_denied(role_report, access_map, evidence):
    """No role reads what the access matrix denies to it.

    Every private read of the inventory is asked for as every role, by people of one company, at the address at
    which a role that may was just let in. The object's canary, the same content or the same fields are a leak
    whatever the status; 403, 404, the login page or a declared style is a refusal; anything else is
    inconclusive, and so is a refusal without anybody who is let in. Operations without a row, and those that
    could not be tried, are uncovered by name. Sources: ASVS 8.2.1, API5:2023, WSTG-ATHZ-02, CWE-862.
    """
    claim = role_report.reads_denied()
    _show(claim, access_map, evidence, "every read that the matrix denies is refused")

    assert not claim.broken, claim.observed()
    claim.require_decided()


@check(
    "ACC-005",
    severity="blocker",
    proves=["role-separation", "data-integrity"],
    why="Somebody without the right changes the books, approves payments or gives out logins.",
    remedy="Require the role in the handler of the operation; or change its row in `access_matrix`, if the role may.",
    requires=["AUT-001"],
    needs=["access_matrix", "inventory", "accounts", "fixtures"],
    defects=["role-check-missing-on-change"],
    traffic="canary-write",
)
def test_role_changes_nothing_that_it_is_denied(role_report, access_map, evidence):
    """No role changes what the access matrix denies to it.

    Every private write is sent as every role, by the request that a fixture declares for it, to a fresh object
    for each attempt. What its owner reads back decides, whatever the status, and the same request by a role that
    may must have had an effect. Where an effect cannot be seen, the answer must be a refusal. Writes that no
    fixture sends are tried with an empty body where their description requires fields, and count only where
    rights are looked at first. Sources: ASVS 8.2.1, 8.3.1, API5:2023, WSTG-ATHZ-03, CWE-285.
    """
    claim = role_report.writes_denied()
    _show(claim, access_map, evidence, "every write that the matrix denies is refused and changes nothing")

    assert not claim.broken, claim.observed()
    claim.require_decided()


@check(
    "ACC-006",
    severity="critical",
    proves=["role-separation"],
    why="People cannot do what they are there for, or every refusal above came from a service that refuses all.",
    remedy="Grant the role what its row in `access_matrix` says, or correct the row.",
    requires=["AUT-001"],
    needs=["access_matrix", "inventory", "accounts"],
    defects=["grant-revoked"],
    traffic="canary-write",
)
def test_role_can_do_what_it_is_allowed(role_report, access_map, evidence):
    """Every role can do what the access matrix allows it.

    Reads must answer 2xx with something that is neither the login page nor an error; writes must have an effect
    that the object's owner reads back, on objects made for it. A refusal is a failure; a broken service, a rate
    limit or a request that its own validation refuses is inconclusive. Sources: ASVS 8.1.1; WSTG-ATHZ-02.
    """
    claim = role_report.allowed()
    _show(claim, access_map, evidence, "everything that the matrix allows is let in")

    assert not claim.broken, claim.observed()
    claim.require_decided()
