"""The company's name server: answers for its zone over UDP and TCP, and hands the zone to its secondaries alone."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone

from ledgerlab.lab.errors import LabError

_LONGEST_DATAGRAM = 512
_PATIENCE = 10


@dataclass(frozen=True)
class Zone:
    """What is published, and whether anybody may take all of it."""

    origin: str
    text: str
    """In the format of RFC 1035 section 5."""
    open_transfer: bool = False


class NameServer:
    """Listens once it was told to; what it publishes can be changed while it does."""

    def __init__(self) -> None:
        self._published: _Published | None = None
        self._servers: list[socketserver.BaseServer] = []

    def serve(self, addresses: Sequence[str], port: int, zone: Zone) -> None:
        """Publishes this zone at these addresses, whatever it published before.

        Raises:
            LabError: the port cannot be had.
        """
        self._published = _Published(zone)
        if self._servers:
            return
        try:
            for address in addresses:
                six = ":" in address
                self._servers.append(_server(_Tcp6 if six else _Tcp, address, port, _OverTcp, self))
                self._servers.append(_server(_Udp6 if six else _Udp, address, port, _OverUdp, self))
        except OSError as error:
            raise LabError(f"The name server cannot listen on port {port}: {error.strerror}.") from error
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True, name="dns").start()

    def answers(self, wire: bytes, *, tcp: bool) -> Iterator[bytes]:
        """The answer to a message, which is more than one for a zone; none to what is no question."""
        try:
            question = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return
        if self._published is None or question.flags & dns.flags.QR or len(question.question) != 1:
            return
        for answer in self._published.answers(question, tcp=tcp):
            whole = answer.to_wire(max_size=65_535)
            if not tcp and len(whole) > _LONGEST_DATAGRAM:
                cut = dns.message.make_response(question)
                cut.flags |= dns.flags.TC | dns.flags.AA
                whole = cut.to_wire()
            yield whole


class _Published:
    def __init__(self, zone: Zone) -> None:
        self._open = zone.open_transfer
        self._origin = dns.name.from_text(zone.origin + ".")
        self._zone = dns.zone.from_text(zone.text, origin=self._origin, relativize=False)

    def answers(self, question: dns.message.Message, *, tcp: bool) -> Iterator[dns.message.Message]:
        asked = question.question[0]
        answer = dns.message.make_response(question)
        if asked.rdclass != dns.rdataclass.IN or not asked.name.is_subdomain(self._origin):
            answer.set_rcode(dns.rcode.REFUSED)
        elif asked.rdtype in {dns.rdatatype.AXFR, dns.rdatatype.IXFR}:
            if self._open and tcp:
                yield from self._all(question)
                return
            answer.set_rcode(dns.rcode.REFUSED)
        else:
            self._fill(answer, asked.name, asked.rdtype)
        yield answer

    def _fill(self, answer: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        answer.flags |= dns.flags.AA
        for _ in range(8):
            if found := self._zone.get_rrset(name, kind):
                answer.answer.append(found)
                return
            alias = self._zone.get_rrset(name, dns.rdatatype.CNAME)
            if alias is None:
                break
            answer.answer.append(alias)
            name = alias[0].target
            if not name.is_subdomain(self._origin):
                return
        if not any(owner.is_subdomain(name) for owner in self._zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        answer.authority.append(self._state())

    def _all(self, question: dns.message.Message) -> Iterator[dns.message.Message]:
        """A message for each name, between the SOA and the SOA (RFC 5936 section 2.2)."""
        sets = [dns.rrset.from_rdata_list(n, r.ttl, list(r)) for n in self._zone for r in self._zone[n]]
        inner = [item for item in sets if item.rdtype != dns.rdatatype.SOA]
        for item in (self._state(), *inner, self._state()):
            answer = dns.message.make_response(question)
            answer.flags |= dns.flags.AA
            answer.answer.append(item)
            yield answer

    def _state(self) -> dns.rrset.RRset:
        found = self._zone.get_rrset(self._origin, dns.rdatatype.SOA)
        if found is None:
            raise LabError("The zone has no SOA.")
        return found


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    names: NameServer


class _Tcp6(_Tcp):
    address_family = socket.AF_INET6


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True
    names: NameServer


class _Udp6(_Udp):
    address_family = socket.AF_INET6


def _server(
    kind: type[_Tcp | _Udp],
    address: str,
    port: int,
    handler: type[socketserver.BaseRequestHandler],
    names: NameServer,
) -> socketserver.BaseServer:
    server = kind((address, port), handler)
    server.names = names
    return server


class _OverUdp(socketserver.BaseRequestHandler):
    server: _Udp

    def handle(self) -> None:
        wire, line = self.request
        for answer in self.server.names.answers(wire, tcp=False):
            line.sendto(answer, self.client_address)


class _OverTcp(socketserver.StreamRequestHandler):
    timeout = _PATIENCE
    server: _Tcp

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while len(head := self.rfile.read(2)) == 2:  # noqa: PLR2004 - the length goes before each message
                wire = self.rfile.read(struct.unpack("!H", head)[0])
                for answer in self.server.names.answers(wire, tcp=True):
                    self.wfile.write(struct.pack("!H", len(answer)) + answer)
