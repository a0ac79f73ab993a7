"""The cipher suites an endpoint accepts, by class; whatever is not known is a ProbeError where it matters. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stagehold.errors import NotApplicable, ProbeError
from stagehold.probes.tls.facts import COMMANDS, TlsScan
from stagehold.probes.tls.suites import flaw, is_aead, is_ephemeral


@dataclass(frozen=True)
class AcceptedSuite:
    """One suite that one address accepts in one version."""

    address: str
    version: str
    suite: str
    flaw: str
    """Why nobody may accept it, in words; empty for suites outside the broken class."""

    def __str__(self) -> str:
        reason = f", which {self.flaw}" if self.flaw else ""
        return f"{self.address} accepts {self.suite} in {self.version}{reason}"


@dataclass(frozen=True)
class AcceptedSuites:
    """Those of one endpoint, over all its addresses."""

    scan: TlsScan

    @property
    def all(self) -> tuple[AcceptedSuite, ...]:
        """Whatever was seen to be accepted: by sslyze, and by offers of our own."""
        seen = {(address, version, suite) for version in COMMANDS for address, suite in self.scan.suites(version)}
        seen |= {
            (one.address, version, suite)
            for one in self.scan.addresses
            for version, suite in one.broken_choices.items()
            if suite
        }
        return tuple(AcceptedSuite(*row, flaw(row[2])) for row in sorted(seen))

    def broken(self) -> tuple[AcceptedSuite, ...]:
        """Suites that do not encrypt, authenticate nobody, or use ciphers and hashes that are broken.

        Raises:
            ProbeError: none was seen, and of some suites or versions it is not known.
        """
        found = tuple(item for item in self.all if item.flaw)
        gaps = (*self.scan.unknown(COMMANDS), *(gap for one in self.scan.addresses for gap in one.gaps))
        return self._certain(found, gaps)

    def without_aead(self) -> tuple[AcceptedSuite, ...]:
        """Suites of TLS 1.2 that encrypt without authenticating in one, those of the broken class left out.

        Raises:
            NotApplicable: every address refuses TLS 1.2.
            ProbeError: none was seen, and of some suites it is not known.
        """
        return self._in_tls12(is_aead, "are AEAD")

    def without_forward_secrecy(self) -> tuple[AcceptedSuite, ...]:
        """Suites of TLS 1.2 whose keys are not fresh for each session, those of the broken class left out.

        Raises:
            NotApplicable: every address refuses TLS 1.2.
            ProbeError: none was seen, and of some suites it is not known.
        """
        return self._in_tls12(is_ephemeral, "take fresh keys for each session")

    def _in_tls12(self, sound: Callable[[str], bool], words: str) -> tuple[AcceptedSuite, ...]:
        found = tuple(
            item for item in self.all if item.version == "TLS 1.2" and not item.flaw and not sound(item.suite)
        )
        self._certain(found, self.scan.unknown(["TLS 1.2"]))
        if not self.scan.accepts("TLS 1.2"):
            raise NotApplicable(f"{self.scan} refuses TLS 1.2 at every address; all suites of TLS 1.3 {words}")
        return found

    def _certain(self, found: tuple[AcceptedSuite, ...], gaps: tuple[str, ...]) -> tuple[AcceptedSuite, ...]:
        if gaps and not found:
            raise ProbeError(f"{self.scan}: whether such a suite is accepted is not known ({'; '.join(gaps)})")
        return found
