"""Fixtures of the access suite: the inventory, canary objects and what was observed with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stagehold.context import LaneContext
from stagehold.drawing.heat_map import Access, access_heat_map
from stagehold.drawing.heat_map import Operation as Row
from stagehold.drawing.sheet import Drawing
from stagehold.environment.access import ObjectFixture
from stagehold.environment.model import Environment
from stagehold.errors import NotApplicable, Uncovered
from stagehold.probes.access.anonymous import AnonymousReport, AnonymousSurvey
from stagehold.probes.access.collection_report import CollectionReport
from stagehold.probes.access.collection_survey import survey_collections
from stagehold.probes.access.isolation import IsolationReport, foreign_reads, foreign_writes, undeclared_writes
from stagehold.probes.access.objects import CanaryObjects, Residue
from stagehold.probes.access.operations import Operations, load_operations
from stagehold.probes.access.role_report import CellState, RoleReport
from stagehold.probes.access.role_survey import survey_roles
from stagehold.probes.login.driver import Sessions

_SHOWN_AS = {
    CellState.LEAK: Access.LEAK,
    CellState.LOCKED_OUT: Access.LOCKED_OUT,
    CellState.UNDECIDED: Access.UNDECIDED,
    CellState.NOT_EXERCISED: Access.NOT_TESTED,
    CellState.GRANTED: Access.GRANTED,
    CellState.DENIED: Access.DENIED,
}


@pytest.fixture(scope="session")
def inventory(context: LaneContext, sessions: Sessions) -> Operations:
    """The declared operations, told apart into private, public and excluded."""
    return load_operations(context.environment, sessions, context.folder)


@pytest.fixture(scope="session")
def inventory_if_declared(request: pytest.FixtureRequest, environment: Environment) -> Operations | None:
    """The same; None where no inventory is declared."""
    if environment.inventory is None:
        return None
    found: Operations = request.getfixturevalue("inventory")
    return found


@pytest.fixture(scope="session")
def canary_objects(context: LaneContext, sessions: Sessions) -> Iterator[CanaryObjects]:
    """Makes canary objects, booked in the run's `residue.jsonl`; what is left is removed at the end of the lane."""
    residue = Residue(context.run_folder / "residue.jsonl")
    objects = CanaryObjects(context.environment, sessions, residue, context.run_id)
    yield objects
    objects.remove_all()


@pytest.fixture(scope="session")
def anonymous_report(inventory: Operations, sessions: Sessions, canary_objects: CanaryObjects) -> AnonymousReport:
    """What anonymous callers got from every private operation."""
    return AnonymousSurvey(inventory, sessions, canary_objects).run()


@pytest.fixture(scope="session")
def role_report(inventory: Operations, canary_objects: CanaryObjects) -> RoleReport:
    """What became of every private operation tried as every role."""
    return survey_roles(inventory, canary_objects)


@pytest.fixture(scope="session")
def access_map(role_report: RoleReport) -> Drawing:
    """The whole matrix as a picture."""
    roles = list(dict.fromkeys(cell.role for cell in role_report.cells))
    rows: dict[str, list[Access]] = {}
    for cell in role_report.cells:
        rows.setdefault(str(cell.operation), []).append(_SHOWN_AS[cell.state])
    return access_heat_map(roles, [Row(name, tuple(cells)) for name, cells in rows.items()])


@pytest.fixture(scope="session")
def foreign_read_report(
    canary_objects: CanaryObjects, canary_object: ObjectFixture, inventory_if_declared: Operations | None
) -> IsolationReport:
    """What users of other companies got when they asked for one company's object."""
    return foreign_reads(canary_objects, canary_object, inventory_if_declared)


@pytest.fixture(scope="session")
def collection_report(inventory: Operations, canary_objects: CanaryObjects) -> CollectionReport:
    """Whose canaries everybody is shown by lists, searches, pages and files."""
    return survey_collections(inventory, canary_objects)


@pytest.fixture(scope="session")
def foreign_write_report(
    canary_objects: CanaryObjects, canary_object: ObjectFixture, inventory_if_declared: Operations | None
) -> IsolationReport:
    """What users of other companies could change in one company's objects."""
    if not canary_object.writes:
        missing = undeclared_writes(canary_object, inventory_if_declared)
        if inventory_if_declared is None or missing or not canary_object.parameters:
            offered = f"; the inventory offers {missing[0][0]}" if missing else ""
            raise Uncovered(f"needs `fixtures[{canary_object.name}].writes`{offered}")
        raise NotApplicable(f"the inventory holds no operation that changes a {canary_object.name}")
    return foreign_writes(canary_objects, canary_object, inventory_if_declared)
