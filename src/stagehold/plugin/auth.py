"""Fixtures of the auth suite: sessions, and what was observed of logins. Lock-outs come last."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stagehold.context import LaneContext
from stagehold.environment.access import Account
from stagehold.environment.model import Environment
from stagehold.errors import ConfigError, NotApplicable, Uncovered
from stagehold.model import CheckSpec, Traffic
from stagehold.network.pace import Pace
from stagehold.probes.browser.launch import Chromium
from stagehold.probes.browser.script_reach import ScriptReach, look_as_script
from stagehold.probes.login.collection import IdentifierReport, collect_identifiers
from stagehold.probes.login.driver import LoginDriver, Sessions
from stagehold.probes.login.enumeration import EnumerationReport, compare_users
from stagehold.probes.login.fixation import FixationReport, plant_identifiers
from stagehold.probes.login.identity import LoginResult, try_login
from stagehold.probes.login.lockout import LockoutReport, guess_passwords
from stagehold.probes.login.passwords import PasswordReport, try_passwords
from stagehold.probes.login.revocation import RevocationReport, replay_after_logout
from stagehold.probes.login.sacrifice import lockable
from stagehold.probes.login.session_cookies import SessionCookies, observe_session_cookies
from stagehold.probes.login.token_trust import TrustReport, try_forgeries


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Intrusive checks run after the others of their lane, so that a lock-out is in nobody's way."""

    def intrusive(item: pytest.Item) -> bool:
        marker = item.get_closest_marker("check")
        spec = marker.args[0] if marker and marker.args else None
        return isinstance(spec, CheckSpec) and spec.traffic is Traffic.INTRUSIVE

    items.sort(key=intrusive)


@pytest.fixture(scope="session")
def sessions(context: LaneContext) -> Sessions:
    """`sessions.of("alias")`: one login per account and lane."""
    if not context.has_secrets:
        raise ConfigError(
            "no check of this suite names a fixture that signs in, so the suite was given no secrets",
            remedy="Name the fixture among the check's arguments instead of asking for it with getfixturevalue().",
        )
    return Sessions(LoginDriver(context.environment, context.network, context.folder, context.ca_file))


@pytest.fixture(scope="session")
def login_result(environment: Environment, sessions: Sessions, account: Account) -> LoginResult:
    """What came of the login of each standard account."""
    companies = environment.tenancy.companies if environment.tenancy else {}
    return try_login(sessions, account, companies)


@pytest.fixture(scope="session")
def victims(environment: Environment, login_flow: str) -> tuple[Account, ...]:
    """The sacrificial accounts of a flow; uncovered without any."""
    return lockable(environment.accounts, login_flow)


@pytest.fixture(scope="session")
def lockout_report(context: LaneContext, sessions: Sessions, victims: tuple[Account, ...]) -> LockoutReport:
    """A sacrificial account of the flow, after as many wrong passwords as the policy allows."""
    lockout = context.environment.policy.lockout
    if lockout is None:
        raise Uncovered("needs `policy.lockout` in the environment")
    context.network.require(Traffic.INTRUSIVE)
    # From the end: the other checks begin with the first, and one locked for a while does not hinder them.
    return guess_passwords(sessions.driver, victims[::-1], lockout.max_failures)


@pytest.fixture(scope="session")
def max_failures(environment: Environment) -> int | None:
    """After how many wrong passwords accounts may be locked, where that is declared."""
    return environment.policy.lockout.max_failures if environment.policy.lockout else None


@pytest.fixture(scope="session")
def password_report(sessions: Sessions, victims: tuple[Account, ...], max_failures: int | None) -> PasswordReport:
    """What a flow's login takes for the password."""
    return try_passwords(sessions.driver, victims, max_failures=max_failures)


@pytest.fixture(scope="session")
def enumeration_report(sessions: Sessions, victims: tuple[Account, ...], max_failures: int | None) -> EnumerationReport:
    """What tells existing and unknown users apart at a flow's login."""
    return compare_users(sessions.driver, victims, max_failures=max_failures)


@pytest.fixture(scope="session")
def identifier_report(
    environment: Environment, sessions: Sessions, victims: tuple[Account, ...], pace: Pace
) -> IdentifierReport:
    """The session identifiers of many logins by a flow."""
    try:
        names = observe_session_cookies(sessions, victims[0], environment.sessions.cookies).names
    except NotApplicable:
        names = ()
    samples = environment.policy.session_samples
    return collect_identifiers(sessions.driver, victims, names, samples=samples, within=pace.search())


@pytest.fixture(scope="session")
def flow_account(environment: Environment, flow_name: str) -> Account:
    """The last standard account of a flow: the first ones are what journeys and load use most."""
    return [a for a in environment.accounts if a.flow == flow_name and a.pool == "standard"][-1]


@pytest.fixture(scope="session")
def session_cookies(environment: Environment, sessions: Sessions, flow_account: Account) -> SessionCookies:
    """The session cookies of a flow, and how they were sent; not applicable to flows without any."""
    return observe_session_cookies(sessions, flow_account, environment.sessions.cookies)


@pytest.fixture
def script_reach(request: pytest.FixtureRequest, sessions: Sessions) -> Callable[[SessionCookies], ScriptReach]:
    """`script_reach(cookies)`: what a script of the first page after login can read of the session."""

    def look(cookies: SessionCookies) -> ScriptReach:
        chromium: Chromium = request.getfixturevalue("browser")
        return look_as_script(chromium, sessions.driver, cookies.alias, cookies.names)

    return look


@pytest.fixture(scope="session")
def fixation(sessions: Sessions, session_cookies: SessionCookies) -> FixationReport:
    """What became of identifiers that were known before a login."""
    return plant_identifiers(sessions, session_cookies)


@pytest.fixture(scope="session")
def token_trust(environment: Environment, sessions: Sessions, flow_account: Account) -> TrustReport:
    """What became of forged tokens; not applicable to flows without signed ones."""
    jwks = getattr(environment.flows[flow_account.flow], "jwks", None)
    return try_forgeries(sessions, flow_account, jwks)


@pytest.fixture(scope="session")
def revocation(environment: Environment, sessions: Sessions, flow_account: Account) -> RevocationReport:
    """What became of every credential captured from one session of a flow after its logout."""
    policy = environment.policy
    return replay_after_logout(sessions, flow_account, grace=policy.token_revocation_grace, max_wait=policy.max_wait)
