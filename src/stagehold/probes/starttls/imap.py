"""Logins by IMAP without TLS (RFC 9051 sections 6.2.3, 7.1 and 11.1, RFC 5530)."""

from __future__ import annotations

import re

from stagehold.errors import ProbeError
from stagehold.probes.starttls.attempt import MASK, Answer, MadeUp, Meaning
from stagehold.probes.starttls.talk import HungUp, Talk
from stagehold.probes.starttls.upgrade import imap_answer, imap_greeting

WAYS = ("LOGIN", "AUTHENTICATE PLAIN")
_TAKEN = {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "CONTACTADMIN"}
_TROUBLE = {"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"}
_CODE = re.compile(r"(?:NO|BAD) \[([A-Z-]+)", re.IGNORECASE)


def announced(talk: Talk, *, starttls: bool) -> tuple[str, ...]:
    """What a server says of itself before TLS that it should not; `starttls`: whether it has to offer the upgrade."""
    imap_greeting(talk)
    talk.send(b"s1 CAPABILITY\r\n", "s1 CAPABILITY")
    answer, before = imap_answer(talk, "s1")
    told = [line.upper().split() for line in before if line.upper().startswith("CAPABILITY ")]
    if not answer.upper().startswith("OK") or not told:
        raise ProbeError(f"{talk.where} does not tell its capabilities: {answer[:80]}")
    words = {word for line in told for word in line}
    ways = sorted(word for word in words if word.startswith("AUTH="))
    found = [f"announces {' '.join(ways)} before TLS"] if ways else []
    if "LOGINDISABLED" not in words:
        found.append("does not announce LOGINDISABLED before TLS")
    if starttls and "STARTTLS" not in words:
        found.append("does not offer STARTTLS")
    return tuple(found)


def attempt(talk: Talk, way: str, who: MadeUp, *, greeted: bool = False) -> Answer:
    """One login; `greeted`: the server has said its greeting already (ProbeError: no proper answer)."""
    if not greeted:
        imap_greeting(talk)
    if way == "LOGIN":
        talk.send(f's1 LOGIN "{who.user}" "{who.password}"\r\n'.encode(), f's1 LOGIN "{who.user}" {MASK}')
    else:
        talk.send(f"s1 {way}\r\n".encode(), f"s1 {way}")
    try:
        answer, _ = imap_answer(talk, "s1")
    except HungUp as error:
        return Answer(way, Meaning.TROUBLE, str(error))
    return Answer(way, meaning(answer), who.hidden(answer))


def meaning(answer: str) -> Meaning:
    """What a tagged answer to a login says.

    `+` asks for credentials and OK has taken them; a code such as AUTHENTICATIONFAILED has looked at them.
    PRIVACYREQUIRED wants TLS first, and BAD knows no such command now. A bare NO may be about either.
    """
    word = answer.split(" ", 1)[0].upper()
    found = _CODE.match(answer)
    code = found[1].upper() if found else ""
    if word in {"+", "OK"} or code in _TAKEN:
        return Meaning.TAKEN
    if code in _TROUBLE:
        return Meaning.TROUBLE
    if code == "PRIVACYREQUIRED" or word == "BAD":
        return Meaning.REFUSED
    return Meaning.OPEN if word == "NO" else Meaning.TROUBLE
