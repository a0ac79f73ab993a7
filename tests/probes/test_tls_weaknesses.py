"""Heartbleed, CCS injection, ROBOT, compression: servers scripted byte by byte, and their sound twins."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers
from cryptography.hazmat.primitives.serialization import Encoding

from stagehold.environment.model import TlsEndpoint
from stagehold.errors import ProbeError
from stagehold.probes.tls import malformed, oracle, weaknesses
from stagehold.probes.tls.facts import COMMANDS, AddressScan, TlsScan, VersionFact
from stagehold.probes.tls.malformed import Finding, together
from stagehold.probes.tls.weaknesses import WEAKNESSES, EndpointWeaknesses, look_at_weaknesses
from tests.probes.pki import Authority
from tests.probes.test_tls_offers import alert, at, record, saying
from tests.probes.tls_servers import raw_server, reset, say_nothing, talk_garbage
from tests.probes.tls_stacks import AEAD, context, nginx_server, node_server, openssl_server, resetting_server

AUTHORITY = Authority.create()
KEY = rsa.generate_private_key(65537, 2048)
RSA_CHAIN = (AUTHORITY.leaf("app.test", key=KEY), AUTHORITY.intermediate)
CHAIN = (AUTHORITY.leaf("app.test"), AUTHORITY.intermediate)
LEAF = RSA_CHAIN[0].certificate.public_bytes(Encoding.DER)
RSA_SUITE, ECDHE_SUITE = 0x009C, 0xC02F
HEARTBEAT, CCS = 24, 20
SILENCE = 0.25
"""Seconds after which the probes take a server for silent here."""
Answer = Callable[["Wire"], None]


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of one's own are waited for less."""
    monkeypatch.setattr(malformed, "PATIENCE", SILENCE)
    monkeypatch.setattr(oracle, "PATIENCE_WITHOUT_REST", SILENCE)
    monkeypatch.setattr(weaknesses, "PAUSE", 0.02)


class Wire:
    """The server's end of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.connection.recv(size - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data

    def record(self) -> tuple[int, bytes]:
        kind, _, length = struct.unpack("!BHH", self.exactly(5))
        return kind, self.exactly(length)

    def say(self, data: bytes) -> None:
        self.connection.sendall(data)

    def break_off(self) -> None:
        """Resets."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def hush(self) -> None:
        """Reads for ever and says nothing."""
        with contextlib.suppress(OSError):
            while self.connection.recv(4096):
                pass


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def offered(hello: bytes) -> tuple[set[int], bytes]:
    """Suites and methods of compression of a ClientHello."""
    position = 4 + 2 + 32
    position += 1 + hello[position]
    (length,) = struct.unpack_from("!H", hello, position)
    suites = {number for (number,) in struct.iter_unpack("!H", hello[position + 2 : position + 2 + length])}
    position += 2 + length
    return suites, hello[position + 1 : position + 1 + hello[position]]


def flight(suite: int, compression: int = 0, *, asks: bool = False) -> bytes:
    hello = message(2, b"\3\3" + bytes(32) + b"\0" + struct.pack("!HB", suite, compression))
    certificate = message(11, (len(LEAF) + 3).to_bytes(3, "big") + len(LEAF).to_bytes(3, "big") + LEAF)
    request = message(13, b"\1\1\0\2\4\1\0\0") if asks else b""
    # One message in two records, two messages in one.
    whole = hello + certificate + request + message(14, b"")
    return record(22, whole[:60]) + record(22, whole[60:])


def scripted(
    react: Answer | None = None, *, suites: set[int] | None = None, compression: int = 0, asks: bool = False
) -> Callable[[socket.socket], None]:
    """Shakes hands up to the end of the first flight, and then reacts; by default as OpenSSL 3 does."""
    spoken = {ECDHE_SUITE} if suites is None else suites

    def handle(connection: socket.socket) -> None:
        wire = Wire(connection)
        suites, methods = offered(wire.record()[1])
        common = sorted(suites & spoken, reverse=True)
        if not common:
            wire.say(alert(40))
            return
        wire.say(flight(common[0], compression if compression in methods else 0, asks=asks))
        (react or refuse)(wire)

    return handle


