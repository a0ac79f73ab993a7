"""How fast one target is asked many small things: several at once where it is slow, fewer where it stands no more.

A target that answers fast is asked one request after another. Where it is slow, a round of requests is in flight at a
time, at first two, then more; whatever goes wrong in company is asked again alone, so that no doubt is of our making.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from stagehold.errors import ProbeError

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")

TOO_MANY = 429
BUSY = frozenset({TOO_MANY, 503})
"""Statuses that ask for a pause (RFC 6585, RFC 9110 section 15.6.4)."""
_FAST = 0.05
"""Seconds of an answer below which requests go one after another: there is nothing to gain."""
_KNOWN_AFTER = 3
_LONGEST_PAUSE = 30.0
_SHORTEST_PAUSE = 1.0
_LATE = 3.0
"""Times the usual answer after which those that still wait may wait for a connection that is kept open."""
_SHORTEST_PATIENCE = 1.0
_STRIKES = 2
_TELL_EVERY = 3.0


@dataclass
class Manners:
    """What one target was seen to stand."""

    at_most: int
    """Requests in flight; becomes smaller, never larger."""
    now: int = 1
    alone: deque[float] = field(default_factory=lambda: deque(maxlen=5))
    """Seconds of the last answers to requests that were alone."""
    strikes: int = 0
    """Rounds in a row in which several at once took as long as one after another."""
    patient: bool = True
    """Whether a pause it asked for has helped so far."""

    @property
    def usual(self) -> float:
        """Seconds of a usual answer."""
        return statistics.median(self.alone) if self.alone else 0.0

    @property
    def worth_it(self) -> bool:
        """Whether it is slow enough for several at once."""
        return len(self.alone) >= _KNOWN_AFTER and self.usual > _FAST

    def fewer(self) -> None:
        """It does not stand so many at once."""
        self.at_most = self.now = max(1, self.now // 2)
        self.strikes = 0

    def learn(self, seconds: Sequence[float]) -> bool:
        """Take in how long the answers of one round took; False: there are fewer from now on."""
        count = len(seconds)
        if count > 1 and statistics.median_high(seconds) > 0.8 * (1 + count / 2) * self.usual:
            self.strikes += 1
            if self.strikes >= _STRIKES:
                self.fewer()
                return False
            return True
        self.strikes = 0
        self.now = min(self.at_most, self.now * 2)
        return True


class Pace:
    """What the searches of one lane share: how many requests may be in flight per target, and how long they may take.

    Args:
        at_once: requests in flight to one target at most.
        seconds: for one search.
        lane_left: seconds until the lane must be over; one search takes half of them at most.
        tell: is told how far a search is.
        clock: monotonic.
        sleep: waits.
    """

    def __init__(
        self,
        *,
        at_once: int = 6,
        seconds: float = 300.0,
        lane_left: Callable[[], float] = lambda: float("inf"),
        tell: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.at_once = at_once
        self.seconds = seconds
        self.lane_left = lane_left
        self.tell = tell
        self.clock = clock
        self.sleep = sleep
        self._manners: dict[object, Manners] = {}

    def manners(self, place: object) -> Manners:
        """What is known of a place."""
        return self._manners.setdefault(place, Manners(self.at_once))

    def search(self) -> Search:
        """Begin one search; its time runs from now."""
        return Search(self)


@dataclass(frozen=True)
class Asking(Generic[Ask, Answer]):
    """How the requests of a search are made.

    `send` is called by several threads at once and raises ProbeError for what brought no answer. `pause` tells how
    many seconds an answer asks to wait, None where it does not. `let_go` closes kept connections that nobody uses;
    `alive` tells whether a page that is known to be there is answered at all; `together` is false where the requests
    depend on one another.

    A limit on requests at once may look like any refusal. So an answer counts only if it was got alone, or if it is of
    a kind (`kind`) that requests which were alone have got as well (`known`); any other is asked again alone.
    """

    send: Callable[[Ask], Answer]
    pause: Callable[[Answer], float | None]
    kind: Callable[[Answer], Hashable]
    let_go: Callable[[], None] = lambda: None
    alive: Callable[[], bool] = lambda: True
    together: bool = True
    known: set[Hashable] = field(default_factory=set)


@dataclass(frozen=True)
class _Tried(Generic[Answer]):
    """What came of one request, and how long it took."""

    outcome: Answer | ProbeError
    seconds: float


class Search:
    """The requests of one case: their number, what is left, and the end of their time."""

    def __init__(self, pace: Pace) -> None:
        half = pace.lane_left() / 2
        self.seconds = max(0.0, min(pace.seconds, half))
        self.total = 0
        self.done = 0
        self.stopped = ""
        """Why it ended early, in words; empty while it did not."""
        self._pace = pace
        self._key = "policy.search_seconds" if pace.seconds <= half else "policy.lane_deadline` and `policy.deadline"
        self._begun = pace.clock()
        self._told = self._begun

    def expect(self, requests: int) -> None:
        """So many more will be asked."""
        self.total += requests

    def remaining(self, requests: int) -> None:
        """So many are still to be asked, whatever was expected."""
        self.total = self.done + requests

    def count(self) -> None:
        """One more is done; tells how far it is, now and then."""
        self.done += 1
        self._tell()

    def is_over(self, place: object) -> bool:
        """Whether nothing more will be asked; `stopped` then says why."""
        if not self.stopped and self.left <= 0:
            self._time_is_up(self._pace.manners(place))
        return bool(self.stopped)

    @property
    def left(self) -> float:
        """Seconds."""
        return self.seconds - (self._pace.clock() - self._begun)

    def unasked(self, what: str = "requests") -> str:
        """What could not be asked and what to do, in words; empty when everything was."""
        if not self.stopped:
            return ""
        return f"{self.total - self.done} of {self.total} {what} were not sent: {self.stopped}"

    def ask_all(
        self, place: object, asks: Sequence[Ask], asking: Asking[Ask, Answer]
    ) -> Iterator[tuple[Ask, Answer | ProbeError]]:
        """Send them, and yield each with its answer or why there is none, in the given order.

        Nothing is in flight while the caller has the word, so it may ask a control, or stop. What is left when the
        time is up, or the target gone, is not yielded; `unasked` then says so.

        Args:
            place: whose manners count, such as a base URL.
            asks: what to ask, the most important first.
            asking: how.
        """
        manners = self._pace.manners(place)
        waiting = deque(asks)
        while waiting and not self.is_over(place):
            size = min(manners.now, len(waiting)) if asking.together and manners.worth_it else 1
            group = [waiting.popleft() for _ in range(size)]
            answers = self._round(group, asking, manners)
            for ask, answer in zip(group, answers, strict=True):
                self.count()
                yield ask, answer
            if all(isinstance(answer, ProbeError) for answer in answers) and waiting and not asking.alive():
                self.stopped = "the service does not answer any more"

    def _round(self, group: Sequence[Ask], asking: Asking[Ask, Answer], manners: Manners) -> list[Answer | ProbeError]:
        if len(group) == 1:
            outcome = self._alone(group[0], asking, manners)
            if manners.worth_it:
                manners.now = min(manners.at_most, max(2, manners.now))
            return [outcome]
        tried = self._together(group, asking, manners)
        outcomes = [one.outcome for one in tried]
        troubled = [index for index, outcome in enumerate(outcomes) if _trouble(outcome, asking) is not None]
        if not troubled:
            if not manners.learn([one.seconds for one in tried]):
                asking.let_go()
            return outcomes
        # Too much at once may be the reason: each is asked again alone, after the longest pause asked for.
        asking.let_go()
        self._wait(max(_trouble(outcomes[index], asking) or 0.0 for index in troubled), manners)
        helped = False
        for index in troubled:
            before, usual = outcomes[index], set(asking.known)
            outcomes[index] = self._alone(group[index], asking, manners)
            helped = helped or _helped(before, outcomes[index], asking, usual)
        if helped:
            manners.fewer()
            asking.let_go()
        return outcomes

    def _together(self, group: Sequence[Ask], asking: Asking[Ask, Answer], manners: Manners) -> list[_Tried[Answer]]:
        patience = max(_SHORTEST_PATIENCE, _LATE * manners.usual)
        with ThreadPoolExecutor(len(group)) as crew:
            running: list[Future[_Tried[Answer]]] = [crew.submit(self._try, ask, asking) for ask in group]
            pending = set(running)
            while pending:
                answered, pending = wait(pending, timeout=patience, return_when=FIRST_COMPLETED)
                if pending and not answered:
                    # A server that serves one connection at a time waits for the next request on one we keep.
                    asking.let_go()
            return [future.result() for future in running]

    def _alone(self, ask: Ask, asking: Asking[Ask, Answer], manners: Manners) -> Answer | ProbeError:
        tried = self._try(ask, asking)
        if isinstance(tried.outcome, ProbeError):
            return tried.outcome
        manners.alone.append(tried.seconds)
        seconds = asking.pause(tried.outcome)
        if seconds is None:
            asking.known.add(asking.kind(tried.outcome))
            return tried.outcome
        self._wait(seconds, manners)
        again = self._try(ask, asking).outcome
        if not isinstance(again, ProbeError):
            asking.known.add(asking.kind(again))
            manners.patient = manners.patient and asking.pause(again) is None
        return again

    def _try(self, ask: Ask, asking: Asking[Ask, Answer]) -> _Tried[Answer]:
        begin = self._pace.clock()
        outcome: Answer | ProbeError
        try:
            outcome = asking.send(ask)
        except ProbeError as error:
            outcome = error
        return _Tried(outcome, self._pace.clock() - begin)

    def _wait(self, seconds: float, manners: Manners) -> None:
        longest = _LONGEST_PAUSE if manners.patient else _SHORTEST_PAUSE
        if (pause := min(seconds, longest, self.left)) > 0:
            self._pace.sleep(pause)

    def _time_is_up(self, manners: Manners) -> None:
        measured = f" (an answer takes {manners.usual:.2g} s, {manners.now} in flight)" if manners.alone else ""
        self.stopped = (
            f"the {self.seconds:.0f} s for this search are over{measured}; more time is given by `{self._key}`"
        )

    def _tell(self) -> None:
        now = self._pace.clock()
        if now - self._told < _TELL_EVERY:
            return
        self._told = now
        rest = (now - self._begun) / self.done * max(0, self.total - self.done)
        self._pace.tell(f"{self.done} of {self.total}, {min(rest, max(0.0, self.left)):.0f} s left")


def pause_of(status: int, said: str) -> float | None:
    """Seconds an answer asks to wait; None where it asks for none. A fault that names no time is no such answer.

    Args:
        status: of the answer.
        said: its Retry-After field; empty when there is none.
    """
    if status not in BUSY or (status != TOO_MANY and not said):
        return None
    return retry_after(said)


def retry_after(said: str) -> float:
    """Seconds a Retry-After field asks for; a date, or no field, counts as the shortest pause."""
    text = said.strip()
    return float(text[:6]) if text.isascii() and text.isdigit() else _SHORTEST_PAUSE


def _trouble(outcome: Answer | ProbeError, asking: Asking[Any, Answer]) -> float | None:
    """Seconds to wait before what was asked in company is asked again alone, None where nothing is wrong."""
    if isinstance(outcome, ProbeError):
        return 0.0
    seconds = asking.pause(outcome)
    return 0.0 if seconds is None and asking.kind(outcome) not in asking.known else seconds


def _helped(
    before: Answer | ProbeError, after: Answer | ProbeError, asking: Asking[Any, Answer], usual: set[Hashable]
) -> bool:
    """Whether being alone made the difference: it brought an answer, or one of a usual kind instead of another."""
    if isinstance(after, ProbeError) or asking.pause(after) is not None:
        return False
    return isinstance(before, ProbeError) or asking.pause(before) is not None or asking.kind(after) in usual
