"""One GET request at one pinned address, with a server name (SNI) and a Host of the caller's choice.

Whoever's certificate is shown: it is compared with the deny list and not verified, and nothing secret is ever sent.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from cryptography import x509
from cryptography.x509.oid import NameOID

from stagehold import __version__
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.network.pace import Asking, Search, pause_of
from stagehold.network.rules import normal, parse_address

SECONDS = 10.0
"""For one answer."""
_MOST = 512 * 1024


@dataclass(frozen=True)
class Asked:
    """What a request says: the name in the handshake (empty: none, or plain HTTP), the Host, the path."""

    sni: str
    host: str
    path: str

    def __str__(self) -> str:
        return f"GET {self.path} with Host {self.host}" + (f" and SNI {self.sni}" if self.sni else "")


@dataclass(frozen=True)
class Answered:
    """What came of it; `status` 0 when the listener refused to speak, and `refusal` then says how."""

    asked: Asked
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case, repeated ones apart."""
    body: str = field(default="", repr=False)
    refusal: str = ""
    names: tuple[str, ...] = ()
    """DNS names and addresses in the certificate that was shown, lower case."""

    def kind(self) -> tuple[object, ...]:
        """What answers to two requests have in common that are the same page, or the same refusal."""
        path = self.asked.path.strip("/") or "/"
        body = self.body.replace(self.asked.host, "~").replace(path, "~")
        return self.status, self.value("location").replace(path, "~"), body, self.refusal

    def value(self, name: str) -> str:
        """The first field of that name; empty when there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def __str__(self) -> str:
        return f"status {self.status}" if self.status else self.refusal


def ask(connect: Callable[[], socket.socket], network: Network, asked: Asked, *, secure: bool) -> Answered:
    """Send one request over a connection of its own.

    Args:
        connect: makes the connection through `network`'s door.
        network: for the deny list of certificates.
        asked: what to say.
        secure: whether TLS is spoken.

    Raises:
        DeniedByProduction, NotAllowed: as for `Network.connect`, or the certificate holds a denied key.
        ProbeError: no connection, no answer in time, or an answer that is not HTTP.
    """
    names: tuple[str, ...] = ()
    # One connection is made for one request, so a listener that hangs up means this request.
    raw = connect()
    connection = http.client.HTTPConnection(asked.host, timeout=SECONDS)
    connection.auto_open = 0  # every connection goes through the door
    connection.sock = raw
    try:
        if secure:
            connection.sock = tls = _unverified().wrap_socket(raw, server_hostname=asked.sni or None)
            der = tls.getpeercert(binary_form=True) or b""
            network.check_certificate(der)
            names = names_in(der)
        return _exchange(connection, asked, names)
    except TimeoutError as error:
        raise ProbeError(f"{asked}: no answer within {SECONDS:g} s") from error
    except ssl.SSLError as error:
        return Answered(asked, refusal=f"refused in the handshake ({error.reason or error})", names=names)
    except (ConnectionError, http.client.RemoteDisconnected) as error:
        return Answered(asked, refusal=f"the connection was closed ({type(error).__name__})", names=names)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ProbeError(f"{asked}: no valid answer ({str(error) or type(error).__name__})") from error
    finally:
        connection.close()
        raw.close()


def ask_each(
    within: Search,
    connect: Callable[[], socket.socket],
    network: Network,
    asked: Sequence[Asked],
    *,
    place: object,
    secure: bool,
) -> list[Answered]:
    """Send several requests, each over a connection of its own, as fast and as long as `within`.

    Args:
        within: the search they belong to.
        connect: makes the connections through `network`'s door.
        network: for the deny list of certificates.
        asked: what to say.
        place: whose manners count.
        secure: whether TLS is spoken.

    Raises:
        DeniedByProduction, NotAllowed, ProbeError: as for `ask`; ProbeError also when the time was over.
    """
    asking = Asking[Asked, Answered](
        lambda one: ask(connect, network, one, secure=secure),
        lambda answer: pause_of(answer.status, answer.value("retry-after")),
        Answered.kind,
    )
    within.expect(len(asked))
    answers = []
    # The first alone: what answers it is known then.
    first = within.ask_all(place, asked[:1], replace(asking, together=False))
    others = within.ask_all(place, asked[1:], asking)
    for _, answer in chain(first, others):
        if isinstance(answer, ProbeError):
            raise answer
        answers.append(answer)
    if len(answers) < len(asked):
        raise ProbeError(within.unasked())
    return answers


def _exchange(connection: http.client.HTTPConnection, asked: Asked, names: tuple[str, ...]) -> Answered:
    end = time.monotonic() + SECONDS
    connection.putrequest("GET", asked.path, skip_host=True, skip_accept_encoding=True)
    for name, value in (
        ("Host", asked.host),
        ("User-Agent", f"stagehold/{__version__}"),
        ("Accept", "*/*"),
        ("Connection", "close"),
    ):
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    body = b""
    while len(body) < _MOST and (part := response.read1(65_536)):
        body += part
        if time.monotonic() > end:
            raise TimeoutError
    headers = tuple((name.lower(), value) for name, value in response.getheaders())
    return Answered(asked, response.status, headers, body.decode("utf-8", "replace"), names=names)


def names_in(der: bytes) -> tuple[str, ...]:
    """Whom a certificate names: DNS names and addresses of the alternative names, and the common name.

    Raises:
        ProbeError: it cannot be read.
    """
    try:
        leaf = x509.load_der_x509_certificate(der)
        found = [str(part.value) for part in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        for extension in leaf.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                found += extension.value.get_values_for_type(x509.DNSName)
                found += map(str, extension.value.get_values_for_type(x509.IPAddress))
    except ValueError as error:
        raise ProbeError(f"the certificate cannot be read: {error}") from error
    return tuple(dict.fromkeys(normal(name) for name in found if " " not in name.strip()))


def host_field(name: str, port: int, *, secure: bool) -> str:
    """The Host field for a name or an address (RFC 9110 section 7.2)."""
    address = parse_address(name)
    shown = f"[{name}]" if address is not None and address.version == 6 else name  # noqa: PLR2004
    return shown if port == (443 if secure else 80) else f"{shown}:{port}"


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context