def refuse(wire: Wire) -> None:
    """Meets what has no place with an alert, whatever the key."""
    kind, body = wire.record()
    if kind == 22 and body[0] == 16:
        wait_for_rest(wire)
        wire.say(alert(20))
    else:
        wire.say(alert(10))


def read_rest(wire: Wire) -> bool:
    """Whether ChangeCipherSpec and Finished came along with the key, in the same segment."""
    wire.connection.setblocking(False)
    try:
        if not wire.connection.recv(1, socket.MSG_PEEK):
            return False
    except BlockingIOError:
        return False
    finally:
        wire.connection.settimeout(5)
    return (wire.record()[0], wire.record()[0]) == (CCS, 22)


def wait_for_rest(wire: Wire) -> None:
    """Reads ChangeCipherSpec and Finished, whenever they come."""
    assert (wire.record()[0], wire.record()[0]) == (CCS, 22)


def on(kind: int, react: Answer) -> Answer:
    """Reacts to records of this kind; the rest is refused."""

    def answer(wire: Wire) -> None:
        head = wire.connection.recv(1, socket.MSG_PEEK)
        if head and head[0] == kind:
            wire.record()
            react(wire)
        else:
            refuse(wire)

    return answer


def look(handle: Callable[[socket.socket], None], seconds: float = 1.5) -> dict[str, Finding]:
    with raw_server(handle) as place:
        network, where = at(*place)
        return look_at_weaknesses(network, where, "app.test", ["TLS 1.2"], seconds=seconds)


def told(found: dict[str, Finding]) -> dict[str, bool | None]:
    """Everything that is not free."""
    return {weakness: finding.free for weakness, finding in found.items() if finding.free is not True}


def bleed(size: int) -> Answer:
    return lambda wire: wire.say(record(HEARTBEAT, b"\2" + struct.pack("!H", size) + b"s" * size + bytes(16)))


def first_warning(wire: Wire) -> None:
    wire.say(alert(110, level=1))
    bleed(64)(wire)


def bleed_late(wire: Wire) -> None:
    time.sleep(SILENCE * 1.5)
    bleed(64)(wire)


def pass_over(wire: Wire) -> None:
    """As RFC 6520 wants it, and then goes on."""
    wire.record()
    wire.say(alert(10))


def pass_over_and_hang_up(wire: Wire) -> None:
    wire.record()


def decrypt(number: int) -> Answer:
    """Takes the early ChangeCipherSpec, and decrypts what follows."""

    def react(wire: Wire) -> None:
        wire.record()
        wire.say(alert(number))

    return react


@pytest.mark.parametrize(
    ("kind", "react", "expected"),
    [
        (HEARTBEAT, bleed(64), {"Heartbleed": False}),
        (HEARTBEAT, bleed(1), {"Heartbleed": False}),
        (HEARTBEAT, bleed(16384), {"Heartbleed": False}),
        (HEARTBEAT, first_warning, {"Heartbleed": False}),
        (HEARTBEAT, bleed_late, {"Heartbleed": False}),
        (HEARTBEAT, bleed(0), {"Heartbleed": None}),
        (HEARTBEAT, lambda wire: wire.say(alert(10)), {}),
        (HEARTBEAT, pass_over, {}),
        (HEARTBEAT, pass_over_and_hang_up, {}),
        (HEARTBEAT, lambda _: None, {}),
        (HEARTBEAT, Wire.break_off, {}),
        (HEARTBEAT, Wire.hush, {"Heartbleed": None}),
        (HEARTBEAT, lambda wire: wire.say(record(22, b"\1\0\0\0")), {"Heartbleed": None}),
        (HEARTBEAT, lambda wire: wire.say(b"HTTP/1.1 400 Bad Request\r\n"), {"Heartbleed": None}),
        (HEARTBEAT, lambda wire: wire.say(record(HEARTBEAT, b"\2" + bytes(90))[:50]), {"Heartbleed": None}),
        (CCS, decrypt(20), {"CCS injection": False}),
        (CCS, decrypt(21), {"CCS injection": False}),
        (CCS, lambda wire: wire.say(record(CCS, b"\1")), {"CCS injection": False}),
        (CCS, decrypt(10), {}),
        (CCS, decrypt(80), {"CCS injection": None}),
        (CCS, pass_over_and_hang_up, {"CCS injection": None}),
        (CCS, lambda wire: wire.say(alert(10)), {}),
        (CCS, lambda wire: wire.say(alert(20)), {}),
        (CCS, lambda _: None, {}),
        (CCS, Wire.break_off, {}),
        (CCS, Wire.hush, {"CCS injection": None}),
    ],
)
def test_a_message_out_of_place_is_judged_by_what_comes_of_it(
    kind: int, react: Answer, expected: dict[str, bool | None]
) -> None:
    """Content sent back and plain text decrypted fail; refusals, ends and going on are free; silence is not known."""
    assert told(look(scripted(on(kind, react)))) == expected


