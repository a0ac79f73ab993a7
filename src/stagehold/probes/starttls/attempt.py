"""What came of a login without TLS, and whether an answer means that credentials were looked at. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

MASK = "********"


class Meaning(Enum):
    """What an answer to a login says of what the server did with the credentials."""

    REFUSED = "refused"
    """Without a look at them."""
    TAKEN = "taken"
    """They were asked for, looked at, or let somebody in."""
    OPEN = "open"
    """It may be either; the answer to the same login inside TLS may tell."""
    TROUBLE = "trouble"
    """The server was not able to do either, or broke off."""


@dataclass(frozen=True)
class Answer:
    """The answer to one login: `words` as a person reads them."""

    way: str
    """Which login it was, such as `AUTH PLAIN`."""
    meaning: Meaning
    words: str


@dataclass(frozen=True)
class PlainLogin:
    """What one address does before TLS; `problem` says why it is not known."""

    address: str
    wrong: tuple[str, ...] = ()
    """What it does that no service should, in words."""
    refusals: tuple[str, ...] = ()
    """How each login was refused."""
    transcript: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class MadeUp:
    """Credentials that belong to nobody, new ones each time; `user` may be a declared one, its password never is."""

    user: str = field(default_factory=lambda: f"stagehold-{secrets.token_hex(6)}")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    database: str = ""

    def hidden(self, text: str) -> str:
        """The text without the password."""
        return text.replace(self.password, MASK)


def settled(outside: Sequence[Answer], inside: Mapping[str, Answer], *, by_rules: bool = False) -> tuple[Answer, ...]:
    """The answers, each in doubt compared with the one that the same login with wrong credentials got inside TLS.

    Another answer than inside is a refusal for want of TLS. The same one tells nothing: the server may have looked at
    the credentials, or may refuse logins everywhere.

    Args:
        outside: the answers without TLS.
        inside: those inside TLS, by the way of the login.
        by_rules: whether refusals depend on who one is and where one comes from as well, so that a refusal counts only
            beside a login that is not turned away inside TLS.
    """
    return tuple(_settled(answer, inside.get(answer.way), by_rules) for answer in outside)


def _settled(answer: Answer, other: Answer | None, by_rules: bool) -> Answer:
    if answer.meaning is Meaning.REFUSED and by_rules:
        if other is not None and other.meaning in {Meaning.TAKEN, Meaning.OPEN}:
            return answer
        control = other.words if other else "not tried"
        return Answer(answer.way, Meaning.TROUBLE, f"{answer.words}; and inside TLS: {control}")
    if answer.meaning is Meaning.OPEN and other is not None and other.meaning is not Meaning.TROUBLE:
        if other.words != answer.words:
            return Answer(answer.way, Meaning.REFUSED, answer.words)
        return Answer(answer.way, Meaning.TROUBLE, f"{answer.words}, the same as to wrong credentials inside TLS")
    return answer


def judged(
    address: str, announced: Sequence[str], answers: Sequence[Answer], lines: Sequence[str], broken: str = ""
) -> PlainLogin:
    """What one address does before TLS.

    Args:
        address: which.
        announced: what is wrong with what it says of itself, in words.
        answers: to logins without TLS, settled.
        lines: the transcript.
        broken: why it could not be looked at to the end.
    """
    wrong = [*announced]
    wrong += [f"takes {one.way} without TLS: {one.words}" for one in answers if one.meaning is Meaning.TAKEN]
    unclear = [broken] if broken else []
    unclear += [
        f"whether {one.way} is refused for want of TLS is not known: {one.words}"
        for one in answers
        if one.meaning in {Meaning.OPEN, Meaning.TROUBLE}
    ]
    refusals = [f"{one.way}: {one.words}" for one in answers if one.meaning is Meaning.REFUSED]
    if not answers and not unclear:
        unclear.append("no login was tried")
    return PlainLogin(address, tuple(wrong), tuple(refusals), tuple(lines), "; ".join(unclear))
