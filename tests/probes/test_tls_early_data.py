"""Early data: off, taken, turned away with 425, announced and not taken, or not known."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from stagehold.environment.model import TlsEndpoint
from stagehold.errors import NotApplicable, ProbeError
from stagehold.probes.tls.early_data import EarlyData, look_at_early_data
from stagehold.probes.tls.facts import COMMANDS, AddressScan, TlsScan, VersionFact
from tests.probes.pki import Authority, write_chain
from tests.probes.test_tls_offers import alert, at, saying
from tests.probes.tls_servers import fresh_address, python_server, raw_server, reset, say_nothing, talk_garbage
from tests.probes.tls_stacks import (
    PORT,
    Place,
    _process,
    context,
    haproxy_server,
    nginx_server,
    node_server,
    openssl_server,
)

AUTHORITY = Authority.create()
CHAIN = (AUTHORITY.leaf("app.test"), AUTHORITY.intermediate)
TLS = "ssl_protocols TLSv1.2 TLSv1.3;"
Server = Callable[[Path], AbstractContextManager[Place]]


@contextlib.contextmanager
def openssl_with_early_data(folder: Path) -> Iterator[Place]:
    """`openssl s_server` takes early data only where it does not speak HTTP."""
    write_chain(folder, *CHAIN)
    address = fresh_address()
    command = ["openssl", "s_server", "-accept", f"{address}:{PORT}", "-quiet", "-early_data"]
    command += ["-cert", str(folder / "chain.pem"), "-key", str(folder / "key.pem")]
    with _process(command, address):
        yield address, PORT


@contextlib.contextmanager
def silent_python(folder: Path, *, tickets: int) -> Iterator[Place]:
    def prepare(made: ssl.SSLContext) -> None:
        made.num_tickets = tickets

    context(folder, CHAIN)
    with python_server(folder / "chain.pem", folder / "key.pem", prepare=prepare) as place:
        yield place


def look(place: Place, seconds: float = 5) -> EarlyData:
    network, where = at(*place)
    return look_at_early_data(network, where, "app.test", seconds=seconds)


STACKS: dict[str, tuple[Server, EarlyData]] = {
    "OpenSSL": (lambda folder: openssl_server(folder, CHAIN), EarlyData(0)),
    "nginx": (lambda folder: nginx_server(folder, CHAIN, TLS), EarlyData(0)),
    "nginx without tickets": (
        lambda folder: nginx_server(folder, CHAIN, TLS, "ssl_session_tickets off; ssl_session_cache off;"),
        EarlyData(0),
    ),
    "Node": (lambda folder: node_server(folder, CHAIN), EarlyData(0)),
    "nginx, early data": (
        lambda folder: nginx_server(folder, CHAIN, TLS, "ssl_early_data on;"),
        EarlyData(16384, taken=True, status=200),
    ),
    "nginx, early data, 425 for what is early": (
        lambda folder: nginx_server(folder, CHAIN, TLS, "ssl_early_data on; if ($ssl_early_data) { return 425; }"),
        EarlyData(16384, taken=True, status=425),
    ),
    "nginx, early data, another refusal": (
        lambda folder: nginx_server(folder, CHAIN, TLS, "ssl_early_data on; if ($ssl_early_data) { return 405; }"),
        EarlyData(16384, taken=True, status=405),
    ),
    "HAProxy": (lambda folder: haproxy_server(folder, CHAIN), EarlyData(0)),
    "HAProxy, early data": (
        lambda folder: haproxy_server(folder, CHAIN, "allow-0rtt"),
        EarlyData(15360, taken=True, status=200),
    ),
    "HAProxy, early data, 425 for what is early": (
        lambda folder: haproxy_server(folder, CHAIN, "allow-0rtt", "http-request deny deny_status 425 if METH_POST"),
        EarlyData(15360, taken=True, status=425),
    ),
}


@pytest.mark.parametrize("stack", STACKS)
def test_what_stacks_do_is_told(tmp_path: Path, stack: str) -> None:
    """Off, taken and answered as by any other request, or turned away."""
    serve, expected = STACKS[stack]
    with serve(tmp_path) as place:
        assert look(place, seconds=2) == expected


def test_early_data_without_http_is_told(tmp_path: Path) -> None:
    """OpenSSL takes it, and answers nothing."""
    with openssl_with_early_data(tmp_path) as place:
        found = look(place, seconds=1)

    assert (found.allowed, found.taken, found.status, found.sound) == (16384, True, None, False)


def test_a_ticket_decides_where_nothing_is_answered(tmp_path: Path) -> None:
    """A ticket that allows none is enough; neither ticket nor answer tell nothing."""
    with silent_python(tmp_path, tickets=1) as place:
        assert look(place, seconds=1) == EarlyData(0)
    with silent_python(tmp_path, tickets=0) as place:
        found = look(place, seconds=1)

    assert found.sound is None
    assert "neither" in found.problem


@pytest.mark.parametrize("handle", [reset, talk_garbage, say_nothing, saying(alert(40))])
def test_without_a_handshake_nothing_is_known(handle: Callable[..., None]) -> None:
    """Resets, garbage, silence and alerts do not mean that early data is off."""
    with raw_server(handle) as place:
        found = look(place, seconds=0.4)

    assert found.sound is None
    assert found.problem


OFF, TAKEN, TURNED_AWAY = EarlyData(0), EarlyData(9, taken=True, status=200), EarlyData(9, taken=True, status=425)
MUTE, DECLINED, UNKNOWN = (
    EarlyData(9, taken=True),
    EarlyData(9, taken=False, problem="not taken"),
    EarlyData(problem="x"),
)


def scan(*found: EarlyData | None, speaks: bool = True, problem: str = "") -> TlsScan:
    versions = {version: VersionFact(version, refused=3) for version in COMMANDS}
    if speaks:
        versions["TLS 1.3"] = VersionFact("TLS 1.3", ("TLS_AES_128_GCM_SHA256",))
    if problem:
        versions["TLS 1.3"] = VersionFact("TLS 1.3", problem=problem)
    addresses = [AddressScan(f"192.0.2.{n}", versions, early_data=one) for n, one in enumerate(found)]
    return TlsScan(TlsEndpoint(host="app.test"), tuple(addresses))


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (scan(OFF), 0),
        (scan(TURNED_AWAY), 0),
        (scan(OFF, TAKEN), 1),
        (scan(MUTE), 1),
        (scan(UNKNOWN, TAKEN), 1),
        (scan(OFF, UNKNOWN), ProbeError),
        (scan(DECLINED), ProbeError),
        (scan(None), ProbeError),
        (scan(), ProbeError),
        (scan(None, problem="never answered"), ProbeError),
        (scan(None, speaks=False), NotApplicable),
        (TlsScan(TlsEndpoint(host="app.test"), (AddressScan("192.0.2.1", problem="refused"),)), ProbeError),
        (
            replace(scan(None), addresses=(replace(scan(None, speaks=False).addresses[0], negotiated="TLS 1.3"),)),
            ProbeError,
        ),
    ],
)
def test_every_address_must_be_known(observed: TlsScan, expected: int | type[Exception]) -> None:
    """Taken anywhere fails; what is not known anywhere is no pass."""
    if isinstance(expected, int):
        assert len(observed.early_data_problems()) == expected
    else:
        with pytest.raises(expected):
            observed.early_data_problems()