def test_no_memory_of_the_server_is_kept() -> None:
    """What bled is told by its size only."""
    found = look(scripted(on(HEARTBEAT, bleed(64))))["Heartbleed"]

    assert "80 bytes" in found.words
    assert "sss" not in found.words


def test_a_hang_up_counts_when_it_comes_again() -> None:
    """Who hangs up the first time and bleeds the second time is not free."""
    times = itertools.count()

    def react(wire: Wire) -> None:
        if next(times):
            bleed(64)(wire)

    assert told(look(scripted(on(HEARTBEAT, react)))) == {"Heartbleed": False}


def test_who_declines_to_hear_of_heartbeats_is_sent_one_all_the_same() -> None:
    """The vulnerable answer unasked as well."""
    inner = scripted(on(HEARTBEAT, bleed(64)))

    def handle(connection: socket.socket) -> None:
        hello = connection.recv(4096, socket.MSG_PEEK)
        if b"\0\x0f\0\1\1" in hello:
            connection.recv(4096)
            connection.sendall(alert(40))
        else:
            inner(connection)

    assert told(look(handle)) == {"Heartbleed": False}


@pytest.mark.parametrize("method", [1, 64])
def test_compression_that_is_chosen_is_told(method: int) -> None:
    """DEFLATE or LZS in the ServerHello."""
    assert told(look(scripted(compression=method))) == {"compression": False}
    assert told(look(scripted(compression=0))) == {}


def choosy(refusal: Callable[[Wire], None]) -> Callable[[socket.socket], None]:
    """Does not take clients that offer compression."""

    def handle(connection: socket.socket) -> None:
        hello = connection.recv(4096, socket.MSG_PEEK)
        if len(offered(hello[5:])[1]) > 1:
            connection.recv(4096)
            refusal(Wire(connection))
        else:
            scripted()(connection)

    return handle


def test_who_takes_only_clients_without_compression_is_free_of_it() -> None:
    """By an alert or by hanging up, while others are served."""
    assert told(look(choosy(lambda wire: wire.say(alert(40))))) == {}
    assert told(look(choosy(lambda _: None))) == {}


def decrypted(number: int, key: RSAPrivateNumbers) -> int:
    """RSA by the Chinese remainder theorem, without a look at the padding."""
    one, two = pow(number, key.dmp1, key.p), pow(number, key.dmq1, key.q)
    return two + key.q * (key.iqmp * (one - two) % key.p)


class Padding:
    """Answers a key by how it was padded."""

    def __init__(self, bad: Answer, *, strong: bool, early: bool = False, key: RSAPrivateKey = KEY) -> None:
        self.bad, self.strong, self.early, self.numbers = bad, strong, early, key.private_numbers()

    def __call__(self, wire: Wire) -> None:
        kind, body = wire.record()
        if kind != 22 or body[0] != 16:
            wire.say(alert(10))
            return
        padded = decrypted(int.from_bytes(body[6:], "big"), self.numbers).to_bytes(256, "big")
        begins = padded[:2] == b"\0\2"
        right = begins and (self.strong or (padded.index(0, 2) == 256 - 49 if 0 in padded[2:] else False))
        right = right and (self.strong or padded[-48:-46] == b"\3\3")
        if self.early and not right:
            self.bad(wire)
            return
        wait_for_rest(wire)
        if right or self.early:
            wire.say(alert(20))
        else:
            self.bad(wire)


ORACLES: dict[str, tuple[Answer, str]] = {
    "another alert": (lambda wire: wire.say(alert(51)), "alert 51"),
    "a hang-up": (lambda _: None, "closed"),
    "a reset": (Wire.break_off, "reset"),
    "silence": (Wire.hush, "silent"),
}


