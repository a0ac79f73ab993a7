"""Whether a listener of TLS 1.3 takes early data, which somebody on the way can send again (RFC 8446 section 8).

A ticket says how much early data may come with it. Where that is more than nothing, a POST is sent as early data, and
what comes back tells whether requests that must not be repeated are turned away (RFC 8470 section 5.2). The end of the
handshake is kept back until then: a server that already has it no longer calls the request early.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from nassl._nassl import SSL_SESSION, OpenSSLError, WantReadError
from nassl.ssl_client import (
    ClientCertificateRequested,
    OpenSslEarlyDataStatusEnum,
    OpenSslVerifyEnum,
    OpenSslVersionEnum,
    SslClient,
)

from stagehold.environment.places import Service
from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.network.rules import parse_address
from stagehold.probes.ports.recognition import GREETINGS
from stagehold.probes.tls.offers import Place

TOO_EARLY = 425
_TRIES = 2
_TICKET, _ALLOWED = "TLS session ticket lifetime hint", re.compile(r"Max Early Data: (\d+)")
_STATUS = re.compile(rb"HTTP/\d\.\d (\d{3})")
_TROUBLE = (OSError, OpenSSLError, ClientCertificateRequested)
_WITHOUT_EFFECT: dict[Service, bytes] = {
    "smtp": b"NOOP\r\n",
    "imap": b"e1 NOOP\r\n",
    "ldap": GREETINGS["ldap"],
    "postgres": GREETINGS["postgresql"],
}
"""What a client may say without logging in, and without any effect."""


@dataclass(frozen=True)
class EarlyData:
    """What one address does with early data; `problem` says why it is not known."""

    allowed: int | None = None
    """Bytes that a ticket allows; 0: early data is off. None: not known."""
    taken: bool | None = None
    """Whether a POST sent as early data was taken; None: none was sent."""
    status: int | None = None
    """Of the answer to it; None: there was none, or none of HTTP."""
    problem: str = ""
    service: Service | None = None
    """What is spoken instead of HTTP; a command of it took the place of the POST."""

    @property
    def sound(self) -> bool | None:
        """Whether early data is off, or a POST turned away with 425; None: not known."""
        if self.allowed == 0:
            return True
        return self.status == TOO_EARLY if self.taken else None


def look_at_early_data(
    network: Network, place: Place, name: str, *, seconds: float, service: Service | None = None
) -> EarlyData:
    """Asks one address of a listener that speaks TLS 1.3: a GET, and a POST to the same path where early data is on.

    Where it is not HTTP that is spoken, a command without effect takes the place of both.

    Args:
        network: the door.
        place: declared host, port, and the pinned address of it to dial.
        name: sent as server name unless it is an address.
        seconds: for connecting, and for each answer.
        service: what is spoken; None: HTTP.

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.dial`.
    """
    found = EarlyData(problem="it was not looked at")
    for _ in range(_TRIES):
        try:
            found = replace(_once(network, place, name, seconds, service), service=service)
        except ProbeError as error:
            found = EarlyData(found.allowed, problem=str(error))
        if found.sound is not None:
            break
    return found


def _once(network: Network, place: Place, name: str, seconds: float, service: Service | None) -> EarlyData:
    with _client(network, place, name, seconds) as first:
        answer = b""
        try:
            first.do_handshake()
            network.check_certificate(ssl.PEM_cert_to_DER_cert(first.get_received_chain()[0]))
            first.write(_WITHOUT_EFFECT[service] if service else _request("GET", place, name))
        except _TROUBLE as error:
            raise ProbeError(f"no handshake in TLS 1.3: {_words(error)}") from error
        with suppress(*_TROUBLE):
            # Tickets come before the answer.
            answer = first.read(1024)
        session = first.get_session()
        text = session.as_text() if session else ""
        with suppress(*_TROUBLE):
            # Without a farewell servers forget the session, and nassl's own does not reach them.
            first._ssl.shutdown()  # noqa: SLF001
            first._flush_ssl_engine()  # noqa: SLF001
        if _TICKET not in text:
            if not answer:
                raise ProbeError("neither a ticket came nor an answer")
            return EarlyData(0)
        allowed = _ALLOWED.search(text)
        if allowed is None:
            raise ProbeError("the ticket does not say how much early data may come with it")
        if not int(allowed[1]):
            return EarlyData(0)
        early = _WITHOUT_EFFECT[service] if service else _request("POST", place, name)
        return _sent_early(network, place, name, seconds, session, int(allowed[1]), early)


def _sent_early(
    network: Network, place: Place, name: str, seconds: float, session: SSL_SESSION, allowed: int, early: bytes
) -> EarlyData:
    with _client(network, place, name, seconds) as second:
        try:
            second.set_session(session)
            second.write_early_data(early)
            # nassl keeps the end of the handshake back until it is flushed.
            second.do_handshake()
            taken = second.get_early_data_status() is OpenSslEarlyDataStatusEnum.ACCEPTED
        except _TROUBLE as error:
            raise ProbeError(f"early data is announced, and sending some broke off: {_words(error)}") from error
        if not taken:
            return EarlyData(allowed, taken=False, problem=f"{allowed} bytes are announced, and then not taken")
        answer = _read(second)
        if not answer:
            with suppress(*_TROUBLE):
                second._flush_ssl_engine()  # noqa: SLF001
            answer = _read(second)
        status = _STATUS.match(answer)
        return EarlyData(allowed, taken=True, status=int(status[1]) if status else None)


def _read(client: SslClient) -> bytes:
    """What comes within the time of the socket; empty for nothing."""
    answer = b""
    with suppress(*_TROUBLE):
        try:
            # It may have come along with the server's part of the handshake, and nassl looks at the socket only.
            answer = client._ssl.read(1024)  # noqa: SLF001
        except WantReadError:
            answer = client.read(1024)
    return answer


@contextmanager
def _client(network: Network, place: Place, name: str, seconds: float) -> Iterator[SslClient]:
    host, port, address = place
    with network.connect(host, port, seconds=seconds, address=address) as connection:
        yield SslClient(
            underlying_socket=connection,
            ssl_version=OpenSslVersionEnum.TLSV1_3,
            ssl_verify=OpenSslVerifyEnum.NONE,
            ignore_client_authentication_requests=True,
            server_name_indication=name.encode("idna").decode() if parse_address(name) is None else None,
        )


def _request(method: str, place: Place, name: str) -> bytes:
    length = "Content-Length: 0\r\n" if method == "POST" else ""
    return f"{method} / HTTP/1.1\r\nHost: {name}:{place[1]}\r\n{length}\r\n".encode()


def _words(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


def early_data_problems(found: Mapping[str, EarlyData], demanding: Collection[str]) -> tuple[str, ...]:
    """Where requests that must not be repeated are taken early, in words.

    Args:
        found: by address, those that speak TLS 1.3.
        demanding: the addresses that demand a certificate of their clients.

    Raises:
        NotApplicable: no address speaks TLS 1.3.
        Uncovered: nothing was found, and only who has a client's certificate could look at the rest.
        ProbeError: nothing was found, and of some address it is not known.
    """
    if not found:
        raise NotApplicable("no address speaks TLS 1.3, and older versions know no early data")
    problems = tuple(
        f"{address} takes a command of {one.service} as early data"
        if one.service
        else f"{address} takes a POST as early data and answers {one.status or 'nothing of HTTP'}"
        for address, one in found.items()
        if one.sound is False
    )
    unknown = {address: one.problem for address, one in found.items() if one.sound is None}
    if unknown and not problems:
        words = "; ".join(f"{address}: {problem}" for address, problem in unknown.items())
        if unknown.keys() <= set(demanding):
            raise Uncovered(f"only a client with a certificate could see whether early data is taken ({words})")
        raise ProbeError(f"whether early data is taken is not known ({words})")
    return problems
