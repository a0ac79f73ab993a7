"""`slo` and `load`: the objectives and the traffic the load suite offers."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stagehold.model import Model

Rate = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
Milliseconds = Annotated[float, Field(gt=0, le=600_000, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Path = Annotated[str, Field(pattern=r"^/([^/\s#][^\s#]*)?$")]
"""A path of the target, query included."""


class Slo(Model):
    """Limits, all required to hold: latencies in milliseconds, rates as fractions."""

    p95_ms: dict[str, Milliseconds] = Field(default_factory=dict)
    """Per request name; `default` for those not named."""
    p99_ms: dict[str, Milliseconds] = Field(default_factory=dict)
    error_rate: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.01
    """Share of requests, warm-up included, that may get no right answer; counting cannot prove zero."""

    def latency_limits(self, name: str) -> dict[float, float]:
        """Share of requests that must be in time (0.95, 0.99) to the limit in ms, for one request name."""
        limits = {0.95: self.p95_ms, 0.99: self.p99_ms}
        return {
            share: by_name.get(name, by_name.get("default", 0.0))
            for share, by_name in limits.items()
            if name in by_name or "default" in by_name
        }


class LoadRequest(Model):
    """One kind of request; `weight` is its share of arrivals."""

    name: Annotated[str, Field(min_length=1)]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: Path
    account: str | None = None
    """Alias whose session sends it; None is anonymous."""
    weight: Annotated[int, Field(ge=1)] = 1
    json_body: dict[str, object] | None = Field(default=None, alias="json")
    """`{canary}` in a string value becomes unique per request; so does `{key}`, for idempotency keys."""
    headers: dict[str, str] = Field(default_factory=dict)
    status: Annotated[tuple[Annotated[int, Field(ge=200, le=599)], ...], Field(min_length=1)] = (200,)
    contains: Annotated[str, Field(min_length=1)]
    """Text that a right answer holds: a fast wrong page must not count as success."""


class LoadProfile(Model):
    """How much, for how long. Seconds and requests per second."""

    rate: Rate
    seconds: Seconds
    warm_up: Annotated[float, Field(ge=0, le=3_600, allow_inf_nan=False)] = 3.0
    arrivals: Literal["constant", "poisson"] = "poisson"
    workers: Annotated[int, Field(ge=1, le=64)] = 1


class LoadBooks(Model):
    """An operation that proves the books balance after the load: JSON pointer to value, all must match."""

    path: Path
    account: str
    expect: dict[str, object] = Field(min_length=1)


class LoadPlan(Model):
    """What the load suite sends."""

    target: str
    requests: tuple[LoadRequest, ...] = Field(min_length=1)
    profiles: dict[str, LoadProfile] = Field(min_length=1)
    """`release` is what the gate runs; an environment may name a weaker one in `policy.load_profile`."""
    books: LoadBooks | None = None
    request_timeout: Annotated[float, Field(gt=0, le=120)] = 10.0
    allow_colocated: bool = False
    """The generator shares the machine with the service; every figure is then a joint measurement."""
    seed: int = 1

    @model_validator(mode="after")
    def _names_of_their_own(self) -> Self:
        names = [item.name for item in self.requests]
        if len(set(names)) != len(names):
            raise ValueError("every request needs a name of its own, because limits are per name")
        return self
