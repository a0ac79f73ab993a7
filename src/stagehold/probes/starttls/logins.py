"""Tries to log in without TLS where a service speaks something else than HTTP, with credentials that are nobody's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from stagehold.environment.places import Service, TlsEndpoint
from stagehold.errors import NotAllowed, ProbeError
from stagehold.network.door import Network
from stagehold.probes.starttls import imap, ldap, postgres, smtp
from stagehold.probes.starttls.attempt import Answer, MadeUp, Meaning, PlainLogin, judged, settled
from stagehold.probes.starttls.ber import start_tls
from stagehold.probes.starttls.talk import HungUp, Talk
from stagehold.probes.starttls.upgrade import CLIENT, SSL_REQUEST, Place, inside_tls, through

SECONDS = 5.0
"""For each connection, and for everything that is said on it."""
_TRIES = 2
_ALERT = b"\x15\x03"
_FIRST: dict[Service, bytes] = {
    "smtp": f"EHLO {CLIENT}\r\n".encode(),
    "imap": b"s1 CAPABILITY\r\n",
    "ldap": start_tls(1),
    "postgres": SSL_REQUEST,
}
"""What a client that knows nothing of TLS, or asks for it in the old way, says first."""


class _Attempt(Protocol):
    def __call__(self, talk: Talk, way: str, who: MadeUp, *, greeted: bool = False) -> Answer: ...


@dataclass(frozen=True)
class _Manner:
    """How a service is spoken with."""

    announced: Callable[..., tuple[str, ...]]
    attempt: _Attempt
    ways: Sequence[str]
    by_rules: bool = False
    """Whether refusals depend on who one is as well (see `settled`)."""


MANNERS: dict[Service, _Manner] = {
    "smtp": _Manner(smtp.announced, smtp.attempt, smtp.WAYS),
    "imap": _Manner(imap.announced, imap.attempt, imap.WAYS),
    "ldap": _Manner(ldap.announced, ldap.attempt, ldap.WAYS),
    "postgres": _Manner(postgres.announced, postgres.attempt, postgres.WAYS, by_rules=True),
}


def look_at_plain_logins(network: Network, endpoint: TlsEndpoint) -> tuple[PlainLogin, ...]:
    """What every pinned address of an endpoint does with who wants to log in without TLS.

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.addresses`.
        ProbeError: the name did not resolve; what goes wrong with one address stays with that address.
    """
    network.check_name(endpoint.name)
    network.dial(endpoint.host, endpoint.port)
    return tuple(_look(network, endpoint, address) for address in network.addresses(endpoint.host))


def _look(network: Network, endpoint: TlsEndpoint, address: str) -> PlainLogin:
    service, place = endpoint.service, (endpoint.host, endpoint.port, address)
    if service is None:
        raise ProbeError(f"{endpoint.label}: HTTP has no login to try here")
    manner = MANNERS[service]
    who = MadeUp(database=endpoint.database or "")
    who = replace(who, user=endpoint.user) if endpoint.user else who
    wrong: tuple[str, ...] = ()
    answers: list[Answer] = []
    inside: dict[str, Answer] = {}
    lines: list[str] = []
    broken = ""
    try:
        if endpoint.starttls is None and (closed := _only_tls(network, place, service)):
            return PlainLogin(address, refusals=(closed,), transcript=(f"S: {closed}",))
        with _talking(network, place, lines) as talk:
            wrong = manner.announced(talk, starttls=endpoint.starttls is not None)
        for way in manner.ways:
            with _talking(network, place, lines) as talk:
                answers.append(manner.attempt(talk, way, who))
        for one in answers:
            if one.meaning is Meaning.OPEN or (one.meaning is Meaning.REFUSED and manner.by_rules):
                inside[one.way] = _inside(network, endpoint, place, one.way, who, lines)
    except NotAllowed:
        raise
    except ProbeError as error:
        broken = who.hidden(str(error))
    settled_ones = settled(answers, inside, by_rules=manner.by_rules)
    return judged(address, wrong, settled_ones, [who.hidden(line) for line in lines], broken)


@contextmanager
def _talking(network: Network, place: Place, lines: list[str]) -> Iterator[Talk]:
    """A connection without TLS; what is said on it is added to `lines`."""
    host, port, address = place
    with network.connect(host, port, seconds=SECONDS, address=address) as connection:
        talk = Talk(connection, SECONDS, f"{host} ({address}) port {port}")
        talk.note("-", "a connection without TLS")
        try:
            yield talk
        finally:
            lines += talk.lines


def _inside(network: Network, endpoint: TlsEndpoint, place: Place, way: str, who: MadeUp, lines: list[str]) -> Answer:
    """The control: the same login inside TLS, where its credentials are wrong and nothing else."""
    manner, host = MANNERS[endpoint.service or "smtp"], f"{place[0]} ({place[2]}) port {place[1]}"
    door = through(network, endpoint.starttls)
    try:
        with inside_tls(door, place, endpoint.name, seconds=SECONDS) as connection:
            talk = Talk(connection, SECONDS, f"inside TLS, {host}")
            talk.note("-", "a connection inside TLS")
            try:
                return manner.attempt(talk, way, who, greeted=endpoint.starttls is not None)
            finally:
                lines += talk.lines
    except NotAllowed:
        raise
    except ProbeError as error:
        return Answer(way, Meaning.TROUBLE, str(error))


def _only_tls(network: Network, place: Place, service: Service) -> str:
    """How a listener that speaks TLS from the first byte on turns away who does not; empty when it talks to them."""
    for _ in range(_TRIES):
        with _talking(network, place, []) as talk:
            talk.send(_FIRST[service], f"first words of {service}")
            try:
                answer = talk.exactly(len(_ALERT))
            except HungUp:
                continue
            return "" if answer != _ALERT else "whoever comes without TLS gets an alert of TLS"
    return f"hung up on who comes without TLS, {_TRIES} times"
