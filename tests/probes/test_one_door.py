"""Every tool leaves through the network's one door: what is not allowed or belongs to production gets no packet."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from stagehold.environment.model import Environment, Host, TlsEndpoint
from stagehold.errors import DeniedByProduction, NotAllowed, ProbeError
from stagehold.network.door import Network
from stagehold.probes.browser.proxy import FilteringProxy
from stagehold.probes.ports.scan import scan_host
from stagehold.probes.tls.scan import scan_endpoint
from stagehold.probes.web.client import HttpClient
from tests.probes.tls_servers import fresh_address


@dataclass
class Counting:
    """A listener that only counts."""

    address: str
    port: int
    connections: list[object] = field(default_factory=list)


@pytest.fixture
def production() -> Iterator[Counting]:
    """A listener that must never hear of us."""
    listener = socket.create_server((fresh_address(), 0))
    address, port = listener.getsockname()
    counting = Counting(address, port)

    def accept() -> None:
        while True:
            try:
                counting.connections.append(listener.accept())
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    yield counting
    listener.close()


def environment(**more: object) -> Environment:
    """An environment whose own target is somewhere else."""
    described: dict[str, object] = {
        "environment": {"id": "door"},
        "targets": [{"name": "web", "base_url": "https://staging.test:9", "addresses": [fresh_address()]}],
        "consent": {"classes": ["evidence", "ordinary", "canary-write", "intrusive"]},
    }
    return Environment.model_validate(described | more)


def by_http(network: Network, env: Environment, there: Counting) -> None:
    HttpClient(network, env.targets[0], ca_file=None).request("GET", f"https://{there.address}:{there.port}/")


def by_sslyze(network: Network, env: Environment, there: Counting) -> None:
    del env
    scan_endpoint(network, TlsEndpoint(host=there.address, port=there.port))


def by_nmap(network: Network, env: Environment, there: Counting) -> None:
    scan_host(network, env, Host.model_validate({"name": "theirs", "ipv4": [there.address]}))


@pytest.mark.parametrize("send", [by_http, by_sslyze, by_nmap], ids=["HTTP client", "sslyze", "nmap"])
def test_a_tool_sends_nothing_to_what_is_not_allowed(
    send: Callable[[Network, Environment, Counting], None], production: Counting
) -> None:
    """An address outside of the allow-list is refused before the first packet."""
    env = environment()

    with pytest.raises((NotAllowed, ProbeError)):
        send(Network.build(env), env, production)

    assert production.connections == []


def test_the_browsers_proxy_sends_nothing_to_what_is_not_allowed(production: Counting) -> None:
    """Chromium's only way out refuses the tunnel."""
    proxy = FilteringProxy(Network.build(environment()))
    proxy.start()
    try:
        done = subprocess.run(
            ["/usr/bin/env", "python3", "-c", _CONNECT, proxy.url, f"{production.address}:{production.port}"],
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    finally:
        proxy.stop()

    assert " 403 " in done.stdout
    assert production.connections == []


_CONNECT = """
import socket, sys
from urllib.parse import urlsplit
proxy = urlsplit(sys.argv[1])
with socket.create_connection((proxy.hostname, proxy.port), timeout=10) as s:
    s.sendall(f"CONNECT {sys.argv[2]} HTTP/1.1\\r\\nHost: {sys.argv[2]}\\r\\n\\r\\n".encode())
    print(s.recv(200).decode())
"""


@pytest.mark.parametrize("place", ["target", "host", "endpoint"])
def test_production_cannot_be_described_as_an_environment(place: str, production: Counting) -> None:
    """Whatever key names a production address, no network is built, so no tool can start."""
    named: dict[str, object] = {"deny": {"production": {"cidrs": [f"{production.address}/32"]}}}
    match place:
        case "target":
            named["targets"] = [
                {"name": "web", "base_url": f"https://x.test:{production.port}", "addresses": [production.address]}
            ]
        case "host":
            named["hosts"] = [{"name": "theirs", "ipv4": [production.address]}]
        case _:
            named["tls"] = {"endpoints": [{"host": production.address, "port": production.port}]}

    with pytest.raises(DeniedByProduction):
        Network.build(environment(**named))

    assert production.connections == []
