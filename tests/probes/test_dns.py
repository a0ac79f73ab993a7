"""NET-014 against name servers of many kinds: sound, careless, lame, silent, and one that nobody here wrote."""

from __future__ import annotations

import itertools
import socket
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import pytest

from stagehold.environment.dns import DnsZone
from stagehold.environment.model import Environment
from stagehold.errors import NotAllowed
from stagehold.network.door import Network
from stagehold.probes.dns import look as looking
from stagehold.probes.dns import talk
from stagehold.probes.dns.addresses import not_public
from stagehold.probes.dns.facts import PublicDns
from stagehold.probes.dns.look import look_at_dns
from tests.probes.dns_servers import RECORDS, ZONE, Reaction, Scripted, frame, nsd, served, sets
from tests.probes.judged import outcomes
from tests.probes.tls_servers import fresh_address


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody on loopback needs longer."""
    monkeypatch.setattr(talk, "UDP_SECONDS", 0.3)
    monkeypatch.setattr(talk, "TCP_SECONDS", 0.6)


def environment(*places: tuple[str, int], zone: Mapping[str, object] | None = None, **more: object) -> Environment:
    """One zone at these servers; `ns1` is pinned to the first."""
    (address, port), *others = places
    servers: list[dict[str, object]] = [{"host": f"ns1.{ZONE}", "port": port, "addresses": [address]}]
    servers += [{"host": host, "port": other} for host, other in others]
    described: dict[str, Any] = {
        "environment": {"id": "x"},
        "targets": [{"name": "web", "base_url": f"https://www.{ZONE}", "addresses": ["192.31.196.10"]}],
        "dns": {
            "zones": [{"name": ZONE, "servers": servers, "internal_names": ["db", "vault.inside"], **(zone or {})}]
        },
        **more,
    }
    return Environment.model_validate(described)


def look(*places: tuple[str, int], zone: Mapping[str, object] | None = None, **more: object) -> PublicDns:
    """What the probe sees."""
    described = environment(*places, zone=zone, **more)
    return look_at_dns(Network.build(described), described)


def verdict(seen: PublicDns) -> str:
    """What the check says of it."""
    return outcomes("ports", {"public_dns": seen})["NET-014"]


def told(server: Scripted, zone: Mapping[str, object] | None = None) -> tuple[str, str]:
    """The outcome for a scripted server, and what was wrong or not known."""
    with served(server):
        seen = look((server.address, server.port), zone=zone)
    words = "; ".join((*seen.wrong, *(doubt for one in seen.seen for doubt in one.doubts)))
    return verdict(seen), words


def with_records(*records: str) -> Scripted:
    """A sound server with more records."""
    return Scripted(records=(*RECORDS, *records))


def test_a_sound_server_passes() -> None:
    """Refused transfers, public addresses, and internal names that do not exist; everything was asked."""
    server = Scripted()
    assert told(server) == ("passed", "")
    assert {"udp SOA app.example", "tcp SOA app.example", "tcp AXFR app.example", "tcp IXFR app.example"} <= set(
        server.asked
    )
    assert {"udp A www.app.example", "udp AAAA db.app.example", "udp A vault.inside.app.example"} <= set(server.asked)


# --- transfers -----------------------------------------------------------------------------------------------------


def hand_out(*, each: int = 100, kinds: tuple[str, ...] = ("AXFR", "IXFR"), stop: int = 99, then: str = "") -> Reaction:
    """The zone, with so many records in each message, for these ways to ask; it stops after so many messages."""

    def react(connection: socket.socket, question: dns.message.Message) -> bool:
        if dns.rdatatype.to_text(question.question[0].rdtype) not in kinds:
            return answer_code(dns.rcode.REFUSED)(connection, question)
        state, *others = sets(RECORDS)
        items = iter([state, *others, state])
        for _ in range(stop):
            part = list(itertools.islice(items, each))
            if not part:
                return True
            message = dns.message.make_response(question)
            message.flags |= dns.flags.AA
            message.answer += part
            connection.sendall(frame(message))
        if then == "reset":
            return reset(connection, question)
        return then != "close"

    return react


def answer_code(code: int) -> Reaction:
    """An answer with this code and nothing in it."""

    def react(connection: socket.socket, question: dns.message.Message) -> bool:
        message = dns.message.make_response(question)
        message.set_rcode(dns.rcode.Rcode(code))
        connection.sendall(frame(message))
        return True

    return react


def reset(connection: socket.socket, question: dns.message.Message) -> bool:
    """The connection is gone, with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def ignore(connection: socket.socket, question: dns.message.Message) -> bool:
    """Says nothing and goes on."""
    return True


