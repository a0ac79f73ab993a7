"""What callers without credentials get."""

from stagehold import check


@check(
    "ACC-001",
    severity="blocker",
    proves=["authentication-required"],
    why="Whoever finds the address reads or changes company data without logging in.",
    remedy="Require a login for the operation; declare it in `inventory.public_operations` if it is for anybody, or in "
    "`denial` how a refusal looks that answers 200.",
    needs=["inventory"],
    defects=["anonymous-operation"],
)
def test_private_operations_refuse_anonymous_callers(anonymous_report, evidence):
    """Every operation of the inventory that is not declared public refuses anonymous callers.

    OpenAPI and declared operations, path parameters filled with identifiers of existing canary objects.
    Writes are sent with an empty body, and only where canary-write is consented to. A 404 or an
    application's empty shell counts only where a session gets more from the same address; an unknown style
    of refusal is inconclusive. Sources: ASVS 8.2.1, API2:2023, WSTG-ATHN-04, CWE-306.
    """
    columns = ("operation", "status", "ruling", "reason", "control")
    evidence.table("operations", columns, anonymous_report.table())
    granted = anonymous_report.granted
    shown = "; ".join(f"{row.operation}: {row.judgement.reason}" for row in granted[:5])
    evidence.compare(
        expected="every private operation refuses anonymous callers",
        observed=f"{anonymous_report.summary()}; open: {shown}" if granted else anonymous_report.summary(),
    )
    evidence.reproduce(granted[0].command if granted else "")

    assert not granted, f"{len(granted)} of {len(anonymous_report.rows)} operations let anybody in: {shown}"
    anonymous_report.require_decided()
