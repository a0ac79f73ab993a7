"""Which TCP ports the hosts show to the outside."""

import pytest

from stagehold import check

pytestmark = pytest.mark.usefixtures("port_evidence")
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
def test_only_declared_ports_are_open(port_scan, evidence):
    """No TCP port is open to the outside but the declared ones.

    All 65,535 ports of every address (nmap), each open one confirmed by a connection. Database ports are
    left to NET-003, missing ones to NET-002. A host that answers for every port, stops answering, or is
    silent where it should answer is inconclusive. Sources: WSTG-CONF-01, PCI DSS 1.2 and 11.3.2, CWE-1125.
    """
    surplus = port_scan.open_at(set(ALL_PORTS) - port_scan.declared - port_scan.database_class)
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
    proves=["database-unreachable"],
    why="Whoever guesses or steals one database password reads every company's books.",
    remedy="Close the port in the firewall or bind the database to its private network.",
    needs=["hosts", "vantage.external"],
    defects=["database-exposed"],
    traffic="intrusive",
)
def test_no_database_port_is_open(port_scan, evidence):
    """No database port is open to the outside, declared or not.

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
