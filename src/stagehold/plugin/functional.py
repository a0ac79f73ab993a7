"""Fixtures of the functional suite: journeys, which build runs, and whether it is apart from production."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from stagehold.context import LaneContext
from stagehold.environment.fingerprints import production_values
from stagehold.environment.model import Environment, Journey
from stagehold.environment.secrets import read_digest
from stagehold.errors import StageholdError, Uncovered
from stagehold.model import Traffic
from stagehold.network.door import Network
from stagehold.probes.browser.journeys import JourneyRun, walk
from stagehold.probes.browser.launch import Chromium
from stagehold.probes.login.driver import Sessions
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.records import read_records
from stagehold.probes.web.release import BuildSample, sample_builds
from stagehold.probes.web.separation import Separation, compare


@pytest.fixture(scope="session")
def journey_canary() -> str:
    """What `{canary}` is in every journey of this run: journeys may build on each other."""
    return f"shc-{secrets.token_hex(5)}"


@pytest.fixture(scope="session")
def walked(
    context: LaneContext,
    browser: Chromium,
    sessions: Sessions,
    journey_canary: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Journey], JourneyRun]:
    """Walks each journey once in this run, however many checks judge it; what kept it from being walked stays, too."""
    known: dict[str, JourneyRun | StageholdError] = {}

    def walk_once(journey: Journey) -> JourneyRun:
        context.network.require(Traffic.CANARY_WRITE)
        if journey.name not in known:
            folder = tmp_path_factory.mktemp("journey") if context.trace else None
            try:
                known[journey.name] = walk(
                    journey, chromium=browser, sessions=sessions, canary=journey_canary, trace_folder=folder
                )
            except StageholdError as error:
                known[journey.name] = error
        found = known[journey.name]
        if isinstance(found, StageholdError):
            raise type(found)(str(found), remedy=found.remedy)
        return found

    return walk_once


@pytest.fixture
def journey_run(walked: Callable[[Journey], JourneyRun], journey: Journey) -> JourneyRun:
    """The journey, walked; in the order in which journeys are declared."""
    return walked(journey)


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
def separation(context: LaneContext, http: Callable[..., HttpClient], sessions: Sessions) -> Separation:
    """What the environment works with, compared with what production is known by."""
    environment, network = context.environment, context.network
    known = production_values(environment, context.folder)
    told = read_records(environment, context.folder, network, http, sessions)
    return compare(environment.deny.production, known, told, network.entries)
