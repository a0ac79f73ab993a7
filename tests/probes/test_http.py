"""The HTTP client: bounded, verifying, and unable to leave by any way but the door."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from stagehold.errors import DeniedByProduction, NotAllowed, ProbeError
from stagehold.network.door import Network
from stagehold.network.rules import spki_pin
from stagehold.probes.web.client import HttpClient
from tests.free_ports import free_port

Serve = Callable[..., Any]
Open = Callable[..., Network]


def hello(*_: object) -> tuple[int, dict[str, str], str]:
    """A page that says hello."""
    return 200, {}, "hello"


def client_for(environment_of: Callable[..., Any], network: Network, url: str, **options: Any) -> HttpClient:
    """A client of the target `app` at `url`."""
    options.setdefault("ca_file", None)
    return HttpClient(network, environment_of({"app": url}).target("app"), **options)


def test_paths_are_joined_and_requests_counted(serve_pages: Serve, describe: Serve, open_network: Open) -> None:
    """A path goes under the base URL, query and body arrive, and every request is counted."""

    def echo(method: str, path: str, _: str, body: bytes) -> tuple[int, dict[str, str], str]:
        return 200, {}, f"{method} {path} {body.decode()}"

    served = serve_pages(echo)
    url = f"http://127.0.0.1:{served.port}/base"
    tally: Counter[str] = Counter()
    client = client_for(describe, open_network({"app": url}), url, tally=tally)

    assert client.request("POST", "/x?y=1", json={"a": 1}).text == 'POST /base/x?y=1 {"a": 1}'
    assert client.request("GET", f"http://127.0.0.1:{served.port}/z").text == "GET /z "
    assert client.request("GET", "//evil.test/x").text == "GET /base/evil.test/x "
    assert client.sent == tally["app"] == 3


def test_name_is_pinned_and_certificate_verified(
    serve_pages: Serve, describe: Serve, open_network: Open, authority: Any
) -> None:
    """A name that exists nowhere is dialled at its pin; Host and SNI stay the name; trust is the CA's."""
    heads: list[str] = []

    def keep(_: str, __: str, head: str, ___: bytes) -> tuple[int, dict[str, str], str]:
        heads.append(head)
        return 200, {}, "ok"

    served = serve_pages(keep, pem=authority.issue("app.example.test"), address="127.0.0.2")
    url = f"https://app.example.test:{served.port}"
    network = open_network({"app": url}, addresses=("127.0.0.2",))

    client = client_for(describe, network, url, ca_file=authority.ca_file)
    assert client.request("GET", "/").status_code == 200
    assert f"Host: app.example.test:{served.port}" in heads[0]
    with pytest.raises(ProbeError, match="certificate is not trusted"):
        client_for(describe, network, url).request("GET", "/")
    assert len(heads) == 1


def test_certificate_of_another_name_is_not_trusted(
    serve_pages: Serve, describe: Serve, open_network: Open, authority: Any
) -> None:
    """The name in the URL must be in the certificate, also when the caller asks not to verify."""
    served = serve_pages(hello, pem=authority.issue("other.example.test"))
    url = f"https://app.example.test:{served.port}"
    network = open_network({"app": url}, addresses=("127.0.0.1",))
    client = client_for(describe, network, url, ca_file=authority.ca_file)

    with pytest.raises(ProbeError, match="ostname mismatch"):
        client.request("GET", "/")
    with pytest.raises(ProbeError, match="ostname mismatch"):
        client.session.get(url, verify=False)


def test_denied_listener_gets_no_connection(serve_pages: Serve, describe: Serve, open_network: Open) -> None:
    """Neither by URL, nor by redirect, nor through the bare session does a foreign listener hear anything."""
    foreign = serve_pages(hello)
    away = f"http://127.0.0.1:{foreign.port}/"
    allowed = serve_pages(lambda *_: (302, {"Location": away}, ""))
    url = f"http://127.0.0.1:{allowed.port}"
    client = client_for(describe, open_network({"app": url}), url)

    assert client.request("GET", "/").status_code == 302
    with pytest.raises(NotAllowed):
        client.request("GET", "/", allow_redirects=True)
    with pytest.raises(NotAllowed):
        client.request("GET", away)
    with pytest.raises(NotAllowed):
        client.session.get(away)
    with pytest.raises(NotAllowed):
        client.session.get("ftp://127.0.0.1/")
    assert foreign.calls == []
    assert allowed.calls


