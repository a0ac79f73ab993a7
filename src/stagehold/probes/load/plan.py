"""From the environment's words to the plan the engine reads (`stagehold-load/plan/1`, see `load/plan.py`)."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stagehold.environment.load_plan import LoadPlan, LoadProfile, LoadRequest, Slo
from stagehold.errors import ProbeError

SCHEMA = "stagehold-load/plan/1"


@dataclass(frozen=True)
class LoadOrder:
    """One load to be offered: what, how much, to which pinned address. `sessions` holds secrets."""

    plan: LoadPlan
    profile: LoadProfile
    profile_name: str
    slo: Slo
    base_url: str
    address: str
    """The number to connect to; name, SNI and certificate stay those of `base_url`."""
    ca_file: Path | None
    sessions: Mapping[str, Mapping[str, str]]
    """Alias to the headers that make its session, such as `{"Cookie": "…"}`."""
    canary: str

    def __repr__(self) -> str:
        """Without the sessions, so that no traceback can show them."""
        return f"LoadOrder({self.profile_name!r}, {self.base_url!r}, {self.address!r})"

    @property
    def arrivals(self) -> int:
        """How many requests are due, warm-up included."""
        return round(self.profile.rate * (self.profile.warm_up + self.profile.seconds))

    @property
    def tightest(self) -> float:
        """The smallest latency limit of any request, in ms."""
        return min(limit for item in self.plan.requests for limit in self.limits(item))

    def limits(self, request: LoadRequest) -> tuple[float, ...]:
        """Latency limits of a request in ms, ascending."""
        return tuple(sorted(set(self.slo.latency_limits(request.name).values())))

    def document(self, run: str, result: Path) -> dict[str, Any]:
        """The plan as the engine reads it.

        Raises:
            ProbeError: a request's account has no session.
        """
        missing = {item.account for item in self.plan.requests if item.account} - self.sessions.keys()
        if missing:
            raise ProbeError(f"no session for the load accounts {', '.join(sorted(missing))}")
        parts = urlsplit(self.base_url)
        return {
            "schema": SCHEMA,
            "run": run,
            "result": str(result),
            "canary": self.canary,
            "seed": self.plan.seed,
            "timeout": self.plan.request_timeout,
            "target": {
                "scheme": parts.scheme,
                "host": parts.hostname,
                "port": parts.port or (443 if parts.scheme == "https" else 80),
                "address": self.address,
                "prefix": parts.path.rstrip("/"),
                "ca_file": str(self.ca_file.resolve()) if self.ca_file else None,
            },
            "profile": self.profile.model_dump(),
            "requests": [self._request(item) for item in self.plan.requests],
            "sessions": {alias: dict(headers) for alias, headers in self.sessions.items()},
        }

    def _request(self, request: LoadRequest) -> dict[str, Any]:
        return {
            "name": request.name,
            "method": request.method,
            "path": request.path,
            "account": request.account,
            "weight": request.weight,
            "json": request.json_body,
            "headers": request.headers,
            "status": list(request.status),
            "contains": request.contains,
            "limits": list(self.limits(request)),
        }


def order_load(
    plan: LoadPlan,
    slo: Slo,
    profile_name: str,
    *,
    base_url: str,
    address: str,
    ca_file: Path | None,
    sessions: Mapping[str, Mapping[str, str]],
    canary: str,
) -> LoadOrder:
    """The order for one profile of the plan.

    Raises:
        ProbeError: there is no profile of that name (a weaker one is never taken in its place), a request
            has no latency limit, or a limit names no request.
    """
    profile = plan.profiles.get(profile_name)
    if profile is None:
        known = ", ".join(sorted(plan.profiles))
        raise ProbeError(f"`load.profiles` has no profile {profile_name!r}; it has {known}")
    names = {item.name for item in plan.requests}
    strangers = ({*slo.p95_ms, *slo.p99_ms} - {"default"}) - names
    if strangers:
        raise ProbeError(f"`slo` has limits for {', '.join(sorted(strangers))}, which no load request is named")
    unlimited = sorted(name for name in names if not slo.latency_limits(name))
    if unlimited:
        raise ProbeError(f"`slo` has no latency limit for {', '.join(unlimited)}; `default` covers the rest")
    return LoadOrder(plan, profile, profile_name, slo, base_url, address, ca_file, sessions, canary)


def new_run_id() -> str:
    """An unguessable name for one run of the engine, so that no other result can be taken for its."""
    return secrets.token_hex(16)


def digest_of(document: Mapping[str, Any]) -> str:
    """`sha256:…` over the plan without `sessions`, computed as the engine does."""
    public = {key: value for key, value in document.items() if key != "sessions"}
    canonical = json.dumps(public, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
