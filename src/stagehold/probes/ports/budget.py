"""How many packets a second may be sent in all, shared among the hosts that are scanned side by side."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

SHARES = 4
"""At most so many leases at a time: few enough that each nmap keeps its pace."""
AT_ONCE = 6
"""Hosts scanned side by side: more than there are leases, so that the budget is in use while some only wait."""


class PacketBudget:
    """Leases of a rate; what is leased at any moment never adds up to more than the budget."""

    def __init__(self, per_second: int, hosts: int = 1) -> None:
        """Begin with nothing leased.

        Args:
            per_second: `policy.max_packets_per_second`.
            hosts: how many will be scanned; shares grow when few are left (`done`).
        """
        self.per_second = per_second
        self._free = per_second
        self._hosts = hosts
        self._change = threading.Condition()

    @contextmanager
    def lease(self) -> Iterator[int]:
        """Packets a second that one nmap may send while inside; waits until a fair share is free."""
        with self._change:
            while self._free < self._share // 2 or self._free < 1:
                self._change.wait()
            taken = max(1, min(self._share, self._free))
            self._free -= taken
        try:
            yield taken
        finally:
            with self._change:
                self._free += taken
                self._change.notify_all()

    def expect(self, hosts: int) -> None:
        """So many more hosts will be scanned."""
        with self._change:
            self._hosts += hosts

    def done(self) -> None:
        """One host needs nothing any more: the others get its share from their next lease on."""
        with self._change:
            self._hosts -= 1
            self._change.notify_all()

    @property
    def _share(self) -> int:
        return max(1, self.per_second // max(1, min(self._hosts, SHARES)))