def close(connection: socket.socket, question: dns.message.Message) -> bool:
    """Ends the connection in order."""
    return False


def fall_silent(connection: socket.socket, question: dns.message.Message) -> bool:
    """Says nothing any more on this connection."""
    connection.settimeout(5)
    while connection.recv(100):
        pass
    return False


def half_a_message(connection: socket.socket, question: dns.message.Message) -> bool:
    """Breaks off within a message."""
    connection.sendall(b"\x10\x00abc")
    return False


@pytest.mark.parametrize(
    ("reaction", "expected", "word"),
    [
        (hand_out(), "failed", "by AXFR"),
        (hand_out(each=1), "failed", "by IXFR"),
        (hand_out(kinds=("AXFR",)), "failed", "by AXFR"),
        (hand_out(kinds=("IXFR",)), "failed", "by IXFR"),
        (hand_out(each=1, kinds=("IXFR",)), "failed", "by IXFR"),
        (hand_out(each=2, stop=1), "failed", "by AXFR"),
        (hand_out(each=2, stop=1, then="close"), "failed", "by AXFR"),
        (hand_out(each=2, stop=1, then="reset"), "failed", "by AXFR"),
        (hand_out(each=1, stop=1, kinds=("AXFR",)), "inconclusive", "it began with the SOA"),
        (hand_out(each=1, stop=1, kinds=("AXFR",), then="close"), "inconclusive", "it began with the SOA"),
        (hand_out(each=1, stop=1, kinds=("IXFR",)), "passed", ""),
        (answer_code(dns.rcode.NOTAUTH), "passed", ""),
        (answer_code(dns.rcode.NOTIMP), "passed", ""),
        (answer_code(dns.rcode.FORMERR), "passed", ""),
        (answer_code(dns.rcode.NOERROR), "passed", ""),
        (answer_code(dns.rcode.SERVFAIL), "inconclusive", "SERVFAIL"),
        (close, "passed", ""),
        (reset, "inconclusive", "the connection broke after AXFR"),
        (ignore, "passed", ""),
        (fall_silent, "inconclusive", "nor to what was asked next"),
        (half_a_message, "inconclusive", "in the middle of an answer"),
    ],
)
def test_transfers_are_told_from_refusals(reaction: Reaction, expected: str, word: str) -> None:
    """Any record beyond the SOA fails, in however many messages; only a refusal that is one passes."""
    outcome, words = told(Scripted(on_transfer=reaction))
    assert (outcome, word in words) == (expected, True), words


def test_a_server_that_hangs_up_on_everybody_is_not_refusing() -> None:
    """An end in order counts only while the SOA is answered afterwards."""
    begun: list[bool] = []

    class Tired(Scripted):
        def answer(self, question: dns.message.Message, *, tcp: bool) -> dns.message.Message | None:
            return None if tcp and begun else super().answer(question, tcp=tcp)

    def hang_up(connection: socket.socket, question: dns.message.Message) -> bool:
        begun.append(True)
        return False

    outcome, words = told(Tired(on_transfer=hang_up))
    assert (outcome, "and afterwards: no answer over TCP" in words) == ("inconclusive", True), words


# --- answers -------------------------------------------------------------------------------------------------------


def everything(*data: str) -> Callable[[str], list[str]]:
    """A wildcard."""
    return lambda name: [f"{name}. 60 IN {item}" for item in data]


_COUNT = itertools.count(1)


