"""What a port speaks: first bytes by table, and listeners that greet, wait, trickle, hang up or echo."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagehold.environment.model import Environment
from stagehold.errors import NotAllowed, NotApplicable, ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.probes.ports import conversation, services
from stagehold.probes.ports.conversation import Listener
from stagehold.probes.ports.nmap_services import Opinion
from stagehold.probes.ports.recognition import GREETINGS, MONGO_REQUEST, SYNONYMS, canonical, recognise, spoken_by
from stagehold.probes.ports.services import SpokenService, identify, look_at_services, name_at
from tests.probes.judged import outcomes
from tests.probes.pki import Authority
from tests.probes.tls_servers import fresh_address, raw_server, reset, say_nothing
from tests.probes.tls_stacks import Place, context, nginx_server, node_server, openssl_server

AUTHORITY = Authority.create()
CHAIN = (AUTHORITY.leaf("app.test"), AUTHORITY.intermediate)
WANTS_CERTIFICATE = "ssl_client_certificate FOLDER/chain.pem; ssl_verify_client on;"
MONGO_REPLY = struct.pack("<iiiiI", 38, 7, MONGO_REQUEST, 2013, 0) + b"\0" + bytes(17)
MYSQL = b"J\0\0\0\x0a8.0.36\0" + bytes(20) + b"\0caching_sha2_password\0" + bytes(24)
MYSQL_ERROR = b"\x17\0\0\0\xff\x10\x04#08004Too many connections"
MARIADB_BLOCKED = b"\x26\0\0\1\xffi\x04Host '192.0.2.9' is blocked because "
PG_ERROR = b"E\0\0\0\x2bSFATAL\0VFATAL\0C0A000\0Munsupported\0\0"
TDS = b"\x04\x01\x00\x25\x00\x00\x01\x00" + bytes(29)
LDAP_ENTRY = b"\x30\x07\x02\x01\x01\x64\x02\x04\x00"


@pytest.mark.parametrize(
    ("reply", "greeting", "seen"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", "http", "http"),
        (b"HTTP/1.0 400 Bad Request\r\n\r\n", "", "http"),
        (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03", "http", "http"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "", "ssh"),
        (b"SSH-2.0-OpenSSH_9.2\r\nInvalid SSH identification string.\r\n", "http", "ssh"),
        (b"220 mail.test ESMTP Postfix\r\n", "", "smtp"),
        (b"220-mail.test ESMTP Exim 4.96\r\n", "", "smtp"),
        (b"220 (vsFTPd 3.0.3)\r\n", "", "ftp"),
        (b"220 ProFTPD Server ready.\r\n", "", "ftp"),
        (b"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n", "", "imap"),
        (b"+OK Dovecot ready.\r\n", "", "pop3"),
        (b"+OK ready\r\n-ERR unknown\r\n", "redis", "pop3"),
        (b"RFB 003.008\n", "", "vnc"),
        (b"\xff\xfd\x18\xff\xfd\x20", "", "telnet"),
        (MYSQL, "", "mysql"),
        (MYSQL_ERROR, "", "mysql"),
        (MARIADB_BLOCKED, "http", "mysql"),
        (b"S", "postgresql", "postgresql"),
        (b"N", "postgresql", "postgresql"),
        (PG_ERROR, "postgresql", "postgresql"),
        (b"+PONG\r\n", "redis", "redis"),
        (b"-NOAUTH Authentication required.\r\n", "redis", "redis"),
        (b"-DENIED Redis is running in protected mode", "redis", "redis"),
        (MONGO_REPLY, "mongodb", "mongodb"),
        (
            b"HTTP/1.0 200 OK\r\n\r\nIt looks like you are trying to access MongoDB over HTTP on the driver port.",
            "http",
            "mongodb",
        ),
        (TDS, "mssql", "mssql"),
        (b"VERSION 1.6.18\r\n", "memcached", "memcached"),
        (b"AMQP\x00\x00\x09\x01", "http", "amqp"),
        (b"AMQP\x03\x01\x00\x00", "amqp", "amqp"),
        (b"\x01\x00\x00\x00\x00\x02\x00\x00\x0a\x00\x0a\x00\x09", "amqp", "amqp"),
        (b"\x00\x00\x04\x04", "bolt", "bolt"),
        (b"\x84\x00\x00\x00\x06\x00\x00\x00\x10", "cassandra", "cassandra"),
        (LDAP_ENTRY, "ldap", "ldap"),
        (b"\x00\x11sh\x80\x05\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01", "dns", "dns"),
        (b"\x00\x11sh\x00\x05\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01", "dns", ""),
        (b"\x00\x11ab\x80\x05\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01", "dns", ""),
        (b"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x65\x84\x00\x00\x00\x07", "ldap", "ldap"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "http", "tls"),
        (b"\x15\x03\x03\x00\x02\x02\x32", "mysql", "tls"),
        # What is no proof of anything.
        (b"", "", ""),
        (b"S", "", ""),
        (b"N", "http", ""),
        (b"SS", "postgresql", ""),
        (b"+PONG\r\n", "memcached", ""),
        (b"E", "postgresql", ""),
        (b"ERROR\r\n", "http", ""),
        (MONGO_REPLY, "http", ""),
        (b"HTTP/1.1 x", "http", ""),
        (b"hello, who are you?\r\n", "", ""),
        (b"\x0a8.0.36\0", "", ""),
        (b"\x17\0\0\0\xff\x01\x00not an error of MySQL's!!!", "", ""),
        (b"\xff\xff\xff\0\x0a8.0.36\0" + bytes(40), "", ""),
    ],
)
def test_first_bytes_are_recognised_or_not(reply: bytes, greeting: str, seen: str) -> None:
    """Banners by themselves, short answers only as answers to their own greeting."""
    assert recognise(reply, greeting) == seen


@pytest.mark.parametrize("greeting", GREETINGS)
def test_an_echo_is_nobody(greeting: str) -> None:
    """A listener that sends back what it was sent is not taken for a server of that protocol."""
    assert recognise(GREETINGS[greeting], greeting) == ""


@given(st.binary(max_size=80), st.sampled_from(["", *GREETINGS]))
def test_any_bytes_are_read(reply: bytes, greeting: str) -> None:
    """Nothing that a listener could send breaks the reading, and the result is a name of the table."""
    assert recognise(reply, greeting) in {"", *SYNONYMS}


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz -.!", max_size=60), st.sampled_from(["", *GREETINGS]))
def test_lower_case_chatter_is_no_protocol(words: str, greeting: str) -> None:
    """Free text is not mistaken for a protocol."""
    assert recognise(words.encode(), greeting) == ""


def test_names_of_services_mean_one_protocol_each() -> None:
    """No name stands for two protocols, and every greeting has a name."""
    names = [name for synonyms in SYNONYMS.values() for name in synonyms]

    assert len(names) == len(set(names))
    assert SYNONYMS.keys() >= GREETINGS.keys()
    assert canonical(" Postgres ") == "postgresql"
    assert canonical("SIP") == "sip"
    assert spoken_by("tls", "imaps")
    assert not spoken_by("tls", "postgresql")


def spoken(declared: str, seen: str) -> SpokenService:
    return SpokenService("192.0.2.1", 1234, declared, seen, "by a test")


RIGHT, WRONG, OPEN = (True, False), (True, True), (False, False)


@pytest.mark.parametrize(
    ("declared", "seen", "verdict"),
    [
        ("https", "https", RIGHT),
        ("wss", "https", RIGHT),
        ("postgres", "postgresql", RIGHT),
        ("mariadb", "mysql", RIGHT),
        ("tls", "https", RIGHT),
        ("tls", "tls", RIGHT),
        ("https", "postgresql", WRONG),
        ("https", "redis", WRONG),
        ("tls", "redis", WRONG),
        ("https", "http", WRONG),
        ("http", "https", WRONG),
        ("http", "tls", WRONG),
        ("ssh", "tls", WRONG),
        ("sip", "ssh", WRONG),
        ("sip", "mysql", WRONG),
        ("https", "tls", OPEN),
        ("redis", "tls", OPEN),
        ("mongodb", "tls", OPEN),
        ("sip", "https", OPEN),
        ("https", "", OPEN),
        ("", "", OPEN),
        ("", "mysql", WRONG),
        ("", "oracle", WRONG),
    ],
)
def test_what_is_seen_is_right_wrong_or_open(declared: str, seen: str, verdict: tuple[bool, bool]) -> None:
    """Only what is certain fails; what may be inside TLS, or was not recognised, is left open."""
    item = spoken(declared, seen)

    assert (item.known, item.wrong) == verdict


def described(address: str, *ports: tuple[int, str], **more: object) -> Environment:
    document: dict[str, object] = {
        "environment": {"id": "test"},
        "targets": [{"name": "web", "base_url": "http://192.0.2.1"}],
        "hosts": [{"name": "h", "ipv4": [address], "ports": [{"port": p, "service": s} for p, s in ports]}],
        "consent": {"classes": ["ordinary", "intrusive"]},
    }
    return Environment.model_validate(document | more)


def answering(**answers: bytes) -> Callable[[socket.socket], None]:
    """Answers the first bytes of a greeting of that name; hangs up on all others."""

    def answer(connection: socket.socket) -> None:
        heard = connection.recv(4096)
        for name, reply in answers.items():
            if heard and heard[:4] == GREETINGS[name][:4]:
                connection.sendall(reply)

    return answer


def greeting(said: bytes, *replies: bytes) -> Callable[[socket.socket], None]:
    """Speaks first, then answers each line."""

    def greet(connection: socket.socket) -> None:
        connection.sendall(said)
        for reply in replies:
            if not connection.recv(4096):
                return
            connection.sendall(reply)
        connection.recv(4096)

    return greet


def trickle(connection: socket.socket) -> None:
    """One meaningless byte after the other, as tarpits do."""
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.05)


def hang_up(_: socket.socket) -> None:
    """Closes at once."""


def echo(connection: socket.socket) -> None:
    while data := connection.recv(4096):
        connection.sendall(data)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listeners of these tests answer at once or never."""
    monkeypatch.setattr(conversation, "SECONDS", 0.25)


