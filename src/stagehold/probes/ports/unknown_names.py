"""What a web listener does with requests for a name nobody declared, or for its bare address.

Sources: WSTG-INPV-17, RFC 9110 sections 7.2 and 7.4, RFC 6066 section 3, CWE-200.
"""

from __future__ import annotations

import re
import secrets
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from stagehold.command_lines import curl
from stagehold.environment.access import FormFlow
from stagehold.environment.model import Environment, Target
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.network.pace import Search
from stagehold.network.rules import normal, parse_address
from stagehold.probes.ports.named_requests import Answered, Asked, ask_each, host_field
from stagehold.probes.web.fill import flows_of

_BUSY = 429
_FAULT = range(500, 600)
_SUCCESS = range(200, 300)
_REDIRECT = range(300, 400)
_ALIKE = 0.7
"""Share of words in common: tokens and times make two answers to one question differ by some."""
_NOBODYS = (".invalid", ".localhost", ".localdomain", ".local")
"""Ends of names that are nobody's in DNS (RFC 6761, RFC 6762): certificates that products make for themselves."""


@dataclass(frozen=True)
class Front:
    """One target's listener at one address, asked by one of its names."""

    target: str
    secure: bool
    name: str
    port: int
    address: str

    def __str__(self) -> str:
        return f"{self.name} port {self.port} at {self.address}"

    def host(self, name: str) -> str:
        """The Host field of a request for a name here."""
        return host_field(name, self.port, secure=self.secure)


@dataclass(frozen=True)
class Stray:
    """One way to ask for something that was never declared, and what came of it."""

    front: Front
    way: str
    """Such as `unknown Host and SNI`."""
    answers: tuple[Answered, ...]
    complaints: tuple[str, ...]

    @property
    def summary(self) -> str:
        """What was answered, in words."""
        return ", ".join(dict.fromkeys(map(str, self.answers)))

    @property
    def reproduction(self) -> str:
        """A command line that asks the same once more."""
        front, asked = self.front, self.answers[0].asked
        address = f"[{front.address}]" if ":" in front.address else front.address
        where = asked.sni or address
        scheme = "https" if front.secure else "http"
        return curl(
            f"{scheme}://{where}:{front.port}{asked.path}",
            headers={"Host": asked.host},
            options=("-k", "--connect-to", f"{where}:{front.port}:{address}:{front.port}"),
        )


@dataclass(frozen=True)
class UnknownNames:
    """Every listener of the declared targets, and how it treats strangers."""

    strays: tuple[Stray, ...]
    problems: tuple[str, ...]
    """Why it is not known of a listener whether the application was reached."""

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is wrong, in words."""
        places: dict[str, list[str]] = {}
        for stray in self.strays:
            for words in stray.complaints:
                places.setdefault(words, []).append(str(stray.front))
        return tuple(f"{words} ({', '.join(where)})" for words, where in places.items())

    def require_complete(self) -> None:
        """Raise ProbeError when of some listener nothing is known; called after the assertion."""
        if self.problems:
            raise ProbeError("; ".join(self.problems))
        if not self.strays:
            raise ProbeError("no listener was asked")


def look_for_strangers(network: Network, environment: Environment, within: Search) -> UnknownNames:
    """Ask every target, by each name and at every address, as itself and as somebody else. GET only, no credentials.

    Raises:
        DeniedByProduction: a listener shows a certificate with a denied key.
        ProbeError: a declared name did not resolve.
    """
    strays: list[Stray] = []
    problems: list[str] = []
    declared = {normal(target.host) for target in environment.targets}
    declared |= {normal(name) for target in environment.targets for name in target.names}
    declared |= {normal(endpoint.name) for endpoint in environment.tls_endpoints}
    declared |= {normal(endpoint.host) for endpoint in environment.tls_endpoints}
    for front, paths in _fronts(network, environment).items():
        try:
            strays += _look(network, front, sorted(paths), declared, within)
        except ProbeError as error:
            problems.append(f"{front}: {error}")
    return UnknownNames(tuple(strays), tuple(problems))


def _fronts(network: Network, environment: Environment) -> Mapping[Front, set[str]]:
    """Each listener of a named target with the paths that tell the application from anything else."""
    found: dict[Front, set[str]] = {}
    for target in environment.targets:
        for name in dict.fromkeys((target.host, *target.names)):
            if parse_address(name) is not None:
                continue  # declared to be asked by its address
            for address in network.addresses(name):
                secure = target.base_url.startswith("https")
                front = Front(target.name, secure, name, target.port, address)
                known = next((key for key in found if key.name == name and _place(key) == _place(front)), front)
                found.setdefault(known, {"/"}).update(telling_paths(environment, target))
    if not found:
        raise ProbeError("every target is declared by its address, so no name is a stranger's")
    return found


def _place(front: Front) -> tuple[str, int]:
    return front.address, front.port


def telling_paths(environment: Environment, target: Target) -> Iterator[str]:
    """Paths whose answers tell a target's application from anything else."""
    probe = environment.release.version_probe
    if probe is not None and probe.target == target.name:
        yield probe.path
    for flow in flows_of(environment).values():
        if flow.target == target.name:
            yield flow.whoami.path
            if isinstance(flow, FormFlow):
                yield flow.page


