"""The upgrade to TLS in the middle of a protocol, spoken on every connection before its first message of TLS.

Sources: RFC 3207 (SMTP), RFC 9051 section 6.2.1 (IMAP), RFC 4511 section 4.14 (LDAP), the chapter on SSL session
encryption of PostgreSQL's protocol.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

from stagehold.environment.places import Service
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.network.rules import parse_address
from stagehold.probes.starttls.ber import EXTENDED_RESPONSE, read_result, start_tls
from stagehold.probes.starttls.talk import MOST_LINES, Talk, UpgradeRefused

Place = tuple[str, int, str]
"""Declared host, port, and the pinned address of it to dial."""
CLIENT = "stagehold.invalid"
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_READY, _DONE = 220, 250


@dataclass(frozen=True)
class Upgraded(Network):
    """The door to a service whose connections are handed over at the point where TLS begins."""

    service: Service = "smtp"

    def connect(self, host: str, port: int, *, seconds: float, address: str | None = None) -> socket.socket:
        """As `Network.connect`, with the upgrade behind it.

        Raises:
            UpgradeRefused: the server does not begin TLS.
            ProbeError: no connection, silence, or something else than the protocol.
        """
        connection = super().connect(host, port, seconds=seconds, address=address)
        try:
            talk = Talk(connection, seconds, f"{host} ({address or self.dial(host, port)}) port {port}")
            UPGRADES[self.service](talk)
            talk.require_read()
            connection.settimeout(seconds)
        except BaseException:
            connection.close()
            raise
        return connection


def through(network: Network, service: Service | None) -> Network:
    """The door for an endpoint: the same, or one that speaks the upgrade of `service` on each connection."""
    if service is None:
        return network
    return Upgraded(**{field.name: getattr(network, field.name) for field in fields(Network)}, service=service)


@contextmanager
def inside_tls(network: Network, place: Place, name: str, *, seconds: float) -> Iterator[ssl.SSLSocket]:
    """A connection inside TLS, whoever the server is: certificates are judged elsewhere.

    Args:
        network: the door, with the upgrade where there is one.
        place: where.
        name: sent as server name unless it is an address.
        seconds: for connecting and for the handshake.

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.dial`, and for a denied key.
        ProbeError: no connection, no upgrade, or no handshake.
    """
    host, port, address = place
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with network.connect(host, port, seconds=seconds, address=address) as raw:
        try:
            tls = context.wrap_socket(raw, server_hostname=name if parse_address(name) is None else None)
        except OSError as error:
            raise ProbeError(f"{host} ({address}) port {port}: no handshake of TLS: {error}") from error
        with tls:
            network.check_certificate(tls.getpeercert(binary_form=True) or b"")
            yield tls


def smtp_reply(talk: Talk) -> tuple[int, list[str]]:
    """Code and lines of one reply (RFC 5321 section 4.2; ProbeError: none, or something else)."""
    lines: list[str] = []
    while len(lines) < MOST_LINES:
        line = talk.line()
        if not line[:3].isdigit() or line[3:4] not in {"", " ", "-"}:
            raise ProbeError(f"{talk.where} answered with something else than SMTP: {line[:80]!r}")
        lines.append(line[4:])
        if line[3:4] != "-":
            return int(line[:3]), lines
    raise ProbeError(f"{talk.where} sends a reply without an end")


def smtp_hello(talk: Talk, *, greeted: bool = False) -> list[str]:
    """What a server offers, in upper case, after its greeting unless it has `greeted` (ProbeError as above)."""
    if not greeted:
        code, lines = smtp_reply(talk)
        if code != _READY:
            raise ProbeError(f"{talk.where} is not ready: {code} {lines[0][:80]}")
    talk.send(f"EHLO {CLIENT}\r\n".encode(), f"EHLO {CLIENT}")
    code, lines = smtp_reply(talk)
    if code != _DONE:
        raise ProbeError(f"{talk.where} does not take EHLO: {code} {lines[0][:80]}")
    return [line.upper() for line in lines[1:]]


def imap_answer(talk: Talk, tag: str) -> tuple[str, list[str]]:
    """The tagged answer (or a request to go on, `+`), and what came before it (ProbeError: none, or something else)."""
    before: list[str] = []
    while len(before) < MOST_LINES:
        line = talk.line()
        if line.startswith((f"{tag} ", "+")):
            return line.removeprefix(f"{tag} "), before
        if not line.startswith("* "):
            raise ProbeError(f"{talk.where} answered with something else than IMAP: {line[:80]!r}")
        if line.upper().startswith("* BYE"):
            return line[2:], before
        before.append(line[2:])
    raise ProbeError(f"{talk.where} sends an answer without an end")


def imap_greeting(talk: Talk) -> None:
    """Reads the greeting (ProbeError: the server is not ready for who has not logged in)."""
    line = talk.line()
    if not line.upper().startswith("* OK"):
        raise ProbeError(f"{talk.where} is not ready: {line[:80]!r}")


def _smtp(talk: Talk) -> None:
    offers = smtp_hello(talk)
    if "STARTTLS" not in offers:
        raise UpgradeRefused(f"{talk.where} does not offer STARTTLS, but {', '.join(offers)[:120] or 'nothing'}")
    talk.send(b"STARTTLS\r\n", "STARTTLS")
    code, lines = smtp_reply(talk)
    if code != _READY:
        raise UpgradeRefused(f"{talk.where} does not begin TLS: {code} {lines[0][:80]}")


def _imap(talk: Talk) -> None:
    imap_greeting(talk)
    talk.send(b"s1 STARTTLS\r\n", "s1 STARTTLS")
    answer, _ = imap_answer(talk, "s1")
    if not answer.upper().startswith("OK"):
        raise UpgradeRefused(f"{talk.where} does not begin TLS: {answer[:80]}")


def _ldap(talk: Talk) -> None:
    talk.send(start_tls(1), "ExtendedRequest StartTLS")
    result = read_result(talk)
    if result.about != 1 or result.kind != EXTENDED_RESPONSE:
        raise ProbeError(f"{talk.where} answered something else to StartTLS: {result}")
    if result.code:
        raise UpgradeRefused(f"{talk.where} does not begin TLS: {result}")


def _postgres(talk: Talk) -> None:
    talk.send(SSL_REQUEST, "SSLRequest")
    answer = talk.exactly(1)
    talk.note("S", repr(answer)[1:])
    if answer == b"N":
        raise UpgradeRefused(f"{talk.where} does not begin TLS: it answered N")
    if answer != b"S":
        raise ProbeError(f"{talk.where} answered something else than PostgreSQL: {(answer + talk.unread)[:60]!r}")


UPGRADES: dict[Service, Callable[[Talk], None]] = {
    "smtp": _smtp,
    "imap": _imap,
    "ldap": _ldap,
    "postgres": _postgres,
}
"""What a client says until TLS begins, by protocol; raises as `Upgraded.connect` does."""
