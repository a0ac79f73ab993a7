"""The ClientHello built by hand, and what counts as an answer to it."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import struct
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.tls.hello import VERSIONS, client_hello
from stagehold.probes.tls.offers import Place, broken_suite, offer, preferred_version
from stagehold.probes.tls.server_answer import Chosen, Declined, NotTlsError, read_server_answer
from stagehold.probes.tls.suites import BROKEN, SOUND
from tests.probes.pki import Authority
from tests.probes.tls_servers import raw_server, reset, say_nothing, talk_garbage
from tests.probes.tls_stacks import context, resetting_server

GCM, NULL, RC4, TRIPLE = 0xC02B, 0xC006, 0x0005, 0x000A
HANDSHAKE_FAILURE, UNRECOGNIZED_NAME, INTERNAL_ERROR = 40, 112, 80


def record(kind: int, payload: bytes, version: int = 0x0303) -> bytes:
    return struct.pack("!BHH", kind, version, len(payload)) + payload


def alert(number: int, level: int = 2) -> bytes:
    return record(21, bytes([level, number]))


def hello_message(suite: int, version: int = 0x0303, *, selected: int | None = None, session: bytes = b"") -> bytes:
    body = struct.pack("!H", version) + bytes(32) + bytes([len(session)]) + session + struct.pack("!HB", suite, 0)
    if selected is not None:
        body += struct.pack("!HHHH", 6, 43, 2, selected)
    return b"\2" + len(body).to_bytes(3, "big") + body


def server_hello(suite: int, version: int = 0x0303, *, selected: int | None = None) -> bytes:
    return record(22, hello_message(suite, version, selected=selected))


def reader(data: bytes, at_once: int = 65536) -> Callable[[int], bytes]:
    parts = iter([data[n : n + at_once] for n in range(0, len(data), at_once)])
    left = bytearray()

    def read(size: int) -> bytes:
        if not left:
            left.extend(next(parts, b""))
        part = bytes(left[:size])
        del left[:size]
        return part

    return read


def answer(data: bytes, at_once: int = 65536) -> Chosen | Declined:
    return read_server_answer(reader(data, at_once))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (server_hello(NULL), Chosen(NULL, 0x0303)),
        (server_hello(NULL, 0x0300), Chosen(NULL, 0x0300)),
        (server_hello(0x1301, selected=0x0304), Chosen(0x1301, 0x0304)),
        (record(22, hello_message(NULL, session=bytes(32)) + b"\x0b\0\0\1x"), Chosen(NULL, 0x0303)),
        (alert(UNRECOGNIZED_NAME, level=1) + server_hello(NULL), Chosen(NULL, 0x0303)),
    ],
)
def test_a_choice_is_read(data: bytes, expected: Chosen) -> None:
    """Suite and version are the server's, also after a warning that it does not know the name."""
    assert answer(data) == expected
    assert answer(data, at_once=1) == expected


@pytest.mark.parametrize("size", [1, 3, 4, 7, 40])
def test_a_choice_in_many_records_is_read(size: int) -> None:
    """A ServerHello may be spread over records (RFC 8446 section 5.1)."""
    message = hello_message(NULL)
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    if len(pieces) > 64:
        with pytest.raises(NotTlsError):
            answer(b"".join(record(22, piece) for piece in pieces))
        return

    assert answer(b"".join(record(22, piece) for piece in pieces)) == Chosen(NULL, 0x0303)


@pytest.mark.parametrize(
    ("data", "certain"),
    [
        (alert(HANDSHAKE_FAILURE), True),
        (alert(70), True),
        (alert(71), True),
        (alert(UNRECOGNIZED_NAME, level=1) + alert(HANDSHAKE_FAILURE), True),
        (alert(INTERNAL_ERROR), False),
        (alert(UNRECOGNIZED_NAME), False),
        (alert(50), False),
        (alert(0, level=1), False),
        (b"", False),
        (alert(UNRECOGNIZED_NAME, level=1), False),
    ],
)
def test_only_alerts_about_the_offer_are_certain_refusals(data: bytes, certain: bool) -> None:
    """Every other end of the connection may have another reason, and says so."""
    found = answer(data)

    assert isinstance(found, Declined)
    assert found.certain is certain


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"220 mail.test ESMTP\r\n",
        b"\x15",
        alert(HANDSHAKE_FAILURE)[:6],
        record(21, b"\2"),
        record(21, b"\2\x28\0"),
        record(21, b"\7\x28"),
        record(21, b""),
        record(22, b""),
        record(22, b"\x0b\0\0\0"),
        record(23, b"\0" * 40),
        record(22, b"\2\xff\xff\xff" + bytes(60)),
        server_hello(NULL)[:-1],
        record(22, hello_message(NULL)[:20]),
        server_hello(NULL, 0x0404),
        record(22, b"\2\0\0\x23" + b"\3\3" + bytes(32) + b"\xff"),
        struct.pack("!BHH", 22, 0x0303, 0xFFFF) + bytes(70000),
        alert(UNRECOGNIZED_NAME, level=1) * 70,
        record(22, b"\2\0\0\x2a\3\3" + bytes(33) + b"\xc0\x06\0" + b"\0\x09\0\x2b\0\2"),
    ],
)
def test_what_is_no_answer_is_no_refusal(data: bytes) -> None:
    """Other protocols, malformed and truncated answers are errors of the look, not a word about the offer."""
    with pytest.raises(NotTlsError):
        answer(data)


