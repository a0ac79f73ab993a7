"""Weaknesses of TLS up to version 1.2 that are known by name: which addresses of an endpoint are free of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.tls.malformed import Finding, ccs_injection, compression, heartbleed, together
from stagehold.probes.tls.offers import Place
from stagehold.probes.tls.oracle import oracle

WEAKNESSES: Mapping[str, Callable[..., Finding]] = {
    "Heartbleed": heartbleed,
    "CCS injection": ccs_injection,
    "ROBOT": oracle,
    "compression": compression,
}
"""Name of the weakness to what looks for it in one version."""
NEEDED = ("SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2")
"""Versions that can have them. TLS 1.3 has neither RSA key exchange nor compression, and no vulnerable OpenSSL speaks
it."""
PAUSE = 0.5
"""Seconds before something is tried once more."""


def look_at_weaknesses(
    network: Network, place: Place, name: str, versions: Sequence[str], *, seconds: float
) -> dict[str, Finding]:
    """Asks one address of a listener, one connection at a time but where keys are compared.

    Args:
        network: the door.
        place: declared host, port, and the pinned address of it to dial.
        name: sent as server name unless it is an address.
        versions: those that it speaks.
        seconds: for each answer.

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.dial`.
    """
    spoken = [version for version in NEEDED if version in versions]
    if not spoken:
        if "TLS 1.3" in versions:
            free = Finding(True, "only TLS 1.3 is spoken")
            return dict.fromkeys(WEAKNESSES, free)
        return dict.fromkeys(WEAKNESSES, Finding(None, "no version is spoken in which it can be looked for"))
    return {
        weakness: together([_tried(look, network, place, name, version, seconds) for version in spoken])
        for weakness, look in WEAKNESSES.items()
    }


def _tried(
    look: Callable[..., Finding], network: Network, place: Place, name: str, version: str, seconds: float
) -> Finding:
    try:
        return look(network, place, name, version, seconds=seconds)
    except ProbeError:
        time.sleep(PAUSE)
    try:
        return look(network, place, name, version, seconds=seconds)
    except ProbeError as error:
        return Finding(None, f"{version}: {error}")


@dataclass(frozen=True)
class EndpointWeaknesses:
    """Findings of every address of an endpoint: address to weakness to finding."""

    by_address: Mapping[str, Mapping[str, Finding]] = field(default_factory=dict)

    def rows(self, weakness: str) -> tuple[tuple[str, str, str], ...]:
        """Address, `free`, `not free` or `not known`, and what was seen."""
        told = {True: "free", False: "not free", None: "not known"}
        return tuple(
            (address, told[found[weakness].free], found[weakness].words) for address, found in self.by_address.items()
        )

    def problems(self, weakness: str) -> tuple[str, ...]:
        """Where the endpoint has the weakness, in words.

        Raises:
            ProbeError: nowhere, and of some address it is not known, or no address was looked at.
        """
        having = tuple(f"{row[0]}: {row[2]}" for row in self.rows(weakness) if row[1] == "not free")
        unknown = [f"{row[0]}: {row[2]}" for row in self.rows(weakness) if row[1] == "not known"]
        if not having and (unknown or not self.by_address):
            words = "; ".join(unknown) or "no address was looked at"
            raise ProbeError(f"whether there is {weakness} is not known ({words})")
        return having
