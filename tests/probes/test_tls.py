"""The TLS probe against real servers, good and bad."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from stagehold.environment.model import Environment
from stagehold.errors import DeniedByProduction, NotAllowed, ProbeError
from stagehold.network.door import Network
from stagehold.network.rules import spki_pin
from stagehold.probes.tls.facts import TlsScan
from stagehold.probes.tls.scan import scan_endpoint
from tests.probes.pki import Authority, write_chain
from tests.probes.tls_servers import (
    fresh_address,
    only,
    python_server,
    raw_server,
    reset,
    say_nothing,
    talk_garbage,
)

AUTHORITY = Authority.create()
LEAF = AUTHORITY.leaf("app.test")
Files = tuple[Path, Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_chain(tmp_path_factory.mktemp("tls"), LEAF, AUTHORITY.intermediate)


@pytest.fixture(scope="module")
def modern(files: Files) -> Iterator[TlsScan]:
    with python_server(*files) as (address, port):
        yield scan("app.test", port, address)


def environment(host: str, port: int, *addresses: str, spki: tuple[str, ...] = ()) -> Environment:
    return Environment.model_validate(
        {
            "environment": {"id": "test"},
            "targets": [{"name": "web", "base_url": "http://192.0.2.1"}],
            "tls": {"endpoints": [{"host": host, "port": port, "addresses": list(addresses)}]},
            "deny": {"production": {"spki": list(spki)}},
        }
    )


def scan(host: str, port: int, *addresses: str, deadline: float = 30.0, spki: tuple[str, ...] = ()) -> TlsScan:
    described = environment(host, port, *addresses, spki=spki)
    return scan_endpoint(Network.build(described), described.tls_endpoints[0], deadline=deadline)


@pytest.mark.parametrize(
    ("version", "accepted"),
    [
        ("SSL 2.0", False),
        ("SSL 3.0", False),
        ("TLS 1.0", False),
        ("TLS 1.1", False),
        ("TLS 1.2", True),
        ("TLS 1.3", True),
    ],
)
def test_a_modern_server_refuses_what_is_old(modern: TlsScan, version: str, accepted: bool) -> None:
    """Every version is told accepted or refused as it is."""
    assert modern.accepts(version) is accepted


def test_suites_and_chain_are_told(modern: TlsScan) -> None:
    """Each version has a row, and the chain is the one served, in its order."""
    rows = modern.accepted_suites()

    assert {row[1] for row in rows if row[2] == "accepted"} == {"TLS 1.2", "TLS 1.3"}
    assert {row[1] for row in rows if row[2] == "refused"} == {"SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1"}
    assert [chain.certificates for chain in modern.chains] == [(LEAF.certificate, AUTHORITY.intermediate.certificate)]
    assert modern.tool.startswith("sslyze ")
    assert modern.raw("TLS 1.1")


@pytest.mark.parametrize(("version", "name"), [(ssl.TLSVersion.TLSv1, "TLS 1.0"), (ssl.TLSVersion.TLSv1_1, "TLS 1.1")])
def test_an_old_version_is_found(files: Files, version: ssl.TLSVersion, name: str) -> None:
    """A server of one old version is seen to accept that and nothing else."""
    with python_server(*files, prepare=only(version)) as (address, port):
        found = scan("app.test", port, address)

    assert found.accepts(name)
    assert found.accepting(name) == (address,)
    assert not any(found.accepts(other) for other in ("TLS 1.2", "TLS 1.3"))
    assert found.chains[0].leaf == LEAF.certificate


def test_one_bad_address_of_two_is_enough(files: Files) -> None:
    """An endpoint accepts what any of its addresses accepts."""
    other = fresh_address()
    with python_server(*files, prepare=only(ssl.TLSVersion.TLSv1_1)) as (address, port):
        found = scan("app.test", port, other, address)

    assert found.accepting("TLS 1.1") == (address,)
    assert found.accepts("TLS 1.1")
    with pytest.raises(ProbeError, match=f"{other}: no connection"):
        found.accepts("TLS 1.0")
    with pytest.raises(ProbeError, match=other):
        assert found.chains


@pytest.mark.parametrize("handle", [talk_garbage, reset])
def test_what_speaks_no_tls_is_no_refusal(handle: Callable[[socket.socket], None]) -> None:
    """A server that talks garbage or resets has refused nothing: there is no positive control."""
    with raw_server(handle) as (address, port):
        found = scan("app.test", port, address)

    with pytest.raises(ProbeError, match="no TLS connection"):
        found.accepts("TLS 1.1")
    with pytest.raises(ProbeError):
        assert found.chains


def test_a_server_that_never_answers_costs_two_waits() -> None:
    """Who accepts connections and says nothing to the first message of TLS is left alone after the second."""
    asked = []

    def count(connection: socket.socket) -> None:
        asked.append(connection.recv(1))
        say_nothing(connection)

    with raw_server(count) as (address, port):
        found = scan("app.test", port, address, deadline=1)

    assert asked == [b"\x16", b"\x16"]
    with pytest.raises(ProbeError, match="nothing is answered to the first message of TLS"):
        found.accepts("TLS 1.1")


def test_a_server_that_falls_silent_runs_into_the_deadline() -> None:
    """A server that answers once and never again costs the deadline, not the run."""
    answers = iter([b"\x15\3\1\0\2\2\50"])

    def once(connection: socket.socket) -> None:
        connection.sendall(next(answers, b""))
        say_nothing(connection)

    with raw_server(once) as (address, port):
        found = scan("app.test", port, address, deadline=3)

    with pytest.raises(ProbeError, match="did not finish within 3 s"):
        found.accepts("TLS 1.1")


def test_a_closed_port_is_no_refusal() -> None:
    """Nobody listening is inconclusive, told by the connection's own error."""
    found = scan("app.test", 4, fresh_address())

    with pytest.raises(ProbeError, match="Connection refused"):
        found.accepts("TLS 1.1")


