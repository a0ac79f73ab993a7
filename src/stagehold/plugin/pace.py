"""The fixture `pace`: how fast searches ask, how long they may take, and where they tell how far they are."""

from __future__ import annotations

import time

import pytest

from stagehold.context import LaneContext
from stagehold.network.pace import Pace
from stagehold.plugin.state import LOG

_BEGUN = time.monotonic()
"""About when this lane began: the plug-in is loaded first."""


@pytest.fixture(scope="session")
def pace(context: LaneContext, request: pytest.FixtureRequest) -> Pace:
    """What the searches of this lane share: requests in flight per target, seconds, progress inside a case."""
    policy, log = context.environment.policy, request.config.stash[LOG]
    suite = request.session.items[0].path.parent.name
    ends = _BEGUN + min(policy.lane_deadline, policy.deadline)
    return Pace(
        at_once=policy.requests_in_flight,
        seconds=policy.search_seconds,
        lane_left=lambda: ends - time.monotonic(),
        tell=lambda words: log.write("progress", suite=suite, note=words, in_case=True),
    )
