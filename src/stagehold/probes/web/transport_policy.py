"""Responses of every kind a target gives, so that a header that is missing on some of them is seen."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import requests

from stagehold.command_lines import curl
from stagehold.environment.access import FormFlow
from stagehold.environment.model import Environment, Hsts, Target
from stagehold.errors import NotApplicable, ProbeError
from stagehold.network.rules import parse_address
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.fill import flows_of
from stagehold.probes.web.hsts import complaint

HEADER = "Strict-Transport-Security"
_GOOD, _CLIENT_ERROR = range(200, 400), range(400, 500)


@dataclass(frozen=True)
class PolicySample:
    """One response and what is wrong with it; `status` 0 means that there was none, or none of any page."""

    what: str
    url: str
    status: int
    values: tuple[str, ...]
    complaint: str
    private: bool = False
    """A private page, asked for without credentials."""
    missing: bool = False
    """A page that does not exist."""
    method: str = "GET"

    @property
    def reproduction(self) -> str:
        """A command line that asks the same."""
        return curl(self.url, method=self.method, options=("--path-as-is",))


@dataclass(frozen=True)
class _Ask:
    what: str
    method: str
    path: str
    raw: str | None = None
    optional: bool = False
    """A server may hang up on it; then there is no response that could lack a header."""
    private: bool = False
    missing: bool = False


def sample_policy(
    environment: Environment, target: Target, connect: Callable[[Target], HttpClient]
) -> tuple[PolicySample, ...]:
    """Anonymous GET, HEAD and OPTIONS requests at one target, judged by RFC 6797.

    Raises:
        NotApplicable: the target is a literal address, for which browsers ignore the header (section 8.1.1).
        ProbeError: a sample has no answer, the samples hold no good response, or neither a 4xx nor a proof that
            the service refuses without one.
    """
    # A literal address is no excuse for plain HTTP.
    if target.base_url.startswith("https") and parse_address(target.host) is not None:
        raise NotApplicable(
            f"{target.base_url} is a literal address; RFC 6797 section 8.1.1 makes browsers ignore the header"
        )
    samples = [_secure(connect(target), ask, environment.hsts) for ask in _asks(environment, target)]
    if target.plain_port is not None:
        plain = _plain(connect(target), target)
        samples += [plain] if plain is not None else []
    if not target.base_url.startswith("https"):
        return tuple(samples)
    _require_both_kinds(target, [sample for sample in samples if sample.url.startswith("https")])
    return tuple(samples)


def _require_both_kinds(target: Target, samples: Sequence[PolicySample]) -> None:
    statuses = [sample.status for sample in samples]
    if not any(status in _GOOD for status in statuses):
        raise ProbeError(
            f"none of the {len(samples)} answers of target {target.name} is a 2xx or 3xx response "
            f"(statuses {sorted(set(statuses))}), so its headers on those are not known"
        )
    if any(status in _CLIENT_ERROR for status in statuses):
        return
    # Some services have no 4xx to show: a shell for every path, and refusals that answer 200 or redirect.
    if any(sample.private for sample in samples) and all(s.status in _GOOD for s in samples if s.private or s.missing):
        return
    raise ProbeError(
        f"none of the {len(samples)} answers of target {target.name} is a 4xx response "
        f"(statuses {sorted(set(statuses))}), so its headers on those are not known",
        remedy="Declare a flow whose `whoami` is on this target: what it answers anonymously is a refusal, then.",
    )


def _asks(environment: Environment, target: Target) -> list[_Ask]:
    missing = f"/not-there-{secrets.token_hex(6)}"
    asks = [
        _Ask("start page", "GET", "/"),
        _Ask("start page, HEAD", "HEAD", "/"),
        _Ask("start page, OPTIONS", "OPTIONS", "/"),
        _Ask("page that does not exist", "GET", missing, missing=True),
        _Ask("malformed escape", "GET", missing, raw="/%zz", optional=True),
    ]
    for name, flow in flows_of(environment).items():
        if flow.target != target.name:
            continue
        if isinstance(flow, FormFlow):
            asks.append(_Ask(f"login page of {name}", "GET", flow.page))
        asks.append(_Ask(f"private page of {name}, anonymous", "GET", flow.whoami.path, private=True))
    inventory = environment.inventory
    described = inventory.openapi if inventory is not None and inventory.target == target.name else None
    if described is not None and not described.startswith("file:"):
        asks.append(_Ask("API description", "GET", described))
    probe = environment.release.version_probe
    if probe is not None and probe.target == target.name:
        asks.append(_Ask("version", "GET", probe.path))
    return asks


def _secure(client: HttpClient, ask: _Ask, policy: Hsts) -> PolicySample:
    url = client.url(ask.raw or ask.path)
    try:
        response = client.request(ask.method, ask.path, raw_target=ask.raw)
    except ProbeError as error:
        if not ask.optional:
            raise
        return PolicySample(ask.what, url, 0, (f"no response: {error}",), "", method=ask.method)
    values = header_values(response)
    if ask.optional and not values and response.status_code in _CLIENT_ERROR and "Date" not in response.headers:
        # Go, Node and others refuse what they cannot parse with a line of text, before any site or setting of
        # theirs is asked; whatever generates pages dates them (RFC 9110 section 6.6.1).
        return PolicySample(
            ask.what, url, 0, (f"refused by the request parser: {response.status_code}",), "", method=ask.method
        )
    if not url.startswith("https"):
        return PolicySample(
            ask.what,
            url,
            response.status_code,
            values,
            "the target answers over plain HTTP, without TLS",
            method=ask.method,
        )
    wrong = complaint(values, min_age=policy.min_age, include_subdomains=policy.include_subdomains)
    return PolicySample(ask.what, url, response.status_code, values, wrong, ask.private, ask.missing, ask.method)


def _plain(client: HttpClient, target: Target) -> PolicySample | None:
    """RFC 6797 section 7.2: not over plain HTTP. A port that does not answer is another check's business."""
    url = f"http://{target.host}:{target.plain_port}/"
    try:
        response = client.request("GET", url)
    except ProbeError:
        return None
    values = header_values(response)
    wrong = "the header is sent over plain HTTP, where anybody may have written it" if values else ""
    return PolicySample("plain HTTP", url, response.status_code, values, wrong)


def header_values(response: requests.Response) -> tuple[str, ...]:
    """Every Strict-Transport-Security field of a response, repeated ones apart."""
    return tuple(response.raw.headers.getlist(HEADER))
