"""Database consoles: what their pages are recognised by, and what is none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.network.pace import Pace
from stagehold.probes.consoles.fingerprints import Page, consoles, paths, recognise
from stagehold.probes.consoles.search import ConsoleSearch, search

GONE = Page("/deadbeef", 404, "content-type: text/html", "<h1>Not found</h1>")
SHELL = "<!doctype html><title>Shop</title><div id=root></div>"
SHOWN = [
    ("phpMyAdmin", "/pma/", 200, "", '<input name="pma_username"><input name="pma_password">'),
    ("phpMyAdmin", "/phpMyAdmin/", 200, "set-cookie: phpMyAdmin=x", "<title>db | phpMyAdmin</title>"),
    ("phpMyAdmin", "/phpMyAdmin/", 200, "", "<title>phpMyAdmin</title><script>CommonParams.setAll({})</script>"),
    ("Adminer", "/adminer.php", 200, "", "<title>Login - Adminer</title>"),
    ("Adminer", "/db.php", 200, "set-cookie: adminer_sid=x", ""),
    ("pgAdmin", "/pgadmin4/", 200, "", "<title>pgAdmin 4</title>"),
    ("mongo-express", "/mongo-express/", 401, 'www-authenticate: Basic realm="mongo-express"', "Unauthorized"),
    ("mongo-express", "/mongo/", 200, "", "<title>Home - Mongo Express</title><h2>Databases</h2>"),
    ("Kibana", "/kibana/", 302, "kbn-name: kibana", ""),
    ("Elasticsearch", "/", 200, "", '{"name": "a", "tagline" : "You Know, for Search"}'),
    ("Elasticsearch", "/", 401, "x-elastic-product: Elasticsearch", "{}"),
    ("CouchDB", "/", 200, "", '{"couchdb":"Welcome","version":"3.3.2"}'),
    ("CloudBeaver", "/", 200, "", "<title>CloudBeaver Community</title>"),
    ("H2 Console", "/h2-console/", 200, "", "<title>H2 Console</title><a href='login.jsp?jsessionid=1'>"),
    ("Oracle Database Actions", "/ords/", 200, "", "<title>Oracle REST Data Services</title>"),
    ("ClickHouse", "/play", 200, "", "<title>ClickHouse Query</title>"),
    ("InfluxDB", "/ping", 204, "x-influxdb-version: 1.8", ""),
]
NOTHING = [
    ("/adminer.php", 403, "", "<h1>Forbidden</h1>"),
    ("/phpmyadmin/", 200, "", SHELL),
    ("/phpmyadmin/", 200, "", "<title>phpMyAdmin: how to remove it</title><p>An article."),
    ("/", 200, "", "<title>Jobs</title><p>We know Oracle REST Data Services, passwords and records.</p>"),
    ("/", 200, "", "<p>We moved from Adminer to Kibana and Elasticsearch; phpMyAdmin is gone.</p>"),
    ("/adminer.php", 302, "location: /login", ""),
    ("/", 200, "", '{"cluster_name": "shop"}'),
]


@pytest.mark.parametrize(("name", "path", "status", "headers", "body"), SHOWN)
def test_consoles_are_recognised(name: str, path: str, status: int, headers: str, body: str) -> None:
    """A console is told by its content, also at a path that is part of its marks, and where it asks for a password."""
    assert name in recognise(Page(path, status, headers, body), GONE)


@pytest.mark.parametrize(("path", "status", "headers", "body"), NOTHING)
def test_other_pages_are_no_consoles(path: str, status: int, headers: str, body: str) -> None:
    """Refusals, shells, articles and lists of skills are no consoles."""
    assert recognise(Page(path, status, headers, body), GONE) == {}


def test_repeated_path_proves_nothing() -> None:
    """Where unknown paths get a good page that repeats them, a title made of the path is no mark; a form is one."""
    control = Page("/deadbeef", 200, "", "<title>deadbeef - Adminer</title>")

    def soft(path: str, more: str = "") -> dict[str, str]:
        return recognise(Page(path, 200, "", f"<title>{path.strip('/')}</title>{more}"), control)

    for path in paths():
        assert soft(path) == {}, path
    assert "phpMyAdmin" in soft("/pma/", '<input name="pma_username"><input name="pma_password">')


def test_every_console_has_paths_and_marks_of_its_own() -> None:
    """No mark of one console is found by a page that holds nothing, and every path begins with a slash."""
    assert len(consoles()) >= 30
    assert all(path.startswith("/") for path in paths())
    assert recognise(Page("/", 200, "content-type: text/html", SHELL), GONE) == {}


@settings(deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.integers(200, 599))
def test_any_answer_can_be_judged(headers: str, body: str, status: int) -> None:
    """Whatever a listener sends is judged without an error, and nonsense is no console."""
    assert recognise(Page("/adminer.php", status, headers, body), GONE) == {}


Serve = Callable[..., Any]


@pytest.fixture
def searched(serve_pages: Serve, describe: Serve) -> Callable[..., ConsoleSearch]:
    """A search of a site whose answer to a path is given."""

    def look(answer: Callable[[str], tuple[int, dict[str, str], str]]) -> ConsoleSearch:
        served = serve_pages(lambda _method, path, *_: answer(path))
        environment = describe({"app": f"http://127.0.0.1:{served.port}"})
        return search(Network.build(environment, resolve=lambda _: []), environment, "external", Pace().search())

    return look


ADMINER = "<title>Login - Adminer</title>"


def test_sound_site_is_complete(searched: Callable[..., ConsoleSearch]) -> None:
    """Every path was asked for, and none shows a console."""
    looked = searched(lambda path: (200, {}, SHELL) if path == "/" else (404, {}, "gone"))

    looked.require_complete()
    assert looked.found == ()
    assert looked.requests >= len(paths())


def test_console_behind_a_redirect_is_found(searched: Callable[..., ConsoleSearch]) -> None:
    """A redirect within the place is followed to the console."""

    def answer(path: str) -> tuple[int, dict[str, str], str]:
        if path == "/adminer/":
            return 302, {"Location": "/tools/sql"}, ""
        return (200, {}, ADMINER) if path == "/tools/sql" else (404, {}, "gone")

    assert [found.path for found in searched(answer).found] == ["/tools/sql"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda path: (403, {}, "blocked"), "refused with 403"),
        (lambda path: (503, {}, "down"), "answered 503"),
        (lambda path: (429, {}, "slow down"), "answered 429"),
        (lambda path: (429, {}, "") if path == "/pma/" else (404, {}, ""), "a limit was reached"),
        (lambda path: (502, {}, "") if path == "/kibana/" else (404, {}, ""), "broken at the moment"),
        (lambda path: (200, {"Content-Encoding": "gzip"}, "x"), "encoded as gzip"),
    ],
)
def test_what_hides_consoles_is_inconclusive(searched: Callable[..., ConsoleSearch], answer: Any, words: str) -> None:
    """Walls, limits, faults and what cannot be read never count as absence."""
    looked = searched(answer)

    assert not looked.found
    with pytest.raises(ProbeError, match=words):
        looked.require_complete()


def test_block_after_the_search_is_inconclusive(searched: Callable[..., ConsoleSearch]) -> None:
    """When an unknown path is answered differently afterwards, somebody has begun to block."""
    seen: list[str] = []

    def answer(path: str) -> tuple[int, dict[str, str], str]:
        seen.append(path)
        return (404 if len(seen) < len(paths()) else 403), {}, "x"

    with pytest.raises(ProbeError, match="after the search"):
        searched(answer).require_complete()


def test_nothing_searched_is_inconclusive() -> None:
    """No place at all, or none that answered as a web server, proves nothing."""
    with pytest.raises(ProbeError, match="nothing was searched"):
        ConsoleSearch(()).require_complete()