@given(st.binary(min_size=1, max_size=300), st.integers(1, 50))
def test_garbage_is_never_a_certain_refusal(data: bytes, at_once: int) -> None:
    """Only a well-formed fatal alert about the offer is one, whatever else comes."""
    try:
        found = answer(data, at_once)
    except NotTlsError:
        return

    proper = data[:1] == b"\x15" and data[1:2] == b"\3" and data[3:5] == b"\0\2" and data[5:6] in {b"\1", b"\2"}
    assert isinstance(found, Chosen) or proper


@given(st.integers(0, 200), st.integers(0, 200), st.binary(max_size=8))
def test_a_choice_with_a_wound_is_never_a_refusal(cut: int, at: int, put: bytes) -> None:
    """A ServerHello that was cut or overwritten somewhere is read as a choice or as an error, never as declined."""
    whole = server_hello(0x1301, selected=0x0304)
    wounded = bytearray(whole[: max(1, cut)])
    wounded[5 + at % len(whole) : 5 + at % len(whole) + len(put)] = put

    with contextlib.suppress(NotTlsError):
        assert isinstance(answer(bytes(wounded)), Chosen)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["app.test", "bücher.test", "192.0.2.1", "2001:db8::1"])
@pytest.mark.parametrize("suites", [(NULL,), tuple(BROKEN), (*BROKEN, *SOUND)])
def test_a_hello_is_well_formed(version: str, name: str, suites: Sequence[int]) -> None:
    """All lengths add up, the suites are in it in their order, and no load balancer's forbidden size is hit."""
    hello = client_hello(name, [version], suites)
    kind, _, length = struct.unpack_from("!BHH", hello)
    message = hello[5:]

    assert (kind, length) == (22, len(message))
    assert message[0] == 1
    assert int.from_bytes(message[1:4], "big") == len(message) - 4
    session = message[38]
    at = 39 + session
    (size,) = struct.unpack_from("!H", message, at)
    assert struct.unpack_from(f"!{size // 2}H", message, at + 2) == tuple(suites)
    rest = message[at + 2 + size + 2 :]
    assert version == "SSL 3.0" or not 256 <= len(message) <= 511
    if version == "SSL 3.0":
        assert rest == b""
        return
    kinds = list(_extensions(rest))
    assert len(kinds) == len(set(kinds))
    assert (0 in kinds) is (name.endswith(".test"))
    assert (43 in kinds) is (version == "TLS 1.3")


def _extensions(block: bytes) -> Iterator[int]:
    (length,) = struct.unpack_from("!H", block)
    assert length == len(block) - 2
    at = 2
    while at < len(block):
        kind, size = struct.unpack_from("!HH", block, at)
        at += 4 + size
        yield kind
    assert at == len(block)


def at(address: str, port: int) -> tuple[Network, Place]:
    environment = Environment.model_validate(
        {
            "environment": {"id": "test"},
            "targets": [{"name": "web", "base_url": "http://192.0.2.1"}],
            "tls": {"endpoints": [{"host": "app.test", "port": port, "addresses": [address]}]},
        }
    )
    return Network.build(environment), ("app.test", port, address)


