"""Fixtures that every check may use, and the parametrization over what the environment declares."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stagehold.context import LaneContext
from stagehold.environment.access import Account, ObjectFixture
from stagehold.environment.model import Environment, Host, Journey, Target, TlsEndpoint
from stagehold.errors import Uncovered
from stagehold.network.door import Network
from stagehold.plugin.evidence import EvidenceRecorder
from stagehold.plugin.state import CONTEXT, RECORDER


@dataclass(frozen=True)
class Missing:
    """Stands for the case of an empty list: nothing is configured, which is uncovered and never a pass."""

    key: str


@dataclass(frozen=True)
class Axis:
    """A fixture that takes its values from the environment."""

    key: str
    values: Callable[[Environment], Iterable[Any]]
    name: Callable[[Any], str]


def _flow_names(environment: Environment) -> list[str]:
    used = {account.flow for account in environment.accounts if account.pool == "standard"}
    return [name for name in environment.flows if name in used]


def _used_flows(environment: Environment) -> list[str]:
    used = {account.flow for account in environment.accounts}
    return [name for name in environment.flows if name in used]


def _with_plain_http(environment: Environment) -> list[Target]:
    """Browsers try plain HTTP by themselves; programs do where a plain port is declared or the usual one."""
    return [target for target in environment.targets if target.kind == "browser" or target.plain_port is not None]


AXES: dict[str, Axis] = {
    "target": Axis("targets", lambda env: env.targets, lambda target: target.name),
    "browser_target": Axis(
        "targets[browser]", lambda env: [t for t in env.targets if t.kind == "browser"], lambda t: t.name
    ),
    "plain_http_target": Axis("targets[].http_port", _with_plain_http, lambda target: target.name),
    "api_target": Axis("targets[api]", lambda env: [t for t in env.targets if t.kind == "api"], lambda t: t.name),
    "endpoint": Axis("tls.endpoints", lambda env: env.tls_endpoints, lambda e: e.label),
    "service_endpoint": Axis(
        "tls.endpoints[].starttls", lambda env: [e for e in env.tls.endpoints if e.service], lambda e: e.label
    ),
    "exposed_host": Axis("hosts", lambda env: env.hosts, lambda host: host.name),
    "other_vantage": Axis(
        "vantage (beside `external`)",
        lambda env: [name for name in env.vantage if name != "external"],
        lambda name: name,
    ),
    "account": Axis("accounts", lambda env: [a for a in env.accounts if a.pool == "standard"], lambda a: a.alias),
    "flow_name": Axis("flows", _flow_names, lambda name: name),
    "login_flow": Axis("flows", _used_flows, lambda name: name),
    "canary_object": Axis("fixtures", lambda env: env.fixtures, lambda fixture: fixture.name),
    "journey": Axis("journeys", lambda env: env.journeys, lambda journey: journey.name),
}


def parametrize(metafunc: pytest.Metafunc, context: LaneContext) -> None:
    """Give every axis a check uses its values from the environment, and from the TLS profile that it names."""
    for fixture, axis in AXES.items():
        if fixture not in metafunc.fixturenames:
            continue
        values = list(axis.values(context.environment)) or [Missing(axis.key)]
        ids = ["not-configured" if isinstance(v, Missing) else axis.name(v) for v in values]
        metafunc.parametrize(fixture, values, ids=ids, indirect=True, scope="session")
    if "refused_version" in metafunc.fixturenames:
        versions = context.tls_profile.rules.refused_versions
        metafunc.parametrize("refused_version", versions, indirect=True, scope="session")


def _value(request: pytest.FixtureRequest) -> Any:
    if isinstance(request.param, Missing):
        raise Uncovered(f"needs `{request.param.key}` in the environment")
    return request.param


@pytest.fixture(scope="session")
def context(pytestconfig: pytest.Config) -> LaneContext:
    """Everything a lane knows."""
    return pytestconfig.stash[CONTEXT]


@pytest.fixture(scope="session")
def environment(context: LaneContext) -> Environment:
    """The environment under test."""
    return context.environment


@pytest.fixture(scope="session")
def network(context: LaneContext) -> Network:
    """The one door to the network: allow-list, pins, deny list, consent."""
    return context.network


@pytest.fixture(scope="session")
def ca_file(context: LaneContext) -> Path | None:
    """The declared private CA, None for the public store."""
    return context.ca_file


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> EvidenceRecorder:
    """Attachments of this case."""
    recorder: EvidenceRecorder = request.node.stash[RECORDER]
    return recorder


@pytest.fixture
def fresh_canary(context: LaneContext) -> Callable[[], str]:
    """Makes unguessable markers, so that a leak can be recognised."""
    return lambda: f"shc-{context.run_id[-4:]}-{secrets.token_hex(8)}"


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """Each target."""
    value: Target = _value(request)
    return value


@pytest.fixture(scope="session")
def browser_target(request: pytest.FixtureRequest) -> Target:
    """Each target that people open in a browser."""
    value: Target = _value(request)
    return value


@pytest.fixture(scope="session")
def api_target(request: pytest.FixtureRequest) -> Target:
    """Each target of programs."""
    value: Target = _value(request)
    return value


@pytest.fixture(scope="session")
def plain_http_target(request: pytest.FixtureRequest) -> Target:
    """Each target that people open in a browser, and each that declares a plain-HTTP port."""
    value: Target = _value(request)
    return value


@pytest.fixture(scope="session")
def endpoint(request: pytest.FixtureRequest) -> TlsEndpoint:
    """Each TLS endpoint."""
    value: TlsEndpoint = _value(request)
    return value


@pytest.fixture(scope="session")
def service_endpoint(request: pytest.FixtureRequest) -> TlsEndpoint:
    """Each TLS endpoint that speaks something else than HTTP."""
    value: TlsEndpoint = _value(request)
    return value


@pytest.fixture(scope="session")
def exposed_host(request: pytest.FixtureRequest) -> Host:
    """Each host."""
    value: Host = _value(request)
    return value


@pytest.fixture(scope="session")
def other_vantage(request: pytest.FixtureRequest) -> str:
    """The name of each place to look from but the outside."""
    value: str = _value(request)
    return value


@pytest.fixture(scope="session")
def account(request: pytest.FixtureRequest) -> Account:
    """Each standard account."""
    value: Account = _value(request)
    return value


@pytest.fixture(scope="session")
def flow_name(request: pytest.FixtureRequest) -> str:
    """Each login flow that a standard account uses."""
    value: str = _value(request)
    return value


@pytest.fixture(scope="session")
def login_flow(request: pytest.FixtureRequest) -> str:
    """Each login flow that any account uses, sacrificial ones included: what can be attacked."""
    value: str = _value(request)
    return value


@pytest.fixture(scope="session")
def canary_object(request: pytest.FixtureRequest) -> ObjectFixture:
    """Each declared kind of disposable object."""
    value: ObjectFixture = _value(request)
    return value


@pytest.fixture(scope="session")
def journey(request: pytest.FixtureRequest) -> Journey:
    """Each declared journey."""
    value: Journey = _value(request)
    return value
