"""What both twins of the auth suite are looked at with: a description, and the probes' driver."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stagehold.environment.access import Account
from stagehold.environment.model import Environment
from stagehold.network.door import Network
from stagehold.probes.login.driver import LoginDriver, Sessions

NAME = "twin.test"


def sessions_of(
    port: int, folder: Path, flows: Mapping[str, dict[str, Any]], users: Mapping[str, str], **keys: Any
) -> Sessions:
    """Sessions of a described twin: everybody has an account by every flow, `FLOW-USER`; `s…` are sacrificial."""
    accounts = []
    for flow in flows:
        for user, password in users.items():
            name = user.partition("@")[0]
            (folder / name).write_text(password)
            pool = {"pool": "sacrificial", "lock_ok": True} if user.startswith("s") else {}
            accounts.append(
                {"alias": f"{flow}-{name}", "flow": flow, "user": user, "password_ref": f"file:{name}", **pool}
            )
    environment = Environment.model_validate(
        {
            "environment": {"id": "twin"},
            "targets": [{"name": "app", "base_url": f"https://{NAME}:{port}", "addresses": ["127.0.0.1"]}],
            "flows": {name: {"target": "app", **flow} for name, flow in flows.items()},
            "accounts": accounts,
            **keys,
        }
    )
    return Sessions(LoginDriver(environment, Network.build(environment), folder, folder / "ca.pem", timeout=5.0))


def account(sessions: Sessions, alias: str) -> Account:
    """An account by its alias."""
    return sessions.driver.environment.account(alias)


def victims(sessions: Sessions, flow: str) -> list[Account]:
    """The sacrificial accounts of a flow."""
    return [one for one in sessions.driver.environment.accounts if one.flow == flow and one.pool == "sacrificial"]
