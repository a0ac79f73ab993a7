"""Whether databases and the machinery around the service can be reached through the web."""

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
    _judge(console_search, evidence, "no database console", "/adminer.php")


@check(
    "NET-010",
    severity="critical",
    proves=["management-restricted", "approved-software"],
    why="Who gets into a broker, a build server or a monitoring system commands the machines behind it.",
    remedy="Bind the interface to the internal network, or put a login in front of it and declare it approved.",
    defects=["container-console-published"],
)
def test_no_management_interface_is_reachable(management_search, evidence):
    """No management or orchestration interface of a third party is reachable, but approved ones behind a login.

    Looked for as database consoles are (NET-009): the paths where such interfaces usually lie, on every target and on
    every declared web port, without credentials, recognised by content; their login pages count. What
    `approved_software` allows at its place passes while it shows anonymous callers nothing but a refusal or a login:
    its inner paths are asked for as well, and where none of them is seen to ask for a login, or a limit, a fault or a
    wall hides what is there, it is inconclusive. The catalogue lets the check depend on that key; without it nothing
    is approved, which is the stricter reading. Interfaces on ports that are not declared fail NET-001.
    Sources: WSTG-CONF-05, ASVS 13.4.5 and 8.4.2, CWE-749.
    """
    _judge(management_search, evidence, "no management interface but approved ones behind a login", "/grafana/")


def _judge(looked, evidence, expected, example):
    rows = [(str(place.place), path, status) for place in looked.places for path, status in place.statuses.items()]
    evidence.table("requests", ("place", "path", "status"), rows)
    evidence.table(
        "places",
        ("place", "requests", "consoles", "not known because", "nothing to look for because"),
        [(str(p.place), len(p.statuses), "; ".join(map(str, p.found)), p.problem, p.nothing) for p in looked.places],
    )
    evidence.table("marks found", ("console", "marks"), [(str(found), found.marks) for found in looked.found])
    found = looked.found
    shown = "; ".join(map(str, found))
    evidence.compare(
        expected=expected,
        observed=shown or f"none in {looked.requests} answers of {len(looked.places)} places",
    )
    if looked.places:
        first = found[0] if found else None
        evidence.reproduce(first.place.curl(first.path) if first else looked.places[0].place.curl(example))

    assert not found, f"reachable: {shown}"
    looked.require_complete()
