"""The access matrix spread over the inventory: one cell for each operation and role, and what has no row.

Pure: nothing here is sent. An operation that no row covers has no cells that could pass, so that a new
operation cannot slip through unnoticed. Source: OWASP ASVS 8.1.1, 8.2.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from stagehold.environment.matrix import AccessMatrix, MatrixRow
from stagehold.errors import ProbeError
from stagehold.probes.access.openapi import Operation
from stagehold.probes.access.operations import Operations, names_operation

Effect = Literal["allow", "filtered", "own", "deny"]
NO_ROW = "no row of `access_matrix` covers it"


@dataclass(frozen=True)
class Rights:
    """What is declared for one operation: role to effect; None where no row covers it."""

    operation: Operation
    effects: dict[str, Effect] | None

    def let_in(self) -> tuple[str, ...]:
        """Roles that may."""
        return tuple(role for role, effect in (self.effects or {}).items() if effect != "deny")

    def denied(self) -> tuple[str, ...]:
        """Roles that may not."""
        return tuple(role for role, effect in (self.effects or {}).items() if effect == "deny")


def declared_rights(matrix: AccessMatrix, operations: Operations, roles: tuple[str, ...]) -> tuple[Rights, ...]:
    """The rights of every private operation, in the order of the inventory.

    Args:
        matrix: as declared.
        operations: the inventory.
        roles: of the standard accounts; a role that no row names is denied everything.

    Raises:
        ProbeError: a row names an operation that does not exist, or two rows claim the same operation.
    """
    _require_known(matrix, operations)
    return tuple(
        Rights(operation, _effects(row, roles) if (row := _row(matrix, operation, operations)) else None)
        for operation in operations.private
    )


def _row(matrix: AccessMatrix, operation: Operation, operations: Operations) -> MatrixRow | None:
    exact = [
        row for row in matrix.rows if any(names_operation(t, operation, operations.target) for t in row.operations)
    ]
    if len(exact) > 1:
        raise ProbeError(
            f"access_matrix: {operation} is named by {len(exact)} rows",
            remedy="Leave it in the row that is meant.",
        )
    if exact:
        return exact[0]
    claims = [
        (text, row)
        for row in matrix.rows
        for text in row.operations
        if "*" in text and _fits(text, operation, operations)
    ]
    rows = {id(row): row for _, row in claims}
    if len(rows) > 1:
        raise ProbeError(
            f"access_matrix: {operation} is claimed by several rows: {', '.join(text for text, _ in claims)}",
            remedy="Name the operation itself in the row that is meant; a name wins over patterns.",
        )
    return next(iter(rows.values()), None)


def _effects(row: MatrixRow, roles: tuple[str, ...]) -> dict[str, Effect]:
    named: dict[str, Effect] = dict.fromkeys(row.allow, "allow")
    named |= dict.fromkeys(row.filtered, "filtered")
    named |= dict.fromkeys(row.own, "own")
    return {role: named.get(role, "deny") for role in roles}


def _require_known(matrix: AccessMatrix, operations: Operations) -> None:
    known = (*operations.private, *operations.public, *(operation for operation, _ in operations.excluded))
    for row in matrix.rows:
        for text in row.operations:
            if not any(names_operation(text, o, operations.target) or _fits(text, o, operations) for o in known):
                raise ProbeError(
                    f"access_matrix: {text!r} is none of the {len(known)} operations of the inventory",
                    remedy="Correct it, or add the operation to `inventory.extra_operations`.",
                )


def _fits(pattern: str, operation: Operation, operations: Operations) -> bool:
    """Whether a pattern fits, written from the origin or under the target's base URL."""
    method, _, path = pattern.partition(" ")
    if "*" not in pattern or method not in {"*", operation.method} or operation.query:
        return False
    prefix = urlsplit(operations.target.base_url).path.rstrip("/")
    return any(re.fullmatch(expression, operation.path) for expression in map(_expression, _forms(path, prefix)))


def _forms(path: str, prefix: str) -> Iterator[str]:
    yield path
    if prefix:
        yield f"{prefix}{path}"


def _expression(path: str) -> str:
    """`/**` at the end also fits what stands before it, as in `/invoices/**`; braces fit any parameter's name."""
    parts = []
    for part in re.split(r"(\*\*|\*|\{[^}]*\})", path):
        if part == "**":
            parts.append(".*")
        elif part == "*":
            parts.append("[^/]*")
        elif part.startswith("{"):
            parts.append(r"\{[^}]*\}")
        else:
            parts.append(re.escape(part))
    text = "".join(parts)
    return rf"{text.removesuffix('/.*')}(/.*)?" if text.endswith("/.*") else text
