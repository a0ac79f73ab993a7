"""Whether a name server hands out a whole zone to whoever asks.

Sources: RFC 5936 (AXFR), RFC 1995 (IXFR), WSTG-INFO-04.
"""

from __future__ import annotations

import enum
import socket
import time
from dataclasses import dataclass, replace

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from stagehold.errors import ProbeError
from stagehold.probes.dns import talk
from stagehold.probes.dns.talk import Closed, Line, Silent, ask_for, plain

_REFUSALS = frozenset({dns.rcode.REFUSED, dns.rcode.NOTAUTH, dns.rcode.NOTIMP, dns.rcode.FORMERR})
_MANY = 200
"""Records after which it is known well enough that the zone is handed out."""
_MESSAGES = 400


class Verdict(enum.Enum):
    """What came of asking for a zone."""

    REFUSED = "refused"
    OPEN = "handed out"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Transfer:
    """One way to ask for the zone, and what came of it."""

    kind: str
    """AXFR or IXFR."""
    verdict: Verdict
    how: str
    """In words."""
    records: tuple[str, ...] = ()
    """Owner and type of what was handed out beyond the zone's SOA."""
    began: bool = False
    """Whether a transfer began that did not come to its end."""
    closed: bool = False
    """Whether the server ended the connection in order."""

    @property
    def undecided(self) -> bool:
        """Whether it is not known."""
        return self.verdict is Verdict.UNKNOWN


def ask_for_zone(line: Line, zone: str, kind: str, serial: int) -> Transfer:
    """Ask for the zone over TCP, as the first words of a connection; once more where silence or an end came of it.

    Args:
        line: whom to ask; it has answered the zone's SOA over TCP before.
        zone: its name.
        kind: AXFR, or IXFR, which asks for what has changed since the serial before.
        serial: of the zone as it is.
    """
    found = _once(line, zone, kind, serial)
    if found.verdict is Verdict.OPEN or not (found.undecided or found.closed):
        return found
    again = _once(line, zone, kind, serial)
    if again.verdict is Verdict.OPEN or not found.began:
        # Who hangs up means it when doing so twice, and answering another question afterwards.
        return again if not again.closed else _after_closing(line, zone, again)
    return found


def _after_closing(line: Line, zone: str, found: Transfer) -> Transfer:
    try:
        line.ask_by_tcp(zone, "SOA")
    except ProbeError as error:
        return replace(found, verdict=Verdict.UNKNOWN, how=f"{found.how}, and afterwards: {error}")
    return found


def _once(line: Line, zone: str, kind: str, serial: int) -> Transfer:
    question = ask_for(zone, kind)
    if kind == "IXFR":
        before = (serial - 1) % 2**32
        question.authority.append(dns.rrset.from_text(zone + ".", 0, "IN", "SOA", f". . {before} 0 0 0 0"))
    try:
        with line.connection() as connection:
            talk.send(connection, question)
            return _read(connection, zone, kind, question)
    except ProbeError as error:
        return Transfer(kind, Verdict.UNKNOWN, str(error))


def _read(connection: socket.socket, zone: str, kind: str, question: dns.message.Message) -> Transfer:
    """What comes until the zone is complete, enough of it is known, or nothing comes any more."""
    end = time.monotonic() + talk.TCP_SECONDS
    stream = _Stream(zone, kind)
    for _ in range(_MESSAGES):
        try:
            answer = talk.receive(connection, question, end=end)
        except Closed as error:
            return replace(stream.ended(str(error), Verdict.REFUSED), closed=True)
        except Silent as error:
            if stream.begun:
                # An IXFR may answer with the SOA alone where nothing newer is to be had (RFC 1995 section 2).
                return stream.ended(str(error), Verdict.REFUSED if kind == "IXFR" else Verdict.UNKNOWN)
            return _ignored(connection, zone, kind)
        except ProbeError as error:
            return stream.ended(str(error), Verdict.UNKNOWN)
        if (result := stream.add(answer)) is not None:
            return result
    return stream.ended("more came than was read", Verdict.UNKNOWN)


class _Stream:
    """The messages of one transfer, as far as they have come."""

    def __init__(self, zone: str, kind: str) -> None:
        self._zone, self._kind = zone, kind
        self._beyond: list[str] = []
        self._states = 0

    @property
    def begun(self) -> bool:
        """Whether any record has come."""
        return bool(self._beyond or self._states)

    def add(self, answer: dns.message.Message) -> Transfer | None:
        """What came of it with this message; None while more is to come."""
        code = answer.rcode()
        if code != dns.rcode.NOERROR:
            verdict = Verdict.REFUSED if code in _REFUSALS else Verdict.UNKNOWN
            return self.ended(f"answered {dns.rcode.to_text(code)}", verdict)
        for record in answer.answer:
            if record.rdtype == dns.rdatatype.SOA and plain(record.name) == self._zone:
                self._states += 1
            else:
                self._beyond.append(f"{plain(record.name)} {dns.rdatatype.to_text(record.rdtype)}")
        if not self.begun:
            return Transfer(self._kind, Verdict.REFUSED, "answered without any record")
        if self._states > 1 or len(self._beyond) >= _MANY:
            return self.ended("it came in full" if self._states > 1 else "more was not read", Verdict.UNKNOWN)
        return None

    def ended(self, how: str, otherwise: Verdict) -> Transfer:
        """What came of it when this was the end; `otherwise` where no record came at all."""
        if self._beyond or self._states > 1:
            said = f"{len(self._beyond)} records beyond the SOA; {how}"
            return Transfer(self._kind, Verdict.OPEN, said, tuple(self._beyond[:_MANY]))
        if self._states and self._kind == "IXFR" and otherwise is not Verdict.UNKNOWN:
            return Transfer(self._kind, otherwise, f"answered with the SOA alone; {how}")
        if self._states:
            return Transfer(self._kind, Verdict.UNKNOWN, f"it began with the SOA, and then: {how}", began=True)
        return Transfer(self._kind, otherwise, how)


def _ignored(connection: socket.socket, zone: str, kind: str) -> Transfer:
    """Silence is a refusal only where the server goes on to answer what was asked after it (RFC 7766 section 6.2.1)."""
    try:
        talk.exchange(connection, ask_for(zone, "SOA"))
    except ProbeError as error:
        return Transfer(
            kind, Verdict.UNKNOWN, f"no answer in {talk.TCP_SECONDS:g} s, nor to what was asked next: {error}"
        )
    return Transfer(kind, Verdict.REFUSED, "left unanswered, while the next question on the connection was answered")
