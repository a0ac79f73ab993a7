"""Whether a listener of TLS 1.2 renegotiates: securely, and as often as a client asks for it.

The first is read from the ServerHello (RFC 5746 section 3.6). For the second a handshake is finished and others asked
for on the same connection, up to `ROUNDS`: some stacks allow a few of them in so many minutes, which harms nobody. A
listener refuses by an alert or by closing; silence is neither.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.network.rules import parse_address
from stagehold.probes.tls.offers import Place, offer
from stagehold.probes.tls.server_answer import Declined
from stagehold.probes.tls.suites import SOUND

ROUNDS = 10
_LEGACY_SERVER_CONNECT, _UNSAFE_LEGACY_RENEGOTIATION = 0x4, 0x40000
"""Options of OpenSSL's ssl.h, which pyOpenSSL does not name: without them insecure servers could not be looked at."""


@dataclass(frozen=True)
class Renegotiation:
    """What one address does; None where it is not known, for the reason in `problem`."""

    secure: bool | None = None
    """Whether it announces secure renegotiation."""
    rounds: int | None = None
    """How often it renegotiated on one connection because the client asked for it; at most `ROUNDS`."""
    problem: str = ""


def look_at_renegotiation(
    network: Network, place: Place, name: str, *, seconds: float, greets: bool = False
) -> Renegotiation:
    """Asks one address of a listener that speaks TLS 1.2.

    Args:
        network: the door.
        place: declared host, port, and the pinned address of it to dial.
        name: sent as server name unless it is an address.
        seconds: for the offer, and for each handshake.
        greets: whether the server speaks first inside TLS; its words must not get into a handshake.

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.dial`.
    """
    secure = None
    try:
        answer = offer(network, place, name, ["TLS 1.2"], SOUND, seconds=seconds)
        if isinstance(answer, Declined):
            return Renegotiation(problem=f"an ordinary offer of TLS 1.2 was declined ({answer.words})")
        secure = answer.secure_renegotiation
        rounds = _rounds(network, place, name, seconds, greets=greets)
    except ProbeError as error:
        return Renegotiation(secure, problem=str(error))
    return Renegotiation(secure, rounds)


def _rounds(network: Network, place: Place, name: str, seconds: float, *, greets: bool) -> int:
    host, port, address = place
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    context.set_options(_LEGACY_SERVER_CONNECT | _UNSAFE_LEGACY_RENEGOTIATION)
    with network.connect(host, port, seconds=seconds, address=address) as raw:
        raw.setblocking(False)
        connection = SSL.Connection(context, raw)
        connection.set_connect_state()
        if parse_address(name) is None:
            connection.set_tlsext_host_name(name.encode("idna"))
        try:
            _finish(connection.do_handshake, raw, seconds)
            if greets:
                _finish(lambda: connection.recv(4096), raw, seconds)
        except (TimeoutError, SSL.Error, OSError) as error:
            raise ProbeError(
                f"{host} ({address}) port {port}: no handshake {'or greeting ' * greets}in TLS 1.2: {_words(error)}"
            ) from error
        leaf = connection.get_peer_certificate(as_cryptography=True)
        network.check_certificate(leaf.public_bytes(Encoding.DER) if leaf else b"")
        for done in range(ROUNDS):
            try:
                connection.renegotiate()
                _finish(connection.do_handshake, raw, seconds)
            except TimeoutError as error:
                raise ProbeError(f"{host} ({address}) port {port} never answered the wish to renegotiate") from error
            except OSError:
                return done
            except SSL.Error as error:
                if _refused(error):
                    return done
                raise ProbeError(f"{host} ({address}) port {port}: renegotiation broke off: {_words(error)}") from error
    return ROUNDS


def _refused(error: SSL.Error) -> bool:
    """An alert, or the end of the connection."""
    if isinstance(error, SSL.ZeroReturnError | SSL.SysCallError):
        return True
    return any(word in _words(error) for word in ("alert", "no renegotiation", "unexpected eof"))


def _finish(step: Callable[[], object], raw: socket.socket, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            step()
        except SSL.WantReadError:
            select.select([raw], [], [], left)
        except SSL.WantWriteError:
            select.select([], [raw], [], left)
        else:
            return
    raise TimeoutError("timed out")


def _words(error: Exception) -> str:
    reasons = error.args[0] if error.args else ""
    return "; ".join(reason[-1] for reason in reasons) if isinstance(reasons, list) else str(error) or "it hung up"


def renegotiation_problems(found: Mapping[str, Renegotiation], demanding: Collection[str]) -> tuple[str, ...]:
    """What is wrong, in words, by address; addresses that do not speak TLS 1.2 are left out by the caller.

    Args:
        found: by address.
        demanding: the addresses that demand a certificate of their clients.

    Raises:
        NotApplicable: no address speaks TLS 1.2.
        Uncovered: nothing was found, and only who has a client's certificate could look at the rest.
        ProbeError: nothing was found, and of some address it is not known.
    """
    if not found:
        raise NotApplicable("no address speaks TLS 1.2, and TLS 1.3 knows no renegotiation")
    problems = [
        f"{where} does not announce secure renegotiation" for where, one in found.items() if one.secure is False
    ]
    problems += [
        f"{where} renegotiated {ROUNDS} times because a client asked for it"
        for where, one in found.items()
        if one.rounds == ROUNDS
    ]
    unknown = {where: one.problem for where, one in found.items() if one.secure is None or one.rounds is None}
    if unknown and not problems:
        words = "; ".join(f"{where}: {problem}" for where, problem in unknown.items())
        if unknown.keys() <= set(demanding):
            raise Uncovered(f"only a client with a certificate could see whether renegotiation is safe ({words})")
        raise ProbeError(f"whether renegotiation is safe is not known ({words})")
    return tuple(problems)
