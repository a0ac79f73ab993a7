"""Whether this machine and the targets agree on the time, by the `Date` of their answers (RFC 9110 section 6.6.1).

Certificates, waivers and ledgers are judged by this machine's clock; when another clock contradicts it, nobody knows
which is right. Answers tell full seconds; half of one and half of the round trip are what an offset is uncertain by.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from stagehold.errors import ProbeError
from stagehold.probes.web.client import HttpClient

MOST_SECONDS = 30.0
"""What two clocks may differ by."""
_SAMPLES = 3


@dataclass(frozen=True)
class ClockReading:
    """What one target says of the time; `problem` says why it says nothing."""

    target: str
    offset: float = 0.0
    """Seconds by which its clock is ahead of this machine's; negative: behind."""
    uncertainty: float = 0.0
    """Seconds."""
    problem: str = ""

    @property
    def contradicts(self) -> bool:
        """Whether the clocks differ by more than `MOST_SECONDS`, whatever the uncertainty."""
        return not self.problem and abs(self.offset) - self.uncertainty > MOST_SECONDS


def read_clock(client: HttpClient, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> ClockReading:
    """Ask a target for the time, again where it differs; the nearest of its answers counts.

    Args:
        client: of the target.
        now: this machine's clock, in UTC.

    Raises:
        NotAllowed, DeniedByProduction: as for `HttpClient.request`.
    """
    found = _sample(client, now)
    for _ in range(_SAMPLES - 1):
        if not found.contradicts:
            break
        found = min(found, _sample(client, now), key=lambda one: (bool(one.problem), abs(one.offset)))
    return found


def _sample(client: HttpClient, now: Callable[[], datetime]) -> ClockReading:
    name = client.target.name
    begin = now()
    try:
        # A page that nobody asked for before comes from no cache.
        answer = client.request("GET", f"/?stagehold={secrets.token_hex(6)}", headers={"Cache-Control": "no-cache"})
    except ProbeError as error:
        return ClockReading(name, problem=str(error))
    took = now() - begin
    try:
        told = parsedate_to_datetime(answer.headers.get("Date", "")).replace(tzinfo=UTC)
        told += timedelta(seconds=int(answer.headers.get("Age", "0")))
    except (TypeError, ValueError, OverflowError):
        return ClockReading(name, problem="its answers tell no time")
    half_second = timedelta(seconds=0.5)
    offset = told + half_second - (begin + took / 2)
    return ClockReading(name, offset.total_seconds(), (half_second + took / 2).total_seconds())


def require_agreement(readings: Sequence[ClockReading]) -> None:
    """No target contradicts this machine's clock. That none tells the time is no contradiction.

    Raises:
        ProbeError: one does.
    """
    apart = [
        f"{one.target} is {abs(one.offset):,.0f} s {'ahead' if one.offset > 0 else 'behind'}"
        for one in readings
        if one.contradicts
    ]
    if apart:
        raise ProbeError(
            f"what is in date cannot be told: this machine's clock and those of targets differ by more than "
            f"{MOST_SECONDS:.0f} s ({'; '.join(apart)}); set both by NTP"
        )
