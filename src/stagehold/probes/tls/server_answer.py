"""What a server says to a ClientHello, read strictly: a ServerHello, a fatal alert, or a silent hang-up. Pure.

Where the key exchange is of interest, the server's messages are read on to its ServerKeyExchange. Nothing else is an
answer. What breaks off half-way, is no TLS, or never comes says nothing of the server's policy, and must not be read as
a refusal. Sources: RFC 5246 sections 6.2, 7.2, 7.4.1.3 and 7.4.3, RFC 8422 section 5.4, RFC 8446 sections 4.1.3 and
4.2.8.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

ALERT, HANDSHAKE = 21, 22
_SERVER_HELLO, _CERTIFICATE, _KEY_EXCHANGE, _CERTIFICATE_STATUS = 2, 11, 12, 22
_SUPPORTED_VERSIONS, _KEY_SHARE, _RENEGOTIATION = 43, 51, 0xFF01
_NAMED_CURVE = 3
_WARNING, _FATAL = 1, 2
_CLOSE_NOTIFY = 0
_REFUSALS = {40: "handshake failure", 70: "protocol version", 71: "insufficient security"}
_LONGEST_RECORD = 2**14 + 2048
_LONGEST_MESSAGE = 2**17
_MOST_RECORDS = 64
_TLS13, _TLS12 = 0x0304, 0x0303


class NotTlsError(ValueError):
    """The bytes are no answer of a TLS server; the message says what was wrong with them."""


@dataclass(frozen=True)
class Chosen:
    """A ServerHello (or HelloRetryRequest): what the server would use, as numbers of the IANA registry."""

    suite: int
    version: int
    group: int | None = None
    """Of the key exchange; 0 for a curve that the server describes itself. None where it was not read or has none."""
    bits: int | None = None
    """Size of the prime of a finite-field key exchange."""
    secure_renegotiation: bool = False
    """Whether the ServerHello announces it (RFC 5746)."""


@dataclass(frozen=True)
class Declined:
    """A fatal alert, or a connection closed without a word."""

    words: str
    certain: bool
    """An alert that says that nothing offered was to the server's liking. Whatever else ends a connection may
    have other reasons, such as a limit of connections or a fault, and needs a control."""


def read_server_answer(read: Callable[[int], bytes], *, elliptic: bool | None = None) -> Chosen | Declined:
    """The first answer on a connection.

    Args:
        read: returns at least one and at most so many bytes, or none when the server has closed or reset the
            connection; bounds the time itself.
        elliptic: below TLS 1.3 read on to the key exchange, over a curve or (False) a finite field; None: do not.

    Raises:
        NotTlsError: the answer breaks off, or is none of TLS.
    """
    messages = Messages(read)
    first = messages.next()
    if isinstance(first, Declined):
        return first
    kind, body = first
    if kind != _SERVER_HELLO:
        raise NotTlsError(f"a handshake message of type {kind} instead of a ServerHello")
    chosen = _chosen(body)
    if elliptic is None or chosen.version == _TLS13:
        return chosen
    while True:
        following = messages.next()
        if isinstance(following, Declined):
            raise NotTlsError(f"no key exchange after the ServerHello: {following.words}")
        kind, body = following
        if kind == _KEY_EXCHANGE:
            return _exchange(chosen, body, elliptic=elliptic)
        if kind not in {_CERTIFICATE, _CERTIFICATE_STATUS}:
            raise NotTlsError(f"a handshake message of type {kind} instead of a key exchange")


class Messages:
    """Handshake messages, put together from records; `read` as for `read_server_answer`."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._held = b""
        self._warnings = ""
        self._records = 0

    def next(self) -> tuple[int, bytes] | Declined:
        """Type and body of the next one; what ended the connection instead."""
        while (message := self._complete()) is None:
            self._records += 1
            if self._records > _MOST_RECORDS:
                raise NotTlsError(f"no answer in {_MOST_RECORDS} records")
            header = exactly(self._read, 5, b"" if self._held else None)
            if not header:
                return Declined(f"hung up{self._warnings}", certain=False)
            kind, major, _, length = struct.unpack("!BBBH", header)
            if kind not in {ALERT, HANDSHAKE} or major != 3 or not 0 < length <= _LONGEST_RECORD:  # noqa: PLR2004
                raise NotTlsError(f"no record of a handshake: {header!r}")
            payload = exactly(self._read, length, b"")
            if kind == HANDSHAKE:
                self._held += payload
                continue
            level, number = _alert(payload)
            if level == _FATAL or number == _CLOSE_NOTIFY:
                return _declined(number, self._warnings)
            # Servers that do not know the name say so in passing, and go on (RFC 6066 section 3).
            self._warnings += f" after warning {number}"
        return message

    def _complete(self) -> tuple[int, bytes] | None:
        if len(self._held) < 4:  # noqa: PLR2004 - type and length
            return None
        kind, length = self._held[0], int.from_bytes(self._held[1:4], "big")
        if length > _LONGEST_MESSAGE:
            raise NotTlsError(f"a handshake message of {length} bytes")
        if len(self._held) < 4 + length:
            return None
        body, self._held = self._held[4 : 4 + length], self._held[4 + length :]
        return kind, body