def test_a_server_that_shuts_the_scanner_out_half_way_is_no_refusal(files: Files) -> None:
    """A positive control after the scan finds that the server no longer shakes hands."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    seen: list[int] = []

    def shake(connection: socket.socket) -> None:
        seen.append(1)
        if len(seen) > 40:
            reset(connection)
        else:
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)

    with raw_server(shake) as (address, port):
        found = scan("app.test", port, address)

    with pytest.raises(ProbeError, match="positive control failed"):
        found.accepts("TLS 1.1")


def test_a_required_client_certificate_hides_nothing(files: Files, tmp_path: Path) -> None:
    """Versions and chain are seen although the server then wants a certificate that nobody has."""

    def demand(context: ssl.SSLContext) -> None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(AUTHORITY.ca_file(tmp_path))

    with python_server(*files, prepare=demand) as (address, port):
        found = scan("app.test", port, address)

    assert found.accepts("TLS 1.2")
    assert not found.accepts("TLS 1.1")
    assert found.chains[0].leaf == LEAF.certificate
    assert found.addresses[0].client_certificate == "REQUIRED"


def test_the_declared_name_is_sent(files: Files, tmp_path: Path) -> None:
    """The chain is the one for the endpoint's name, not the one for clients that name nobody."""
    other = write_chain(tmp_path, AUTHORITY.leaf("default.test"), AUTHORITY.intermediate)

    def choose(context: ssl.SSLContext) -> None:
        named = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        named.load_cert_chain(*files)

        def pick(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            if name == "app.test":
                connection.context = named

        context.sni_callback = pick

    with python_server(*other, prepare=choose) as (address, port):
        found = scan("app.test", port, address)

    assert {chain.leaf for chain in found.chains} == {LEAF.certificate}


def test_a_literal_address_is_an_endpoint_too(tmp_path: Path) -> None:
    """An endpoint without a name is dialled and scanned by its address."""
    leaf = AUTHORITY.leaf("app.test")
    with python_server(*write_chain(tmp_path, leaf, AUTHORITY.intermediate)) as (address, port):
        found = scan(address, port)

    assert found.accepts("TLS 1.3")
    assert found.chains[0].leaf == leaf.certificate


def test_ipv6_is_scanned(files: Files) -> None:
    """An IPv6 address is as good as any."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)

    def shake(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)

    with raw_server(shake, family=socket.AF_INET6) as (address, port):
        found = scan("app.test", port, address)

    assert found.accepts("TLS 1.3")
    assert found.dialled == f"[::1]:{port}"


def test_a_denied_key_is_production(files: Files) -> None:
    """A certificate key of deny.production stops the judgement."""
    pin = spki_pin(LEAF.certificate.public_bytes(Encoding.DER))
    with python_server(*files) as (address, port), pytest.raises(DeniedByProduction):
        scan("app.test", port, address, spki=(pin,))


def test_an_undeclared_endpoint_is_not_contacted() -> None:
    """The allow-list is asked before anything is sent."""
    described = environment("app.test", 443, "127.0.0.1")
    other = described.tls_endpoints[0].model_copy(update={"port": 444})

    with pytest.raises(NotAllowed):
        scan_endpoint(Network.build(described), other)
