"""Interfaces over plain HTTP: refused, closed, hung up on, sent on to https, or not known."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from stagehold.environment.model import Environment
from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.plain_api import PlainApi, PlainReply, look_at_plain_api
from stagehold.probes.web.plain_http import look_at_plain_http
from tests.free_ports import free_port
from tests.probes.tls_servers import raw_server

Answers = Callable[[str, str, str], tuple[int, dict[str, str], str]]
Look = Callable[..., Any]
Probe = Callable[..., Any]
NAME = "api.test"


@pytest.fixture
def look(serve_pages: Callable[..., Any], authority: Any) -> Look:
    """What is seen of an interface whose plain port answers so; `answers` None: nobody listens there."""

    def at(
        answers: Answers | None,
        *,
        port: int | None = None,
        others: Sequence[dict[str, Any]] = (),
        probe: Probe = look_at_plain_api,
    ) -> Any:
        secure = serve_pages(lambda *_: (401, {}, "who are you?"), pem=authority.issue(NAME)).port
        if port is None:

            def reply(method: str, path: str, head: str, _: bytes) -> tuple[int, dict[str, str], str]:
                assert answers is not None
                return answers(method, path, head)

            port = serve_pages(reply).port if answers else free_port()
        keys = {"addresses": ["127.0.0.1"], "base_url": f"https://{NAME}:{secure}/v1"}
        api = {"name": "api", "kind": "api", "http_port": port, **keys}
        beside = [{**keys, "http_port": port, **other} for other in others]
        return ask({"targets": [api, *beside]}, authority, probe)

    return at


def ask(described: dict[str, Any], authority: Any, probe: Probe = look_at_plain_api) -> Any:
    environment = Environment.model_validate({"environment": {"id": "t"}, **described})
    network = Network.build(environment)

    def connect(target: Any, **more: Any) -> HttpClient:
        return HttpClient(network, target, ca_file=authority.ca_file, timeout=2.0, **more)

    return probe(environment, network, environment.targets[0], connect)


def test_every_request_carries_a_token_that_is_nobodys(look: Look) -> None:
    """As programs come: start page, base path, unknown paths, with GET and POST."""
    seen: list[tuple[str, str, bool]] = []

    def answer(method: str, path: str, head: str) -> tuple[int, dict[str, str], str]:
        seen.append((method, path, "Authorization: Bearer stagehold-" in head))
        return 403, {}, ""

    found = look(answer)

    assert {(method, path) for method, path, _ in seen} >= {("GET", "/"), ("GET", "/v1/"), ("POST", "/v1/")}
    assert all(token for _, _, token in seen)
    assert found.redirects == ()
    assert "403" in found.summary
    found.require_complete()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 426, 200, 204])
def test_what_does_not_redirect_is_no_redirect(look: Look, status: int) -> None:
    """A 4xx is what programs should get; that nothing is served at all is another check's business."""
    found = look(lambda *_: (status, {}, ""))

    assert found.redirects == ()
    found.require_complete()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("goal", [f"https://{NAME}/", "http://elsewhere.test/", "/login"])
def test_a_redirect_is_told_wherever_it_leads(look: Look, status: int, goal: str) -> None:
    """Temporary or permanent, of one path and method alone as well."""
    everywhere = look(lambda *_: (status, {"Location": goal}, ""))
    once = look(
        lambda method, path, _: (
            (status, {"Location": goal}, "") if (method, path) == ("POST", "/v1/") else (404, {}, "")
        )
    )

    assert len(everywhere.redirects) == len(everywhere.replies) > 4
    assert [(one.method, one.location) for one in once.redirects] == [("POST", goal)]
    assert "-X POST" in once.reproduction
    assert f"redirects to {goal} ({status})" in str(once.redirects[0])


def test_a_closed_port_is_as_good(look: Look) -> None:
    """Nobody listens on the plain port, and https answers."""
    found = look(None)

    assert found.replies == ()
    assert "refuses connections" in found.summary
    found.require_complete()


