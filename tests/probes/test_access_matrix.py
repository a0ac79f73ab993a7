"""The access matrix spread over an inventory, who plays the roles, and what tried cells prove."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stagehold.environment.matrix import AccessMatrix
from stagehold.environment.model import Environment
from stagehold.errors import NotApplicable, ProbeError, StageholdError, Uncovered
from stagehold.probes.access.cast import choose_cast
from stagehold.probes.access.matrix import NO_ROW, declared_rights
from stagehold.probes.access.openapi import Operation
from stagehold.probes.access.operations import Operations, tell_apart
from stagehold.probes.access.role_report import Cell, CellState, RoleReport

ROLES = ("boss", "clerk")
OFFERED = ("GET /api/notes", "GET /api/notes/{id}", "PUT /api/notes/{id}", "GET /api/users", "GET /health")


def environment(accounts: tuple[tuple[str, str | None, str | None, str], ...] = (), **keys: Any) -> Environment:
    """An environment with these accounts: alias, company, role, pool."""
    return Environment.model_validate({
        "environment": {"id": "t"},
        "targets": [{"name": "app", "base_url": "https://app.example/api"}],
        "inventory": {"target": "app", "extra_operations": [op.replace("/api", "", 1) if "/api" in op else op
                                                            for op in OFFERED[:4]]},
        "flows": {"f": {"kind": "basic", "target": "app", "whoami": {"path": "/me", "user": "/u"}}},
        "accounts": [
            {"alias": alias, "user": alias, "flow": "f", "password_ref": "file:x", "pool": pool,
             "lock_ok": pool == "sacrificial"} | ({"company": c} if c else {}) | ({"role": r} if r else {})
            for alias, c, r, pool in accounts
        ],
        **keys,
    })  # fmt: skip


def inventory() -> Operations:
    """Four private operations below `/api`."""
    made = environment()
    assert made.inventory is not None
    return tell_apart((), made.inventory, made, made.targets[0])


def rights(*rows: dict[str, Any]) -> dict[str, dict[str, str] | None]:
    """Operation to the effects of each role."""
    matrix = AccessMatrix.model_validate({"rows": rows})
    return {str(one.operation): one.effects for one in declared_rights(matrix, inventory(), ROLES)}  # type: ignore[misc]


def test_what_a_row_does_not_name_is_denied() -> None:
    """Roles that a row leaves out are denied, and operations without a row have no rights at all."""
    found = rights({"operations": ["GET /api/notes"], "allow": ["boss"]})

    assert found["GET /api/notes"] == {"boss": "allow", "clerk": "deny"}
    assert found["GET /api/users"] is None


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("* /api/notes/**", {"GET /api/notes", "GET /api/notes/{id}", "PUT /api/notes/{id}"}),
        ("* /notes/**", {"GET /api/notes", "GET /api/notes/{id}", "PUT /api/notes/{id}"}),
        ("GET /api/*", {"GET /api/notes", "GET /api/users"}),
        ("PUT /api/*/{any}", {"PUT /api/notes/{id}"}),
        ("* /api/**", {*OFFERED[:4]}),
    ],
)
def test_patterns(pattern: str, fits: set[str]) -> None:
    """A pattern fits whole parts of paths, under the base URL or from the origin, and no others."""
    found = rights({"operations": [pattern], "allow": ["boss"]})

    assert {operation for operation, effects in found.items() if effects} == fits


def test_name_wins_over_pattern() -> None:
    """The row that names an operation holds, whatever patterns say."""
    found = rights(
        {"operations": ["* /api/**"], "allow": ["boss", "clerk"]},
        {"operations": ["GET /api/users"], "own": ["boss"]},
    )

    assert found["GET /api/users"] == {"boss": "own", "clerk": "deny"}
    assert found["GET /api/notes"] == {"boss": "allow", "clerk": "allow"}


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"operations": ["* /api/**"]}, {"operations": ["GET /api/*"]}], "claimed by several rows"),
        ([{"operations": ["GET /api/users"]}, {"operations": ["GET /api/users"]}], "named by 2 rows"),
        ([{"operations": ["GET /api/userz"]}], "none of the 4 operations"),
        ([{"operations": ["DELETE /api/**"]}], "none of the 4 operations"),
    ],
)
def test_contradiction_or_typing_error_is_an_error(rows: list[dict[str, Any]], told: str) -> None:
    """Rows that contradict each other, or that mean nothing, never decide silently."""
    with pytest.raises(ProbeError, match=told):
        rights(*rows)


def test_cast_is_of_the_company_with_most_roles() -> None:
    """One company plays all roles, and roles that it lacks are still there to be missed."""
    made = environment(
        (
            ("x", "A", "boss", "standard"), ("y", "B", "boss", "standard"), ("z", "B", "clerk", "standard"),
            ("s", "C", "guest", "sacrificial"), ("n", "B", None, "standard"),
        ),
        access_matrix={"rows": [{"operations": ["GET /notes"], "allow": ["auditor"]}]},
    )  # fmt: skip
    cast = choose_cast(made)

    assert cast.company == "B"
    assert set(cast.roles) == {"auditor", "boss", "clerk", "guest"}
    assert [account.alias for account in cast.of("boss")] == ["y"]
    assert cast.of("guest") == cast.of("auditor") == ()


def test_nobody_with_a_role_is_uncovered() -> None:
    """Without roles there is nothing to separate."""
    with pytest.raises(Uncovered, match="role"):
        choose_cast(environment((("x", "A", None, "standard"),)))


READ, WRITE = Operation("GET", "/api/notes"), Operation("PUT", "/api/notes/{id}")
S = CellState


def cell(operation: Operation, role: str, expected: Any, state: CellState, reason: str = "x") -> Cell:
    """A cell that was tried."""
    return Cell(operation, role, expected, state, reason)


SOUND = (
    cell(READ, "boss", "allow", S.GRANTED), cell(READ, "clerk", "deny", S.DENIED),
    cell(WRITE, "boss", "allow", S.GRANTED), cell(WRITE, "clerk", "deny", S.DENIED),
)  # fmt: skip


def told(cells: tuple[Cell, ...]) -> tuple[str, str, str]:
    """What the three claims say of these cells."""
    report, said = RoleReport(cells), []
    for claim in (report.reads_denied(), report.writes_denied(), report.allowed()):
        if claim.broken:
            said.append("failed")
            continue
        try:
            claim.require_decided()
            said.append("passed")
        except StageholdError as error:
            said.append(type(error).__name__)
    return said[0], said[1], said[2]


P, F, U, C, N = "passed", "failed", ProbeError.__name__, Uncovered.__name__, NotApplicable.__name__
CLAIMS: list[tuple[str, tuple[Cell, ...], tuple[str, str, str]]] = [
    ("sound", SOUND, (P, P, P)),
    ("no cell at all", (), (U, U, U)),
    ("a leak", (*SOUND, cell(READ, "guest", "deny", S.LEAK)), (F, P, P)),
    ("a write though denied", (*SOUND, cell(WRITE, "guest", "deny", S.LEAK)), (P, F, P)),
    ("locked out", (*SOUND, cell(WRITE, "guest", "own", S.LOCKED_OUT)), (P, P, F)),
    ("one undecided", (*SOUND, cell(READ, "guest", "deny", S.UNDECIDED)), (U, P, P)),
    ("all undecided", tuple(replace(c, state=S.UNDECIDED) for c in SOUND), (U, U, U)),
    ("one not exercised", (*SOUND, cell(WRITE, "guest", "deny", S.NOT_EXERCISED)), (P, C, P)),
    ("none exercised", tuple(replace(c, state=S.NOT_EXERCISED) for c in SOUND), (C, C, C)),
    ("no row", (*SOUND, cell(READ, "boss", None, S.NOT_EXERCISED, NO_ROW)), (C, P, P)),
    ("no denied write", SOUND[:3], (P, N, P)),
    ("nothing denied", (SOUND[0], SOUND[2]), (C, C, P)),
    ("nothing allowed", (SOUND[1], SOUND[3]), (P, P, N)),
    ("a leak beside others", (cell(READ, "a", "deny", S.LEAK), cell(READ, "b", "deny", S.UNDECIDED)), (F, N, N)),
]  # fmt: skip


@pytest.mark.parametrize(("case", "cells", "said"), CLAIMS, ids=[row[0] for row in CLAIMS])
def test_claims(case: str, cells: tuple[Cell, ...], said: tuple[str, str, str]) -> None:
    """A claim passes only when each of its cells was tried and is as declared."""
    assert told(cells) == said


def test_denominators_are_told() -> None:
    """How many operations, roles and cells there are, and what became of them, is always said."""
    cells = (*SOUND, cell(READ, "guest", None, S.NOT_EXERCISED, NO_ROW))
    report = RoleReport(cells, "A", ((Operation("GET", "/x"), "slow"),), 3)

    assert report.reads_denied().summary() == (
        "of 2 cells 1 not exercised, 1 refused, as declared, 1 of these without a row (2 operations x 3 roles = 5 "
        "cells: 1 not exercised, 2 let in, as declared, 2 refused, as declared, 1 of these without a row; 3 public "
        "operations; 1 operations excluded)"
    )
