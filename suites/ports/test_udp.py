"""Which UDP services the hosts show to the outside."""

from stagehold import check


@check(
    "NET-006",
    severity="critical",
    proves=["declared-exposure", "firewall-verified"],
    why="SNMP with a guessable community tells everything about a machine, and amplifiers make it attack others.",
    remedy="Stop the service or close its UDP port in the firewall; declare it with `proto: udp` if it must answer.",
    needs=["hosts", "vantage.external"],
    defects=["snmp-agent-open"],
    traffic="intrusive",
)
def test_no_undeclared_udp_service_answers(udp_scan, evidence):
    """No UDP service answers the outside but the declared ones.

    Asked are the usual UDP ports and the declared ones of every address, in the words of their protocols (nmap -sU),
    the silent ones three times. Only an answer fails: silence says nothing. Inconclusive without raw sockets, where
    no packet shows that UDP gets there and back (an answer, or an ICMP refusal, of this host or another declared one),
    and where even ports chosen at random answer. Sources: WSTG-CONF-01, CISA TA14-017A, CWE-668.
    """
    evidence.table("UDP ports", ("host", "address", "port", "expected", "observed", "reason"), udp_scan.matrix())
    evidence.table("control", ("address", "shown by"), [(one.address, one.control) for one in udp_scan.addresses])
    for one in udp_scan.addresses:
        for run in one.runs:
            evidence.file(f"nmap -sU {one.address}", run.xml.encode(), "application/xml", "xml")
    surplus = udp_scan.surplus()
    shown = ", ".join(f"{address} UDP port {udp_scan.name(port)}" for address, port in surplus)
    declared = ", ".join(map(udp_scan.name, sorted(udp_scan.declared)))
    evidence.compare(
        expected=f"no UDP service answers{f' but {declared}' if declared else ''}",
        observed=f"answering: {shown}" if surplus else "no other answer",
    )
    evidence.reproduce(udp_scan.reproduction)

    assert not surplus, f"{udp_scan.host.name}: undeclared UDP services answer: {shown}"
