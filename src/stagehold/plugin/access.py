"""Fixtures of the access suite: the inventory, canary objects and what was observed with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stagehold.context import LaneContext
from stagehold.environment.access import ObjectFixture
from stagehold.environment.model import Environment
from stagehold.errors import NotApplicable, Uncovered
from stagehold.probes.access.anonymous import AnonymousReport, AnonymousSurvey
from stagehold.probes.access.isolation import IsolationReport, foreign_reads, foreign_writes, undeclared_writes
from stagehold.probes.access.objects import CanaryObjects, Residue
from stagehold.probes.access.operations import Operations, load_operations
from stagehold.probes.login.driver import Sessions


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
def foreign_read_report(
    canary_objects: CanaryObjects, canary_object: ObjectFixture, inventory_if_declared: Operations | None
) -> IsolationReport:
    """What users of other companies got when they asked for one company's object."""
    return foreign_reads(canary_objects, canary_object, inventory_if_declared)


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
