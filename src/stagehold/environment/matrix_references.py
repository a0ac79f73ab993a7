"""Whether the names in an access matrix mean something: roles that people have, operations that exist once."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from stagehold.documents.nodes import Document
from stagehold.documents.problems import FileError, Path, did_you_mean, listed
from stagehold.environment.model import Environment


def wrong_matrix(
    document: Document, prefix: Path, environment: Environment, broken: AbstractSet[str]
) -> list[FileError]:
    """Roles that nobody has, operations that two rows name or that do not exist, in the access matrix.

    Args:
        document: the file that holds the matrix.
        prefix: where in it the matrix stands.
        environment: with the matrix in it.
        broken: as for `wrong_references`.
    """
    matrix = environment.access_matrix
    if matrix is None:
        return []
    found: list[FileError] = []
    roles = list(dict.fromkeys(a.role for a in environment.accounts if a.pool == "standard" and a.role))
    inventory = environment.inventory
    known = [*inventory.extra_operations, *inventory.public_operations] if inventory else []
    first: dict[str, int] = {}
    for i, row in enumerate(matrix.rows):
        path: Path = (*prefix, "rows", i)
        for effect in ("allow", "filtered", "own"):
            for j, role in enumerate(getattr(row, effect)):
                if role not in roles and "accounts" not in broken:
                    found.append(document.error(
                        (*path, effect, j), f"no standard account has the role `{role}`",
                        expected=listed(roles), hint=did_you_mean(role, roles),
                    ))  # fmt: skip
        for j, operation in enumerate(row.operations):
            place: Path = (*path, "operations", j)
            if operation in first:
                found.append(document.error(place, f"`{operation}` is already on line {first[operation]}"))
            first.setdefault(operation, document.place(place).line)
            # What an OpenAPI document holds is known only when it has been fetched.
            if inventory is not None and inventory.openapi is None and "*" not in operation and operation not in known:
                found.append(document.error(
                    place, f"there is no operation `{operation}` in the inventory", hint=did_you_mean(operation, known),
                ))  # fmt: skip
    return found