@pytest.mark.parametrize(
    ("server", "zone", "expected", "word"),
    [
        (with_records("www.app.example. 60 IN A 10.0.0.5"), {}, "failed", "10.0.0.5, private (RFC 1918)"),
        (with_records("www.app.example. 60 IN AAAA ::1"), {}, "failed", "::1, loopback"),
        (with_records("app.example. 60 IN A 100.64.0.1"), {}, "failed", "app.example has the address 100.64.0.1"),
        (
            with_records("www.app.example. 60 IN A 10.0.0.5"),
            {"private_names": [{"name": "www", "reason": "lies in the office"}]},
            "passed",
            "",
        ),
        (
            with_records("www.app.example. 60 IN A 10.0.0.5"),
            {"private_names": [{"name": "*.test", "reason": "the test bench"}]},
            "failed",
            "10.0.0.5",
        ),
        (with_records("db.app.example. 60 IN A 192.31.196.20"), {}, "failed", "internal name db.app.example is known"),
        (with_records("db.app.example. 60 IN CNAME rds.cloud.example."), {}, "failed", "internal name db.app.example"),
        (with_records("vault.inside.app.example. 60 IN AAAA 2001:500:2::1"), {}, "failed", "vault.inside.app.example"),
        (
            with_records("db.app.example. 60 IN A 10.0.0.5"),
            {"private_names": [{"name": "*", "reason": "all of it is in the office"}]},
            "failed",
            "internal name db.app.example is known",
        ),
        (with_records("db.app.example. 60 IN TXT nothing"), {}, "passed", ""),
        (Scripted(wildcard=everything("A 192.31.196.10")), {}, "passed", ""),
        (Scripted(wildcard=everything("A 10.1.1.1")), {}, "failed", "any name below app.example has the address"),
        (
            Scripted(
                records=(*RECORDS, "db.app.example. 60 IN A 192.31.196.20"), wildcard=everything("A 192.31.196.9")
            ),
            {},
            "failed",
            "internal name db.app.example is known",
        ),
        (
            Scripted(wildcard=lambda name: [f"{name}. 60 IN A 192.31.196.{next(_COUNT) % 250}"]),
            {},
            "inconclusive",
            "cannot be told from other names",
        ),
        (
            with_records("x.app.example. 60 IN CNAME y.app.example.", "y.app.example. 60 IN CNAME z.app.example.",
                         "z.app.example. 60 IN A 172.16.9.9"),
            {"names": ["x"]},
            "failed",
            "x.app.example has the address 172.16.9.9",
        ),
        (with_records("x.app.example. 60 IN CNAME lb.corp.internal."), {"names": ["x"]}, "failed", "lb.corp.internal"),
        (with_records("x.app.example. 60 IN CNAME db.app.example."), {"names": ["x"]}, "failed", "internal name db."),
        (with_records("x.app.example. 60 IN CNAME e.cdn.example."), {"names": ["x"]}, "inconclusive", "e.cdn.example"),
        (
            with_records("x.app.example. 60 IN CNAME e.cdn.example."),
            {"names": ["x"], "outside_names": [{"name": "*.cdn.example", "reason": "our CDN"}]},
            "passed",
            "",
        ),
        (with_records("x.app.example. 60 IN CNAME x.app.example."), {"names": ["x"]}, "inconclusive", "no address"),
        (Scripted(), {"names": ["missing"]}, "inconclusive", "missing.app.example is meant to be found"),
        (Scripted(delegated="inside.app.example"), {}, "inconclusive", "delegated to other servers"),
        (Scripted(truncate=True), {}, "passed", ""),
        (Scripted(rcode=dns.rcode.REFUSED), {}, "inconclusive", "does not serve app.example: answered REFUSED"),
        (Scripted(rcode=dns.rcode.SERVFAIL), {}, "inconclusive", "answered SERVFAIL"),
        (Scripted(authority=False), {}, "inconclusive", "answered SOA over UDP without authority"),
        (Scripted(records=RECORDS[1:]), {}, "inconclusive", "no SOA of it"),
        (Scripted(silent=frozenset({"app.example"})), {}, "inconclusive", "no answer over UDP to SOA app.example"),
        (Scripted(silent=frozenset({"db.app.example"})), {}, "inconclusive", "no answer over UDP to A db.app.example"),
        (with_records("app.example. 60 IN NS ns2.app.example."), {}, "inconclusive", "ns2.app.example serves"),
        (with_records("app.example. 60 IN NS ns9.host.example."), {}, "inconclusive", "ns9.host.example serves"),
        (with_records("app.example. 60 IN NS ns9.corp.lan."), {}, "failed", "internal server ns9.corp.lan"),
    ],
)  # fmt: skip
def test_names_are_judged_by_what_is_answered(
    server: Scripted, zone: dict[str, object], expected: str, word: str
) -> None:
    """Private addresses and internal names fail, wherever aliases and wildcards hide them; doubt never passes."""
    outcome, words = told(server, zone)
    assert (outcome, word in words) == (expected, True), words


