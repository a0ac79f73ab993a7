"""Load orders for the tests: short, at rates that two shared cores hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stagehold.environment.load_plan import LoadPlan, Slo
from stagehold.probes.load import LoadOrder, order_load

SESSIONS = {"alice": {"Cookie": "session=alice-of-the-test"}}


def request(name: str, **changes: Any) -> dict[str, Any]:
    """A request `name` to `/name` that is answered with `right`."""
    return {"name": name, "path": f"/{name}", "contains": "right", **changes}


def order(base_url: str, ca_file: Path | None, requests: list[dict[str, Any]], **changes: Any) -> LoadOrder:
    """An order for these requests; `changes` go to the profile, `plan` and `slo` to theirs."""
    plan_changes = changes.pop("plan", {})
    slo = changes.pop("slo", Slo(p95_ms={"default": 250.0}))
    profile = {"rate": 20 * len(requests), "seconds": 5, "warm_up": 1, **changes}
    plan = LoadPlan.model_validate(
        {
            "target": "web",
            "requests": requests,
            "profiles": {"smoke": profile},
            "request_timeout": 2,
            "allow_colocated": True,
            **plan_changes,
        }
    )
    return order_load(
        plan,
        slo,
        "smoke",
        base_url=base_url,
        address="127.0.0.1",
        ca_file=ca_file,
        sessions=SESSIONS,
        canary="shc-load-test",
    )
