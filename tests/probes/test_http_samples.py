"""What the release and the transport policy checks rest on: samples of real answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from stagehold.environment.model import Environment
from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.release import BuildSample, sample_builds
from stagehold.probes.web.transport_policy import PolicySample, sample_policy

Serve = Callable[..., Any]
POLICY = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
NEW, OLD = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def _build(environment: Environment) -> tuple[BuildSample, ...]:
    network = Network.build(environment, resolve=lambda _: [])
    return sample_builds(
        environment, network, lambda target, **options: HttpClient(network, target, ca_file=None, **options)
    )


def _probe(**keys: Any) -> dict[str, Any]:
    return {"version_probe": {"target": "app", "path": "/version", "samples": 2, **keys}}


def test_every_node_is_asked(serve_pages: Serve, describe: Serve) -> None:
    """One node of two on the previous build is seen, whichever address comes first."""
    first = serve_pages(lambda *_: (200, {}, json.dumps({"build": {"digest": NEW}})), address="127.0.0.1")
    second = serve_pages(
        lambda *_: (200, {}, json.dumps({"build": {"digest": OLD}})), address="127.0.0.2", port=first.port
    )
    environment = describe(
        {"app": f"http://app.example.test:{first.port}"},
        addresses=("127.0.0.1", "127.0.0.2"),
        release=_probe(field="/build/digest"),
    )

    samples = _build(environment)

    assert [(s.node, s.digest) for s in samples] == [("127.0.0.1", NEW)] * 2 + [("127.0.0.2", OLD)] * 2
    assert len(first.calls) == len(second.calls) == 2


@pytest.mark.parametrize(
    ("answer", "keys"),
    [
        ((200, {}, "{}"), {"field": "/digest"}),
        ((200, {}, '{"digest": 5}'), {"field": "/digest"}),
        ((200, {}, '{"digest": " "}'), {"field": "/digest"}),
        ((200, {}, "<html>"), {"field": "/digest"}),
        ((503, {}, json.dumps({"digest": NEW})), {"field": "/digest"}),
        ((302, {"Location": "/login"}, ""), {"header": "X-Build"}),
        ((200, {}, ""), {"header": "X-Build"}),
    ],
)
def test_build_that_is_not_told_is_inconclusive(
    serve_pages: Serve, describe: Serve, answer: tuple[int, dict[str, str], str], keys: dict[str, str]
) -> None:
    """No field, no JSON or no 200 is never taken for the candidate."""
    served = serve_pages(lambda *_: answer)

    with pytest.raises(ProbeError):
        _build(describe({"app": f"http://127.0.0.1:{served.port}"}, release=_probe(**keys)))


def test_build_in_a_header(serve_pages: Serve, describe: Serve) -> None:
    """The build may be told by a header; without a probe the question is uncovered."""
    served = serve_pages(lambda *_: (200, {"X-Build": NEW}, ""))
    url = {"app": f"http://127.0.0.1:{served.port}"}

    assert {sample.digest for sample in _build(describe(url, release=_probe(header="x-build")))} == {NEW}
    with pytest.raises(Uncovered):
        _build(describe(url))


@pytest.fixture
def policy_of(serve_pages: Serve, describe: Serve, authority: Any) -> Callable[..., tuple[PolicySample, ...]]:
    """Samples of a site whose answer to `(method, path)` is given."""

    def sample(answer: Callable[[str, str], tuple[int, dict[str, str]]], **keys: Any) -> Any:
        served = serve_pages(
            lambda method, path, *_: (*answer(method, path), ""), pem=authority.issue("app.example.test")
        )
        environment = describe({"app": f"https://app.example.test:{served.port}"}, addresses=("127.0.0.1",), **keys)
        network = Network.build(environment, resolve=lambda _: [])
        return sample_policy(
            environment,
            environment.targets[0],
            lambda target: HttpClient(network, target, ca_file=authority.ca_file),
        )

    return sample


def test_complete_policy_has_no_complaint(policy_of: Callable[..., Any]) -> None:
    """A header on every response is all right, and login and private pages are among the samples."""
    samples = policy_of(
        lambda _, path: (200 if path in {"/", "/login"} else 404, POLICY),
        flows={"web": {"kind": "form", "target": "app", "whoami": {"path": "/me", "user": "/user"}}},
    )

    assert [sample.complaint for sample in samples] == [""] * len(samples)
    assert {"/", "/login", "/me", "/%zz"} <= {
        sample.url.partition("test")[2].lstrip(":0123456789") for sample in samples
    }


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (lambda _, path: (200, POLICY) if path == "/" else (404, {}), "no Strict"),
        (lambda method, path: (200, POLICY if method != "HEAD" else {}) if path == "/" else (404, POLICY), "no Str"),
        (
            lambda _, path: (
                (200, POLICY)
                if path == "/"
                else (404, {"Strict-Transport-Security": "max-age=31536000; includeSubDomains\nmax-age=0"})
            ),
            "2 Strict",
        ),
        (lambda _, path: (200 if path == "/" else 404, {"Strict-Transport-Security": "max-age=300"}), "less than"),
    ],
)
def test_gaps_of_the_policy_are_seen(policy_of: Callable[..., Any], answer: Any, complaint: str) -> None:
    """A header that is missing on errors or HEAD, doubled, or too short makes a complaint."""
    assert any(complaint in sample.complaint for sample in policy_of(answer))


@pytest.mark.parametrize("status", [200, 404, 500])
def test_one_kind_of_response_is_too_little(policy_of: Callable[..., Any], status: int) -> None:
    """Without a good and a 4xx response nothing can be said about every response."""
    with pytest.raises(ProbeError, match="none of the"):
        policy_of(lambda *_: (status, POLICY))


PRIVATE = {"flows": {"web": {"kind": "form", "target": "app", "whoami": {"path": "/me", "user": "/user"}}}}


@pytest.mark.parametrize(("private", "decided"), [(200, True), (302, True), (500, False)])
def test_service_without_any_4xx(policy_of: Callable[..., Any], private: int, decided: bool) -> None:
    """A shell for every path is decided once a refused page is among the samples, and refuses without a 4xx."""

    def sample() -> Any:
        return policy_of(lambda _, path: (private if path == "/me" else 200, POLICY), **PRIVATE)

    if decided:
        assert [s.complaint for s in sample()] == [""] * len(sample())
    else:
        with pytest.raises(ProbeError, match="4xx"):
            sample()


def test_request_parser_is_not_the_site(policy_of: Callable[..., Any]) -> None:
    """A malformed request that is refused without a date is no page; a dated refusal is, and needs the header."""

    def sample(headers: dict[str, str]) -> dict[str, PolicySample]:
        found = policy_of(lambda _, path: (400, headers) if path == "/%zz" else (200 if path == "/" else 404, POLICY))
        return {s.what: s for s in found}

    undated, dated = sample({}), sample({"Date": "Mon, 23 Nov 2026 17:00:00 GMT"})

    assert (undated["malformed escape"].status, undated["malformed escape"].complaint) == (0, "")
    assert "no Strict" in dated["malformed escape"].complaint


def test_plain_targets_and_literal_addresses(serve_pages: Serve, describe: Serve) -> None:
    """A target without TLS breaks the policy, at an address too; HTTPS to an address is outside RFC 6797."""
    served = serve_pages(lambda *_: (200, POLICY, ""))

    def sample(host: str, scheme: str = "http") -> tuple[PolicySample, ...]:
        environment = describe({"app": f"{scheme}://{host}:{served.port}"}, addresses=("127.0.0.1",))
        network = Network.build(environment, resolve=lambda _: [])
        return sample_policy(
            environment, environment.targets[0], lambda target: HttpClient(network, target, ca_file=None)
        )

    for host in ("app.example.test", "127.0.0.1"):
        assert {s.complaint for s in sample(host)} == {"the target answers over plain HTTP, without TLS"}
    with pytest.raises(NotApplicable, match="literal address"):
        sample("127.0.0.1", "https")
