"""The headers suite's detectors on a Flask site: red on the fault, green without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stagehold.errors import ProbeError
from tests.twins import web_stage
from tests.twins.web_flask import SERVED, USERS
from tests.twins.web_flask import Site as Flask
from tests.twins.web_stage import NOT_APPLICABLE, Site, serving, site

KEYS: dict[str, Any] = {
    "flows": {"web": {"kind": "form", "target": "app", "whoami": {"path": "/me", "user": "/user"}}},
    "accounts": [{"alias": "ada", "flow": "web", "user": "ada", "password_ref": "file:ada"}],
}

DOCUMENTATION = ["GET /docs", "GET /openapi.json"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The description's folder, with the password."""
    made = tmp_path_factory.mktemp("flask")
    (made / "ada").write_text(USERS["ada"])
    return made


@pytest.fixture(scope="module")
def stage(folder: Path) -> Iterator[tuple[Flask, str]]:
    """One site for all tests here."""
    app = Flask()
    with serving(app) as url:
        yield app, url


@pytest.fixture
def twin(stage: tuple[Flask, str], folder: Path) -> Iterator[tuple[Flask, Site]]:
    """The site, sound before and after each test, and described."""
    app, url = stage
    app.faults.clear()
    app.requests = 0
    yield app, site(url, folder, **KEYS)
    app.faults.clear()


def test_sound_site_passes_everything(twin: tuple[Flask, Site]) -> None:
    """Nonces, a login, soft words about exceptions and JSON errors trip nothing, to a stranger and to a user."""
    _, looked = twin

    assert looked.responses() == {}
    assert looked.exposures() == {}
    assert {reply.who for reply in looked.samples().replies} == {"anonymous", "ada"}


@pytest.mark.parametrize(
    ("fault", "check", "words"),
    [
        ("inline", "HDR-002", "any inline script may run"),
        ("no-policy-on-errors", "HDR-002", "no enforcing Content-Security-Policy"),
        ("report-only", "HDR-002", "no enforcing Content-Security-Policy"),
        ("fixed-nonce", "HDR-002", "occurs in another response"),
        ("no-nosniff", "HDR-005", "no X-Content-Type-Options"),
        ("json-as-html", "HDR-005", "JSON is sent as text/html"),
        ("generator", "HDR-010", "generator tag tells 'Notemaker 4.2'"),
        ("own-version", "HDR-010", "Notes/4.2"),
        ("trace", "HDR-012", "a Python trace"),
        ("sql", "HDR-012", "SQL or a database's message"),
        ("warning", "HDR-012", "a PHP error"),
        ("no-identifier", "HDR-012", "an internal error without a correlation id"),
    ],
)
def test_fault_of_responses_is_caught(twin: tuple[Flask, Site], fault: str, check: str, words: str) -> None:
    """Each fault makes exactly its check complain, in words that name it."""
    app, looked = twin
    app.faults.add(fault)
    said = looked.responses()

    assert set(said) == {check}
    assert any(words in complaint for complaint in said[check])


def test_html_without_a_charset_in_the_header_may_name_it_itself(twin: tuple[Flask, Site]) -> None:
    """A meta element names the charset as well as the header does."""
    app, looked = twin
    app.faults.add("no-charset")

    assert looked.responses() == {}


def test_debugger_is_caught_twice(twin: tuple[Flask, Site]) -> None:
    """Werkzeug's own debugger tells the trace with every error, and its console runs code for anybody."""
    app, looked = twin
    app.faults.add("debugger")

    assert "a Python trace" in str(looked.responses()["HDR-012"])
    assert web_stage.served(looked.endpoints()) == {"Werkzeug debugger console"}


def test_what_must_not_be_served_is_found(twin: tuple[Flask, Site]) -> None:
    """Each thing is found by its own check alone, also where the server calls every file HTML; settings are none."""
    app, looked = twin
    app.faults |= set(SERVED)

    assert looked.exposures() == {
        "HDR-013": {"Prometheus metrics", "Swagger UI", "OpenAPI description"},
        "HDR-014": {"git repository", "environment file", "database dump", "forgotten copy of a file"},
        "NET-009": {"Adminer", "phpMyAdmin"},
    }


@pytest.mark.parametrize(
    "keys",
    [
        {"disclosure": {"paths": ["/docs", "/openapi.json"]}},
        {"inventory": {"target": "app", "extra_operations": DOCUMENTATION, "public_operations": DOCUMENTATION}},
    ],
)
def test_declared_documentation_is_spared(stage: tuple[Flask, str], folder: Path, keys: dict[str, Any]) -> None:
    """Documentation that is declared to be meant for anybody is no finding; what is not declared stays one."""
    app, url = stage
    app.faults = {"docs", "openapi", "metrics"}
    looked = site(url, folder, **KEYS, **keys)
    found = web_stage.served(looked.endpoints())
    app.faults.clear()

    assert found == {"Prometheus metrics"}


def test_own_version_may_be_told(stage: tuple[Flask, str], folder: Path) -> None:
    """The declared product's version is no finding; another one beside it in the same header is."""
    app, url = stage
    app.faults = {"own-version"}
    looked = site(url, folder, **KEYS, disclosure={"versions": ["Notes"]})
    sound = looked.responses()
    app.faults = {"own-and-other"}
    broken = looked.responses()
    app.faults.clear()

    assert sound == {}
    assert set(broken) == {"HDR-010"}
    assert "PHP/8.2.1" in str(broken)


def test_framework_told_in_the_server_header(folder: Path) -> None:
    """Werkzeug's own banner is a finding on every response."""
    with serving(Flask(), banner="Werkzeug/3.1.3 Python/3.11.2") as url:
        said = site(url, folder, **KEYS).responses()

    assert said == {"HDR-010": {"Server tells 'Werkzeug/3.1.3 Python/3.11.2'"}}


def test_limit_is_never_taken_for_a_refusal(twin: tuple[Flask, Site]) -> None:
    """Once every answer is 429, nothing that was not found counts as absent."""
    app, looked = twin
    app.faults.add("limit")

    for search in (looked.endpoints, looked.files, looked.consoles):
        app.requests = 0
        with pytest.raises(ProbeError, match="429"):
            search().require_complete()


def test_json_service_has_no_pages(folder: Path) -> None:
    """Where nobody opens pages and every answer is JSON, policies of pages are not applicable; elsewhere unproven."""

    def answers(environ: Any, start_response: Any) -> list[bytes]:
        found = environ["PATH_INFO"] == "/"
        start_response(
            "200 OK" if found else "404 Not Found",
            [("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff")],
        )
        return [b'{"ok": true}' if found else b'{"error": "nothing is there"}']

    with serving(answers) as url:
        program = site(url, folder, pages_expected=False).responses()
        browser = site(url, folder, pages_expected=True).responses()

    assert program == {"HDR-002": NOT_APPLICABLE}
    assert set(browser) == {"HDR-002"}
    assert "inconclusive" in str(browser["HDR-002"])


@pytest.mark.parametrize("status", ["204 No Content", "500 Internal Server Error", "403 Forbidden"])
def test_empty_sample_proves_nothing(folder: Path, status: str) -> None:
    """Answers without content, failures and walls of refusals pass no check of responses."""

    def answers(_environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, [("X-Content-Type-Options", "nosniff")])
        return []

    with serving(answers) as url:
        said = site(url, folder, pages_expected=False).responses()

    must = (
        {"HDR-002", "HDR-005", "HDR-012"} if status.startswith("204") else {"HDR-002", "HDR-005", "HDR-010", "HDR-012"}
    )
    assert must <= set(said)
