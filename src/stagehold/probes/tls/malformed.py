"""Heartbleed, CCS injection and compression: what a listener of TLS 1.2 or older does about offers that provoke them.

sslyze calls whoever speaks TLS 1.3 free of the first two without looking, and whoever does not answer as well. Here an
answer decides, or that the server hangs up twice; who stays silent is spoken to once more, and is free only if it
then shows that it passed over what came first.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.tls.flight import ANSWER, HEARTBEAT, SILENT, Line, Reaction, opened
from stagehold.probes.tls.hello import VERSIONS
from stagehold.probes.tls.offers import Place
from stagehold.probes.tls.server_answer import HANDSHAKE, Declined, NotTlsError
from stagehold.probes.tls.suites import BROKEN, SOUND

OFFERED: tuple[int, ...] = (
    *SOUND,
    *(number for number, name in BROKEN.items() if not {"ANON", "ADH", "AECDH"} & set(name.upper().split("_"))),
)
"""Everything with a certificate: which suite is chosen does not matter here."""
PATIENCE = 1.0
"""Seconds before a server that says nothing is spoken to once more."""
CLAIMED = 64
"""Bytes that the heartbeat claims to carry. It carries none, so that so many of the server's memory would come back."""
_CHANGE_CIPHER_SPEC = 20
_WARNING, _CLOSE_NOTIFY = 1, 0
_UNDECRYPTABLE = {20: "bad record mac", 21: "decryption failed", 22: "record overflow"}
_OUT_OF_PLACE = {10, 40, 47, 50}
"""Unexpected message, handshake failure, illegal parameter, decode error: of who reads what came as plain text."""
_TRIES = 2
_MOST_WARNINGS = 4
_DEFLATE_LZS_NULL = b"\x01\x40\x00"
_STRAY = b"\xee\0\0\x3c" + bytes(range(60))
"""A handshake message of a type that does not exist; as long as whatever a suite would decrypt."""


@dataclass(frozen=True)
class Finding:
    """Of one weakness: whether the listener is `free` of it (None: not known), and what was seen."""

    free: bool | None
    words: str


def together(findings: Sequence[Finding]) -> Finding:
    """One finding of several: the worst, with its words."""
    for free in (False, None):
        worst = [finding.words for finding in findings if finding.free is free]
        if worst:
            return Finding(free, "; ".join(worst))
    return Finding(True, "; ".join(finding.words for finding in findings))


def heartbleed(network: Network, place: Place, name: str, version: str, *, seconds: float) -> Finding:
    """Sends a heartbeat that claims `CLAIMED` bytes and carries none (CVE-2014-0160, RFC 6520 section 4).

    Args:
        network: the door.
        place: declared host, port, and the pinned address of it to dial.
        name: sent as server name unless it is an address.
        version: one that is spoken, TLS 1.2 or older.
        seconds: for connecting, for the first flight, and for the last answer.

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.dial`.
        ProbeError: the server did not come to the end of its first flight, or sent something else than TLS.
    """
    seen = Reaction(SILENT)
    for _ in range(_TRIES):
        announced = True
        with opened(network, place, name, version, OFFERED, seconds=seconds, heartbeat=True) as (line, flight):
            if not isinstance(flight, Declined):
                seen, stray = _reaction(line, version, HEARTBEAT, struct.pack("!BH", 1, CLAIMED), seconds)
            else:
                announced = False
        if not announced:
            # Some do not like to hear of heartbeats; the vulnerable answered them unasked as well.
            with opened(network, place, name, version, OFFERED, seconds=seconds) as (line, flight):
                if isinstance(flight, Declined):
                    raise ProbeError(f"an ordinary offer of {version} was declined ({flight.words})")
                seen, stray = _reaction(line, version, HEARTBEAT, struct.pack("!BH", 1, CLAIMED), seconds)
        if seen.what == ANSWER and seen.kind == HEARTBEAT:
            return _heartbeat(version, seen.body)
        if seen.alert is not None or (stray and seen.what not in {ANSWER, SILENT}):
            did = "passed over the heartbeat and met the next message with" if stray else "met the heartbeat with"
            return Finding(True, f"{version}: {did} {seen}")
        if seen.what in {ANSWER, SILENT}:
            return Finding(None, f"{version}: after a malformed heartbeat: {seen}")
    return Finding(True, f"{version}: hung up on the heartbeat each time ({seen})")


