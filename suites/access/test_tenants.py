"""What companies get of each other."""

from stagehold import check

COLUMNS = ("attacker", "operation", "status", "ruling", "reason", "control")
LOOKS = ("operation", "how", "person", "company", "answers", "own canaries", "foreign canaries", "note")


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
    "ACC-009",
    severity="blocker",
    proves=["tenant-isolation"],
    why="A customer finds other companies' customers and amounts in a search, a list or an export of their own.",
    remedy="Select by company in the query behind the operation, before anything is searched, counted or exported.",
    requires=["AUT-001"],
    needs=["tenancy", "fixtures", "accounts", "inventory"],
    defects=["tenant-filter-missing-on-search"],
    traffic="canary-write",
)
def test_collections_show_nothing_of_another_company(collection_report, evidence):
    """No list, search, count, page or export shows a company's data to another company.

    Every reading operation is asked for as everybody of the other companies, page by page, and searched for the
    canaries; so is every text parameter and every search form of a page, beside terms that nobody has. Archives
    and PDF documents are unpacked. The owners must find their canaries by the same requests, and every session
    must still live afterwards. Inconclusive where a list goes on for ever or a file cannot be read; uncovered where
    only the owner's company has anybody who may read. Sources: ASVS 8.4.1, Multi-Tenant cheat sheet, CWE-200.
    """
    report = collection_report
    evidence.table("operations and hits", LOOKS, report.table())
    evidence.compare(expected="no operation shows a canary of another company", observed=report.observed())
    evidence.reproduce(report.reproduction)

    assert not report.leaks, report.observed()
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