def test_who_hangs_up_redirects_nobody(look: Look) -> None:
    """A server that ends every connection without a word, as nginx does with 444."""
    with raw_server(hang_up, at=("127.0.0.1", 0)) as (_, port):
        found = look(None, port=port)

    assert {reply.status for reply in found.replies} == {0}
    assert "no answer" in found.summary
    found.require_complete()


def test_who_hangs_up_on_everything_serves_nothing(look: Look) -> None:
    """That is as good as closed for whoever comes without TLS; hanging up on some requests only tells nothing."""
    with raw_server(hang_up, at=("127.0.0.1", 0)) as (_, port):
        found = look(None, port=port, probe=look_at_plain_http)
    with raw_server(hang_up_on_posts, at=("127.0.0.1", 0)) as (_, port):
        half = look(None, port=port, probe=look_at_plain_http)

    assert "hangs up on every request" in found.summary
    assert found.answers == ()
    found.require_complete()
    assert half.wrong == ()
    with pytest.raises(ProbeError, match="hung up on"):
        half.require_complete()


def test_what_interfaces_redirect_fails_one_check_only(look: Look) -> None:
    """Even for this time only and to another host, unless browsers come there as well."""
    browser = {"name": "web", "kind": "browser"}
    for others, wrong in (([], 0), ([browser], 1)):
        found = look(
            lambda *_: (302, {"Location": "https://elsewhere.test/"}, ""), others=others, probe=look_at_plain_http
        )
        assert bool(found.wrong) is bool(wrong)


def test_an_interface_without_https_has_its_redirects_judged(serve_pages: Callable[..., Any], authority: Any) -> None:
    """Nobody else looks at them there: the check of redirects needs https to be sent on to."""
    port = serve_pages(lambda *_: (302, {"Location": "http://elsewhere.test/"}, "")).port
    keys = {"name": "api", "kind": "api", "base_url": f"http://127.0.0.1:{port}", "http_port": 9}
    found = ask({"targets": [keys]}, authority, look_at_plain_http)

    assert found.wrong
    assert "not https" in found.wrong[0].complaint


def hang_up_on_posts(connection: socket.socket) -> None:
    if connection.recv(4096).startswith(b"GET"):
        connection.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def hang_up(connection: socket.socket) -> None:
    connection.recv(4096)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_limits_and_faults_tell_nothing(look: Look, status: int) -> None:
    """They are inconclusive, unless something else redirects."""
    found = look(lambda *_: (status, {}, ""))
    with pytest.raises(ProbeError, match="limit or a fault"):
        found.require_complete()
    mixed = look(lambda method, *_: (status, {}, "") if method == "GET" else (308, {"Location": "https://x/"}, ""))

    assert mixed.redirects


def test_nothing_seen_is_nothing_known() -> None:
    """No address, or answers that were none, are no pass."""
    target = Environment.model_validate(
        {"environment": {"id": "t"}, "targets": [{"name": "api", "base_url": "https://api.test"}]}
    ).targets[0]
    for nothing in (
        PlainApi(target, 80, (), ()),
        PlainApi(target, 80, (), (PlainReply("a", "GET", "u", 404),), ("x",)),
    ):
        with pytest.raises(ProbeError):
            nothing.require_complete()


def test_browsers_at_the_same_place_need_the_redirect(look: Look) -> None:
    """Shared by name and plain port: not applicable; under another name or port it is judged."""
    browser = {"name": "web", "kind": "browser"}
    with pytest.raises(NotApplicable, match="browsers of target web"):
        look(lambda *_: (308, {"Location": "https://x/"}, ""), others=[browser])
    elsewhere = {**browser, "base_url": "https://web.test:9443"}

    assert look(lambda *_: (308, {"Location": "https://x/"}, ""), others=[elsewhere]).redirects


@pytest.mark.parametrize(
    "keys", [{"base_url": "https://api.test:9443"}, {"base_url": "http://api.test", "http_port": 9}]
)
def test_without_a_plain_port_beside_https_nothing_is_configured(authority: Any, keys: dict[str, Any]) -> None:
    """No port to guess, or no https to be sent on to."""
    with pytest.raises(Uncovered):
        ask({"targets": [{"name": "api", "kind": "api", "addresses": ["127.0.0.1"], **keys}]}, authority)
