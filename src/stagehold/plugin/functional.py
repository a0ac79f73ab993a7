"""Fixtures of the functional suite: journeys, and which build runs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from stagehold.context import LaneContext
from stagehold.environment.model import Environment, Journey
from stagehold.environment.secrets import read_digest
from stagehold.errors import Uncovered
from stagehold.model import Traffic
from stagehold.network.door import Network
from stagehold.probes.browser.journeys import JourneyRun, walk
from stagehold.probes.browser.launch import Chromium
from stagehold.probes.login.driver import Sessions
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.release import BuildSample, sample_builds


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
