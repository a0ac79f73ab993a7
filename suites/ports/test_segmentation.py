"""Which TCP ports the hosts show to other places than the outside."""

from stagehold import check


@check(
    "NET-005",
    severity="critical",
    proves=["database-unreachable", "management-restricted", "firewall-verified"],
    why="Whoever is in the office, or has broken into one machine there, must not be next to the database as well.",
    remedy="Close the port for that network in the firewall; declare it with `from` if it is meant to be reachable.",
    needs=["hosts", "vantage"],
    defects=["office-reaches-database"],
    traffic="intrusive",
)
def test_each_place_reaches_what_is_declared_for_it(vantage_scan, told_of_outside, attach_ports, evidence):
    """From each further vantage exactly the TCP ports are open whose `from` names it.

    All 65,535 ports of every address, measured as NET-001 does, by nmap at the vantage: in a network namespace or on
    another machine through ssh. Stricter than "databases and management are refused from elsewhere": any port counts.
    What is wrong in the same way from outside is reported by NET-001 to NET-007 and not again here.
    A vantage that stands elsewhere than it says, that cannot be reached, or that reaches nothing is inconclusive; the
    control is a declared port of the host, or of another host where the host declares none for the vantage.
    Sources: ASVS 13.2.1, PCI DSS 1.4, CWE-923.
    """
    attach_ports(vantage_scan)
    vantage = vantage_scan.vantage
    surplus = [seen for seen in vantage_scan.surplus() if ("open", *seen) not in told_of_outside]
    missing = [
        (address, port, state)
        for address, port, state in vantage_scan.not_open_at(vantage_scan.declared)
        if ("missing", address, port) not in told_of_outside
    ]
    problems = [f"{address} port {vantage_scan.name(port)} is open" for address, port in surplus]
    problems += [
        f"{address} port {vantage_scan.name(port)} is {state} though declared" for address, port, state in missing
    ]
    evidence.compare(expected=vantage_scan.expectation, observed="; ".join(problems) or "exactly that")
    command = vantage_scan.reproduction([*surplus, *((address, port) for address, port, _ in missing)])
    evidence.reproduce(command, vantage=vantage)

    assert not problems, f"{vantage_scan.host.name}, seen from {vantage}: {'; '.join(problems)}"
