"""Greets a listener once, in one of several ways, and tells the protocol of what comes back."""

from __future__ import annotations

import re
import socket
import ssl
import time
from dataclasses import dataclass

from stagehold.network.door import Network
from stagehold.network.rules import parse_address
from stagehold.probes.ports.recognition import GREETINGS, OVER_TLS, recognise

SECONDS = 3.0
"""For each answer; a listener that has something to say says it at once."""
_MOST = 4096
_AFTER_EHLO = (("smtp", re.compile(rb"250[ -]")), ("ftp", re.compile(rb"(500|502|530)[ -]")))
_ALERTS = ("SSLV3_ALERT", "TLSV1_", "TLSV13_")
_INSIDE_TLS = ("http", "", "redis", "mongodb", "memcached", "amqp", "cassandra", "bolt", "ldap")
"""Greetings that are tried inside TLS; the empty one waits for servers that speak first."""


@dataclass(frozen=True)
class Listener:
    """Where to connect, through which door, and the name to ask for."""

    network: Network
    address: str
    port: int
    name: str

    def connect(self) -> socket.socket:
        """A connection (ProbeError: there is none)."""
        return self.network.connect(self.address, self.port, seconds=SECONDS)

    def greeting(self, kind: str) -> bytes:
        """The first words of a client of that kind."""
        host = f"[{self.name}]" if ":" in self.name else self.name
        return GREETINGS[kind].replace(b"{host}", f"{host}:{self.port}".encode())


def greet(listener: Listener, kind: str) -> tuple[str, bytes]:
    """The protocol recognised (empty: none) and the first bytes, after a greeting of a key of `GREETINGS`."""
    with listener.connect() as connection:
        reply = _exchange(connection, listener.greeting(kind))
    return recognise(reply, kind), reply


def listen(listener: Listener) -> tuple[str, bytes]:
    """The same for servers that speak first."""
    with listener.connect() as connection:
        reply = _exchange(connection, b"")
        seen = recognise(reply)
        if not seen and reply.startswith(b"220"):
            # Mail and file transfer greet alike; only one of them knows this word.
            answer = _exchange(connection, b"EHLO stagehold.invalid\r\n")
            seen = next((name for name, code in _AFTER_EHLO if code.match(answer)), "")
    return seen, reply


def greet_inside_tls(listener: Listener) -> tuple[str, bytes]:
    """The same inside TLS, by what is agreed on (ALPN), answered, or said unasked; `tls` when by nothing."""
    reply = b""
    name = None if parse_address(listener.name) is not None else listener.name
    try:
        for kind in _INSIDE_TLS:
            with listener.connect() as raw, _context().wrap_socket(raw, server_hostname=name) as tls:
                listener.network.check_certificate(tls.getpeercert(binary_form=True) or b"")
                if agreed := tls.selected_alpn_protocol():
                    return "https", f"ALPN {agreed}".encode()
                reply = _exchange(tls, listener.greeting(kind) if kind else b"")
            if seen := recognise(reply, kind):
                return OVER_TLS.get(seen, seen), reply
    except OSError as error:
        reason = str(getattr(error, "reason", "") or "")
        # An alert is TLS, whatever it complains about; OpenSSL names the reason after the version that defined it.
        return ("tls", reason.encode()) if reason.startswith(_ALERTS) else ("", b"")
    return "tls", reply


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Which protocol it is, is asked here; whose certificate it is, and how strong, elsewhere.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def _exchange(connection: socket.socket, sent: bytes) -> bytes:
    """What comes back within the time, as far as it comes at once; nothing when the listener hangs up."""
    end = time.monotonic() + SECONDS
    reply = b""
    try:
        if sent:
            connection.sendall(sent)
        while len(reply) < _MOST and (left := end - time.monotonic()) > 0:
            connection.settimeout(min(left, 0.2) if reply else left)
            part = connection.recv(_MOST)
            if not part:
                break
            reply += part
    except OSError:
        return reply
    return reply
