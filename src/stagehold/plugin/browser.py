"""Fixtures for the browser, the journeys, the release and the transport policy."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page

from stagehold.context import LaneContext
from stagehold.environment.model import Environment, Journey, Target
from stagehold.environment.secrets import read_digest
from stagehold.errors import Uncovered
from stagehold.model import Traffic
from stagehold.network import Network
from stagehold.probes.browser import Chromium
from stagehold.probes.http import HttpClient
from stagehold.probes.journeys import JourneyRun, open_as, walk
from stagehold.probes.login import Sessions
from stagehold.probes.release import BuildSample, sample_builds
from stagehold.probes.transport_policy import PolicySample, sample_policy


@pytest.fixture(scope="session")
def browser(context: LaneContext) -> Iterator[Chromium]:
    """One Chromium per lane, behind the filtering proxy."""
    with Chromium(context.network, ca_file=context.ca_file, headed=context.headed) as chromium:
        yield chromium


@pytest.fixture
def page_as(browser: Chromium, sessions: Sessions) -> Iterator[Callable[[str], Page]]:
    """`page_as("alias")` is a page of a clean context in which the account has logged in through the page."""
    with ExitStack() as contexts:
        yield lambda alias: open_as(contexts.enter_context(browser.context()), sessions.driver, alias).page


@pytest.fixture(scope="session")
def journey_canary() -> str:
    """What `{canary}` is in every journey of this run: journeys may build on each other."""
    return f"shc-{secrets.token_hex(5)}"


@pytest.fixture
def journey_run(
    context: LaneContext,
    browser: Chromium,
    sessions: Sessions,
    journey: Journey,
    journey_canary: str,
    tmp_path: Path,
) -> JourneyRun:
    """The journey, walked; in the order in which journeys are declared."""
    context.network.require(Traffic.CANARY_WRITE)
    return walk(
        journey,
        chromium=browser,
        sessions=sessions,
        canary=journey_canary,
        trace_folder=tmp_path if context.trace else None,
    )


@pytest.fixture(scope="session")
def candidate_digest(context: LaneContext) -> str:
    """The digest of the build that is to be released."""
    declared = context.environment.release.expected_digest
    if declared is None:
        raise Uncovered("needs `release.expected_digest` in the environment")
    return read_digest(declared, context.folder)


@pytest.fixture(scope="session")
def build_samples(
    environment: Environment, network: Network, http: Callable[..., HttpClient]
) -> tuple[BuildSample, ...]:
    """What every node says it runs."""
    return sample_builds(environment, network, http)


@pytest.fixture(scope="session")
def policy_samples(
    environment: Environment, target: Target, http: Callable[..., HttpClient]
) -> tuple[PolicySample, ...]:
    """Responses of every kind of a target, with what is wrong with their transport policy."""
    return sample_policy(environment, target, http)
