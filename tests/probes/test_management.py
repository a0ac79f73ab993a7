"""Management interfaces of third parties: recognised by content, approved only behind a login."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.network.pace import Pace
from stagehold.probes.consoles.fingerprints import Kind, Page, consoles, paths, recognise
from stagehold.probes.consoles.search import ConsoleSearch, search
from tests.probes.judged import outcomes

GONE = Page("/deadbeef", 404, "content-type: text/html", "<h1>Not found</h1>")
SHELL = "<!doctype html><title>Shop</title><div id=root></div><script src=/app.js></script>"
GRAFANA = "<title>Grafana</title><script>window.grafanaBootData = {}</script>"
ADMINER = '<title>Login - Adminer</title><input name="auth[password]" type="password">'
PROMETHEUS = "<title>Prometheus Time Series Collection and Processing Server</title>"
SHOWN = [
    ("Webmin", "/", 200, "server: MiniServ/2.0", ""),
    ("Webmin", "/", 200, "", "<title>Login to Webmin</title><form action='/session_login.cgi'>"),
    ("cPanel or WHM", "/cpanel", 200, "", "<title>cPanel Login</title>"),
    ("Portainer", "/portainer/", 200, "", '<title>Portainer</title><body ng-app="portainer">'),
    ("Jenkins", "/jenkins/", 403, "x-jenkins: 2.4", "Authentication required"),
    ("RabbitMQ Management", "/rabbitmq/", 200, "", "<title>RabbitMQ Management</title>"),
    ("RabbitMQ Management", "/rabbitmq/api/overview", 401, 'www-authenticate: basic realm="RabbitMQ Management"', ""),
    ("Grafana", "/grafana/login", 200, "", GRAFANA),
    ("Grafana", "/grafana/api/health", 200, "", '{"commit": "abc123", "database": "ok", "version": "10.1"}'),
    ("Prometheus", "/graph", 200, "", PROMETHEUS),
    ("Prometheus", "/-/healthy", 200, "", "Prometheus Server is Healthy.\n"),
    ("Jolokia", "/jolokia/", 200, "", '{"request":{"type":"version"},"value":{"agent":"1.7","protocol":"7.2"}}'),
    ("Tomcat Manager", "/manager/html", 401, 'www-authenticate: Basic realm="Tomcat Manager Application"', ""),
    ("Kubernetes API", "/api", 403, "", '{"kind": "Status", "apiVersion": "v1", "reason": "Forbidden"}'),
    ("Docker", "/version", 200, "", '{"ApiVersion": "1.43", "MinAPIVersion": "1.12"}'),
    ("HAProxy statistics", "/haproxy?stats", 200, "", "<title>Statistics Report for HAProxy</title>"),
    ("Consul", "/v1/status/leader", 200, "x-consul-index: 4", '""'),
    ("Eureka", "/", 200, "", "<title>Eureka</title><h1>DS Replicas</h1>"),
    ("Nagios", "/nagios/", 401, 'www-authenticate: Basic realm="Nagios Access"', ""),
]
NOTHING = [
    ("/grafana/", 200, "", SHELL),
    ("/grafana/", 302, "location: https://sso.test/?back=grafana", ""),
    ("/jenkins/", 200, "", "<title>From Jenkins to Grafana: our platform</title><p>RabbitMQ, Prometheus, Portainer"),
    ("/metrics", 200, "", "# TYPE ledger_responses_total counter\nledger_responses_total 4\n"),
    ("/version", 200, "", '{"release": "1.4", "digest": "sha256:00"}'),
    ("/dashboard/", 200, "", "<title>Dashboard</title><p>Your vouchers and services, overview"),
    ("/login", 200, "", "<title>Log in</title><input name=user><input type=password name=password>"),
    ("/api/overview", 200, "", '{"services": 3, "total": 12}'),
    ("/v1/jobs", 200, "", '[{"id": 1, "name": "export", "status": "running"}]'),
    ("/search", 200, "", "<title>Search</title>jaeger"),
    ("/manager/html", 404, "", "<h1>Not found: /manager/html</h1>"),
]

Answer = Callable[[str], tuple[int, dict[str, str], str]]
Look = Callable[..., ConsoleSearch]


@pytest.mark.parametrize(("name", "path", "status", "headers", "body"), SHOWN)
def test_interfaces_are_recognised(name: str, path: str, status: int, headers: str, body: str) -> None:
    """An interface is told by its content or its own header, also where it asks for a password."""
    assert name in recognise(Page(path, status, headers, body), GONE, Kind.MANAGEMENT)


@pytest.mark.parametrize(("path", "status", "headers", "body"), NOTHING)
def test_other_pages_are_no_interfaces(path: str, status: int, headers: str, body: str) -> None:
    """Shells, articles, own metrics, own dashboards and login pages are no interfaces of third parties."""
    assert recognise(Page(path, status, headers, body), GONE, Kind.MANAGEMENT) == {}


def test_soft_error_page_that_repeats_the_path_is_no_interface() -> None:
    """Where unknown paths get a good page that repeats them, no path is a mark."""
    control = Page("/deadbeef", 200, "", "<title>deadbeef</title>")

    for path in paths(Kind.MANAGEMENT):
        page = Page(path, 200, "", f"<title>{path.strip('/')}</title>{SHELL}")
        assert recognise(page, control, Kind.MANAGEMENT) == {}, path


def test_every_interface_can_be_approved_and_found() -> None:
    """Every entry has absolute paths to find it by, and relative ones that must ask for a login."""
    known = consoles(Kind.MANAGEMENT)

    assert len(known) >= 40
    assert len({console.name for console in known}) == len(known)
    for console in known:
        assert console.inside, console.name
        assert all(path.startswith("/") for path in console.paths), console.name
        assert not any(path.startswith("/") for path in console.inside), console.name


@pytest.fixture
def searched(serve_pages: Any, describe: Any) -> Look:
    """A search of a site whose answer to a path is given; what is named is approved there, below /grafana."""

    def look(answer: Answer, *names: str, path: str = "/grafana", moved: int = 0) -> ConsoleSearch:
        served = serve_pages(lambda _method, asked, *_: answer(asked))
        approved = [
            {"name": name, "host": "127.0.0.1", "port": served.port + moved, "path": path, "reason": "graphs",
             "approver": "ops"} for name in names
        ]  # fmt: skip
        environment = describe({"app": f"http://127.0.0.1:{served.port}"}, approved_software=approved)
        network = Network.build(environment, resolve=lambda _: [])
        return search(network, environment, "external", Pace().search(), Kind.MANAGEMENT)

    return look


def judged(looked: ConsoleSearch) -> str:
    """What the check says."""
    return outcomes("ports", {"management_search": looked})["NET-010"]


def grafana(*, inner: int = 401, status: int = 200, body: str = GRAFANA) -> Answer:
    """A site with a Grafana below /grafana/, whose inner interface is answered with that status."""

    def answer(path: str) -> tuple[int, dict[str, str], str]:
        if path.startswith("/grafana/api/"):
            return inner, {"Content-Type": "application/json"}, "[]" if inner == 200 else "{}"
        if path.startswith("/grafana"):
            return status, {}, body
        return (200, {}, SHELL) if path == "/" else (404, {}, "gone")

    return answer


def test_sound_site_passes(searched: Look) -> None:
    """Every path was asked for, and none shows an interface."""
    looked = searched(lambda path: (200, {}, SHELL) if path == "/" else (404, {}, "gone"))

    assert looked.requests >= len(paths(Kind.MANAGEMENT))
    assert judged(looked) == "passed"


def test_single_page_application_passes(searched: Look) -> None:
    """A site that answers every path with its shell holds no interface."""
    assert judged(searched(lambda _: (200, {}, SHELL))) == "passed"


def test_interface_that_nobody_approved_fails(searched: Look) -> None:
    """A login page alone is enough where it was not approved."""
    looked = searched(grafana())

    assert [found.name for found in looked.found] == ["Grafana"]
    assert judged(looked) == "failed"


def test_approved_interface_behind_a_login_passes(searched: Look) -> None:
    """Its shell is the same for everybody, and everything inside asks for a login."""
    assert judged(searched(grafana(), "Grafana")) == "passed"


@pytest.mark.parametrize(
    ("names", "place"),
    [(("Prometheus",), {}), (("Grafana",), {"path": "/graf"}), (("Grafana",), {"moved": 1}), (("grafana",), {})],
)
def test_approval_holds_for_its_product_and_place_only(searched: Look, names: Any, place: Any) -> None:
    """Another product, another path, another port and another spelling approve nothing."""
    assert judged(searched(grafana(), *names, **place)) == "failed"


def test_approved_interface_open_to_anybody_fails(searched: Look) -> None:
    """Approved or not, content without a login fails, though the first page is but a shell."""
    looked = searched(grafana(inner=200), "Grafana")

    assert "for people who log in" in looked.found[0].marks
    assert judged(looked) == "failed"


def test_approved_interface_without_any_login_is_inconclusive(searched: Look) -> None:
    """Where nothing inside is there at all, nobody has seen it ask for a login."""
    looked = searched(grafana(inner=404), "Grafana")

    assert judged(looked) == "inconclusive"
    with pytest.raises(ProbeError, match="Grafana is there, and nothing of it"):
        looked.require_complete()


def test_product_without_a_login_of_its_own(searched: Look) -> None:
    """A page with content fails where it is approved; behind a proxy's login the same product passes."""

    def bare(path: str) -> tuple[int, dict[str, str], str]:
        return (200, {}, PROMETHEUS) if path.startswith("/grafana") else (404, {}, "gone")

    def guarded(path: str) -> tuple[int, dict[str, str], str]:
        return (302, {"Location": "https://sso.test/"}, "") if path.startswith("/grafana") else (404, {}, "gone")

    assert judged(searched(bare, "Prometheus")) == "failed"
    assert judged(searched(guarded, "Prometheus")) == "passed"
    assert judged(searched(guarded)) == "passed"


def test_database_console_cannot_be_approved(serve_pages: Any, describe: Any) -> None:
    """The key allows no console of a database, whatever its name says."""
    served = serve_pages(lambda _m, path, *_: (200, {}, ADMINER) if "admin" in path else (404, {}, ""))
    item = {"name": "Adminer", "host": "127.0.0.1", "port": served.port, "path": "/", "reason": "x", "approver": "y"}
    environment = describe({"app": f"http://127.0.0.1:{served.port}"}, approved_software=[item])

    looked = search(Network.build(environment, resolve=lambda _: []), environment, "external", Pace().search())

    assert [found.name for found in looked.found] == ["Adminer"]


@pytest.mark.parametrize(("status", "words"), [(429, "a limit was reached"), (502, "broken at the moment")])
def test_what_hides_interfaces_is_inconclusive(searched: Look, status: int, words: str) -> None:
    """Limits and faults never count as absence."""
    looked = searched(lambda path: (status, {}, "") if path == "/jenkins/" else (404, {}, "gone"))

    assert judged(looked) == "inconclusive"
    with pytest.raises(ProbeError, match=words):
        looked.require_complete()
