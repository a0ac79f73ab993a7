"""Startups of PostgreSQL without TLS (its protocol's chapters on message flow, formats, and error fields)."""

from __future__ import annotations

import struct

from stagehold.errors import ProbeError
from stagehold.probes.starttls.attempt import Answer, MadeUp, Meaning
from stagehold.probes.starttls.talk import HungUp, Talk
from stagehold.probes.starttls.upgrade import SSL_REQUEST

WAYS = ("startup",)
_PROTOCOL = 3 << 16
_LONGEST = 16_384
_SORTS = {0: "nobody is asked for anything", 3: "a password in clear", 5: "an MD5 password", 10: "SASL"}
_RULES = "ClientAuthentication"
"""The function of the server that applies pg_hba.conf; unlike the message it is the same in every language."""
_POOLER_RULE = ("08P01", "SSL required")
"""PgBouncer's, which has no name of a function."""
_TAKEN = {"28P01", "3D000"}
_TROUBLE = ("08", "53", "57", "58", "XX")


def announced(talk: Talk, *, starttls: bool) -> tuple[str, ...]:
    """Whether a server that has to does not begin TLS."""
    if not starttls:
        return ()
    talk.send(SSL_REQUEST, "SSLRequest")
    answer = talk.exactly(1)
    talk.note("S", repr(answer)[1:])
    if answer not in {b"S", b"N"}:
        raise ProbeError(f"{talk.where} answered something else than PostgreSQL: {(answer + talk.unread)[:60]!r}")
    return ("does not begin TLS",) if answer == b"N" else ()


def attempt(talk: Talk, way: str, who: MadeUp, *, greeted: bool = False) -> Answer:
    """One startup, up to the server's first answer (ProbeError: no proper one)."""
    del greeted
    named = {"user": who.user, "database": who.database or who.user}
    body = b"".join(f"{key}\0{value}\0".encode() for key, value in named.items()) + b"\0"
    talk.send(
        struct.pack("!ii", len(body) + 8, _PROTOCOL) + body,
        f"StartupMessage user={who.user} database={named['database']}",
    )
    try:
        kind, content = _message(talk)
    except HungUp as error:
        return Answer(way, Meaning.TROUBLE, str(error))
    if kind == b"R":
        sort = int.from_bytes(content[:4], "big")
        words = f"authentication request: {_SORTS.get(sort, f'of sort {sort}')}"
        talk.note("S", words)
        return Answer(way, Meaning.TAKEN, words)
    if kind != b"E":
        raise ProbeError(f"{talk.where} answered a startup with a message of type {kind!r}")
    fields = {part[:1].decode("latin-1"): part[1:].decode("utf-8", "backslashreplace") for part in content.split(b"\0")}
    words = f"{fields.get('C', 'no code')} {fields.get('M', '')}"
    talk.note("S", f"error {words}")
    return Answer(way, meaning(fields), who.hidden(words))


def meaning(fields: dict[str, str]) -> Meaning:
    """What an error says, by its fields.

    28000 of pg_hba.conf's rules turns the connection away before anybody is asked for anything; 28000 of another
    function, 28P01 and 3D000 come after the rules have let it in. Full and failing servers tell nothing.
    """
    code, routine = fields.get("C", ""), fields.get("R", "")
    if (code, fields.get("M", "")) == _POOLER_RULE or (code == "28000" and routine == _RULES):
        return Meaning.REFUSED
    if code in _TAKEN or (code == "28000" and routine):
        return Meaning.TAKEN
    return Meaning.TROUBLE if not code or code.startswith(_TROUBLE) else Meaning.OPEN


def _message(talk: Talk) -> tuple[bytes, bytes]:
    kind = talk.exactly(1)
    length = int.from_bytes(talk.exactly(4), "big")
    if not 4 <= length <= _LONGEST:  # noqa: PLR2004 - counts itself
        raise ProbeError(f"{talk.where} answered something else than PostgreSQL")
    return kind, talk.exactly(length - 4)
