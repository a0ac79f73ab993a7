"""Whether databases can be reached through the web."""

from stagehold import check


@check(
    "NET-009",
    severity="blocker",
    proves=["database-unreachable", "approved-software"],
    why="A console turns one guessed password into every company's books, past every firewall of the database.",
    remedy="Remove the console from the server, or bind it to the internal network.",
    defects=["database-console-published"],
)
def test_no_database_console_is_reachable(console_search, evidence):
    """No web console of a database is reachable on a target or on a declared web port.

    Each place is asked (GET, without credentials) for the paths where consoles usually lie, at one address of each
    version of IP; redirects within it are followed. The content decides, never a status: soft error pages and shells
    of single-page applications are no consoles. Limits (429), faults (5xx), a wall of 403 and a server that answers
    differently afterwards are inconclusive. Ports that are closed or speak no HTTP are left to NET-002 and NET-008.
    Sources: WSTG-CONF-05, ASVS 13.4.5, CWE-749.
    """
    rows = [
        (str(looked.place), path, status)
        for looked in console_search.places
        for path, status in looked.statuses.items()
    ]
    evidence.table("requests", ("place", "path", "status"), rows)
    evidence.table(
        "places",
        ("place", "requests", "consoles", "not known because", "nothing to look for because"),
        [
            (str(p.place), len(p.statuses), "; ".join(map(str, p.found)), p.problem, p.nothing)
            for p in console_search.places
        ],
    )
    evidence.table("marks found", ("console", "marks"), [(str(found), found.marks) for found in console_search.found])
    found = console_search.found
    shown = "; ".join(map(str, found))
    evidence.compare(
        expected="no database console",
        observed=shown or f"none in {console_search.requests} answers of {len(console_search.places)} places",
    )
    if console_search.places:
        first = found[0] if found else None
        evidence.reproduce(
            first.place.curl(first.path) if first else console_search.places[0].place.curl("/adminer.php")
        )

    assert not found, f"reachable: {shown}"
    console_search.require_complete()
