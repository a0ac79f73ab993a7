"""Who accepts connections and never says a word is not waited for again and again."""

from __future__ import annotations

from collections import Counter
from threading import Lock

from stagehold.errors import ProbeError

PATIENCE = 3
"""Times in a row that a place which has never answered is waited for."""

Place = tuple[str, int]
"""A number and a port."""


class Silence:
    """What the places asked from one process have said so far: whoever has answered once is always asked again."""

    def __init__(self) -> None:
        self._heard: set[Place] = set()
        self._silent: Counter[Place] = Counter()
        self._lock = Lock()

    def heard(self, place: Place) -> None:
        """It answered something."""
        with self._lock:
            self._heard.add(place)

    def waited_in_vain(self, place: Place) -> None:
        """The time for an answer ran out, and not a byte had come."""
        with self._lock:
            self._silent[place] += 1

    def require_hope(self, place: Place) -> None:
        """Raise ProbeError where waiting once more would only cost time."""
        with self._lock:
            hopeless = place not in self._heard and self._silent[place] >= PATIENCE
        if hopeless:
            number, port = place
            raise ProbeError(
                f"{number} port {port} accepts connections and left {PATIENCE} requests without any answer"
            )
