"""Offers made by hand to a TLS listener, each on a connection of its own, and what it makes of them.

Nothing is finished: the ServerHello already tells which version and suite the server would use, before any
certificate is asked of the client. A refusal counts only beside a control: the same ClientHello with sound suites
added must be answered, else it was the offer, or we, that the server did not like.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.tls.groups import TLS13_SUITES
from stagehold.probes.tls.hello import VERSIONS, client_hello
from stagehold.probes.tls.server_answer import Chosen, Declined, NotTlsError, read_server_answer
from stagehold.probes.tls.suites import BROKEN, SOUND, UNENCRYPTED_TLS13

Place = tuple[str, int, str]
"""Declared host, port, and the pinned address of it to dial."""
_NAMES = {number: version for version, number in VERSIONS.items()}


def offer(
    network: Network,
    place: Place,
    name: str,
    versions: Sequence[str],
    suites: Sequence[int],
    *,
    seconds: float,
    groups: Sequence[int] | None = None,
    elliptic: bool | None = None,
) -> Chosen | Declined:
    """Offer suites in one version, or in several where TLS 1.3 is among them.

    Args:
        network: the door.
        place: where.
        name: sent as server name (RFC 6066) unless it is an address.
        versions: keys of `hello.VERSIONS`.
        suites: numbers of the IANA registry.
        seconds: for connecting, and again for the whole answer.
        groups: of key exchange (see `client_hello`).
        elliptic: whether to read on to the key exchange, and of which kind it is (see `read_server_answer`).

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.dial`.
        ProbeError: no connection, no answer in time, an answer that is not TLS, or a choice that was not offered.
    """
    host, port, address = place
    where = f"{host} ({address}) port {port}"
    offered = " and ".join(versions)
    with network.connect(host, port, seconds=seconds, address=address) as connection:
        end = time.monotonic() + seconds

        def read(size: int) -> bytes:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            try:
                return connection.recv(size)
            except ConnectionError:
                return b""

        try:
            connection.sendall(client_hello(name, versions, suites, groups))
        except TimeoutError as error:
            raise ProbeError(f"{where} never took an offer of {offered}") from error
        except OSError:
            return Declined("hung up", certain=False)
        try:
            answer = read_server_answer(read, elliptic=elliptic)
        except TimeoutError as error:
            raise ProbeError(f"{where} never answered an offer of {offered}") from error
        except (NotTlsError, OSError) as error:
            raise ProbeError(f"{where} answered an offer of {offered} with something else than TLS: {error}") from error
    if isinstance(answer, Chosen) and (
        answer.suite not in suites
        or answer.version not in _NAMES
        or answer.version > max(VERSIONS[version] for version in versions)
    ):
        raise ProbeError(f"{where} chose {answer.suite:#06x} in version {answer.version:#06x}, which was not offered")
    return answer


def broken_suite(network: Network, place: Place, name: str, version: str, *, seconds: float) -> str:
    """IANA's name of the broken suite that a listener chooses when it is offered nothing else; empty when none.

    Args:
        network: the door.
        place: where.
        name: sent as server name unless it is an address.
        version: a version that the listener speaks, a key of `hello.VERSIONS`.
        seconds: for each answer.

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.dial`.
        ProbeError: it is not known: no proper answer, or the control was declined as well.
    """
    broken = UNENCRYPTED_TLS13 if version == "TLS 1.3" else BROKEN
    sound = TLS13_SUITES if version == "TLS 1.3" else SOUND
    answer: Chosen | Declined = Declined("", certain=False)
    for _ in range(2):
        answer = offer(network, place, name, [version], tuple(broken), seconds=seconds)
        if isinstance(answer, Chosen):
            return broken[answer.suite]
        control = offer(network, place, name, [version], (*broken, *sound), seconds=seconds)
        if isinstance(control, Declined):
            raise ProbeError(
                f"{place[0]} ({place[2]}) port {place[1]} declines broken suites of {version} ({answer.words}), "
                f"and sound ones offered the same way as well ({control.words})"
            )
        if control.suite in broken:
            return broken[control.suite]
        if answer.certain:
            break
    return ""


def preferred_version(network: Network, place: Place, name: str, *, seconds: float) -> str:
    """The version agreed on with a client that offers TLS 1.2 and TLS 1.3; empty when both are declined.

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.dial`.
        ProbeError: no connection or no proper answer.
    """
    answer = offer(network, place, name, ("TLS 1.3", "TLS 1.2"), SOUND, seconds=seconds)
    return _NAMES[answer.version] if isinstance(answer, Chosen) else ""
