"""Fixtures of the auth and access suites: sessions, the inventory, canary objects and what was observed with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stagehold.context import LaneContext
from stagehold.environment.access import Account, ObjectFixture
from stagehold.environment.model import Environment
from stagehold.errors import NotApplicable, Uncovered
from stagehold.model import Traffic
from stagehold.probes.anonymous import AnonymousReport, AnonymousSurvey
from stagehold.probes.identity import LoginResult, try_login
from stagehold.probes.isolation import IsolationReport, foreign_reads, foreign_writes, undeclared_writes
from stagehold.probes.lockout import LockoutReport, guess_passwords, lockable
from stagehold.probes.login import LoginDriver, Sessions
from stagehold.probes.objects import CanaryObjects, Residue
from stagehold.probes.operations import Operations, load_operations
from stagehold.probes.revocation import RevocationReport, replay_after_logout


@pytest.fixture(scope="session")
def sessions(context: LaneContext) -> Sessions:
    """`sessions.of("alias")`: one login per account and lane."""
    return Sessions(LoginDriver(context.environment, context.network, context.folder, context.ca_file))


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
def login_result(environment: Environment, sessions: Sessions, account: Account) -> LoginResult:
    """What came of the login of each standard account."""
    companies = environment.tenancy.companies if environment.tenancy else {}
    return try_login(sessions, account, companies)


@pytest.fixture(scope="session")
def lockout_reports(context: LaneContext, sessions: Sessions) -> tuple[LockoutReport, ...]:
    """One sacrificial account of each flow that has some, after as many wrong passwords as the policy allows."""
    lockout = context.environment.policy.lockout
    if lockout is None:
        raise Uncovered("needs `policy.lockout` in the environment")
    context.network.require(Traffic.INTRUSIVE)
    flows = lockable(context.environment.accounts)
    return tuple(guess_passwords(sessions.driver, members, lockout.max_failures) for members in flows.values())


@pytest.fixture(scope="session")
def revocation(environment: Environment, sessions: Sessions, flow_name: str) -> RevocationReport:
    """What became of every credential captured from one session of a flow after its logout."""
    # The last account: the first ones are what journeys and load use most.
    account = [a for a in environment.accounts if a.flow == flow_name and a.pool == "standard"][-1]
    policy = environment.policy
    return replay_after_logout(sessions, account, grace=policy.token_revocation_grace, max_wait=policy.max_wait)


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