def _alert(payload: bytes) -> tuple[int, int]:
    if len(payload) != 2 or payload[0] not in {_WARNING, _FATAL}:  # noqa: PLR2004 - level and description
        raise NotTlsError(f"a malformed alert: {payload[:16]!r}")
    return payload[0], payload[1]


def _declined(number: int, warnings: str) -> Declined:
    if number in _REFUSALS:
        return Declined(f"alert {number} ({_REFUSALS[number]}){warnings}", certain=True)
    return Declined(f"alert {number}{warnings}", certain=False)


def exactly(read: Callable[[int], bytes], size: int, begun: bytes | None) -> bytes:
    """So many bytes; none at all only where nothing was `begun` (None) and the server hangs up at once."""
    received = b""
    while len(received) < size:
        part = read(size - len(received))
        if not part:
            if begun is None and not received:
                return b""
            raise NotTlsError("an answer that breaks off half-way")
        received += part
    return received


def hello_fields(hello: bytes) -> tuple[int, int, int, dict[int, bytes]]:
    """Version, suite, method of compression and extensions of a ServerHello.

    Raises:
        NotTlsError: it is malformed.
    """
    try:
        version, session = struct.unpack_from("!H32xB", hello)
        suite, compression = struct.unpack_from("!HB", hello, 35 + session)
        extensions = _extensions(hello[35 + session + 3 :])
    except struct.error as error:
        raise NotTlsError("a ServerHello that is too short") from error
    if session > 32 or version >> 8 != 3:  # noqa: PLR2004 - RFC 5246 section 7.4.1.3
        raise NotTlsError("a ServerHello that no server would send")
    return version, suite, compression, extensions


def _chosen(hello: bytes) -> Chosen:
    version, suite, compression, extensions = hello_fields(hello)
    if compression:
        raise NotTlsError("a ServerHello that no server would send")
    if version == _TLS12 and _SUPPORTED_VERSIONS in extensions:
        (version,) = struct.unpack("!H", extensions[_SUPPORTED_VERSIONS])
    group = int.from_bytes(extensions[_KEY_SHARE][:2], "big") if _KEY_SHARE in extensions else None
    return Chosen(suite, version, group, secure_renegotiation=_RENEGOTIATION in extensions)


def _exchange(chosen: Chosen, body: bytes, *, elliptic: bool) -> Chosen:
    try:
        if elliptic:
            kind, group = struct.unpack_from("!BH", body)
            return replace(chosen, group=group if kind == _NAMED_CURVE else 0)
        (length,) = struct.unpack_from("!H", body)
        (prime,) = struct.unpack_from(f"!{length}s", body, 2)
    except struct.error as error:
        raise NotTlsError("a key exchange that is too short") from error
    return replace(chosen, bits=int.from_bytes(prime, "big").bit_length())


def _extensions(block: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if not block:
        return found
    (length,) = struct.unpack_from("!H", block)
    at, end = 2, 2 + length
    if end != len(block):
        raise NotTlsError("a ServerHello whose lengths do not add up")
    while at < end:
        kind, size = struct.unpack_from("!HH", block, at)
        if at + 4 + size > end:
            raise NotTlsError("a ServerHello whose lengths do not add up")
        found[kind] = block[at + 4 : at + 4 + size]
        at += 4 + size
    return found
