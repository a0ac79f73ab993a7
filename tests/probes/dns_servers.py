"""Name servers for the tests: one that is scripted, sound unless told otherwise, and NSD, which nobody here wrote."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.free_ports import free_port
from tests.probes.tls_servers import fresh_address

ZONE = "app.example"
RECORDS = (
    "app.example. 60 IN SOA ns1 hostmaster 4000000000 3600 600 604800 60",
    "app.example. 60 IN NS ns1.app.example.",
    "www.app.example. 60 IN A 192.31.196.10",
    "www.app.example. 60 IN AAAA 2001:500:2::10",
)
Reaction = Callable[[socket.socket, dns.message.Message], bool]
"""What a server does with a question over TCP instead of answering it; False ends the connection."""


@dataclass
class Scripted:
    """Answers from records, with authority; deviations are set by the tests."""

    records: Sequence[str] = RECORDS
    zone: str = ZONE
    on_transfer: Reaction | None = None
    """None: REFUSED."""
    truncate: bool = False
    """Every answer over UDP is cut off."""
    rcode: int = dns.rcode.NOERROR
    """Other than NOERROR: the answer to everything."""
    authority: bool = True
    silent: frozenset[str] = frozenset()
    """Names that are not answered over UDP."""
    wildcard: Callable[[str], Sequence[str]] | None = None
    """Records, in presentation form, of names that do not exist."""
    delegated: str = ""
    asked: list[str] = field(default_factory=list)
    address: str = ""
    port: int = 0

    def answer(self, question: dns.message.Message, *, tcp: bool) -> dns.message.Message | None:
        """The answer; None for silence."""
        asked = question.question[0]
        name = asked.name.to_text(omit_final_dot=True).lower()
        self.asked.append(f"{'tcp' if tcp else 'udp'} {dns.rdatatype.to_text(asked.rdtype)} {name}")
        if name in self.silent and not tcp:
            return None
        answer = dns.message.make_response(question)
        if self.authority:
            answer.flags |= dns.flags.AA
        if self.rcode != dns.rcode.NOERROR:
            answer.set_rcode(dns.rcode.Rcode(self.rcode))
            return answer
        if self.truncate and not tcp:
            answer.flags |= dns.flags.TC
            return answer
        if self.delegated and name.endswith(self.delegated):
            answer.flags &= ~dns.flags.AA
            answer.authority.append(dns.rrset.from_text(self.delegated + ".", 60, "IN", "NS", "ns.elsewhere.example."))
            return answer
        self._fill(answer, name, asked.rdtype)
        return answer

    def _fill(self, answer: dns.message.Message, name: str, kind: dns.rdatatype.RdataType) -> None:
        for _ in range(12):
            mine = [item for item in self._sets() if item.name.to_text(omit_final_dot=True).lower() == name]
            if not mine and self.wildcard is not None and name.endswith(self.zone):
                mine = list(sets(self.wildcard(name)))
            if not mine:
                answer.set_rcode(dns.rcode.NXDOMAIN)
                return
            if found := [item for item in mine if item.rdtype == kind]:
                answer.answer += found
                return
            alias = next((item for item in mine if item.rdtype == dns.rdatatype.CNAME), None)
            if alias is None:
                return
            answer.answer.append(alias)
            name = alias[0].target.to_text(omit_final_dot=True).lower()
            if not name.endswith(self.zone):
                return

    def _sets(self) -> list[dns.rrset.RRset]:
        return sets(self.records)


def sets(records: Sequence[str]) -> list[dns.rrset.RRset]:
    """Records of `OWNER TTL IN TYPE DATA` as sets, one for each owner and type."""
    found: dict[tuple[str, str], list[str]] = {}
    for record in records:
        owner, _, _, kind, data = record.split(" ", 4)
        found.setdefault((owner, kind), []).append(data)
    origin = dns.name.from_text(ZONE)
    return [
        dns.rrset.from_text_list(owner, 60, "IN", kind, data, origin=origin, relativize=False)
        for (owner, kind), data in found.items()
    ]


def frame(message: dns.message.Message) -> bytes:
    """A message as TCP carries it."""
    wire = message.to_wire()
    return struct.pack("!H", len(wire)) + wire


@contextlib.contextmanager
def served(server: Scripted, address: str = "") -> Iterator[Scripted]:
    """The server, listening on UDP and TCP at one port of an address of its own."""
    server.address = address or fresh_address()
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    udp, tcp, server.port = _pair(family, server.address)
    threading.Thread(target=_datagrams, args=(udp, server), daemon=True).start()
    threading.Thread(target=_connections, args=(tcp, server), daemon=True).start()
    try:
        yield server
    finally:
        for listener in (udp, tcp):
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def _pair(family: socket.AddressFamily, address: str) -> tuple[socket.socket, socket.socket, int]:
    for _ in range(20):
        tcp = socket.create_server((address, 0), family=family)
        port = int(tcp.getsockname()[1])
        udp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            udp.bind((address, port))
        except OSError:
            udp.close()
            tcp.close()
            continue
        return udp, tcp, port
    raise AssertionError("no port is free for UDP and TCP")


def _datagrams(listener: socket.socket, server: Scripted) -> None:
    while True:
        try:
            wire, sender = listener.recvfrom(4096)
        except OSError:
            return
        if not wire:
            return
        if (answer := server.answer(dns.message.from_wire(wire), tcp=False)) is not None:
            listener.sendto(answer.to_wire(), sender)


def _connections(listener: socket.socket, server: Scripted) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_converse, args=(connection, server), daemon=True).start()


def _converse(connection: socket.socket, server: Scripted) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(10)
        stream = connection.makefile("rb")
        while len(head := stream.read(2)) == 2:
            question = dns.message.from_wire(stream.read(struct.unpack("!H", head)[0]))
            if question.question[0].rdtype in {dns.rdatatype.AXFR, dns.rdatatype.IXFR}:
                server.asked.append(f"tcp {dns.rdatatype.to_text(question.question[0].rdtype)} {server.zone}")
                if server.on_transfer is None:
                    refusal = dns.message.make_response(question)
                    refusal.set_rcode(dns.rcode.REFUSED)
                    connection.sendall(frame(refusal))
                elif not server.on_transfer(connection, question):
                    return
            elif (answer := server.answer(question, tcp=True)) is not None:
                connection.sendall(frame(answer))


NSD = """
server:
  ip-address: {address}@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  zonelistfile: "{folder}/zone.list"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  logfile: "{folder}/nsd.log"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: app.example
  zonefile: app.example.zone
{transfer}
"""


@contextlib.contextmanager
def nsd(folder: Path, records: Sequence[str], *, transfer: str = "") -> Iterator[tuple[str, int]]:
    """NSD with a zone of these records; `transfer` is a line such as `provide-xfr: 0.0.0.0/0 NOKEY`."""
    program = shutil.which("nsd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert program is not None, "nsd is missing (.ci/setup-tests installs it)"
    address, port = fresh_address(), free_port()
    (folder / "app.example.zone").write_text("$ORIGIN app.example.\n" + "\n".join(records) + "\n")
    settings = folder / "nsd.conf"
    settings.write_text(NSD.format(address=address, port=port, folder=folder, transfer=f"  {transfer}"))
    process = subprocess.Popen([program, "-d", "-c", str(settings)], stderr=subprocess.PIPE, text=True)
    try:
        _wait_for(process, address, port)
        yield address, port
    finally:
        process.terminate()
        process.wait(5)


def _wait_for(process: subprocess.Popen[str], address: str, port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError("nsd did not start")
