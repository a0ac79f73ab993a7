"""Logins by SMTP without TLS (RFC 4954 sections 4 and 6, RFC 3207, RFC 8314)."""

from __future__ import annotations

import base64

from stagehold.probes.starttls.attempt import MASK, Answer, MadeUp, Meaning
from stagehold.probes.starttls.talk import HungUp, Talk
from stagehold.probes.starttls.upgrade import smtp_hello, smtp_reply

WAYS = ("AUTH PLAIN", "AUTH LOGIN")
_TAKEN = {235, 334, 432, 535}
_REFUSED = {500, 502, 503, 504, 523, 530, 534, 538}
_PERMANENT = range(500, 600)


def announced(talk: Talk, *, starttls: bool) -> tuple[str, ...]:
    """What a server says of itself before TLS that it should not; `starttls`: whether it has to offer the upgrade."""
    offers = smtp_hello(talk)
    ways = sorted({word for line in offers if line.startswith(("AUTH ", "AUTH=")) for word in line[5:].split()})
    found = [f"announces AUTH {' '.join(ways)} before TLS"] if ways else []
    if starttls and "STARTTLS" not in offers:
        found.append("does not offer STARTTLS")
    return tuple(found)


def attempt(talk: Talk, way: str, who: MadeUp, *, greeted: bool = False) -> Answer:
    """One login; `greeted`: the server has said its greeting already (ProbeError: no proper answer)."""
    smtp_hello(talk, greeted=greeted)
    words = base64.b64encode(f"\0{who.user}\0{who.password}".encode()).decode()
    if way == "AUTH PLAIN":
        talk.send(f"AUTH PLAIN {words}\r\n".encode(), f"AUTH PLAIN {MASK}")
    else:
        talk.send(f"{way}\r\n".encode(), way)
    try:
        code, lines = smtp_reply(talk)
    except HungUp as error:
        return Answer(way, Meaning.TROUBLE, str(error))
    return Answer(way, meaning(code), who.hidden(f"{code} {' '.join(lines)}"))


def meaning(code: int) -> Meaning:
    """What a reply to AUTH says.

    334 asks for credentials, 235 has taken them, 432 and 535 have looked at them. 530 and 538 (523, 534 of older and
    other servers) want TLS first; 500, 502, 503 and 504 know no such command, none now, or no such mechanism. Any other
    permanent refusal may be about either; what is temporary tells nothing.
    """
    if code in _TAKEN:
        return Meaning.TAKEN
    if code in _REFUSED:
        return Meaning.REFUSED
    return Meaning.OPEN if code in _PERMANENT else Meaning.TROUBLE
