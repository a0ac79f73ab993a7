"""Looking for a login without an account, and what a person is told to declare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagehold.environment.access import BasicFlow, FormFlow, TokenFlow
from stagehold.environment.model import Environment
from stagehold.environment.reader import read_environment
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.login.identity import try_login
from stagehold.probes.login.scout import Sighting, scout
from stagehold.probes.login.token_places import tokens_elsewhere
from tests.probes.company_service import COMPANIES, stand

Serve = Callable[..., Any]
Pages = dict[str, tuple[int, dict[str, str], str]]
FORM = (
    "<form method=post action=/in><input type=hidden name=_csrf value=t><input name=who>"
    "<input type=password name=pw></form>"
)
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def sight(serve_pages: Serve) -> Callable[..., tuple[Sighting, list[str]]]:
    """Serves the pages by path, and tells what is seen of the login and what was asked for."""

    def look(pages: Pages, **keys: Any) -> tuple[Sighting, list[str]]:
        asked: list[str] = []

        def page(method: str, path: str, head: str, body: bytes) -> tuple[int, dict[str, str], str]:
            asked.append(f"{method} {path}")
            return pages.get(path, pages.get("*", (404, {}, "<p>Not found</p>")))

        url = f"http://127.0.0.1:{serve_pages(page).port}"
        environment = Environment.model_validate(
            {"environment": {"id": "t"}, "targets": [{"name": "web", "base_url": url}], **keys}
        )
        (sighting,) = scout(environment, Network.build(environment), None)
        return sighting, asked

    return look


Sight = Callable[..., tuple[Sighting, list[str]]]
SPA = "<!doctype html><div id=root></div><script src=/app.js></script>"
SIGHTS: dict[str, tuple[Pages, str, str, str]] = {
    "where the start page links to": (
        {"/": (200, {}, "<a href=/about>About</a><a href='/enter?lang=en'>Log in</a>"),
         "/enter?lang=en": (200, {}, FORM)},
        "login form found at /enter: fields who (text), pw (password); CSRF token _csrf",
        "declare `flows.web.whoami`, because", 'kind: form, target: web, page: "/enter?lang=en"',
    ),
    "where the start page leads to": (
        {"/": (302, {"Location": "/u/sign?next=/"}, ""), "/u/sign?next=/": (200, {}, FORM)},
        "login form found at /u/sign:", "declare `flows.web.whoami`", 'page: "/u/sign"',
    ),
    "at a usual place": (
        {"/": (200, {}, "<p>Welcome</p>"), "/users/sign_in": (200, {}, FORM)},
        "login form found at /users/sign_in:", "declare `flows.web.whoami`", 'page: "/users/sign_in"',
    ),
    "sent by a script": (
        {"/": (200, {}, FORM.replace("method=post", ""))}, "its method is GET, so a script must be sending it",
        "of `kind: json_token`", 'json: {who: "{user}", pw: "{password}"}',
    ),
    "drawn by a script": (
        {"*": (200, {}, SPA)}, "pages are drawn by scripts", "developer tools", "kind: json_token, target: web",
    ),
    "of an interface": (
        {"*": (401, {**JSON, "WWW-Authenticate": 'Bearer realm="api"'}, "{}")}, "answers programs, not browsers",
        "`flows.web` of `kind: json_token`", "whoami: {path: /PATH, user: /POINTER}",
    ),
    "HTTP Basic": (
        {"*": (401, {"WWW-Authenticate": 'Basic realm="x", charset="UTF-8"'}, "no")}, "asks for HTTP Basic credentials",
        "declare `flows.web.whoami`", "kind: basic, target: web",
    ),
    "two fields": (
        {"/": (200, {}, FORM.replace("<input name=who>", "<input name=a><input name=b>"))},
        "fields a (text), b (text), pw (password); CSRF token _csrf, but no input for the user name stands out",
        "`flows.web.fields`", "",
    ),
    "user name first": (
        {"/": (200, {}, "<form method=post action=/login><input name=email></form>")},
        "the password is asked for on a later page", "`kind: form` fills one page", "",
    ),
    "on another host": (
        {"/": (302, {"Location": "https://idp.example/login"}, "")},
        "its login leads out of the environment: idp.example port 443", "a target of its own", "",
    ),
    "none at all": (
        {"/": (200, {}, "<p>Welcome</p>")}, "no login form on 9 pages (/, /login, /accounts/login/, ...)",
        "`flows.web.page`, because nothing on the start page leads there", 'page: "/PAGE"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGHTS)
def test_login_is_seen_and_what_to_declare_is_told(sight: Sight, name: str) -> None:
    """Of each kind of login it is told what was found, what was not, and which key says it."""
    pages, found, declare, draft = SIGHTS[name]
    sighting, asked = sight(pages)

    told = str(sighting)
    assert told.startswith("web: ")
    assert found in told
    assert declare in told
    assert draft in told
    assert {entry.split()[0] for entry in asked} == {"GET"}
    assert len(asked) <= 16


def test_declared_page_and_fields_come_first(sight: Sight) -> None:
    """A guessed flow is looked at where it says, and its name is the one that is spoken of."""
    whoami = {"path": "/me", "contains": "{user}"}
    fields = {"user": "b", "password": "pw"}
    flow = {"kind": "form", "target": "web", "page": "/own", "fields": fields, "whoami": whoami}
    form = FORM.replace("<input name=who>", "<input name=a><input name=b>")
    sighting, asked = sight({"/own": (200, {}, form), "/": (200, {}, FORM)}, flows={"staff": flow})

    assert asked == ["GET /own"]
    assert "`flows.staff.whoami`" in str(sighting)


def test_what_is_denied_is_not_looked_at(sight: Sight) -> None:
    """`deny.operations` holds for a look around as well."""
    denied = {"operations": ["GET /login", "* /"]}
    sighting, asked = sight({"/login": (200, {}, FORM), "/signin": (200, {}, FORM)}, deny=denied)

    assert "GET /login" not in asked
    assert "GET /" not in asked
    assert "found at /signin" in str(sighting)


def test_nothing_is_looked_at_without_consent(serve_pages: Serve) -> None:
    """Without consent to page views there is no look around."""
    asked: list[str] = []

    def page(method: str, path: str, head: str, body: bytes) -> tuple[int, dict[str, str], str]:
        asked.append(path)
        return 200, {}, FORM

    served = serve_pages(page)
    environment = Environment.model_validate(
        {
            "environment": {"id": "t"},
            "targets": [{"name": "web", "base_url": f"http://127.0.0.1:{served.port}"}],
            "consent": {"classes": ["evidence"]},
        }
    )

    assert scout(environment, Network.build(environment), None) == ()
    assert asked == []


@pytest.mark.parametrize("name", [name for name, case in SIGHTS.items() if case[3]])
def test_drafts_are_descriptions(sight: Sight, tmp_path: Path, name: str) -> None:
    """A draft is YAML that the reader takes, once a person has looked at it."""
    sighting, _ = sight(SIGHTS[name][0])
    path = tmp_path / "environment.yaml"
    path.write_text(
        f"environment: {{id: t}}\ntargets: [{{name: web, base_url: 'https://w.example'}}]\n{sighting.draft}\n"
    )

    (flow,) = read_environment(path).environment.flows.values()
    assert isinstance(flow, FormFlow | TokenFlow | BasicFlow)
    assert flow.target == "web"


def test_whoami_that_tells_everybody_the_same_is_undecided(serve_pages: Serve, tmp_path: Path) -> None:
    """Who shows as somebody without ever having logged in says nothing of those who did: no pass, and no failure."""
    made = stand(serve_pages, tmp_path)
    flow = made.environment.flows["api"]
    same = flow.model_copy(update={"whoami": flow.whoami.model_copy(update={"path": "/health", "user": "/status"})})
    made.environment.flows["api"] = same

    with pytest.raises(ProbeError, match="shows up to a client that never logged in") as caught:
        try_login(made.sessions, made.environment.account("anna"), COMPANIES)
    assert "`flows.api.whoami`" in caught.value.remedy


def test_token_at_another_place_is_pointed_at(serve_pages: Serve, tmp_path: Path) -> None:
    """A login whose answer holds its token elsewhere tells the place, and never the token."""
    made = stand(serve_pages, tmp_path)
    flow = made.environment.flows["api"]
    made.environment.flows["api"] = flow.model_copy(update={"token": "/access_token"})
    told = try_login(made.sessions, made.environment.account("anna"), COMPANIES).observed()

    assert "without a token at /access_token (texts that could be it are at /data/token; see `flows.*.token`)" in told
    assert not any(token in told for token in made.service.sessions)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"a/b": {"~t": "x" * 16}}, "/a~1b/~0t"),
        ({"note": "a sentence with blanks in it", "id": "short"}, ""),
        ({"k" * 41: "x" * 16}, ""),
        (["x" * 16], ""),
        (None, ""),
    ],
)
def test_places_that_could_hold_a_token(document: object, told: str) -> None:
    """Long texts without blanks could be tokens; a key that could be a secret itself is not repeated."""
    said = tokens_elsewhere(document)

    assert (told in said) if told else said == ""
