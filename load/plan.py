"""What the engine is told to do: one line of JSON on standard input, because it carries session secrets.

Shape (`stagehold-load/plan/1`), in seconds and requests per second, limits in milliseconds:

    {"schema": …, "run": "nonce", "result": "/path/result.json",
     "canary": "prefix", "seed": 1, "timeout": 10.0,
     "target": {"scheme", "host", "port", "address", "prefix", "ca_file"},
     "profile": {"rate", "seconds", "warm_up", "arrivals", "workers"},
     "requests": [{"name", "method", "path", "account", "weight",
                   "json", "headers", "status", "contains", "limits"}],
     "sessions": {"alias": {"Cookie": "…"}}}
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any, Literal

SCHEMA = "stagehold-load/plan/1"
MAX_IN_FLIGHT = 2_000
"""Most requests one worker keeps open; beyond that Python would measure itself."""


class PlanError(Exception):
    """The plan is not one this engine understands; nothing was sent."""


@dataclass(frozen=True)
class Target:
    """Where to connect (`address`) and who is meant (`host`: Host header, SNI and certificate name)."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    address: str
    prefix: str
    ca_file: str | None

    @property
    def authority(self) -> str:
        """Host header: the port is left out where it is the scheme's own (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True)
class Profile:
    """How much, how long, in which rhythm, from how many processes."""

    rate: float
    seconds: float
    warm_up: float
    arrivals: Literal["constant", "poisson"]
    workers: int

    @property
    def total_seconds(self) -> float:
        return self.warm_up + self.seconds

    @property
    def arrivals_total(self) -> int:
        """Exactly how many requests are due; the probe computes the same number for itself."""
        return round(self.rate * self.total_seconds)


@dataclass(frozen=True)
class Request:
    """One kind of request and what a right answer is."""

    name: str
    method: str
    path: str
    account: str | None
    weight: int
    json: Any
    headers: dict[str, str]
    status: tuple[int, ...]
    contains: str
    limits: tuple[float, ...]


@dataclass(frozen=True)
class Plan:
    """All of it; `digest` leaves out the sessions, so that it can be written down."""

    run: str
    result: str
    canary: str
    seed: int
    timeout: float
    target: Target
    profile: Profile
    requests: tuple[Request, ...]
    sessions: dict[str, dict[str, str]]
    digest: str

    @property
    def max_in_flight(self) -> int:
        """Requests one worker may have open: Little's law for answers that all take the whole timeout."""
        return min(MAX_IN_FLIGHT, self.wanted_in_flight)

    @property
    def wanted_in_flight(self) -> int:
        # A burst of a Poisson process runs above its mean, hence the square root on top.
        mean = self.profile.rate / self.profile.workers * self.timeout
        return math.ceil(mean + 4 * math.sqrt(mean)) + 1


def digest_of(document: dict[str, Any]) -> str:
    """`sha256:…` over the plan without `sessions`, in canonical JSON."""
    public = {key: value for key, value in document.items() if key != "sessions"}
    canonical = json.dumps(public, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def parse_plan(line: bytes) -> Plan:
    """The plan in one line of JSON.

    Raises:
        PlanError: anything missing, unknown or of a wrong kind. The message never quotes the line.
    """
    try:
        document = json.loads(line)
    except ValueError as error:
        raise PlanError("standard input does not hold a plan in JSON") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise PlanError(f"expected a plan of schema {SCHEMA}")
    try:
        fields = dict(document)
        fields.pop("schema")
        requests = tuple(_request(item) for item in fields.pop("requests"))
        plan = Plan(
            target=Target(**fields.pop("target")),
            profile=Profile(**fields.pop("profile")),
            requests=requests,
            digest=digest_of(document),
            **fields,
        )
    except (KeyError, TypeError) as error:
        raise PlanError(f"malformed plan: {type(error).__name__}") from error
    _refuse_senseless(plan)
    return plan


def _request(item: dict[str, Any]) -> Request:
    fields = dict(item)
    return Request(status=tuple(fields.pop("status")), limits=tuple(fields.pop("limits")), **fields)


def _refuse_senseless(plan: Plan) -> None:
    if not plan.requests or len({request.name for request in plan.requests}) != len(plan.requests):
        raise PlanError("requests must be there and have names of their own")
    if any(not request.contains or not request.status or request.weight < 1 for request in plan.requests):
        raise PlanError("every request needs a weight, a status and text that proves the answer")
    missing = {request.account for request in plan.requests if request.account} - plan.sessions.keys()
    if missing:
        raise PlanError(f"no session for {', '.join(sorted(missing))}")
    profile = plan.profile
    if not (profile.rate > 0 and profile.seconds > 0 and profile.warm_up >= 0 and profile.workers >= 1):
        raise PlanError("rate, seconds and workers must be positive")
    if plan.timeout <= 0 or plan.target.scheme not in {"http", "https"}:
        raise PlanError("timeout must be positive and the scheme http or https")
