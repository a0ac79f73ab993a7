"""Fixtures of the auth suite: sessions, and what was observed of logins."""

from __future__ import annotations

import pytest

from stagehold.context import LaneContext
from stagehold.environment.access import Account
from stagehold.environment.model import Environment
from stagehold.errors import Uncovered
from stagehold.model import Traffic
from stagehold.probes.login.driver import LoginDriver, Sessions
from stagehold.probes.login.identity import LoginResult, try_login
from stagehold.probes.login.lockout import LockoutReport, guess_passwords, lockable
from stagehold.probes.login.revocation import RevocationReport, replay_after_logout


@pytest.fixture(scope="session")
def sessions(context: LaneContext) -> Sessions:
    """`sessions.of("alias")`: one login per account and lane."""
    return Sessions(LoginDriver(context.environment, context.network, context.folder, context.ca_file))


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
