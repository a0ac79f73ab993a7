"""Whether the machines behind a CDN or a web application firewall answer whoever goes around it.

Sources: WSTG-CONF-01, CWE-693, RFC 9110 section 7.4.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stagehold.command_lines import curl
from stagehold.environment.model import Environment, Target
from stagehold.errors import ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.network.pace import Search
from stagehold.probes.ports.named_requests import Answered, Asked, ask_each, host_field
from stagehold.probes.ports.unknown_names import telling_paths

_PATIENCE = 5.0
"""Seconds for a connection; silence is believed after two of them."""
_REFUSALS = frozenset({400, 401, 403, 404, 405, 410, 421})
_BUSY = 429
_FAULT = range(500, 600)


@dataclass(frozen=True)
class Origin:
    """One port of one origin of a target, and the public address that stands before it."""

    target: str
    name: str
    address: str
    front: str
    port: int
    secure: bool

    def __str__(self) -> str:
        return f"{self.target}'s origin {self.address} port {self.port}"


@dataclass(frozen=True)
class Directly:
    """What came of asking an origin directly, under the public name."""

    origin: Origin
    closed: str = ""
    """Why there is no connection; empty when there was one."""
    answers: tuple[Answered, ...] = ()
    complaint: str = ""
    problem: str = ""
    """Why it is not known whether the origin refuses."""

    @property
    def summary(self) -> str:
        """What was seen, in words."""
        seen = self.closed or ", ".join(dict.fromkeys(map(str, self.answers))) or self.problem
        return f"{self.origin}: {seen}"

    @property
    def reproduction(self) -> str:
        """A command line that asks the same."""
        origin = self.origin
        address = f"[{origin.address}]" if ":" in origin.address else origin.address
        scheme = "https" if origin.secure else "http"
        url = f"{scheme}://{origin.name}:{origin.port}/"
        return curl(url, options=("-k", "--connect-to", f"{origin.name}:{origin.port}:{address}:{origin.port}"))


@dataclass(frozen=True)
class Origins:
    """Every declared origin."""

    seen: tuple[Directly, ...]

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is wrong, in words."""
        return tuple(f"{item.origin} {item.complaint}" for item in self.seen if item.complaint)

    def require_complete(self) -> None:
        """Raise ProbeError when of some origin it is not known whether it refuses; called after the assertion."""
        if problems := [f"{item.origin}: {item.problem}" for item in self.seen if item.problem]:
            raise ProbeError("; ".join(problems))
        if not self.seen:
            raise ProbeError("no origin was asked")


def ask_origins(network: Network, environment: Environment, within: Search) -> Origins:
    """Ask every declared origin for the target's pages, with the public name as SNI and Host. GET, no credentials.

    Raises:
        Uncovered: no target declares `origin_addresses`.
        DeniedByProduction: an origin shows a certificate with a denied key.
        ProbeError: a target's name did not resolve, or leads to the origin itself.
    """
    seen = []
    for target in environment.targets:
        fronts = network.addresses(target.host) if target.origin_addresses else ()
        for address in target.origin_addresses:
            if address in fronts:
                raise ProbeError(
                    f"{target.host} leads to {address}, which is declared as the origin behind it",
                    remedy="Correct `origin_addresses`, or let the name lead to the CDN.",
                )
            paths = ("/", *telling_paths(environment, target), f"/{secrets.token_hex(8)}")
            for port, secure in _ports(target):
                origin = Origin(target.name, target.host, address, fronts[0], port, secure)
                control = _front_of(network, target, fronts[0], within)
                seen.append(_look(network, origin, tuple(dict.fromkeys(paths)), control, within))
    if not seen:
        raise Uncovered("needs `origin_addresses` of a target")
    return Origins(tuple(seen))


def _ports(target: Target) -> list[tuple[int, bool]]:
    secure = target.base_url.startswith("https")
    plain = [(target.plain_port, False)] if target.plain_port is not None else []
    return [(target.port, secure), *plain]


Control = Callable[[Sequence[str]], list[Answered]]
"""Paths to their answers at the public address."""


def _front_of(network: Network, target: Target, address: str, within: Search) -> Control:
    secure = target.base_url.startswith("https")

    def connect() -> socket.socket:
        return network.connect(target.host, target.port, seconds=_PATIENCE, address=address)

    def send(paths: Sequence[str]) -> list[Answered]:
        asked = [_asked(target.host, target.port, path, secure=secure) for path in paths]
        return ask_each(within, connect, network, asked, place=(address, target.port), secure=secure)

    return send


def _asked(name: str, port: int, path: str, *, secure: bool) -> Asked:
    return Asked(name if secure else "", host_field(name, port, secure=secure), path)


def _look(network: Network, origin: Origin, paths: Sequence[str], control: Control, within: Search) -> Directly:
    try:
        own = control(paths)
        _require_control(own)
        if closed := _closed(network, origin):
            _require_control(control(paths[:1]))
            return Directly(origin, closed=closed)

        def connect() -> socket.socket:
            return network.connect(origin.address, origin.port, seconds=_PATIENCE)

        asked = [_asked(origin.name, origin.port, path, secure=origin.secure) for path in paths]
        place = (origin.address, origin.port)
        answers = ask_each(within, connect, network, asked, place=place, secure=origin.secure)
        return _judged(origin, tuple(answers), own)
    except ProbeError as error:
        return Directly(origin, problem=str(error))


def _require_control(own: Sequence[Answered]) -> None:
    """The control: the public address answers, here and now."""
    for answer in own:
        if not answer.status or answer.status == _BUSY or answer.status in _FAULT:
            raise ProbeError(f"the public address itself answers {answer.asked.path} with {answer}")


def _closed(network: Network, origin: Origin) -> str:
    """Why no connection comes about; empty when one does (ProbeError: the way there is broken)."""
    for _ in range(2):  # one packet may be lost
        try:
            network.connect(origin.address, origin.port, seconds=_PATIENCE).close()
        except ProbeError as error:
            if isinstance(error.__cause__, ConnectionRefusedError):
                return "refuses connections"
            if not isinstance(error.__cause__, TimeoutError):
                raise  # no route and the like: nobody has refused anything
        else:
            return ""
    return "answers no connection"


def _judged(origin: Origin, answers: tuple[Answered, ...], own: Sequence[Answered]) -> Directly:
    """A wall refuses every path alike; anything else comes from the service."""
    statuses = {answer.status for answer in answers if answer.status}
    if troubles := [answer for answer in answers if answer.status == _BUSY or answer.status in _FAULT]:
        told = f"answers {troubles[0].status} under the public name, which is a fault or a limit and no refusal"
        served = statuses - _REFUSALS - {_BUSY, *_FAULT}
        return Directly(origin, answers=answers, problem=told) if not served else _complaint(origin, answers)
    if len(statuses) > 1 or not statuses <= _REFUSALS:
        return _complaint(origin, answers)
    if statuses and {answer.status for answer in own} == statuses:
        told = "refuses every path, as the public address does, so it is not known who answers"
        return Directly(origin, answers=answers, problem=told)
    return Directly(origin, answers=answers)


def _complaint(origin: Origin, answers: tuple[Answered, ...]) -> Directly:
    told = ", ".join(f"{answer.asked.path} with {answer}" for answer in answers)
    return Directly(origin, answers=answers, complaint=f"answers direct requests for {origin.name}: {told}")
