"""What companies get of each other."""

from stagehold import check

COLUMNS = ("attacker", "operation", "status", "ruling", "reason", "control")


@check(
    "ACC-008",
    severity="blocker",
    proves=["tenant-isolation"],
    why="A customer who changes a number in an address reads another company's books.",
    remedy="Select by company as well as by identifier wherever the object is read.",
    requires=["AUT-001"],
    needs=["tenancy", "fixtures", "accounts"],
    defects=["tenant-predicate-missing-on-read"],
    traffic="canary-write",
)
def test_object_is_not_read_by_another_company(foreign_read_report, evidence):
    """No user of another company reads a company's object by its identifier.

    A fresh object with a canary; every account of the other companies asks for it by its declared read and
    by every GET operation that takes its identifier. Content decides: the canary, or what the owner gets,
    is a leak whatever the status. At least one attacker must be able to read such an object of its own
    company, and its session must still live afterwards. Sources: ASVS 8.4.1, API1:2023, WSTG-APIT-02,
    CWE-639.
    """
    report = foreign_read_report
    evidence.table("attempts", COLUMNS, report.table())
    evidence.compare(
        expected=f"no other company reads the {report.fixture} of {report.owner}", observed=report.observed()
    )
    evidence.reproduce(report.reproduction)

    assert not report.granted, report.observed()
    report.require_decided()


@check(
    "ACC-010",
    severity="blocker",
    proves=["tenant-isolation", "data-integrity"],
    why="A customer can change or delete another company's books.",
    remedy="Select by company as well as by identifier in the statement that changes the object.",
    requires=["AUT-001"],
    needs=["tenancy", "fixtures", "accounts"],
    defects=["tenant-predicate-missing-on-write"],
    traffic="canary-write",
)
def test_object_is_not_changed_by_another_company(foreign_write_report, evidence):
    """No user of another company changes a company's object.

    A fresh object for each declared write and each account of the other companies; the owner reads it back,
    and only what changed counts, because 204 is answered with and without effect. The same write must work
    for somebody of the owning company, and for an attacker on an object of its own company. Sources: ASVS
    8.4.1, API1:2023, CWE-639.
    """
    report = foreign_write_report
    evidence.table("attempts", COLUMNS, report.table())
    evidence.compare(
        expected=f"no other company changes the {report.fixture} of {report.owner}",
        observed=report.observed(),
    )
    evidence.reproduce(report.reproduction)

    assert not report.granted, report.observed()
    report.require_decided()