@pytest.mark.parametrize("strong", [True, False])
@pytest.mark.parametrize("telling", ORACLES)
def test_keys_that_are_told_apart_are_an_oracle(telling: str, strong: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strong or weak, by alerts, ends of the connection or silence."""
    react, words = ORACLES[telling]
    if telling == "silence":
        monkeypatch.setattr(oracle, "PATIENCE", SILENCE)
    found = look(scripted(Padding(react, strong=strong), suites={RSA_SUITE}), seconds=3)

    assert told(found) == {"ROBOT": False}
    assert f"a {'strong' if strong else 'weak'} oracle" in found["ROBOT"].words
    assert f"wrong first bytes: {words}" in found["ROBOT"].words


def test_an_oracle_that_does_not_wait_for_the_rest_is_seen() -> None:
    """Keys alone are told apart, while with the rest of the handshake all seem alike."""

    def react(wire: Wire) -> None:
        wire.say(alert(20 if read_rest(wire) else 51))

    found = look(scripted(Padding(react, strong=True, early=True), suites={RSA_SUITE}))["ROBOT"]

    assert found.free is False
    assert "ahead of the rest" in found.words


def test_an_oracle_that_answers_late_is_seen() -> None:
    """Slower than a server counts as silent, it still tells keys apart."""

    def react(wire: Wire) -> None:
        rest = read_rest(wire)
        time.sleep(0 if rest else SILENCE * 1.5)
        wire.say(alert(20 if rest else 51))

    found = look(scripted(Padding(react, strong=True, early=True), suites={RSA_SUITE}))["ROBOT"]

    assert found.free is False
    assert "silent, then alert 51" in found.words


def test_who_treats_all_keys_alike_is_free() -> None:
    """The sound twin of the oracles, RSA key exchange and all."""
    found = look(scripted(suites={RSA_SUITE}))

    assert told(found) == {}
    assert "all met with the same: silent, then alert 20" in found["ROBOT"].words
    assert "all met with the same: alert 20" in found["ROBOT"].words


def test_who_never_answers_a_key_is_not_known() -> None:
    """Silence about all of them tells nothing."""

    def react(wire: Wire) -> None:
        head = wire.connection.recv(6, socket.MSG_PEEK)
        Wire.hush(wire) if head[:1] == b"\x16" and head[5:] == b"\x10" else refuse(wire)

    assert told(look(scripted(react, suites={RSA_SUITE}), seconds=0.3)) == {"ROBOT": None}


def test_keys_met_differently_from_time_to_time_are_not_known() -> None:
    """A server of moods is neither an oracle nor free."""
    times = itertools.count()

    def react(wire: Wire) -> None:
        kind, body = wire.record()
        if kind == 22 and body[0] == 16:
            wait_for_rest(wire)
            wire.say(alert(20 if next(times) % 7 < 4 else 51))
        else:
            wire.say(alert(10))

    assert told(look(scripted(react, suites={RSA_SUITE}))) == {"ROBOT": None}


def test_who_wants_a_certificate_first_is_not_known() -> None:
    """All keys are met alike by a server that does not look at them."""
    found = look(scripted(suites={RSA_SUITE}, asks=True))

    assert told(found) == {"ROBOT": None}
    assert "certificate" in found["ROBOT"].words


def test_a_lost_connection_is_no_refusal_of_rsa() -> None:
    """Who hangs up on every other client may have been busy."""
    turns, lock = itertools.count(), threading.Lock()

    def handle(connection: socket.socket) -> None:
        with lock:
            turn = next(turns)
        connection.settimeout(5)
        if turn % 2:
            scripted(suites={RSA_SUITE})(connection)

    assert look(handle)["ROBOT"].free is not True


@pytest.mark.parametrize("handle", [reset, talk_garbage, say_nothing, saying(alert(40)), saying(alert(80))])
def test_without_a_handshake_nothing_is_known(handle: Callable[[socket.socket], None]) -> None:
    """Resets, garbage, silence and alerts are no proof of anything."""
    found = look(handle, seconds=0.3)

    assert told(found) == dict.fromkeys(WEAKNESSES)
    assert all(finding.words for finding in found.values())


@pytest.mark.parametrize("whole", [60, 100])
def test_a_flight_without_an_end_tells_nothing(whole: int) -> None:
    """The ServerHello alone, and a close or a silence after it, are not enough."""
    data = flight(ECDHE_SUITE)[:whole]

    assert set(told(look(saying(data), seconds=0.3)).values()) == {None}


def resets(folder: Path) -> contextlib.AbstractContextManager[tuple[str, int]]:
    return resetting_server(context(folder, CHAIN))


STACKS: dict[str, Callable[[Path], contextlib.AbstractContextManager[tuple[str, int]]]] = {
    "OpenSSL": lambda folder: openssl_server(folder, CHAIN, "-cipher", AEAD),
    "OpenSSL with RSA key exchange": lambda folder: openssl_server(
        folder, RSA_CHAIN, "-tls1_2", "-cipher", "AES128-GCM-SHA256:AES128-SHA"
    ),
    "nginx with RSA key exchange": lambda folder: nginx_server(
        folder, RSA_CHAIN, "ssl_protocols TLSv1.2; ssl_ciphers AES128-SHA;"
    ),
    "nginx": lambda folder: nginx_server(folder, CHAIN),
    "Node": lambda folder: node_server(folder, CHAIN),
    "Python, resets": resets,
}


@pytest.mark.parametrize("stack", STACKS)
def test_stacks_of_today_are_free(tmp_path: Path, stack: str) -> None:
    """OpenSSL 3 by itself and below nginx, Node and Python, whatever they are allowed to choose."""
    with STACKS[stack](tmp_path) as place:
        network, where = at(*place)
        found = look_at_weaknesses(network, where, "app.test", ["TLS 1.2", "TLS 1.3"], seconds=8)

    assert told(found) == {}


def scan(*found: dict[str, Finding], version: str = "TLS 1.2", problem: str = "") -> TlsScan:
    versions = {name: VersionFact(name, refused=3) for name in COMMANDS}
    versions[version] = VersionFact(version, problem=problem) if problem else VersionFact(version, ("ANY",))
    return TlsScan(
        TlsEndpoint(host="app.test"),
        tuple(AddressScan(f"192.0.2.{n}", versions, weaknesses=one) for n, one in enumerate(found)),
    )


def each(free: bool | None) -> dict[str, Finding]:
    return dict.fromkeys(WEAKNESSES, Finding(free, "seen"))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (scan(each(True)).weaknesses, 0),
        (scan(each(True), each(True)).weaknesses, 0),
        (scan(each(True), each(False)).weaknesses, 1),
        (scan(each(None), each(False)).weaknesses, 1),
        (scan(each(True), each(None)).weaknesses, ProbeError),
        (scan({}).weaknesses, ProbeError),
        (scan().weaknesses, ProbeError),
        (scan(each(True), version="TLS 1.1", problem="3 handshakes were never answered").weaknesses, ProbeError),
        (scan(each(False), version="TLS 1.1", problem="3 handshakes were never answered").weaknesses, 1),
        (
            TlsScan(TlsEndpoint(host="app.test"), (AddressScan("192.0.2.1", problem="refused"),)).weaknesses,
            ProbeError,
        ),
    ],
)
def test_every_address_must_be_known(found: EndpointWeaknesses, expected: int | type[ProbeError]) -> None:
    """A weakness at one address fails; an address of which it is not known is not free."""
    for weakness in WEAKNESSES:
        if isinstance(expected, int):
            assert len(found.problems(weakness)) == expected
        else:
            with pytest.raises(expected):
                found.problems(weakness)


def test_versions_that_cannot_have_them_are_free_and_others_are_not_known() -> None:
    """TLS 1.3 alone is free without a look; SSL 2.0 alone is not looked at."""
    network, where = at("127.0.0.1", 1)

    assert told(look_at_weaknesses(network, where, "app.test", ["TLS 1.3"], seconds=1)) == {}
    assert set(told(look_at_weaknesses(network, where, "app.test", ["SSL 2.0"], seconds=1)).values()) == {None}


def test_the_worst_of_several_versions_counts() -> None:
    """One version with the weakness, or not known, spoils the others."""
    sound, weak, unknown = Finding(True, "a"), Finding(False, "b"), Finding(None, "c")

    assert together([sound, weak, unknown]) == weak
    assert together([sound, unknown]) == unknown
    assert together([sound, sound]) == Finding(True, "a; a")