def _heartbeat(version: str, body: bytes) -> Finding:
    claimed = int.from_bytes(body[1:3], "big")
    if claimed or len(body) > 3 + 16:
        return Finding(
            False, f"{version}: a heartbeat that carries nothing is answered with {max(len(body) - 3, 0)} bytes"
        )
    return Finding(None, f"{version}: a malformed heartbeat is answered, though with nothing in it")


def ccs_injection(network: Network, place: Place, name: str, version: str, *, seconds: float) -> Finding:
    """Sends ChangeCipherSpec before any key was exchanged (CVE-2014-0224).

    Arguments and errors as for `heartbleed`.
    """
    seen = Reaction(SILENT)
    for _ in range(_TRIES):
        with opened(network, place, name, version, OFFERED, seconds=seconds) as (line, flight):
            if isinstance(flight, Declined):
                raise ProbeError(f"an ordinary offer of {version} was declined ({flight.words})")
            seen, stray = _reaction(line, version, _CHANGE_CIPHER_SPEC, b"\1", seconds)
        if seen.what == ANSWER and seen.kind == _CHANGE_CIPHER_SPEC:
            return Finding(False, f"{version}: an early ChangeCipherSpec is answered with another one")
        if not stray and seen.alert is not None:
            return Finding(True, f"{version}: met an early ChangeCipherSpec with {seen}")
        if stray and seen.alert in _UNDECRYPTABLE:
            words = f"alert {seen.alert} ({_UNDECRYPTABLE[seen.alert]}): it is decrypted"
            return Finding(False, f"{version}: after an early ChangeCipherSpec, plain text is met with {words}")
        if stray and seen.alert in _OUT_OF_PLACE:
            return Finding(True, f"{version}: passed over an early ChangeCipherSpec; plain text is met with {seen}")
        if stray or seen.what in {ANSWER, SILENT}:
            return Finding(None, f"{version}: after an early ChangeCipherSpec{' and plain text' * stray}: {seen}")
    return Finding(True, f"{version}: hung up on an early ChangeCipherSpec each time ({seen})")


def compression(network: Network, place: Place, name: str, version: str, *, seconds: float) -> Finding:
    """Offers DEFLATE (RFC 3749), LZS (RFC 3943) and none (CRIME, CVE-2012-4929).

    Arguments and errors as for `heartbleed`.
    """
    declined = Declined("", certain=False)
    for _ in range(_TRIES):
        methods = _DEFLATE_LZS_NULL
        with opened(network, place, name, version, OFFERED, seconds=seconds, compressions=methods) as (_, flight):
            if not isinstance(flight, Declined):
                chosen = flight.compression
                words = f"method {chosen} of compression is chosen" if chosen else "no compression is chosen"
                return Finding(not chosen, f"{version}: {words}")
            declined = flight
        with opened(network, place, name, version, OFFERED, seconds=seconds) as (_, control):
            if isinstance(control, Declined):
                raise ProbeError(f"an ordinary offer of {version} was declined ({control.words})")
        if declined.certain:
            break
    return Finding(True, f"{version}: declines clients that offer compression ({declined.words}), and takes others")


def _reaction(line: Line, version: str, kind: int, body: bytes, seconds: float) -> tuple[Reaction, bool]:
    """What comes of a record out of place, and whether it took a second one, of plain text, to hear of the server."""
    try:
        line.send(record(kind, version, body))
        line.wait_at_most(min(seconds, PATIENCE))
        seen = _beyond_warnings(line)
        if seen.what != SILENT:
            return seen, False
        line.wait_at_most(seconds)
        line.send(record(HANDSHAKE, version, _STRAY))
        return _beyond_warnings(line), True
    except TimeoutError:
        return Reaction(SILENT), True
    except NotTlsError as error:
        raise ProbeError(f"after a record of type {kind} came something else than TLS: {error}") from error


def _beyond_warnings(line: Line) -> Reaction:
    for _ in range(_MOST_WARNINGS):
        seen = line.reaction()
        if seen.alert in {None, _CLOSE_NOTIFY} or seen.body[0] != _WARNING:
            break
    return seen


def record(kind: int, version: str, body: bytes) -> bytes:
    """A record of TLS, not encrypted."""
    return struct.pack("!BHH", kind, VERSIONS[version], len(body)) + body