def test_no_other_way_out(
    serve_pages: Serve, describe: Serve, open_network: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies of the environment or of the caller, and other adapters, are not used."""
    proxy, app = serve_pages(hello), serve_pages(lambda *_: (200, {}, "app"))
    proxy_url = f"http://127.0.0.1:{proxy.port}"
    monkeypatch.setenv("http_proxy", proxy_url)
    monkeypatch.setenv("ALL_PROXY", proxy_url)
    url = f"http://127.0.0.1:{app.port}"
    client = client_for(describe, open_network({"app": url}), url)
    client.session.proxies = {"http": proxy_url}
    client.session.mount("http://", requests.adapters.HTTPAdapter())

    assert client.request("GET", "/").text == "app"
    assert client.session.get(url, proxies={"http": proxy_url}).text == "app"
    assert proxy.calls == []


def test_resolved_production_address_gets_no_connection(serve_pages: Serve, describe: Serve) -> None:
    """A name that resolves into a denied network stops before anything is sent to it."""
    served = serve_pages(hello, address="127.0.0.9")
    environment = describe(
        {"app": f"http://app.example.test:{served.port}"},
        deny={"production": {"cidrs": ["127.0.0.9/32"]}},
    )

    with pytest.raises(DeniedByProduction):
        Network.build(environment, resolve=lambda _: ["127.0.0.9"])
    assert served.calls == []


def test_denied_key_gets_no_request(serve_pages: Serve, describe: Serve, open_network: Open, authority: Any) -> None:
    """A listener that shows a denied key is left before a request is sent."""
    seen: list[str] = []

    def keep(_: str, path: str, *__: object) -> tuple[int, dict[str, str], str]:
        seen.append(path)
        return 200, {}, ""

    pem = authority.issue("127.0.0.1")
    served = serve_pages(keep, pem=pem)
    der = x509.load_pem_x509_certificate(pem.read_bytes()).public_bytes(Encoding.DER)
    url = f"https://127.0.0.1:{served.port}"
    network = open_network({"app": url}, deny={"production": {"spki": [spki_pin(der)]}})

    with pytest.raises(DeniedByProduction):
        client_for(describe, network, url, ca_file=authority.ca_file).request("GET", "/")
    assert seen == []


def test_host_header_of_production_is_not_sent(serve_pages: Serve, describe: Serve, open_network: Open) -> None:
    """A Host header chooses a virtual host, so a production name is refused there too."""
    served = serve_pages(hello)
    url = f"http://127.0.0.1:{served.port}"
    network = open_network({"app": url}, deny={"production": {"hosts": ["www.example.test"]}})

    with pytest.raises(DeniedByProduction):
        client_for(describe, network, url).request("GET", "/", headers={"Host": "www.example.test:443"})
    assert served.calls == []


def test_one_node_can_be_asked(serve_pages: Serve, describe: Serve, open_network: Open) -> None:
    """Of several pinned addresses the client takes the first, or the one it is told; never another."""
    first = serve_pages(hello, address="127.0.0.2")
    url = f"http://app.example.test:{first.port}"
    network = open_network({"app": url}, addresses=("127.0.0.3", "127.0.0.2"))

    with pytest.raises(ProbeError, match="refused"):
        client_for(describe, network, url).request("GET", "/")
    assert client_for(describe, network, url, address="127.0.0.2").request("GET", "/").text == "hello"
    with pytest.raises(NotAllowed):
        client_for(describe, network, url, address="127.0.0.4").request("GET", "/")


def _silent(connection: socket.socket) -> None:
    connection.recv(65536)
    time.sleep(3)


def _drips_headers(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def _drips_body(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def _continues(connection: socket.socket) -> None:
    connection.recv(65536)
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.01)


def _redirects_for_ever(connection: socket.socket) -> None:
    connection.recv(65536)
    time.sleep(0.2)
    # It says that it closes: else the next request may be on its way when it does, which is another story.
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    connection.close()


@pytest.mark.parametrize("answer", [_silent, _drips_headers, _drips_body, _continues, _redirects_for_ever])
@pytest.mark.parametrize("secure", [False, True])
def test_whole_exchange_is_bounded(
    serve: Serve, describe: Serve, open_network: Open, authority: Any, answer: Any, secure: bool
) -> None:
    """However a server wastes time, the request ends within its bound, as a ProbeError that says so."""
    pem = authority.issue("127.0.0.1") if secure else None
    served = serve(answer, pem=pem)
    url = f"http{'s' if secure else ''}://127.0.0.1:{served.port}"
    client = client_for(
        describe, open_network({"app": url}), url, timeout=0.6, ca_file=authority.ca_file if secure else None
    )
    started = time.monotonic()

    with pytest.raises(ProbeError, match=r"within 0.6 s|no answer in time"):
        client.request("GET", "/?secret=1", allow_redirects=True)
    assert time.monotonic() - started < 1.5


def test_dripping_handshake_is_bounded(serve: Serve, describe: Serve, open_network: Open, authority: Any) -> None:
    """A TLS handshake that arrives byte by byte ends within the bound as well."""

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"\x16\x03\x03\x3f\xff")
        while True:
            connection.sendall(b"\x00")
            time.sleep(0.05)

    served = serve(drip)
    url = f"https://127.0.0.1:{served.port}"
    client = client_for(describe, open_network({"app": url}), url, timeout=0.6, ca_file=authority.ca_file)
    started = time.monotonic()

    with pytest.raises(ProbeError):
        client.request("GET", "/")
    assert time.monotonic() - started < 1.5


def _says(payload: bytes, *, endless: bool = False) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(payload)
        with suppress(OSError):
            while endless:
                connection.sendall(b"X-More: 1\r\n" if payload.endswith(b"OK\r\n") else b"x" * 65536)

    return answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_says(b"SSH-2.0-OpenSSH_9.6\r\n"), "no valid HTTP answer"),
        (_says(b""), "no valid HTTP answer"),
        (_says(b"HTTP/1.1 200 OK\r\n\r\n", endless=True), "larger than 10 MiB"),
        (_says(b"HTTP/1.1 200 OK\r\n", endless=True), "got more than 100 headers"),
        (_says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), "broken"),
        (_says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), "broken"),
        (_says(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://[x\r\n\r\n"), "GET http"),
    ],
    ids=["ssh", "closed", "endless-body", "endless-headers", "short-body", "not-gzip", "bad-location"],
)
def test_garbage_is_a_probe_error_in_words(
    serve: Serve, describe: Serve, open_network: Open, answer: Any, words: str
) -> None:
    """What is not one complete HTTP answer is told in words and never becomes a response."""
    served = serve(answer)
    url = f"http://127.0.0.1:{served.port}"
    client = client_for(describe, open_network({"app": url}), url, timeout=5.0)

    with pytest.raises(ProbeError, match=words):
        client.request("GET", "/", allow_redirects=True)


def test_closed_port_and_secrets_in_the_query(describe: Serve, open_network: Open) -> None:
    """A refused connection is named with host, number and port, and no query is repeated."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    with pytest.raises(ProbeError, match=f"port {port}: Connection refused") as caught:
        client_for(describe, open_network({"app": url}), url).request("GET", "/?token=hush")
    assert "hush" not in str(caught.value)


def test_client_goes_on_after_a_timeout(serve_pages: Serve, describe: Serve, open_network: Open) -> None:
    """A request that ran out of time leaves the next one its own time and a working connection."""

    def slow_once(_: str, path: str, *__: object) -> tuple[int, dict[str, str], str]:
        if path == "/slow":
            time.sleep(1)
        return 200, {}, path

    served = serve_pages(slow_once)
    url = f"http://127.0.0.1:{served.port}"
    client = client_for(describe, open_network({"app": url}), url, timeout=0.5)

    assert client.request("GET", "/one").text == "/one"
    with pytest.raises(ProbeError):
        client.request("GET", "/slow")
    assert client.request("GET", "/two").text == "/two"
    assert client.session.get(f"{url}/three").text == "/three"


def test_raw_target_is_sent_as_it_is(serve_pages: Serve, describe: Serve, open_network: Open) -> None:
    """A malformed request-target arrives without normalisation, for that request only."""
    served = serve_pages(lambda _, path, *__: (400, {}, path))
    url = f"http://127.0.0.1:{served.port}"
    client = client_for(describe, open_network({"app": url}), url)

    assert client.request("GET", "/", raw_target="/%zz").text == "/%zz"
    assert client.request("GET", "/a").text == "/a"