def test_truncated_answers_are_judged_by_tcp() -> None:
    """What UDP cut off, TCP shows."""
    server = with_records("db.app.example. 60 IN A 192.31.196.20")
    server.truncate = True
    assert told(server)[0] == "failed"


def test_one_silent_server_of_two_is_no_proof() -> None:
    """Every declared server must answer."""
    with served(Scripted()) as good:
        seen = look((good.address, good.port), (fresh_address(), good.port))
        assert verdict(seen) == "inconclusive"
        assert "no answer over UDP" in seen.seen[1].problem


def test_one_careless_server_of_two_fails() -> None:
    """A secondary hands out what the primary refuses."""
    with served(Scripted()) as good, served(Scripted(on_transfer=hand_out())) as careless:
        seen = look((good.address, good.port), (careless.address, careless.port))
    assert verdict(seen) == "failed"
    assert seen.reproduction == f"dig @{careless.address} -p {careless.port} +norecurse app.example AXFR"


def test_a_server_on_ipv6_is_asked() -> None:
    """Over UDP and TCP at `::1`."""
    with served(Scripted(on_transfer=hand_out()), "::1") as server:
        assert verdict(look(("::1", server.port))) == "failed"


def test_aliases_into_another_declared_zone_are_followed_there() -> None:
    """The other zone's servers say where they lead."""
    here = with_records("x.app.example. 60 IN CNAME lb.other.example.")
    there = Scripted(
        zone="other.example",
        records=(
            "other.example. 60 IN SOA ns1 hostmaster 1 3600 600 604800 60",
            "other.example. 60 IN NS ns1.app.example.",
            "lb.other.example. 60 IN A 10.2.3.4",
        ),
    )
    with served(here), served(there):
        servers = [{"host": f"ns1.{ZONE}", "port": there.port, "addresses": [there.address]}]
        mine = [{"host": f"ns1.{ZONE}", "port": here.port, "addresses": [here.address]}]
        zones = {
            "zones": [{"name": ZONE, "servers": mine, "names": ["x"]}, {"name": "other.example", "servers": servers}]
        }
        separate = environment((here.address, here.port), dns=zones)
        # One name with two pinned addresses would be asked at both; each zone has a server of its own.
        separate = separate.model_copy(update={"dns": _by_address(separate, here.address, there.address)})
        seen = look_at_dns(Network.build(separate), separate)
    assert verdict(seen) == "failed"
    assert any("lb.other.example has the address 10.2.3.4" in words for words in seen.wrong)


def _by_address(described: Environment, *addresses: str) -> Any:
    zones = [
        zone.model_copy(update={"servers": (zone.servers[0].model_copy(update={"host": address, "addresses": ()}),)})
        for zone, address in zip(described.dns.zones, addresses, strict=True)
    ]
    return described.dns.model_copy(update={"zones": tuple(zones)})


def test_nobody_but_the_declared_servers_is_asked() -> None:
    """A server that is not in the allow-list gets no packet."""
    with served(Scripted()) as server:
        other = environment((fresh_address(), server.port))
        mine = environment((server.address, server.port))
        with pytest.raises(NotAllowed):
            looking.look_at(Network.build(other), mine.dns.zones[0], mine.dns.zones[0].servers[0], server.address, {})
    assert server.asked == []


