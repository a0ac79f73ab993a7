"""The filtering proxy connects what the door allows, and nothing else."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from stagehold.network.door import Network
from stagehold.network.rules import spki_pin
from stagehold.probes.browser.proxy import FilteringProxy
from tests.free_ports import free_port

Serve = Callable[..., Any]


def _ask(proxy: FilteringProxy, request: str) -> str:
    """Everything the proxy answers to one request."""
    port = int(proxy.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(request.encode())
        said = b""
        while chunk := client.recv(65536):
            said += chunk
            if request.startswith("CONNECT") and said.endswith(b"\r\n\r\n") and b" 200 " in said:
                client.sendall(b"GET /inside HTTP/1.1\r\nHost: x\r\n\r\n")
                # Head and body may arrive apart; a tunnel that stays silent ends with the time-out.
                while b"path=" not in said and (more := client.recv(65536)):
                    said += more
                break
        return said.decode()


@pytest.fixture
def site(serve_pages: Serve) -> Any:
    """A site that repeats path and head."""
    return serve_pages(lambda _, path, head, __: (200, {}, f"path={path}\n{head}"))


@pytest.fixture
def proxy(site: Any, open_network: Callable[..., Network]) -> Iterator[FilteringProxy]:
    """A proxy whose door knows the site by name only."""
    network = open_network({"app": f"http://app.example.test:{site.port}"}, addresses=("127.0.0.1",))
    with FilteringProxy(network) as running:
        yield running


def test_allowed_name_is_dialled_at_its_pin(proxy: FilteringProxy, site: Any) -> None:
    """Tunnels and plain requests reach the site; proxy headers and a foreign Host do not."""
    name = f"app.example.test:{site.port}"
    plain = _ask(
        proxy,
        f"GET http://{name}/a?b=1 HTTP/1.1\r\nHost: www.other.test\r\nProxy-Connection: keep-alive\r\n"
        "Connection: keep-alive\r\n\r\n",
    )

    assert "path=/a?b=1" in plain
    assert f"Host: {name}" in plain
    assert "other.test" not in plain
    assert "Proxy-" not in plain
    assert "path=/inside" in _ask(proxy, f"CONNECT {name} HTTP/1.1\r\n\r\n")
    assert proxy.refusals == ()


@pytest.mark.parametrize("form", ["CONNECT {0} HTTP/1.1\r\n\r\n", "GET http://{0}/ HTTP/1.1\r\n\r\n"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "elsewhere.test", "[::1]"])
def test_denied_listener_gets_no_connection(proxy: FilteringProxy, serve_pages: Serve, form: str, host: str) -> None:
    """What is not declared is answered with 403, remembered, and never dialled."""
    foreign = serve_pages(lambda *_: (200, {}, "never"))

    said = _ask(proxy, form.format(f"{host}:{foreign.port}"))

    assert said.startswith("HTTP/1.1 403")
    assert foreign.calls == []
    assert [(item.port, item.allowed) for item in proxy.refusals] == [(foreign.port, False)]


def test_allowed_but_dead_address_is_told_apart(open_network: Callable[..., Network]) -> None:
    """An allowed address that does not answer is 502 and remembered as allowed."""
    port = free_port()
    with FilteringProxy(open_network({"app": f"http://127.0.0.1:{port}"})) as proxy:
        assert _ask(proxy, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 502")
        assert proxy.refusals[0].allowed


def test_denied_key_gets_no_tunnel(serve_pages: Serve, open_network: Callable[..., Network], authority: Any) -> None:
    """A listener that shows a denied key is refused before the browser speaks to it."""
    pem = authority.issue("127.0.0.1")
    asked: list[str] = []

    def keep(_: str, path: str, *__: object) -> tuple[int, dict[str, str], str]:
        asked.append(path)
        return 200, {}, ""

    served = serve_pages(keep, pem=pem)
    der = x509.load_pem_x509_certificate(pem.read_bytes()).public_bytes(Encoding.DER)
    network = open_network({"app": f"https://127.0.0.1:{served.port}"}, deny={"production": {"spki": [spki_pin(der)]}})
    with FilteringProxy(network) as proxy:
        assert _ask(proxy, f"CONNECT 127.0.0.1:{served.port} HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 403")
        assert not proxy.refusals[0].allowed
    assert asked == []


@pytest.mark.parametrize(
    "request_head",
    ["GET / HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n", "GET ftp://a/ HTTP/1.1\r\n\r\n", "CONNECT :9 X\r\n\r\n"],
)
def test_other_requests_are_bad_requests(proxy: FilteringProxy, request_head: str) -> None:
    """What the proxy does not understand is refused."""
    assert _ask(proxy, request_head).startswith("HTTP/1.1 400")


def test_proxy_that_never_started_can_be_stopped(open_network: Callable[..., Network]) -> None:
    """Stopping does not hang when the browser could not even be set up."""
    FilteringProxy(open_network({"app": "http://127.0.0.1:1"})).stop()