def _look(network: Network, front: Front, paths: Sequence[str], declared: set[str], within: Search) -> list[Stray]:
    stranger = f"{secrets.token_hex(8)}.invalid"
    nowhere = f"/{secrets.token_hex(8)}"
    sni = front.name if front.secure else ""
    ways = {
        "unknown Host and SNI": (stranger if front.secure else "", front.host(stranger)),
        "bare address without SNI": ("", front.host(front.address)),
        "unknown Host under the declared SNI": (sni, front.host(stranger)),
    }
    if not front.secure:
        ways = {"unknown Host": ("", front.host(stranger)), "bare address": ("", front.host(front.address))}

    def send(sni: str, host: str, wanted: Sequence[str]) -> dict[str, Answered]:
        asked = [Asked(sni, host, path) for path in wanted]
        connect = _connect(network, front)
        answers = ask_each(within, connect, network, asked, place=_place(front), secure=front.secure)
        return dict(zip(wanted, answers, strict=True))

    own = send(sni, front.host(front.name), (*paths, nowhere))
    _require_control(own)
    shown = {name for answer in own.values() for name in answer.names}
    strays = []
    doubts = []
    for way, (stray_sni, host) in ways.items():
        try:
            seen = send(stray_sni, host, (*paths, nowhere))
        except ProbeError as error:
            doubts.append(f"{way}: {error}")
            break
        complaints = [*_reached(way, own, seen, nowhere), *_revealed(way, front, seen, declared | shown)]
        strays.append(Stray(front, way, tuple(seen.values()), tuple(dict.fromkeys(complaints))))
        if not complaints and (doubt := _doubt(front, own, seen, declared)):
            doubts.append(f"{way}: {doubt}")
    try:
        again = send(sni, front.host(front.name), paths[:1])[paths[0]]
    except ProbeError as error:
        doubts.append(f"afterwards its own name is not answered: {error}")
        again = own[paths[0]]
    if not alike(own[paths[0]], again):
        doubts.append(f"afterwards its own name is answered differently ({own[paths[0]]}, then {again})")
    if doubts and not any(stray.complaints for stray in strays):
        raise ProbeError("; ".join(doubts))
    return strays


def _connect(network: Network, front: Front) -> Callable[[], socket.socket]:
    # An address that only a target's name is pinned to is let through by that name, not by itself.
    return lambda: network.connect(front.name, front.port, seconds=10.0, address=front.address)


def _require_control(own: Mapping[str, Answered]) -> None:
    """The control: the same address answers requests for its own name, and tells its pages apart from no answer."""
    for path, answer in own.items():
        if not answer.status:
            raise ProbeError(f"its own name gets no answer to {path}: {answer.refusal}")
        if answer.status == _BUSY or answer.status in _FAULT:
            raise ProbeError(f"its own name is answered {answer.status} at {path}: nothing can be compared")


