"""Which groups and sizes of key exchange a listener accepts, found out by offers made by hand.

The server is offered a list and names what it would use; that is taken off the list, and the rest offered again until
the server declines. The decline counts beside a control: with what was accepted before, the same offer is taken up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from stagehold.errors import NotApplicable, ProbeError
from stagehold.network.door import Network
from stagehold.probes.tls.groups import ELLIPTIC_SUITES, FINITE_SUITES, GROUPS, OLD_GROUPS, TLS13_SUITES, group_name
from stagehold.probes.tls.offers import Place, offer
from stagehold.probes.tls.server_answer import Chosen, Declined
from stagehold.probes.tls.suites import SOUND

_MOST = 64
_CURVES = tuple(GROUPS)
_Offer = Callable[[Sequence[int]], Chosen | Declined]


@dataclass(frozen=True)
class KeyExchanges:
    """What one address accepts; `gaps` say what of it is not known."""

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Version to the groups accepted in it, by name, in the server's order."""
    dh_bits: Mapping[int, int] = field(default_factory=dict)
    """Finite-field suite of TLS 1.2 to the size of its prime in bits."""
    group_gaps: tuple[str, ...] = ()
    dh_gaps: tuple[str, ...] = ()


def look_at_exchanges(
    network: Network, place: Place, name: str, versions: Sequence[str], *, seconds: float
) -> KeyExchanges:
    """Asks one address of a listener.

    Args:
        network: the door.
        place: declared host, port, and the pinned address of it to dial.
        name: sent as server name unless it is an address.
        versions: those of TLS 1.2 and TLS 1.3 that it speaks.
        seconds: for each answer.

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.dial`.
    """
    groups: dict[str, tuple[str, ...]] = {}
    gaps: list[str] = []
    for version in versions:
        suites = TLS13_SUITES if version == "TLS 1.3" else ELLIPTIC_SUITES

        def curves(wanted: Sequence[int], version: str = version, suites: Sequence[int] = suites) -> Chosen | Declined:
            return offer(network, place, name, [version], suites, seconds=seconds, groups=wanted, elliptic=True)

        try:
            if version == "TLS 1.3":
                found = accepted_groups(curves, [group for group in GROUPS if group not in OLD_GROUPS])
                found += old_groups(curves)
            else:
                found = accepted_groups(curves)
            groups[version] = tuple(group_name(number) for number in found)
        except ProbeError as error:
            gaps.append(str(error))
    if "TLS 1.2" not in versions:
        return KeyExchanges(groups, group_gaps=tuple(gaps))

    def fields(wanted: Sequence[int]) -> Chosen | Declined:
        elliptic = None if len(wanted) > len(FINITE_SUITES) else False
        return offer(network, place, name, ["TLS 1.2"], wanted, seconds=seconds, groups=_CURVES, elliptic=elliptic)

    try:
        return KeyExchanges(groups, accepted_sizes(fields), tuple(gaps))
    except ProbeError as error:
        return KeyExchanges(groups, group_gaps=tuple(gaps), dh_gaps=(str(error),))


def accepted_groups(ask: _Offer, among: Sequence[int] = _CURVES) -> tuple[int, ...]:
    """Every group that is taken up when it is offered among groups that the server likes less.

    A certificate's own curve must be offered along with others in TLS 1.2 (RFC 8422 section 5.1), so that a list
    without it is offered with and without what was accepted before.

    Raises:
        ProbeError: no proper answer.
    """
    found: list[int] = []
    left = list(among)
    while left and len(found) < _MOST:
        answer = ask(left)
        if isinstance(answer, Declined):
            control = ask([*left, *found]) if found else answer
            if isinstance(control, Declined):
                if found or not control.certain:
                    raise ProbeError(f"groups that were accepted before are declined ({control.words})")
                return ()
            if control.group in found and not answer.certain:
                answer = ask(left)
            if isinstance(answer, Declined):
                answer = control
        if answer.group is None:
            raise ProbeError("the server names no group for its key exchange")
        if answer.group in found:
            break
        found.append(answer.group)
        if answer.group not in left:
            # One that was not offered: it asks nobody, and offers more tell nothing more.
            break
        left.remove(answer.group)
    return tuple(found)


