"""Which TCP ports the hosts show to the outside."""

import pytest

from stagehold import check

ALL_PORTS = range(1, 65536)


@check(
    "NET-001",
    severity="blocker",
    proves=["declared-exposure", "firewall-verified"],
    why="A port nobody knows of is a service nobody patches or watches.",
    remedy="Stop the listener or close the port in the firewall; declare it if it is meant to be reachable.",
    needs=["hosts", "vantage.external"],
    defects=["debug-port-open"],
    traffic="intrusive",
)
@pytest.mark.usefixtures("port_evidence")
def test_only_declared_ports_are_open(port_scan, evidence):
    """No TCP port is open to the outside but the declared ones.

    All 65,535 ports of every IPv4 address (nmap), each open one confirmed by a connection. Database ports are left
    to NET-003, those of management to NET-004, missing ones to NET-002, IPv6 to NET-007. A host that answers for
    every port, stops answering, or is silent where it should answer is inconclusive.
    Sources: WSTG-CONF-01, PCI DSS 1.2 and 11.3.2, CWE-1125.
    """
    judged_elsewhere = port_scan.database_class | port_scan.management_class
    surplus = port_scan.open_at(set(ALL_PORTS) - port_scan.declared - judged_elsewhere)
    shown = ", ".join(f"{address} port {port_scan.name(port)}" for address, port in surplus)
    evidence.compare(expected=port_scan.expectation, observed=f"also open: {shown}" if surplus else "nothing else open")
    evidence.reproduce(port_scan.reproduction(surplus))

    assert not surplus, f"{port_scan.host.name}: undeclared open ports: {shown}"


@check(
    "NET-002",
    severity="normal",
    proves=["firewall-verified"],
    why="A port scan that cannot see what is open proves nothing about what is closed; and users reach nobody.",
    remedy="Start the listener or open the port in the firewall; if it is gone for good, declare it no more.",
    needs=["hosts", "vantage.external"],
    defects=["redirect-listener-down"],
    traffic="intrusive",
)
@pytest.mark.usefixtures("port_evidence")
def test_declared_ports_are_open(port_scan, evidence):
    """Every TCP port declared open is open.

    From the scan of NET-001; also the positive control of the place the scan looks from. Not applicable to a
    host that declares no port for the outside. Source: WSTG-CONF-01.
    """
    required = port_scan.required
    missing = port_scan.not_open_at(required)
    shown = ", ".join(f"{address} port {port_scan.name(port)} is {state}" for address, port, state in missing)
    evidence.compare(expected=port_scan.expectation, observed=shown or "all of them open")
    evidence.reproduce(port_scan.reproduction([(address, port) for address, port, _ in missing]))

    assert not missing, f"{port_scan.host.name}: {shown}"


@check(
    "NET-003",
    severity="blocker",
    proves=["database-unreachable", "declared-exposure"],
    why="Whoever guesses or steals one database password reads every company's books.",
    remedy="Close the port in the firewall or bind the database to its private network.",
    needs=["hosts", "vantage.external"],
    defects=["database-exposed"],
    traffic="intrusive",
)
@pytest.mark.usefixtures("port_evidence")
def test_no_database_port_is_open(port_scan, evidence):
    """No database port is open to the outside over IPv4, declared or not.

    From the scan of NET-001: the default ports of database servers, and every port declared as `db`.
    Sources: PCI DSS 1.4.4, CWE-668.
    """
    exposed = port_scan.open_at(port_scan.database_class)
    shown = ", ".join(f"{address} port {port_scan.name(port)}" for address, port in exposed)
    evidence.compare(
        expected="no database port open", observed=f"open: {shown}" if exposed else "no database port open"
    )
    evidence.reproduce(port_scan.reproduction(exposed))

    assert not exposed, f"{port_scan.host.name}: database ports open to the outside: {shown}"


@check(
    "NET-004",
    severity="blocker",
    proves=["management-restricted", "declared-exposure", "firewall-verified"],
    why="Whoever gets into a management interface owns the machine, and attackers try their passwords day and night.",
    remedy="Close the port in the firewall; let administrators come through a VPN or a bastion that is declared with "
    "`class: management` and `from`.",
    needs=["hosts", "vantage.external"],
    defects=["management-port-open"],
    traffic="intrusive",
)
@pytest.mark.usefixtures("port_evidence")
def test_no_management_port_is_open(port_scan, evidence):
    """No management port is open to the outside over IPv4 but those declared as management for the outside by name.

    From the scan of NET-001: the default ports of management interfaces, and every port declared as `management`.
    One is allowed only where `from` is written out and names this vantage, as for a bastion. Numbers that applications
    use as well (8500, 9000, 9090, 10000) are an application's where `class: app` is written out.
    Sources: CIS controls 4 and 12, WSTG-CONF-05, CWE-668.
    """
    exposed = port_scan.open_at(port_scan.management_class - port_scan.management_allowed)
    shown = ", ".join(f"{address} port {port_scan.name(port)}" for address, port in exposed)
    evidence.compare(
        expected="no management port open", observed=f"open: {shown}" if exposed else "no management port open"
    )
    evidence.reproduce(port_scan.reproduction(exposed))

    assert not exposed, f"{port_scan.host.name}: management ports open to the outside: {shown}"


@check(
    "NET-007",
    severity="blocker",
    proves=["declared-exposure", "database-unreachable", "management-restricted", "firewall-verified"],
    why="Firewalls are often written for IPv4 only; over IPv6 everything behind them is then open to everybody.",
    remedy="Give the firewall the same rules for IPv6, or bind the listener to its own address.",
    needs=["hosts", "vantage.external"],
    defects=["database-open-on-ipv6", "redirect-listener-down"],
    traffic="intrusive",
)
def test_ipv6_shows_what_is_declared(exposed_host, ipv6_names, ipv6_scan_of, attach_ports, evidence):
    """Over IPv6 exactly the declared ports are open, and none of a database or an undeclared management interface.

    All 65,535 ports of every declared IPv6 address, measured and judged as NET-001 to NET-004 do for IPv4. Uncovered
    where a name has an IPv6 address that no host declares; not applicable where neither the host nor a name has one;
    inconclusive where this machine has no IPv6. Sources: WSTG-CONF-01, RFC 4942 section 2.3, CWE-1125, CWE-668.
    """
    evidence.table("names", ("name", "addresses", "known from"), [n.row for n in ipv6_names])
    scan = ipv6_scan_of(exposed_host)
    attach_ports(scan)
    surplus, missing = scan.surplus(), scan.not_open_at(scan.declared - scan.database_class)
    problems = [f"{address} port {scan.name(port)} is open" for address, port in surplus]
    problems += [f"{address} port {scan.name(port)} is {state} though declared" for address, port, state in missing]
    evidence.compare(expected=scan.expectation, observed="; ".join(problems) or "exactly that")
    evidence.reproduce(scan.reproduction([*surplus, *((address, port) for address, port, _ in missing)]))

    assert not problems, f"{exposed_host.name}: {'; '.join(problems)}"