def _reached(way: str, own: Mapping[str, Answered], seen: Mapping[str, Answered], nowhere: str) -> Iterator[str]:
    # A wall answers every path alike; an application knows its own paths from others.
    reached = [
        f"{path} ({answer.status})"
        for path, answer in seen.items()
        if path != nowhere
        and alike(own[path], answer)
        and (answer.status in _SUCCESS or not alike(answer, seen[nowhere]))
    ]
    if reached:
        yield f"{way} reaches the application: answered as under its own name are {', '.join(reached)}"


def _doubt(front: Front, own: Mapping[str, Answered], seen: Mapping[str, Answered], declared: set[str]) -> str:
    if all(answer.status in _REDIRECT and _host_of(answer, front) in declared for answer in seen.values()):
        return ""  # everybody is sent home, whatever the own name does
    if any(answer.status == _BUSY for answer in seen.values()):
        return "answered 429: a limit was reached"
    if all(alike(own[path], answer) for path, answer in seen.items()):
        return "every path is refused alike, for its own name as well, so it is not known who answers"
    return ""


def _revealed(way: str, front: Front, seen: Mapping[str, Answered], known: set[str]) -> Iterator[str]:
    for answer in seen.values():
        for name in answer.names:
            if _is_foreign(name, front, known):
                yield f"{way} is shown a certificate for {name}"
        if answer.status in _REDIRECT and (goal := _host_of(answer, front)) and _is_foreign(goal, front, known):
            yield f"{way} is sent to {goal}"
        for name, value in answer.headers:
            domain = re.search(r";\s*domain=\.?([^;\s]+)", value, re.IGNORECASE) if name == "set-cookie" else None
            if domain and _is_foreign(normal(domain[1]), front, known):
                yield f"{way} is given a cookie for {domain[1]}"


def _host_of(answer: Answered, front: Front) -> str:
    base = f"{'https' if front.secure else 'http'}://{answer.asked.host}{answer.asked.path}"
    try:
        goal = normal(urlsplit(urljoin(base, answer.value("location"))).hostname or "")
    except ValueError:
        return ""
    asked = normal(urlsplit(f"//{answer.asked.host}").hostname or "")
    return "" if goal == asked else goal


def _is_foreign(name: str, front: Front, known: set[str]) -> bool:
    """Whether a name belongs to somebody who was not asked for; a wildcard over a known name tells nothing new."""
    if name in known or name == front.address or name.endswith(_NOBODYS):
        return False
    if name.startswith("*."):
        return not any(other.partition(".")[2] == name[2:] for other in known)
    return "." in name or ":" in name


def alike(one: Answered, other: Answered) -> bool:
    """Whether two answers come, as far as can be told, from the same page of the same application."""
    if one.status != other.status or not one.status:
        return False
    if one.status in _REDIRECT:
        return _onward(one) == _onward(other)
    if one.value("content-type").partition(";")[0] != other.value("content-type").partition(";")[0]:
        return False
    if _scheme(one) != _scheme(other):
        return False
    left, right = _words(one), _words(other)
    if len(left) <= 3 or len(right) <= 3:  # noqa: PLR2004 - some words have none to spare
        return left == right
    return (left & right).total() >= _ALIKE * (left | right).total()


def _onward(answer: Answered) -> tuple[str, str]:
    """Where a redirect leads: the path, and whether it stays where it was asked or goes by which name."""
    base = f"http://{answer.asked.host}{answer.asked.path}"
    goal = urlsplit(urljoin(base, answer.value("location")))
    stays = normal(goal.hostname or "") == normal(urlsplit(base).hostname or "")
    same = "~" if goal.path == answer.asked.path else goal.path
    return same, "" if stays else goal.netloc.lower()


def _scheme(answer: Answered) -> str:
    return answer.value("www-authenticate").partition(" ")[0].lower()


def _words(answer: Answered) -> Counter[str]:
    body = answer.body
    for echoed in (answer.asked.host, answer.asked.host.partition(":")[0], answer.asked.path):
        if len(echoed) > 1:
            body = body.replace(echoed, "~")
    return Counter(re.findall(r"\w+|~", body))
