"""The cipher suites an endpoint accepts, by class; whatever is not known is a ProbeError where it matters. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.probes.tls.facts import COMMANDS, TlsScan
from stagehold.probes.tls.suites import flaw, is_aead, is_ephemeral
from stagehold.tls_profile.model import Profile

_TLS12 = "TLS 1.2"


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

    def unapproved(self, profile: Profile) -> tuple[AcceptedSuite, ...]:
        """Suites that are not AEAD in TLS 1.2, and those that the profile's list, where it has one, does not name.

        Left out are those that other checks tell: of the broken class, of versions that the profile does not accept
        (but AEAD is asked of TLS 1.2 in any case), and, on account of the list, those without forward secrecy.

        Raises:
            Uncovered: the profile asks for neither.
            NotApplicable: every address refuses the versions in question.
            ProbeError: none was seen, and of some suites it is not known.
        """
        names = profile.suite_names
        if names is None and not profile.aead_only.value:
            raise Uncovered(f"the profile {profile.name} does not ask for AEAD suites in TLS 1.2")
        listed = () if names is None else profile.accepted_versions

        def wrong(item: AcceptedSuite) -> bool:
            if item.version == _TLS12 and profile.aead_only.value and not is_aead(item.suite):
                return True
            elsewhere = item.version == _TLS12 and profile.forward_secrecy.value and not is_ephemeral(item.suite)
            return item.version in listed and item.suite not in (names or ()) and not elsewhere

        judged = [version for version in COMMANDS if version in listed or version == _TLS12]
        return self._in(judged, wrong, "are AEAD")

    def without_forward_secrecy(self, profile: Profile) -> tuple[AcceptedSuite, ...]:
        """Suites of TLS 1.2 whose keys are not fresh for each session, those of the broken class left out.

        Raises:
            Uncovered: the profile does not ask for it.
            NotApplicable: every address refuses TLS 1.2.
            ProbeError: none was seen, and of some suites it is not known.
        """
        if not profile.forward_secrecy.value:
            raise Uncovered(f"the profile {profile.name} does not ask for forward secrecy in TLS 1.2")

        def wrong(item: AcceptedSuite) -> bool:
            return item.version == _TLS12 and not is_ephemeral(item.suite)

        return self._in([_TLS12], wrong, "take fresh keys for each session")

    def _in(
        self, versions: Sequence[str], wrong: Callable[[AcceptedSuite], bool], words: str
    ) -> tuple[AcceptedSuite, ...]:
        found = tuple(item for item in self.all if not item.flaw and wrong(item))
        self._certain(found, self.scan.unknown(versions))
        if not any(self.scan.accepts(version) for version in versions):
            refused = " and ".join(versions)
            raise NotApplicable(f"{self.scan} refuses {refused} at every address; all suites of TLS 1.3 {words}")
        return found

    def _certain(self, found: tuple[AcceptedSuite, ...], gaps: tuple[str, ...]) -> tuple[AcceptedSuite, ...]:
        if gaps and not found:
            raise ProbeError(f"{self.scan}: whether such a suite is accepted is not known ({'; '.join(gaps)})")
        return found