def old_groups(ask: _Offer) -> tuple[int, ...]:
    """Those accepted in TLS 1.3 although it does not know them; to be asked of a server that has just accepted others.

    They are offered by themselves: a server may refuse clients that offer any of them (RFC 8446 appendix B.3.1.4).

    Raises:
        ProbeError: no proper answer.
    """
    found: list[int] = []
    left = list(OLD_GROUPS)
    while left:
        answer = ask(left)
        if isinstance(answer, Declined) and not answer.certain:
            answer = ask(left)
        if isinstance(answer, Declined):
            break
        found.append(answer.group or 0)
        if answer.group not in left:
            break
        left.remove(answer.group)
    return tuple(found)


def accepted_sizes(ask: _Offer) -> dict[int, int]:
    """Each finite-field suite that is accepted, with the size of its prime in bits.

    Raises:
        ProbeError: no proper answer, or suites of all sorts are declined as well.
    """
    found: dict[int, int] = {}
    left = list(FINITE_SUITES)
    while left:
        answer = ask(left)
        if isinstance(answer, Declined):
            control = ask(SOUND)
            if isinstance(control, Declined):
                raise ProbeError(f"suites of all sorts are declined ({control.words})")
            if not answer.certain:
                answer = ask(left)
            if isinstance(answer, Declined):
                break
        if answer.bits is None or answer.suite not in left:
            raise ProbeError("the server names no size for its key exchange")
        found[answer.suite] = answer.bits
        left.remove(answer.suite)
    return found


@dataclass(frozen=True)
class EndpointExchanges:
    """Those of every address of an endpoint."""

    by_address: Mapping[str, KeyExchanges]

    @property
    def group_rows(self) -> tuple[tuple[str, str, str], ...]:
        """Address, version and group of everything accepted."""
        return tuple(
            (address, version, group)
            for address, one in self.by_address.items()
            for version, groups in one.groups.items()
            for group in groups
        )

    @property
    def prime_rows(self) -> tuple[tuple[str, str, int], ...]:
        """Address, number of the suite and size of its prime in bits."""
        return tuple(
            (address, f"{suite:#06x}", bits)
            for address, one in self.by_address.items()
            for suite, bits in one.dh_bits.items()
        )

    def unapproved(self, approved: Sequence[str]) -> tuple[str, ...]:
        """Groups outside the approved list, in words.

        Raises:
            NotApplicable: no address exchanges keys over a named group.
            ProbeError: nothing was found, and of some address it is not known.
        """
        found = tuple(
            f"{address} accepts {group} in {version}"
            for address, version, group in self.group_rows
            if group not in approved
        )
        self._certain(found, [gap for one in self.by_address.values() for gap in one.group_gaps], "groups")
        if not self.group_rows:
            raise NotApplicable("no address exchanges keys over a curve or another named group")
        return found

    def small_primes(self, least: int) -> tuple[str, ...]:
        """Finite-field key exchanges with a prime of fewer bits than `least`, in words.

        Raises:
            ProbeError: nothing was found, and of some address it is not known.
        """
        small = {(address, bits) for address, _, bits in self.prime_rows if bits < least}
        found = tuple(f"{address} exchanges keys with a prime of {bits} bits" for address, bits in sorted(small))
        self._certain(found, [gap for one in self.by_address.values() for gap in one.dh_gaps], "primes")
        return found

    def _certain(self, found: tuple[str, ...], gaps: Sequence[str], what: str) -> None:
        if not found and (gaps or not self.by_address):
            raise ProbeError(
                f"which {what} are accepted is not known ({'; '.join(gaps) or 'no address was looked at'})"
            )
