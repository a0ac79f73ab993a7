"""Renegotiation: refused, allowed for a while, allowed without end, or not known."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stagehold.environment.model import TlsEndpoint
from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.probes.tls.facts import COMMANDS, AddressScan, TlsScan, VersionFact
from stagehold.probes.tls.renegotiation import ROUNDS, Renegotiation, look_at_renegotiation
from tests.probes.pki import Authority
from tests.probes.test_tls_offers import alert, at, hello_message, record, saying
from tests.probes.tls_servers import raw_server, reset, say_nothing, talk_garbage
from tests.probes.tls_stacks import AEAD, context, openssl_server, resetting_server

AUTHORITY = Authority.create()
CHAIN = (AUTHORITY.leaf("app.test"), AUTHORITY.intermediate)
ALLOW_CLIENT_RENEGOTIATION = 0x100
"""SSL_OP_ALLOW_CLIENT_RENEGOTIATION of OpenSSL 3."""


def look(place: tuple[str, int], seconds: float = 5) -> Renegotiation:
    network, where = at(*place)
    return look_at_renegotiation(network, where, "app.test", seconds=seconds)


def test_a_server_that_renegotiates_without_end_is_told(tmp_path: Path) -> None:
    """OpenSSL with client-initiated renegotiation grants every wish."""
    with openssl_server(tmp_path, CHAIN, "-cipher", AEAD, "-client_renegotiation") as place:
        assert look(place) == Renegotiation(secure=True, rounds=ROUNDS)


def test_a_server_that_refuses_is_told(tmp_path: Path) -> None:
    """By an alert of OpenSSL, or by closing the connection."""
    with openssl_server(tmp_path, CHAIN, "-cipher", AEAD) as place:
        assert look(place) == Renegotiation(secure=True, rounds=0)
    with resetting_server(context(tmp_path, CHAIN)) as place:
        assert look(place) == Renegotiation(secure=True, rounds=0)


def limited(made: ssl.SSLContext, most: int) -> Callable[[socket.socket], None]:
    """Closes the connection when a client wants to renegotiate once more, as Node does."""

    def handle(connection: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = made.wrap_bio(incoming, outgoing, server_side=True)
        begun = 0
        while data := connection.recv(16384):
            # Within the session the client's wishes come in records of handshakes, too.
            begun += tls.version() is not None and data[:1] == b"\x16"
            if begun > most * 2:
                return
            incoming.write(data)
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake() if tls.version() is None else tls.read()
            connection.sendall(outgoing.read())

    return handle


def test_a_server_that_allows_a_few_is_at_no_risk(tmp_path: Path) -> None:
    """A limit ends the connection sooner or later."""
    made = context(tmp_path, CHAIN)
    made.options |= ALLOW_CLIENT_RENEGOTIATION
    with raw_server(limited(made, 3)) as place:
        found = look(place)

    assert found.secure is True
    assert found.rounds is not None
    assert 0 < found.rounds < ROUNDS
    assert scan(found).renegotiation_problems() == ()


def ignoring(made: ssl.SSLContext) -> Callable[[socket.socket], None]:
    """Shakes hands, and then never reads again."""

    def handle(connection: socket.socket) -> None:
        with made.wrap_socket(connection, server_side=True):
            time.sleep(2)

    return handle


def test_silence_is_no_refusal(tmp_path: Path) -> None:
    """A server that never answers the wish is not known to refuse."""
    with raw_server(ignoring(context(tmp_path, CHAIN))) as place:
        found = look(place, seconds=0.6)

    assert found.rounds is None
    assert "never answered" in found.problem


@pytest.mark.parametrize("handle", [reset, talk_garbage, say_nothing, saying(alert(40))])
def test_without_a_handshake_nothing_is_known(handle: Callable[[socket.socket], None]) -> None:
    """Neither resets nor garbage, silence or alerts tell of renegotiation."""
    with raw_server(handle) as place:
        found = look(place, seconds=0.5)

    assert (found.secure, found.rounds) == (None, None)
    assert found.problem


@pytest.mark.parametrize("announced", [True, False])
def test_the_announcement_is_read_from_the_hello(announced: bool) -> None:
    """The extension is there or not; the rest stays unknown with a server that goes no further."""
    hello = hello_message(0xC02B)
    if announced:
        body = hello[4:] + struct.pack("!HHHB", 5, 0xFF01, 1, 0)
        hello = b"\2" + len(body).to_bytes(3, "big") + body
    with raw_server(saying(record(22, hello))) as place:
        found = look(place, seconds=0.5)

    assert found.secure is announced
    assert found.rounds is None


def scan(*found: Renegotiation | None, demands: str = "DISABLED", speaks: bool = True) -> TlsScan:
    versions = {version: VersionFact(version, refused=3) for version in COMMANDS}
    if speaks:
        versions["TLS 1.2"] = VersionFact("TLS 1.2", ("TLS_RSA_WITH_AES_128_GCM_SHA256",))
    addresses = [
        AddressScan(f"192.0.2.{n}", versions, client_certificate=demands, renegotiation=one)
        for n, one in enumerate(found)
    ]
    return TlsScan(TlsEndpoint(host="app.test"), tuple(addresses))


SAFE, FEW, ENDLESS = (Renegotiation(secure=True, rounds=rounds) for rounds in (0, ROUNDS - 1, ROUNDS))
INSECURE, UNKNOWN = Renegotiation(secure=False, rounds=0), Renegotiation(secure=True, problem="no handshake")


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (scan(SAFE), 0),
        (scan(SAFE, FEW), 0),
        (scan(SAFE, ENDLESS), 1),
        (scan(INSECURE), 1),
        (scan(UNKNOWN, INSECURE), 1),
        (scan(SAFE, UNKNOWN), ProbeError),
        (scan(None), ProbeError),
        (scan(), ProbeError),
        (scan(UNKNOWN, demands="REQUIRED"), Uncovered),
        (scan(UNKNOWN, demands="OPTIONAL"), ProbeError),
        (scan(ENDLESS, demands="REQUIRED"), 1),
        (scan(None, speaks=False), NotApplicable),
        (TlsScan(TlsEndpoint(host="app.test"), (AddressScan("192.0.2.1", problem="no connection"),)), ProbeError),
    ],
)
def test_one_address_is_enough_to_fail_and_all_are_needed_to_pass(
    observed: TlsScan, expected: int | type[Exception]
) -> None:
    """What was not seen is not known; only who demands a client's certificate is excused, and said to be."""
    if isinstance(expected, int):
        assert len(observed.renegotiation_problems()) == expected
    else:
        with pytest.raises(expected):
            observed.renegotiation_problems()


def test_one_address_that_demands_a_certificate_excuses_no_other() -> None:
    """Unknown beside unknown for another reason is inconclusive, not excused."""
    demanding, other = scan(UNKNOWN, UNKNOWN, demands="REQUIRED").addresses
    observed = TlsScan(TlsEndpoint(host="app.test"), (demanding, replace(other, client_certificate="DISABLED")))

    with pytest.raises(ProbeError):
        observed.renegotiation_problems()