def saying(*answers: bytes) -> Callable[[socket.socket], None]:
    """Answers one connection after the other; the last answer is for all that follow."""
    said = itertools.chain(answers, itertools.repeat(answers[-1]))

    def say(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(next(said))

    return say


DECLINES, ACCEPTS = alert(HANDSHAKE_FAILURE), server_hello(GCM)


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([server_hello(NULL)], "TLS_ECDHE_ECDSA_WITH_NULL_SHA"),
        ([server_hello(TRIPLE)], "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
        ([alert(UNRECOGNIZED_NAME, level=1) + server_hello(RC4)], "TLS_RSA_WITH_RC4_128_SHA"),
        ([DECLINES, ACCEPTS], ""),
        ([b"", ACCEPTS, b"", ACCEPTS], ""),
        ([b"", ACCEPTS, server_hello(NULL)], "TLS_ECDHE_ECDSA_WITH_NULL_SHA"),
        ([alert(INTERNAL_ERROR), ACCEPTS, server_hello(NULL)], "TLS_ECDHE_ECDSA_WITH_NULL_SHA"),
        ([DECLINES, server_hello(NULL)], "TLS_ECDHE_ECDSA_WITH_NULL_SHA"),
    ],
)
def test_a_broken_suite_is_found_or_declined_beside_a_control(answers: list[bytes], found: str) -> None:
    """One hang-up proves nothing; a refusal counts beside sound suites that are accepted the same way."""
    with raw_server(saying(*answers)) as place:
        network, where = at(*place)
        assert broken_suite(network, where, "app.test", "TLS 1.2", seconds=5) == found


@pytest.mark.parametrize(
    "answers",
    [
        [DECLINES],
        [b""],
        [DECLINES, b""],
        [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
        [server_hello(NULL)[:30]],
        [server_hello(GCM)],
        [server_hello(NULL, selected=0x0304)],
        [DECLINES, b"garbage"],
    ],
)
def test_without_a_control_nothing_is_known(answers: list[bytes]) -> None:
    """A server that declines sound suites as well, speaks no TLS, or chooses what was not offered is inconclusive."""
    with raw_server(saying(*answers)) as place:
        network, where = at(*place)
        with pytest.raises(ProbeError):
            broken_suite(network, where, "app.test", "TLS 1.2", seconds=5)


@pytest.mark.parametrize("handle", [reset, talk_garbage])
def test_a_server_that_speaks_no_tls_prefers_nothing(handle: Callable[[socket.socket], None]) -> None:
    """A reset is no version, and garbage is an error."""
    with raw_server(handle) as place:
        network, where = at(*place)
        with contextlib.suppress(ProbeError):
            assert preferred_version(network, where, "app.test", seconds=5) == ""


def test_a_silent_server_costs_its_time_and_is_no_refusal() -> None:
    """No answer in time is an error."""
    with raw_server(say_nothing) as place:
        network, where = at(*place)
        with pytest.raises(ProbeError, match="never answered"):
            offer(network, where, "app.test", ["TLS 1.2"], [NULL], seconds=0.3)


def test_a_tarpit_that_trickles_costs_its_time_only() -> None:
    """Byte after byte of a ServerHello that never ends does not hold the scan up."""

    def trickle(connection: socket.socket) -> None:
        connection.recv(4096)
        for byte in itertools.cycle(server_hello(NULL)[:20]):
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    started = time.monotonic()
    with raw_server(trickle) as place:
        network, where = at(*place)
        with pytest.raises(ProbeError):
            offer(network, where, "app.test", ["TLS 1.2"], [NULL], seconds=0.5)

    assert time.monotonic() - started < 5


AUTHORITY = Authority.create()


@pytest.mark.parametrize(
    ("lowest", "highest", "agreed"),
    [
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, "TLS 1.3"),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "TLS 1.2"),
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, "TLS 1.3"),
        (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1, ""),
    ],
)
def test_the_version_agreed_on_is_a_real_servers(
    tmp_path: Path, lowest: ssl.TLSVersion, highest: ssl.TLSVersion, agreed: str
) -> None:
    """OpenSSL understands the ClientHello, and its choice is read; one that speaks neither says so."""
    made = context(tmp_path, (AUTHORITY.leaf("app.test"), AUTHORITY.intermediate), "ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version, made.maximum_version = lowest, highest
    with resetting_server(made) as place:
        network, where = at(*place)
        assert preferred_version(network, where, "app.test", seconds=5) == agreed


@pytest.mark.parametrize("suite", ["AECDH-AES128-SHA", "ECDHE-ECDSA-NULL-SHA", "AECDH-NULL-SHA"])
def test_a_real_servers_broken_suite_is_chosen(tmp_path: Path, suite: str) -> None:
    """OpenSSL chooses the broken suite from the offer in TLS 1.2, and in TLS 1.3 declines those without encryption."""
    made = context(tmp_path, (AUTHORITY.leaf("app.test"), AUTHORITY.intermediate), f"ECDHE+AESGCM:{suite}:@SECLEVEL=0")
    with resetting_server(made) as place:
        network, where = at(*place)
        assert broken_suite(network, where, "app.test", "TLS 1.2", seconds=5)
        assert broken_suite(network, where, "app.test", "TLS 1.3", seconds=5) == ""