@pytest.fixture
def no_nmap(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second opinion."""
    monkeypatch.setattr(services, "ask_nmap", lambda *_: {})


def seen_at(place: tuple[str, int], declared: str) -> SpokenService:
    address, port = place
    network = Network.build(described(address, (port, declared)))
    return identify(Listener(network, address, port, address), declared)


@pytest.mark.parametrize(
    ("handle", "declared", "seen"),
    [
        (greeting(MYSQL), "https", "mysql"),
        (greeting(MYSQL_ERROR), "https", "mysql"),
        (answering(postgresql=b"S"), "https", "postgresql"),
        (answering(postgresql=b"N"), "postgresql", "postgresql"),
        (answering(redis=b"-NOAUTH Authentication required.\r\n"), "http", "redis"),
        (answering(mongodb=MONGO_REPLY), "https", "mongodb"),
        (answering(mssql=TDS), "http", "mssql"),
        (answering(memcached=b"VERSION 1.6.18\r\n"), "http", "memcached"),
        (answering(ldap=LDAP_ENTRY), "https", "ldap"),
        (answering(amqp=b"\x01\x00\x00\x00\x00\x02\x00\x00\x0a\x00\x0a\x00\x09"), "amqp", "amqp"),
        (answering(http=b"HTTP/1.1 404 Not Found\r\n\r\n"), "postgresql", "http"),
        (greeting(b"SSH-2.0-OpenSSH_9.2\r\n"), "https", "ssh"),
        (greeting(b"220 mail.test ready\r\n", b"250-mail.test\r\n250 HELP\r\n"), "ftp", "smtp"),
        (greeting(b"220 files.test ready\r\n", b"500 What?\r\n"), "smtp", "ftp"),
        (greeting(b"220 files.test ready\r\n", b"530 Please login with USER and PASS.\r\n"), "ftp", "ftp"),
        # A mail server that is slow, or does not like us, is not taken for a file server.
        (greeting(b"220 mail.test ready\r\n"), "smtp", ""),
        (greeting(b"220 mail.test ready\r\n", b"554 5.7.1 Go away\r\n"), "smtp", ""),
        (greeting(b"220 mail.test ready\r\n", b"421 Too busy\r\n"), "smtp", ""),
        (trickle, "https", ""),
        (echo, "amqp", ""),
        (say_nothing, "https", ""),
        (reset, "https", ""),
        (hang_up, "https", ""),
    ],
)
def test_a_listener_is_recognised_whatever_is_declared(
    handle: Callable[[socket.socket], None], declared: str, seen: str
) -> None:
    """By its first words or by its answer to a greeting of its own protocol; silence, noise and echoes are nobody."""
    with raw_server(handle) as place:
        assert seen_at(place, declared).seen == seen


def test_a_listener_that_trickles_costs_its_time_only() -> None:
    """Each greeting has its end, however long a tarpit goes on."""
    started = time.monotonic()
    with raw_server(trickle) as place:
        seen_at(place, "https")

    assert time.monotonic() - started < 30 * 0.25


@contextlib.contextmanager
def over_tls(
    folder: Path, handle: Callable[[ssl.SSLSocket], None], prepare: Callable[[ssl.SSLContext], None] = lambda _: None
) -> Iterator[tuple[str, int]]:
    made = context(folder, CHAIN)
    prepare(made)

    def shake(connection: socket.socket) -> None:
        with made.wrap_socket(connection, server_side=True) as tls:
            handle(tls)

    with raw_server(shake) as place:
        yield place


def require_certificate(made: ssl.SSLContext) -> None:
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cadata=AUTHORITY.root.pem)


def require_certificate_in_tls12(made: ssl.SSLContext) -> None:
    require_certificate(made)
    made.maximum_version = ssl.TLSVersion.TLSv1_2


def http2(made: ssl.SSLContext) -> None:
    made.set_alpn_protocols(["h2"])


def strangers_go(made: ssl.SSLContext) -> None:
    made.sni_callback = lambda _, name, __: None if name == "app.test" else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def nothing(_: ssl.SSLContext) -> None:
    """Leaves the context as it is."""


HTTP = answering(http=b"HTTP/1.1 200 OK\r\n\r\n")


@pytest.mark.parametrize(
    ("handle", "prepare", "declared", "seen"),
    [
        (HTTP, nothing, "https", "https"),
        (HTTP, nothing, "http", "https"),
        (say_nothing, http2, "https", "https"),
        (greeting(b"220 mail.test ESMTP\r\n"), nothing, "smtps", "smtps"),
        (greeting(b"* OK ready\r\n"), nothing, "https", "imaps"),
        (answering(redis=b"+PONG\r\n"), nothing, "https", "redis"),
        (answering(mongodb=MONGO_REPLY), nothing, "mongodb", "mongodb"),
        (say_nothing, nothing, "https", "tls"),
        (HTTP, require_certificate, "https", "tls"),
        (HTTP, require_certificate_in_tls12, "https", "tls"),
        (HTTP, strangers_go, "https", "tls"),
    ],
)
def test_what_is_inside_tls_is_recognised(
    tmp_path: Path,
    handle: Callable[[socket.socket], None],
    prepare: Callable[[ssl.SSLContext], None],
    declared: str,
    seen: str,
) -> None:
    """Web, mail and databases are told apart inside TLS; where nobody gets that far, only TLS is."""
    with over_tls(tmp_path, handle, prepare) as place:
        assert seen_at(place, declared).seen == seen


@pytest.mark.parametrize(
    ("serve", "declared", "seen"),
    [
        (lambda folder: openssl_server(folder, CHAIN), "https", "https"),
        (lambda folder: openssl_server(folder, CHAIN, "-tls1_3"), "http", "https"),
        (lambda folder: nginx_server(folder, CHAIN), "http", "https"),
        (lambda folder: nginx_server(folder, CHAIN, WANTS_CERTIFICATE), "https", "https"),
        (lambda folder: node_server(folder, CHAIN), "postgresql", "https"),
    ],
)
def test_real_web_servers_are_recognised(
    tmp_path: Path, serve: Callable[[Path], contextlib.AbstractContextManager[Place]], declared: str, seen: str
) -> None:
    """OpenSSL, nginx and Node speak https, whatever is declared and though one wants a certificate of the client."""
    with serve(tmp_path) as place:
        assert seen_at(place, declared).seen == seen


def judged(environment: Environment) -> str:
    found = look_at_services(Network.build(environment), environment, environment.hosts[0], "external")
    return outcomes("ports", {"host_services": found})["NET-008"]


@pytest.mark.usefixtures("no_nmap")
@pytest.mark.parametrize(
    ("handle", "declared", "outcome"),
    [
        (HTTP, "http", "passed"),
        (answering(postgresql=b"S"), "postgresql", "passed"),
        (answering(postgresql=b"S"), "http", "failed"),
        (greeting(MYSQL), "", "failed"),
        (HTTP, "", "uncovered"),
        (hang_up, "", "uncovered"),
        (hang_up, "http", "inconclusive"),
        (trickle, "http", "inconclusive"),
        (echo, "sip", "inconclusive"),
        (greeting(b"SSH-2.0-x\r\n"), "sip", "failed"),
    ],
)
def test_the_check_fails_on_what_is_certain_only(
    handle: Callable[[socket.socket], None], declared: str, outcome: str
) -> None:
    """Another protocol fails, silence and noise are inconclusive, and nothing declared is not configured."""
    with raw_server(handle) as (address, port):
        assert judged(described(address, (port, declared))) == outcome


@pytest.mark.usefixtures("no_nmap")
def test_one_wrong_port_among_right_and_silent_ones_fails() -> None:
    """A database on one port is not hidden by silence on another."""
    address = fresh_address()
    with raw_server(greeting(MYSQL), at=(address, 8443)), raw_server(hang_up, at=(address, 8080)):
        assert judged(described(address, (8080, "http"), (8443, "https"))) == "failed"


@pytest.mark.parametrize(
    ("opinion", "outcome"),
    [
        (Opinion("http", certain=True, words=""), "passed"),
        (Opinion("oracle-tns", certain=True, words=""), "failed"),
        (Opinion("oracle-tns", certain=False, words=""), "inconclusive"),
        (Opinion("", certain=False, words="nmap has none"), "inconclusive"),
    ],
)
def test_a_second_opinion_counts_where_it_is_certain(
    monkeypatch: pytest.MonkeyPatch, opinion: Opinion, outcome: str
) -> None:
    """What nmap heard decides a port that our greetings did not recognise; what it guesses from the number does not."""
    with raw_server(hang_up) as (address, port):
        monkeypatch.setattr(services, "ask_nmap", lambda *_: {port: opinion})
        assert judged(described(address, (port, "http"))) == outcome


def test_a_closed_port_is_no_service() -> None:
    """Nobody there is inconclusive here; NET-002 says that the port is missing."""
    environment = described(fresh_address(), (4, "http"))

    with pytest.raises(ProbeError):
        look_at_services(Network.build(environment), environment, environment.hosts[0], "external")


def test_nothing_declared_is_nothing_to_ask_and_consent_comes_first() -> None:
    """A host without ports for this vantage is not applicable; without consent nobody is greeted."""
    environment = described(fresh_address(), (4, "http"))
    with pytest.raises(NotApplicable):
        look_at_services(Network.build(environment), environment, environment.hosts[0], "internal")

    forbidden = described(fresh_address(), (4, "http"), consent={"classes": ["ordinary"]})
    with pytest.raises(NotAllowed):
        look_at_services(Network.build(forbidden), forbidden, forbidden.hosts[0], "external")


def test_the_name_asked_for_is_the_one_of_the_port() -> None:
    """Of several names at an address the one declared for the port is sent; an address only where there is none."""
    address = fresh_address()
    environment = described(
        address,
        (8443, "https"),
        targets=[
            {"name": "web", "base_url": "https://app.test", "addresses": [address]},
            {"name": "api", "base_url": "https://api.test:8443", "addresses": [address]},
        ],
        tls={"endpoints": [{"host": "mail.test", "port": 465, "addresses": [address]}]},
    )
    network = Network.build(environment)

    assert [name_at(environment, network, address, port) for port in (443, 8443, 465)] == [
        "app.test",
        "api.test",
        "mail.test",
    ]
    assert name_at(environment, network, address, 9) in {"app.test", "api.test"}
    assert name_at(environment, network, "192.0.2.77", 443) == "192.0.2.77"


def test_uncovered_names_the_ports() -> None:
    """Ports without a service are named."""
    found = services.HostServices(described("192.0.2.1").hosts[0], (spoken("", "http"),))

    with pytest.raises(Uncovered, match="port 1234 declares no `service`"):
        found.require_known()
