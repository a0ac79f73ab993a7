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
from stagehold.probes.access.operations import Operations, declared_operation, required_query, same_operation
from stagehold.probes.access.parameters import Parameter

Kind = Literal["read", "create", "change", "empty", "logout", "none"]
CANARY_FORM = "shc-0000-0123456789abcdef"
"""Text of the length and kind of a canary."""
ENDS_SESSIONS = re.compile(r"log-?_?(out|off)|sign-?_?(out|off)", re.IGNORECASE)


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
    text: bool = False
    """It takes text of the reader's choice, such as a search's."""
    obstacle: str = ""
    """Why it is not tried."""


def plan_tries(environment: Environment, operations: Operations) -> tuple[Try, ...]:
    """One try for each private operation, in the order of the inventory."""
    return tuple(_plan(operation, environment, operations) for operation in operations.private)


def _plan(operation: Operation, environment: Environment, operations: Operations) -> Try:
    if flow := _logout_of(operation, environment, operations):
        return Try(operation, "logout", flow=flow)
    if ENDS_SESSIONS.search(operation.path):
        return Try(operation, "none", obstacle="it ends sessions; declare it as a flow's `logout`")
    if (sent := _by_fixture(operation, environment, operations)) is not None:
        return sent
    asked = required_query(operation)
    names = {parameter.name for parameter in operation.path_parameters}
    filling = tuple(_filling(environment.fixtures, names | {parameter.name for parameter in asked}))
    matrix = environment.access_matrix
    found = tuple(item for item in (matrix.objects if matrix else ()) if operation.reads and names & {*item.parameters})
    filled = {p for one in filling for p in one.parameters} | {p for one in found for p in one.parameters}
    typed = {name for name in names if f"{{{name}}}" not in operation.path} if environment.fixtures else set()
    if missing := names - filled - typed:
        what = ", ".join(sorted(missing))
        return Try(operation, "none", obstacle=f"nothing fills {what}: no fixture's `parameters`, no object found")
    if unknown := [p for p in asked if p.name not in filled and p.plausible(CANARY_FORM) is None]:
        return Try(operation, "none", obstacle=no_value(unknown[0]))
    kind: Kind = "read" if operation.reads else "empty" if operation.needs else "none"
    obstacle = "no fixture sends it, and an empty request might do something" if kind == "none" else ""
    text = bool(typed - filled) or any(p.name not in filled and p.takes(CANARY_FORM) for p in asked)
    return Try(operation, kind, filling, found, obstacle=obstacle, text=text)


def no_value(item: Parameter) -> str:
    """What to do about a required query parameter that no value is known for."""
    limits = f" (pattern {item.pattern})" if item.pattern else f" ({item.kind})"
    return (
        f"no value is known for its query parameter {item.name}{limits}: give it an `example` in the OpenAPI document "
        f"or a value in `inventory.parameters`"
    )


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
