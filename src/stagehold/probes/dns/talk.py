"""Questions to one name server at one address, over UDP and TCP, through the network's door.

Sources: RFC 1035 section 4.2, RFC 7766 (TCP), RFC 5452 (which answers belong to a question).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype

from stagehold.errors import ProbeError
from stagehold.network.door import Network

UDP_SECONDS = 2.0
"""For an answer over UDP; the question is sent once more where none came."""
TCP_SECONDS = 4.0
_TRIES = 2
_LONGEST = 65_535


@dataclass(frozen=True)
class Line:
    """One name server at one of its addresses."""

    network: Network
    host: str
    port: int
    address: str

    def ask(self, name: str, kind: str) -> dns.message.Message:
        """The answer to a question, over UDP; what was cut off there is asked again over TCP.

        Raises:
            ProbeError: no answer came, or none that belongs to the question.
        """
        question = ask_for(name, kind)
        answer = self._by_udp(question)
        return self.ask_by_tcp(name, kind) if answer.flags & dns.flags.TC else answer

    def ask_by_tcp(self, name: str, kind: str) -> dns.message.Message:
        """The same over TCP alone (ProbeError likewise)."""
        with self.connection() as connection:
            return exchange(connection, ask_for(name, kind))

    @contextlib.contextmanager
    def connection(self) -> Iterator[socket.socket]:
        """A connection over TCP (ProbeError: there is none)."""
        with self.network.connect(self.host, self.port, seconds=TCP_SECONDS, address=self.address) as connection:
            yield connection

    def _by_udp(self, question: dns.message.Message) -> dns.message.Message:
        wire = question.to_wire()
        refused = ""
        with self.network.datagrams(self.host, self.port, address=self.address) as line:
            for _ in range(_TRIES):
                end = time.monotonic() + UDP_SECONDS
                try:
                    line.send(wire)
                    while (left := end - time.monotonic()) > 0:
                        line.settimeout(left)
                        answer = _parsed(line.recv(_LONGEST), question)
                        if answer is not None:
                            return answer
                except TimeoutError:
                    continue
                except OSError as error:
                    refused = f": {error.strerror or error}"
        raise ProbeError(f"no answer over UDP to {words(question)}{refused}")


class Closed(ProbeError):
    """The server ended the connection in order, after it was asked and before it answered."""


class Silent(ProbeError):
    """Nothing came in time."""


def ask_for(name: str, kind: str) -> dns.message.Message:
    """A question that asks for nobody's help: no recursion."""
    question = dns.message.make_query(dns.name.from_text(name + "."), kind)
    question.flags &= ~dns.flags.RD
    return question


def words(question: dns.message.Message) -> str:
    """A question in words, such as `SOA app.example`."""
    asked = question.question[0]
    return f"{dns.rdatatype.to_text(asked.rdtype)} {plain(asked.name)}"


def plain(name: dns.name.Name) -> str:
    """A name in lower case without the dot of the root; the root itself is `.`."""
    return name.to_text(omit_final_dot=True).lower()


def send(connection: socket.socket, question: dns.message.Message) -> None:
    """Send a question over TCP (ProbeError: it cannot be sent)."""
    wire = question.to_wire()
    try:
        connection.settimeout(TCP_SECONDS)
        connection.sendall(struct.pack("!H", len(wire)) + wire)
    except OSError as error:
        raise ProbeError(f"{words(question)} could not be sent over TCP: {error.strerror or error}") from error


def receive(connection: socket.socket, *questions: dns.message.Message, end: float) -> dns.message.Message:
    """The next message that answers one of these questions.

    Args:
        connection: what they were sent over.
        questions: the first is named in errors.
        end: of the waiting, as `time.monotonic()` counts.

    Raises:
        Closed: the server ended the connection in order before it answered.
        Silent: nothing came in time.
        ProbeError: the connection was reset, or what came belongs to no question.
    """
    about = words(questions[0])
    size = struct.unpack("!H", _exactly(connection, 2, end, about))[0]
    wire = _exactly(connection, size, end, about, begun=True)
    for question in questions:
        if (answer := _parsed(wire, question)) is not None:
            return answer
    raise ProbeError(f"what came over TCP is no answer to {about}")


def exchange(connection: socket.socket, question: dns.message.Message) -> dns.message.Message:
    """Question and answer over TCP (errors as for `send` and `receive`)."""
    send(connection, question)
    return receive(connection, question, end=time.monotonic() + TCP_SECONDS)


def _exactly(connection: socket.socket, size: int, end: float, about: str, *, begun: bool = False) -> bytes:
    got = b""
    while len(got) < size:
        left = end - time.monotonic()
        try:
            connection.settimeout(max(left, 0.001))
            part = connection.recv(size - len(got))
        except TimeoutError as error:
            raise (ProbeError if got or begun else Silent)(f"no answer over TCP in time to {about}") from error
        except OSError as error:
            raise ProbeError(f"the connection broke after {about}: {error.strerror or error}") from error
        if not part:
            if got or begun:
                raise ProbeError(f"the connection was closed in the middle of an answer to {about}")
            raise Closed(f"the connection was closed after {about}")
        got += part
    return got


def _parsed(wire: bytes, question: dns.message.Message) -> dns.message.Message | None:
    """The message, when it answers the question."""
    try:
        answer = dns.message.from_wire(wire, one_rr_per_rrset=True, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return None
    belongs = answer.id == question.id and answer.flags & dns.flags.QR and answer.opcode() == question.opcode()
    # Further messages of a transfer, and some refusals, do not repeat the question.
    return answer if belongs and (not answer.question or answer.question == question.question) else None
