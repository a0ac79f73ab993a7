"""The few messages of LDAP that are needed here, in BER (RFC 4511); nothing is sent that changes anything."""

from __future__ import annotations

from dataclasses import dataclass

from stagehold.errors import ProbeError
from stagehold.probes.starttls.talk import Talk

START_TLS_OID = b"1.3.6.1.4.1.1466.20037"
_SEQUENCE, _INTEGER, _ENUMERATED, _OCTETS = 0x30, 0x02, 0x0A, 0x04
_BIND, _EXTENDED, _SEARCH = 0x60, 0x77, 0x63
_ENTRY = 0x64
_MOST_ANSWERS = 8
BIND_RESPONSE, EXTENDED_RESPONSE = 0x61, 0x78
_LONGEST = 65_536
_MOST_LENGTH_BYTES = 4
_SHORT = 0x80

RESULTS = {
    0: "success",
    1: "operationsError",
    2: "protocolError",
    7: "authMethodNotSupported",
    8: "strongerAuthRequired",
    13: "confidentialityRequired",
    32: "noSuchObject",
    34: "invalidDNSyntax",
    48: "inappropriateAuthentication",
    49: "invalidCredentials",
    50: "insufficientAccessRights",
    51: "busy",
    52: "unavailable",
    53: "unwillingToPerform",
    80: "other",
}
"""Result codes (RFC 4511 section 4.1.9) that answers to a bind or to StartTLS have."""


@dataclass(frozen=True)
class LdapResult:
    """An answer; `about` is the number of the message it answers, 0 for what the server says unasked."""

    about: int
    kind: int
    code: int
    words: str

    def __str__(self) -> str:
        text = f"{self.code} {RESULTS.get(self.code, 'unknown code')}"
        return f"{text}: {self.words}" if self.words else text


def start_tls(number: int) -> bytes:
    """The extended request that asks for TLS."""
    return _message(number, _field(_EXTENDED, _field(0x80, START_TLS_OID)))


def simple_bind(number: int, name: str, password: str) -> bytes:
    """A bind of version 3 with a name and a password."""
    body = _field(_INTEGER, b"\3") + _field(_OCTETS, name.encode()) + _field(0x80, password.encode())
    return _message(number, _field(_BIND, body))


def naming_contexts(talk: Talk) -> tuple[str, ...]:
    """The suffixes of what a server holds, as it tells them to anybody (RFC 4512 section 5.1); empty when it does not.

    Raises:
        ProbeError: as for `read_result`.
    """
    body = _field(_OCTETS, b"") + 2 * _field(_ENUMERATED, b"\0") + 2 * _field(_INTEGER, b"\0") + b"\x01\x01\0"
    body += _field(0x87, b"objectClass") + _field(_SEQUENCE, _field(_OCTETS, b"namingContexts"))
    talk.send(_message(3, _field(_SEARCH, body)), "SearchRequest of the root entry, namingContexts")
    found: list[str] = []
    for _ in range(_MOST_ANSWERS):
        kind, content = _operation(talk)[1:]
        if kind != _ENTRY:
            break
        try:
            attributes = _take(_take(content)[2])[1]
            while attributes:
                _, attribute, attributes = _take(attributes)
                values = _take(_take(attribute)[2])[1]
                while values:
                    _, value, values = _take(values)
                    found.append(value.decode("utf-8", "backslashreplace"))
        except (ValueError, IndexError) as error:
            raise ProbeError(f"{talk.where} answered with LDAP that cannot be read: {content[:40]!r}") from error
    talk.note("S", f"namingContexts: {', '.join(found) or 'none'}")
    return tuple(found)


def read_result(talk: Talk) -> LdapResult:
    """The next answer, which has to hold a result.

    Raises:
        ProbeError: silence, the end of the connection, or something else than LDAP.
    """
    number, kind, content = _operation(talk)
    try:
        tag, code, rest = _take(content)
        _, _, rest = _take(rest)
        _, words, _ = _take(rest)
    except (ValueError, IndexError) as error:
        raise ProbeError(f"{talk.where} answered with LDAP that cannot be read: {content[:40]!r}") from error
    if tag != _ENUMERATED:
        raise ProbeError(f"{talk.where} answered with LDAP that holds no result: {content[:40]!r}")
    text = words.decode("utf-8", "backslashreplace").rstrip("\0")
    found = LdapResult(number, kind, int.from_bytes(code, "big"), text)
    talk.note("S", f"result {found}")
    return found


def _operation(talk: Talk) -> tuple[int, int, bytes]:
    """Number, kind and content of the next message."""
    head = talk.exactly(2)
    if head[0] != _SEQUENCE:
        raise ProbeError(f"{talk.where} answered with something else than LDAP: {head!r}")
    message = talk.exactly(_length(talk, head[1]))
    try:
        _, number, rest = _take(message)
        kind, content, _ = _take(rest)
    except (ValueError, IndexError) as error:
        raise ProbeError(f"{talk.where} answered with LDAP that cannot be read: {message[:40]!r}") from error
    return int.from_bytes(number, "big"), kind, content


def _length(talk: Talk, first: int) -> int:
    if first < _SHORT:
        return first
    width = first - _SHORT
    length = int.from_bytes(talk.exactly(width), "big") if 0 < width <= _MOST_LENGTH_BYTES else _LONGEST + 1
    if length > _LONGEST:
        raise ProbeError(f"{talk.where} answered with something else than LDAP")
    return length


def _take(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the first element, and what follows it."""
    tag, first, start = data[0], data[1], 2
    length = first
    if first >= _SHORT:
        start += first - _SHORT
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        raise ValueError("too short")
    return tag, data[start : start + length], data[start + length :]


def _message(number: int, operation: bytes) -> bytes:
    return _field(_SEQUENCE, _field(_INTEGER, bytes([number])) + operation)


def _field(tag: int, content: bytes) -> bytes:
    size = len(content)
    return bytes([tag]) + (bytes([size]) if size < _SHORT else b"\x82" + size.to_bytes(2, "big")) + content
