"""Fixtures of the headers suite: what a target answers, and what it tells that it should not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stagehold.environment.access import FormFlow
from stagehold.environment.model import Environment, Target
from stagehold.model import Traffic
from stagehold.network.door import Network
from stagehold.network.pace import Pace
from stagehold.probes.access.operations import Operations
from stagehold.probes.login.driver import Sessions
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.exposure.search import find_endpoints, find_files
from stagehold.probes.web.exposure.sweep import Exposure
from stagehold.probes.web.provocation import provoke
from stagehold.probes.web.sampling import Samples, sample_replies
from stagehold.probes.web.survey import Survey, survey_pages, survey_types, survey_versions
from stagehold.probes.web.transport_policy import PolicySample, sample_policy
from stagehold.probes.web.visitor import Visitor, visitors


@pytest.fixture(scope="session")
def policy_samples(
    environment: Environment, target: Target, http: Callable[..., HttpClient]
) -> tuple[PolicySample, ...]:
    """Responses of every kind of a target, with what is wrong with their transport policy."""
    return sample_policy(environment, target, http)


@pytest.fixture(scope="session")
def target_visitors(
    environment: Environment, target: Target, http: Callable[..., HttpClient], sessions: Sessions
) -> tuple[Visitor, ...]:
    """Who asks a target: a stranger, and an ordinary user where one is declared."""
    return visitors(environment, target, http, sessions)


@pytest.fixture(scope="session")
def samples(
    environment: Environment,
    target: Target,
    target_visitors: tuple[Visitor, ...],
    inventory_if_declared: Operations | None,
) -> Samples:
    """Responses of every kind of a target, as strangers and as a user get them."""
    return sample_replies(environment, target, target_visitors, inventory_if_declared)


@pytest.fixture(scope="session")
def page_policies(environment: Environment, target: Target, samples: Samples) -> Survey:
    """The Content-Security-Policy of every page of a target."""
    flows = [flow for flow in environment.flows.values() if isinstance(flow, FormFlow) and flow.target == target.name]
    journeys = [journey for journey in environment.journeys if journey.target == target.name]
    return survey_pages(samples, pages_expected=bool(flows or journeys))


@pytest.fixture(scope="session")
def content_types(samples: Samples) -> Survey:
    """Content-Type and nosniff of every response of a target."""
    return survey_types(samples)


@pytest.fixture(scope="session")
def told_versions(environment: Environment, samples: Samples) -> Survey:
    """Component versions in every response of a target."""
    return survey_versions(samples, environment.disclosure.versions)


@pytest.fixture(scope="session")
def provoked_errors(
    environment: Environment,
    network: Network,
    target: Target,
    target_visitors: tuple[Visitor, ...],
    inventory_if_declared: Operations | None,
    samples: Samples,
    pace: Pace,
) -> Survey:
    """What a target answers to requests that should end in errors, and what that tells."""
    return provoke(
        environment,
        target,
        target_visitors,
        inventory_if_declared,
        seen=samples,
        writing=Traffic.CANARY_WRITE in network.consent,
        within=pace.search(),
    )


@pytest.fixture(scope="session")
def searched() -> dict[tuple[str, str], Exposure]:
    """What was searched in this lane: two targets may be two views of one site, which is searched once."""
    return {}


@pytest.fixture(scope="session")
def served_endpoints(
    environment: Environment,
    target: Target,
    target_visitors: tuple[Visitor, ...],
    samples: Samples,
    searched: dict[tuple[str, str], Exposure],
    pace: Pace,
) -> Exposure:
    """Debug, metrics and documentation endpoints that strangers or an ordinary user can open."""
    key = ("endpoints", target.base_url)
    if key not in searched:
        searched[key] = find_endpoints(environment, target, target_visitors, samples, pace.search())
    return searched[key]


@pytest.fixture(scope="session")
def served_files(
    target: Target,
    target_visitors: tuple[Visitor, ...],
    samples: Samples,
    searched: dict[tuple[str, str], Exposure],
    pace: Pace,
) -> Exposure:
    """Repositories, configuration, backups and the like that strangers can fetch."""
    key = ("files", target.base_url)
    if key not in searched:
        searched[key] = find_files(target, target_visitors[0], samples, pace.search())
    return searched[key]
