"""What name servers tell the public."""

from stagehold import check


@check(
    "NET-014",
    severity="normal",
    proves=["information-restraint", "declared-exposure"],
    why="Whoever can read the plan of the network in DNS knows which machines to attack before sending them a packet.",
    remedy="Allow zone transfers to the secondary servers alone, and keep internal names and addresses in a zone that "
    "only the internal resolvers serve.",
    needs=["dns.zones"],
    defects=["zone-transfer-open", "internal-name-in-public-dns", "private-address-in-public-dns"],
)
def test_public_dns_tells_nothing_internal(public_dns, evidence):
    """Public DNS exposes no zone transfer, private addresses or internal host names.

    Every declared server of each zone in `dns.zones`, at every address, from outside, without recursion. The control
    goes first: SOA over UDP and TCP, with authority. Then AXFR and IXFR over TCP: any record beyond the SOA fails, in
    however many messages it comes. REFUSED, NOTAUTH, NOTIMP, FORMERR, an answer without records and a connection ended
    in order (twice, and the SOA is answered afterwards) are refusals; so is silence, where the next question on the
    same connection is answered. A and AAAA of `names` and of the hosts of targets in the zone, aliases followed:
    addresses that are not public fail unless `private_names` accepts them, aliases to internal names always do.
    `internal_names` must not be answered; where a wildcard answers everything, they must look like names made up.
    Inconclusive: a server that is silent, lame, breaks off or resets; name servers in the zone's NS records that are
    not declared; declared names that are missing, delegated, or lead out of the declared zones to what `outside_names`
    does not accept. Truncated answers are asked again over TCP. Nobody but the declared servers is asked: not this
    machine's resolver, which may see another half of a split DNS, nor the parent zone. Other types of records (MX, TXT,
    SRV, PTR) are not looked at. The catalogue asks each NS; which those are is declared here, not learned.
    Sources: WSTG-INFO-04, RFC 5936, RFC 1995, RFC 6890, RFC 1918, CWE-200.
    """
    rows = [
        (str(s), t.kind, s.zone.origin, t.verdict.value, f"{t.how} {' '.join(t.records)}".strip())
        for s in public_dns.seen
        for t in s.transfers
    ]
    rows += [
        (str(s), "A, AAAA", answer.name, about, answer.said)
        for s in public_dns.seen
        for about, answers in (("public", s.public), ("internal", s.internal), ("made up", sum(s.strangers, ())))
        for answer in answers
    ]
    rows += [(str(s), "SOA, NS", s.zone.origin, "not known", s.problem) for s in public_dns.seen if s.problem]
    evidence.table("answers of the name servers", ("server", "asked for", "name", "about", "answer"), rows)
    wrong = public_dns.wrong
    evidence.compare(
        expected="no zone transfer, public addresses only, no internal names",
        observed="; ".join(wrong)
        or "; ".join(f"{s}: {s.problem or ', '.join(t.how for t in s.transfers)}" for s in public_dns.seen)
        or "nothing was asked",
    )
    if public_dns.seen:
        evidence.reproduce(public_dns.reproduction)

    assert not wrong, "; ".join(wrong)
    public_dns.require_complete()
