"""How each operation can be tried without doing harm: by reading, by a fixture's requests, or by an empty body.

An operation that changes things is sent only on objects made for it, or with a body that its own description
says is refused. What is left is not exercised, and says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from stagehold.environment.access import FormFlow, ObjectFixture, Request, TokenFlow
from stagehold.environment.matrix import FoundObject
from stagehold.environment.model import Environment
from stagehold.probes.access.openapi import Operation
from stagehold.probes.access.operations import Operations, declared_operation, same_operation

Kind = Literal["read", "create", "change", "empty", "logout", "none"]
_ENDS_SESSIONS = re.compile(r"log-?_?(out|off)|sign-?_?(out|off)", re.IGNORECASE)


@dataclass(frozen=True)
class Try:
    """How one operation is tried."""

    operation: Operation
    kind: Kind
    fixtures: tuple[ObjectFixture, ...] = ()
    """That fill its path, the one that is created or changed first."""
    found: tuple[FoundObject, ...] = ()
    request: Request | None = None
    """The fixture's request that sends it."""
    flow: str = ""
    """The login flow whose logout it is."""
    obstacle: str = ""
    """Why it is not tried."""


def plan_tries(environment: Environment, operations: Operations) -> tuple[Try, ...]:
    """One try for each private operation, in the order of the inventory."""
    return tuple(_plan(operation, environment, operations) for operation in operations.private)


def _plan(operation: Operation, environment: Environment, operations: Operations) -> Try:
    if flow := _logout_of(operation, environment, operations):
        return Try(operation, "logout", flow=flow)
    if _ENDS_SESSIONS.search(operation.path):
        return Try(operation, "none", obstacle="it ends sessions; declare it as a flow's `logout`")
    if (sent := _by_fixture(operation, environment, operations)) is not None:
        return sent
    names = {parameter.name for parameter in operation.path_parameters}
    filling = tuple(_filling(environment.fixtures, names))
    matrix = environment.access_matrix
    found = tuple(item for item in (matrix.objects if matrix else ()) if operation.reads and names & {*item.parameters})
    missing = names - {p for f in filling for p in f.parameters} - {p for f in found for p in f.parameters}
    if missing:
        what = ", ".join(sorted(missing))
        return Try(operation, "none", obstacle=f"nothing fills {what}: no fixture's `parameters`, no object found")
    kind: Kind = "read" if operation.reads else "empty" if operation.needs else "none"
    obstacle = "no fixture sends it, and an empty request might do something" if kind == "none" else ""
    return Try(operation, kind, filling, found, obstacle=obstacle)


def _by_fixture(operation: Operation, environment: Environment, operations: Operations) -> Try | None:
    """The fixture's request that is this operation, if there is one."""
    if operation.reads:
        return None
    for fixture in environment.fixtures:
        # The same service is often declared as two targets, one for people and one for programs.
        if environment.target(fixture.target).base_url != operations.target.base_url:
            continue
        for request in fixture.writes:
            if _sends(request, operation, operations):
                return Try(operation, "change", (fixture,), request=request)
        if _sends(fixture.create, operation, operations):
            return Try(operation, "create", (fixture,), request=fixture.create)
    return None


def _filling(fixtures: Iterable[ObjectFixture], names: set[str]) -> Iterable[ObjectFixture]:
    for fixture in fixtures:
        if names & {*fixture.parameters}:
            names = names - {*fixture.parameters}
            yield fixture


def _sends(request: Request, operation: Operation, operations: Operations) -> bool:
    return same_operation(declared_operation(request.method, request.path, operations.target), operation)


def _logout_of(operation: Operation, environment: Environment, operations: Operations) -> str:
    for name, flow in environment.flows.items():
        same = environment.target(flow.target).base_url == operations.target.base_url
        if (
            same
            and isinstance(flow, FormFlow | TokenFlow)
            and flow.logout
            and _sends(flow.logout, operation, operations)
        ):
            return name
    return ""
