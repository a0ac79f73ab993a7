"""What speaks on the ports that are meant to be open."""

from stagehold import check


@check(
    "NET-008",
    severity="blocker",
    proves=["declared-exposure", "database-unreachable"],
    why="A port that is meant for the website and leads to the database passes every firewall.",
    remedy="Correct the mapping of the port, or declare the service that is meant to answer there.",
    needs=["hosts", "vantage.external"],
    requires=["NET-002"],
    defects=["partner-port-leads-to-database"],
    traffic="intrusive",
)
def test_ports_speak_what_is_declared(host_services, evidence):
    """Every open port speaks the protocol that is declared for it.

    Each declared port is greeted at every address as a client of its `service` would, and, when that is not answered,
    as clients of web, mail, file transfer, shell and database servers would. What is recognised decides; nmap's version
    detection gives a second opinion on ports in doubt. A port that answers nothing known is inconclusive; one without a
    declared `service` fails when a database answers, and counts as not configured otherwise.
    Sources: WSTG-INFO-02, PCI DSS 1.4.4, CWE-668.
    """
    rows = [(s.address, s.port, s.declared, s.seen, s.how, s.first, s.second_opinion) for s in host_services.spoken]
    evidence.table("services", ("address", "port", "declared", "seen", "how", "first bytes", "second opinion"), rows)
    wrong = host_services.wrong
    shown = "; ".join(f"{item}, declared {item.declared or 'as nothing'}" for item in wrong)
    evidence.compare(
        expected=", ".join(dict.fromkeys(f"{s.port} {s.declared}" for s in host_services.spoken)),
        observed=shown
        or ", ".join(dict.fromkeys(f"{s.port} {s.seen or 'not recognised'}" for s in host_services.spoken)),
    )
    first = (wrong or host_services.spoken)[0]
    evidence.reproduce(first.reproduction)

    assert not wrong, f"{host_services.host.name}: {shown}"
    host_services.require_known()
