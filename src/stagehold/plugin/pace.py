"""The fixture `pace`: how fast searches ask, how long they may take, and where they tell how far they are."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from stagehold.context import LaneContext
from stagehold.events import EventLog
from stagehold.network.pace import Pace

_BEGUN = time.monotonic()
"""About when this lane began: the plug-in is loaded first."""
_BEGUN_AT = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="session")
def pace(context: LaneContext, request: pytest.FixtureRequest) -> Pace:
    """What the searches of this lane share: requests in flight per target, seconds, progress inside a case."""
    policy, log = context.environment.policy, EventLog(context.run_folder)
    suite = request.session.items[0].path.parent.name
    ends = _BEGUN + min(policy.lane_deadline, policy.deadline - _seconds_before(context.run_id))
    return Pace(
        at_once=policy.requests_in_flight,
        seconds=policy.search_seconds,
        lane_left=lambda: ends - time.monotonic(),
        tell=lambda words: log.write("progress", suite=suite, note=words, in_case=True),
    )


def _seconds_before(run_id: str) -> float:
    """Seconds that the run has gone on before this lane began; 0 where its id does not tell."""
    try:
        began = dt.datetime.strptime(run_id.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    except ValueError:
        return 0.0
    gone = (_BEGUN_AT - began).total_seconds()
    return max(0.0, gone)