# --- a server that nobody here wrote -------------------------------------------------------------------------------

_ZONE_FILE = (
    "@ 60 IN SOA ns1 hostmaster 7 3600 600 604800 60",
    "@ 60 IN NS ns1",
    "ns1 60 IN A 192.31.196.9",
    "www 60 IN A 192.31.196.10",
    *(f"many 60 IN AAAA 2001:500:2::{number:x}" for number in range(1, 60)),
)


@pytest.mark.parametrize(
    ("records", "transfer", "expected"),
    [
        ((), "", "passed"),
        ((), "provide-xfr: 127.0.0.0/8 NOKEY", "failed"),
        (("db 60 IN A 192.31.196.11",), "", "failed"),
        (("www 60 IN A 192.168.7.7",), "", "failed"),
        (("* 60 IN A 192.31.196.12",), "", "passed"),
        (("inside 60 IN NS ns.elsewhere.example.",), "", "inconclusive"),
    ],
)
def test_nsd_is_judged_as_it_deserves(records: tuple[str, ...], transfer: str, expected: str, tmp_path: Path) -> None:
    """NSD refuses transfers unless told otherwise, truncates what is long, and expands wildcards."""
    with nsd(tmp_path, (*_ZONE_FILE, *records), transfer=transfer) as place:
        seen = look(place, zone={"names": ["many"]})
    assert verdict(seen) == expected, [(one.complaints, one.doubts) for one in seen.seen]
    if expected == "passed":
        assert len(next(answer for answer in seen.seen[0].public if answer.name == "many.app.example").addresses) == 59


# --- pure ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("10.0.0.5", "RFC 1918"),
        ("172.31.255.255", "RFC 1918"),
        ("192.168.0.1", "RFC 1918"),
        ("127.0.0.1", "loopback"),
        ("169.254.1.1", "link-local"),
        ("100.127.255.255", "RFC 6598"),
        ("192.0.2.1", "documentation"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("198.19.0.1", "benchmarks"),
        ("0.0.0.0", "unspecified"),
        ("240.0.0.1", "reserved"),
        ("224.0.0.1", "multicast"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fd00::1", "RFC 4193"),
        ("fe80::1", "link-local"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
        ("2001:db8::1", "documentation"),
        ("::ffff:10.0.0.1", "10.0.0.1 inside IPv6"),
        ("64:ff9b::10.0.0.1", "10.0.0.1 inside IPv6"),
        ("2002:a00:1::1", "10.0.0.1 inside IPv6"),
        ("::ffff:192.31.196.1", "inside IPv6"),
        ("192.0.0.8", "special-purpose"),
    ],
)
def test_addresses_that_are_not_public_are_named(address: str, word: str) -> None:
    """Each kind of the registries, in IPv6 dress as well."""
    assert word in not_public(address)


@pytest.mark.parametrize("address", ["192.31.196.10", "172.32.0.1", "100.128.0.1", "2001:500:2::1", "64:ff9b::8.8.8.8"])
def test_public_addresses_are_public(address: str) -> None:
    """Neighbours of what is not public are."""
    assert not not_public(address)


def test_names_are_relative_unless_they_end_in_the_zone() -> None:
    """As people write them."""
    zone = DnsZone.model_validate(
        {
            "name": "App.Example.",
            "servers": [{"host": "192.0.2.1"}],
            "private_names": [{"name": "*.test", "reason": "r"}, {"name": "@", "reason": "r"}],
        }
    )
    names = ["db", "vault.internal", "WWW.app.example", "www.app.example.", "@", "myapp.example"]
    assert [zone.full(name) for name in names] == [
        "db.app.example", "vault.internal.app.example", "www.app.example", "www.app.example", "app.example",
        "myapp.example.app.example",
    ]  # fmt: skip
    asked = ("a.test.app.example", "app.example", "test.app.example", "db.app.example")
    assert [zone.may_be_private(name) for name in asked] == [True, True, False, False]
