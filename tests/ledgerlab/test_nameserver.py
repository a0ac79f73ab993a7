"""The demo's name server: what it answers, and to whom it hands its zone."""

from __future__ import annotations

import socket
import struct

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from ledgerlab.lab.errors import LabError
from ledgerlab.lab.nameserver import NameServer, Zone
from tests.free_ports import free_port
from tests.probes.tls_servers import fresh_address

TEXT = """$TTL 60
@ SOA ns hostmaster 1 2 3 4 5
@ NS ns
ns A 10.77.0.10
www CNAME ns
a.b A 10.77.0.11
"""


def names(text: str = TEXT, *, open_transfer: bool = False) -> NameServer:
    """A server that publishes a zone; its listeners end with the process."""
    server = NameServer()
    server.serve([fresh_address()], free_port(), Zone("demo.test", text, open_transfer=open_transfer))
    return server


def ask(server: NameServer, name: str, kind: str, *, tcp: bool = False) -> list[dns.message.Message]:
    """Its answers to one question."""
    question = dns.message.make_query(name, kind)
    return [dns.message.from_wire(wire) for wire in server.answers(question.to_wire(), tcp=tcp)]


@pytest.mark.parametrize(
    ("name", "kind", "code", "records"),
    [
        ("ns.demo.test", "A", "NOERROR", ["A"]),
        ("www.demo.test", "A", "NOERROR", ["CNAME", "A"]),
        ("ns.demo.test", "AAAA", "NOERROR", []),
        ("b.demo.test", "A", "NOERROR", []),
        ("db.demo.test", "A", "NXDOMAIN", []),
        ("elsewhere.test", "A", "REFUSED", []),
        ("demo.test", "AXFR", "REFUSED", []),
    ],
)
def test_it_answers_for_its_zone(name: str, kind: str, code: str, records: list[str]) -> None:
    """With authority; names that only others lie below exist without records (RFC 4592)."""
    (answer,) = ask(names(), name, kind)
    assert dns.rcode.to_text(answer.rcode()) == code
    assert [dns.rdatatype.to_text(item.rdtype) for item in answer.answer] == records
    assert bool(answer.flags & dns.flags.AA) is (code != "REFUSED")


def test_it_hands_out_its_zone_only_when_told_to_and_over_tcp() -> None:
    """A message for each set of records, from SOA to SOA."""
    server = names(open_transfer=True)
    kinds = [dns.rdatatype.to_text(m.answer[0].rdtype) for m in ask(server, "demo.test", "AXFR", tcp=True)]
    assert (kinds[0], kinds[-1], len(kinds)) == ("SOA", "SOA", 6)
    assert ask(server, "demo.test", "AXFR")[0].rcode() == dns.rcode.REFUSED


def test_long_answers_are_cut_off_over_udp_and_whole_over_tcp() -> None:
    """At 512 bytes (RFC 1035 section 4.2.1)."""
    server = names(TEXT + "".join(f"many A 10.77.1.{number}\n" for number in range(1, 60)))
    assert ask(server, "many.demo.test", "A")[0].flags & dns.flags.TC
    assert len(ask(server, "many.demo.test", "A", tcp=True)[0].answer[0]) == 59


def test_it_listens_on_udp_and_tcp_and_changes_what_it_publishes() -> None:
    """A question by each way; after a change the new zone is answered, over the same listeners."""
    server, address, port = NameServer(), fresh_address(), free_port()
    server.serve([address], port, Zone("demo.test", TEXT))
    question = dns.message.make_query("db.demo.test", "A")
    wire = question.to_wire()
    with socket.create_connection((address, port), timeout=5) as connection:
        connection.sendall(struct.pack("!H", len(wire)) + wire)
        stream = connection.makefile("rb")
        size = struct.unpack("!H", stream.read(2))[0]
        assert dns.message.from_wire(stream.read(size)).rcode() == dns.rcode.NXDOMAIN
    server.serve([address], port, Zone("demo.test", TEXT + "db A 10.77.0.20\n"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(5)
        line.sendto(wire, (address, port))
        assert len(dns.message.from_wire(line.recv(1500)).answer) == 1
        line.sendto(b"no question", (address, port))
        line.sendto(wire, (address, port))
        assert dns.message.from_wire(line.recv(1500)).id == question.id


def test_a_port_that_is_taken_is_an_error() -> None:
    """The laboratory says so instead of starting without its name server."""
    address = fresh_address()
    with socket.create_server((address, 0)) as taken, pytest.raises(LabError, match="cannot listen"):
        NameServer().serve([address], taken.getsockname()[1], Zone("demo.test", TEXT))
