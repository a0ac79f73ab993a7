"""Finds any of many byte strings in data, in time that hardly depends on how many there are.

A string of at least 15 bytes holds, wherever it lies, eight bytes that begin at a multiple of eight. So the
data are read as 64-bit numbers and compared with the numbers each string can contribute; only strings of which
one was seen are searched for. Shorter strings (7 to 14 bytes) work likewise with 32 bits, the shortest are
searched for one by one.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

_CODES: dict[int, Literal["Q", "I"]] = {8: "Q", 4: "I"}


class Matcher:
    """A set of byte strings to look for; more can be added."""

    def __init__(self, needles: Iterable[bytes] = ()) -> None:
        self._plain: set[bytes] = set()
        self._windows: dict[int, dict[int, set[bytes]]] = {8: defaultdict(set), 4: defaultdict(set)}
        self._numbers: dict[int, set[int]] = {8: set(), 4: set()}
        for needle in needles:
            self.add(needle)

    def add(self, needle: bytes) -> None:
        """Look for this, too."""
        width = next((width for width in _CODES if len(needle) >= 2 * width - 1), 0)
        if not width:
            self._plain.add(needle)
            return
        for start in range(width):
            number = int.from_bytes(needle[start : start + width], sys.byteorder)
            self._windows[width][number].add(needle)
            self._numbers[width].add(number)

    def present(self, data: bytes) -> list[bytes]:
        """Those strings that the data hold, the longest first."""
        candidates = set(self._plain)
        view = memoryview(data)
        for width, numbers in self._numbers.items():
            if numbers:
                whole = view[: len(data) // width * width].cast(_CODES[width])
                for number in numbers.intersection(whole):
                    candidates |= self._windows[width][number]
        return sorted((needle for needle in candidates if needle in data), key=len, reverse=True)
