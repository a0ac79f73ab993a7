"""Whether the plain-HTTP port of an interface for programs sends them on to https, tokens and all.

A program that follows goes on sending its token in the clear, and nobody notices; one that is refused is mended.
Sources: ASVS 4.1.2, CWE-319.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from stagehold.command_lines import curl
from stagehold.environment.model import Environment, Target
from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.plain_http import Ask, asks_of, hung_up, is_trouble, of_browsers, send_plain, why_closed


@dataclass(frozen=True)
class PlainReply:
    """What came of one request that carried a token; `status` 0: the server hung up without a word."""

    address: str
    method: str
    url: str
    status: int
    location: str = ""

    @property
    def redirects(self) -> bool:
        """Whether it sends the program somewhere else."""
        return 300 <= self.status < 400 and bool(self.location)  # noqa: PLR2004 - the statuses of redirects

    def __str__(self) -> str:
        told = f"redirects to {self.location} ({self.status})" if self.redirects else f"answers {self.status}"
        return f"{self.method} {self.url} at {self.address} {told if self.status else 'is hung up on'}"


@dataclass(frozen=True)
class PlainApi:
    """The plain-HTTP port of one target at all its addresses."""

    target: Target
    port: int
    closed: tuple[str, ...]
    """Addresses where nothing answers on the port, in words, while https works there."""
    replies: tuple[PlainReply, ...]
    troubles: tuple[str, ...] = ()
    """What tells nothing: limits, faults, answers that are not HTTP."""

    @property
    def redirects(self) -> tuple[PlainReply, ...]:
        """The replies that send programs on."""
        return tuple(reply for reply in self.replies if reply.redirects)

    @property
    def summary(self) -> str:
        """What was seen, in words."""
        statuses = sorted({str(reply.status) if reply.status else "no answer" for reply in self.replies})
        seen = [f"{len(self.replies)} requests: {', '.join(statuses)}"] if self.replies else []
        return "; ".join((*self.closed, *seen))

    @property
    def reproduction(self) -> str:
        """A command line that shows the first redirect, or what comes instead."""
        host = f"[{self.target.host}]" if ":" in self.target.host else self.target.host
        reply = next(iter(self.redirects or self.replies), None)
        token = {"Authorization": "Bearer none"}
        if reply is None:
            return curl(f"http://{host}:{self.port}/", headers=token)
        return curl(reply.url, method=reply.method, headers=token, address=reply.address)

    def require_complete(self) -> None:
        """Raise ProbeError when something told nothing; called after the assertion, for a failure stays one."""
        if self.troubles or not (self.closed or self.replies):
            raise ProbeError("; ".join(self.troubles[:5]) or "no address was looked at")


def look_at_plain_api(
    environment: Environment, network: Network, target: Target, connect: Callable[..., HttpClient]
) -> PlainApi:
    """Come to the plain-HTTP port of a target as a program with a token does, at each address.

    The token is made up, and forms are posted without content.

    Raises:
        NotApplicable: browsers come to the same host and port, and need the redirect.
        Uncovered: the target declares no plain port and none can be guessed, or has no https.
        ProbeError: neither the port nor https answers at an address.
    """
    if not target.base_url.startswith("https"):
        raise Uncovered(f"target {target.name}: its `base_url` is not https, so there is nothing to be sent on to")
    port = target.plain_port
    if others := of_browsers(environment, target, port):
        raise NotApplicable(f"browsers of target {', '.join(others)} come to the same host, and need the redirect")
    if port is None:
        raise Uncovered(f"target {target.name}: needs `http_port`")
    looks = [
        _look(environment, network, target, port, connect(target, address=address), address)
        for address in network.addresses(target.host)
    ]
    return PlainApi(
        target,
        port,
        tuple(one for look in looks for one in look.closed),
        tuple(one for look in looks for one in look.replies),
        tuple(one for look in looks for one in look.troubles),
    )


def _look(
    environment: Environment, network: Network, target: Target, port: int, client: HttpClient, address: str
) -> PlainApi:
    """One address."""
    if reason := why_closed(network, target, port, address):
        # The control: silence counts only where the same address answers over https.
        client.request("GET", "/")
        return PlainApi(target, port, (f"{address} port {port}: {reason}",), ())
    replies: list[PlainReply] = []
    troubles: list[str] = []
    token = {"Authorization": f"Bearer stagehold-{secrets.token_urlsafe(24)}"}
    for ask in _asks(environment, target):
        try:
            replies.append(_reply(client, target, port, address, ask, token))
        except ProbeError as error:
            troubles.append(str(error))
    if not any(reply.status for reply in replies):
        client.request("GET", "/")
    troubles += [
        f"{reply}, which tells of a limit or a fault and not of what the port does"
        for reply in replies
        if is_trouble(reply.status)
    ]
    return PlainApi(target, port, (), tuple(replies), tuple(troubles))


def _asks(environment: Environment, target: Target) -> tuple[Ask, ...]:
    base = urlsplit(target.base_url).path.rstrip("/")
    mine = [*asks_of(environment, target)]
    mine += [Ask("base", f"{base}/"), Ask("base, POST", f"{base}/", "POST")] if base else []
    probe = environment.release.version_probe
    if probe is not None and probe.target == target.name:
        mine.append(Ask("version", probe.path))
    return tuple({(ask.method, ask.path): ask for ask in mine}.values())


def _reply(client: HttpClient, target: Target, port: int, address: str, ask: Ask, token: dict[str, str]) -> PlainReply:
    host = f"[{target.host}]" if ":" in target.host else target.host
    url = f"http://{host}:{port}{ask.path}"
    for _ in range(2):  # a connection may be lost
        try:
            response = send_plain(client, target, port, ask, token)
        except ProbeError as error:
            if not hung_up(error):
                raise
        else:
            return PlainReply(address, ask.method, url, response.status_code, response.headers.get("Location", ""))
    return PlainReply(address, ask.method, url, 0)
