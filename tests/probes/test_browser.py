"""The real browser: what it trusts, where it may go, and journeys on a small site with faults to switch."""

from __future__ import annotations

import html
import io
import json
import re
import secrets
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Error as PlaywrightError

from stagehold.environment.model import Environment, Journey
from stagehold.errors import ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.probes.browser.journeys import JourneyRun, holds_text, walk
from stagehold.probes.browser.launch import Chromium
from stagehold.probes.login.driver import LoginDriver, Sessions

pytestmark = pytest.mark.slow
PASSWORD = "correct horse"
SCRIPT = {
    "kind": "json_token",
    "login": {"method": "POST", "path": "/api/login", "json": {"name": "{user}", "word": "{password}"}},
}


class Site:
    """A ledger of one table: log in, add a voucher, approve it. `fault` switches what is wrong."""

    def __init__(self) -> None:
        self.fault = ""
        self.script = False
        """Logs in by a script's request instead of a form; `cookie` says whether that sets one."""
        self.cookie = True
        self.sessions: set[str] = set()
        self.vouchers: dict[str, str] = {}
        self.foreign = ""

    def __call__(  # noqa: PLR0911 - one per route
        self, method: str, path: str, head: str, body: bytes
    ) -> tuple[int, dict[str, str], str]:
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        match = re.search(r"session=(\w+)", head)
        inside = match is not None and match[1] in self.sessions
        if path == "/login":
            return self._login(method, form)
        if path == "/api/login" and json.loads(body) == {"name": "anna", "word": PASSWORD}:
            self.sessions.add(token := secrets.token_hex(8))
            return 204, {"Set-Cookie": f"session={token}; Path=/; Secure; HttpOnly"} if self.cookie else {}, ""
        if path == "/whoami":
            return (200, {"Content-Type": "application/json"}, '{"user": "anna"}') if inside else (401, {}, "")
        if not inside:
            return 303, {"Location": "/login"}, ""
        if path == "/logout":
            if match is not None and self.fault != "logout":
                self.sessions.discard(match[1])
            return 303, {"Location": "/login"}, ""
        if path == "/api/vouchers":
            rows = ",".join(f'{{"text":"{text}","state":"{state}"}}' for text, state in self.vouchers.items())
            return 200, {"Content-Type": "application/json"}, f"[{rows}]"
        return self._ledger(method, path, form)

    def _login(self, method: str, form: dict[str, str]) -> tuple[int, dict[str, str], str]:
        if method == "POST" and form.get("name") == "anna" and form.get("word") == PASSWORD:
            token = secrets.token_hex(8)
            self.sessions.add(token)
            return 303, {"Location": "/", "Set-Cookie": f"session={token}; Path=/; Secure; HttpOnly"}, ""
        return (
            200,
            {},
            _page("<form method=post><input name=name><input name=word type=password><button>Log in</button></form>"),
        )

    def _ledger(self, method: str, path: str, form: dict[str, str]) -> tuple[int, dict[str, str], str]:
        if method == "POST" and path == "/vouchers":
            if self.fault == "limited":
                return 429, {}, _page("slow down")
            if self.fault != "lost":
                self.vouchers[form["text"]] = "posted"
            return 303, {"Location": "/"}, ""
        if method == "POST" and path == "/approve":
            if self.fault == "error":
                return 500, {}, _page("Internal Server Error")
            self.vouchers[form["text"]] = "approved"
            return 303, {"Location": "/"}, ""
        rows = "".join(
            f"<li>{html.escape(text)} {state} <form method=post action=/approve><input type=hidden name=text "
            f"value='{html.escape(text)}'><button>Approve {html.escape(text)}</button></form>"
            for text, state in self.vouchers.items()
        )
        button = "" if self.fault == "button" else "<button>Post voucher</button>"
        script = f"<script src='{self.foreign}'></script>" if self.foreign else ""
        return (
            200,
            {},
            _page(
                f"<form method=post action=/vouchers><label>Text * <input name=text></label>{button}</form>"
                f"<ul>{rows}</ul><form method=post action=/logout><button>Log out</button></form>{script}"
            ),
        )


def _page(body: str) -> str:
    return f"<!doctype html><title>Ledger</title>{body}"


@pytest.fixture(scope="module")
def steps() -> list[dict[str, Any]]:
    """Post a voucher, approve it, log out."""
    return [
        {"goto": "/"},
        {"fill": {"Text": "{canary}"}},
        {"click": "Post voucher"},
        {"see": "{canary} posted"},
        {"click": "Approve {canary}"},
        {"see": "{canary} approved"},
        {"log_out": True},
    ]


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Site:
    """A site without faults; with the parameter `script` one that logs in by a script's request."""
    made = Site()
    made.script = getattr(request, "param", "") == "script"
    return made


@pytest.fixture
def staged(
    site: Site,
    serve_pages: Callable[..., Any],
    describe: Callable[..., Environment],
    authority: Any,
    tmp_path: Path,
    steps: list[dict[str, Any]],
) -> Iterator[Callable[[], JourneyRun]]:
    """Walks the journey on the site, over TLS by name, with a fresh canary; `staged.browser` is the browser."""
    served = serve_pages(site, pem=authority.issue("ledger.example.test"))
    (tmp_path / "secret").write_text(PASSWORD)
    environment = describe(
        {"app": f"https://ledger.example.test:{served.port}"},
        addresses=("127.0.0.1",),
        flows={
            "web": {
                **(SCRIPT if site.script else {"kind": "form"}),
                "target": "app",
                "whoami": {"path": "/whoami", "user": "/user"},
                "logout": {"method": "POST", "path": "/logout"},
            }
        },
        accounts=[{"alias": "anna", "flow": "web", "user": "anna", "password_ref": "file:secret"}],
        journeys=[
            {
                "name": "approve",
                "target": "app",
                "account": "anna",
                "steps": steps,
                "result": {"path": "/api/vouchers", "contains": '"text": "{canary}", "state": "approved"'},
            }
        ],
        consent={"classes": ["evidence", "ordinary", "canary-write"]},
    )
    network = Network.build(environment, resolve=lambda _: [])
    sessions = Sessions(LoginDriver(environment, network, tmp_path, authority.ca_file))
    journey: Journey = environment.journeys[0]
    with Chromium(network, ca_file=authority.ca_file, patience=2) as chromium:

        def run(canary: str = "") -> JourneyRun:
            return walk(
                journey,
                chromium=chromium,
                sessions=sessions,
                canary=canary or f"shc-{secrets.token_hex(4)}",
                trace_folder=tmp_path,
            )

        yield run


def test_journeys_succeed_and_fail_where_the_site_does(staged: Callable[..., JourneyRun], site: Site) -> None:
    """The clean site passes; each fault is told with its step, its 5xx or its missing result."""
    clean = staged()
    assert clean.problems == ()
    assert clean.done == len(clean.steps) == 8
    assert clean.picture is None
    with zipfile.ZipFile(io.BytesIO(clean.trace or b"")) as trace:
        assert not any(PASSWORD.encode() in trace.read(name) for name in trace.namelist())

    expectations = {
        "error": ("500", "step 7"),
        "button": ("step 4 (click Post voucher): not found",),
        "lost": ("step 5",),
        "logout": ("still logged in",),
    }
    for fault, words in expectations.items():
        site.fault = fault
        told = "; ".join((run := staged()).problems)
        assert all(word in told for word in words), (fault, told)
        assert run.picture is not None


@pytest.mark.parametrize("site", ["script"], indirect=True)
def test_login_by_a_script_carries_the_journey(staged: Callable[..., JourneyRun], site: Site) -> None:
    """Where a page's script logs in and gets a cookie, journeys go on; without a cookie they are uncovered."""
    clean = staged()
    assert clean.problems == ()
    with zipfile.ZipFile(io.BytesIO(clean.trace or b"")) as trace:
        assert not any(PASSWORD.encode() in trace.read(name) for name in trace.namelist())

    site.cookie = False
    with pytest.raises((Uncovered, ProbeError)):
        staged()


def test_interference_and_hollow_results_are_inconclusive(
    staged: Callable[..., JourneyRun], site: Site, serve_pages: Callable[..., Any]
) -> None:
    """Rate limiting, undeclared hosts a page needs, and results that held before prove nothing either way."""
    site.vouchers["shc-old"] = "approved"
    with pytest.raises(ProbeError, match="holds before"):
        staged("shc-old")

    site.fault = "limited"
    with pytest.raises(ProbeError, match="429"):
        staged()

    foreign = serve_pages(lambda *_: (200, {}, ""))
    site.fault, site.foreign = "button", f"https://127.0.0.1:{foreign.port}/needed.js"
    with pytest.raises(ProbeError, match=f"127.0.0.1:{foreign.port}"):
        staged()
    assert foreign.calls == []


def test_browser_reaches_nothing_but_the_declared(
    serve_pages: Callable[..., Any], open_network: Callable[..., Network], authority: Any
) -> None:
    """By URL, redirect, script, WebSocket, image or local name, an undeclared listener hears nothing."""
    foreign = serve_pages(lambda *_: (200, {"Access-Control-Allow-Origin": "*"}, "never"))
    away = f"127.0.0.1:{foreign.port}"

    def page(_: str, path: str, *__: object) -> tuple[int, dict[str, str], str]:
        if path == "/away":
            return 302, {"Location": f"http://{away}/"}, ""
        return (
            200,
            {},
            _page(
                f"<img src='http://{away}/i'><iframe src='http://localhost:{foreign.port}/f'></iframe>"
                f"<script>fetch('http://{away}/x').catch(() => 0); new WebSocket('ws://{away}/w')</script>"
            ),
        )

    served = serve_pages(page)
    url = f"http://app.example.test:{served.port}"
    network = open_network({"app": url}, addresses=("127.0.0.1",))
    with Chromium(network, ca_file=authority.ca_file) as chromium:
        with chromium.context() as context:
            opened = context.new_page()
            opened.goto(url, wait_until="networkidle")
            for target in (f"{url}/away", f"http://{away}/", f"http://localhost:{foreign.port}/"):
                try:
                    answer = opened.goto(target)
                except PlaywrightError:
                    continue
                assert answer is not None
                assert answer.status == 403
        refused = {(item.host, item.port) for item in chromium.refusals}

    assert served.calls
    assert foreign.calls == []
    assert {("127.0.0.1", foreign.port), ("localhost", foreign.port)} <= refused


def test_browser_trusts_the_declared_ca_and_no_wrong_name(
    serve_pages: Callable[..., Any], open_network: Callable[..., Network], authority: Any
) -> None:
    """Certificates are verified: the private CA is trusted, another name is not, nor is the CA by default."""
    right = serve_pages(lambda *_: (200, {}, "fine"), pem=authority.issue("right.example.test"))
    wrong = serve_pages(lambda *_: (200, {}, "never"), pem=authority.issue("other.example.test"))
    urls = {
        "right": f"https://right.example.test:{right.port}",
        "wrong": f"https://wrong.example.test:{wrong.port}",
    }
    network = open_network(urls, addresses=("127.0.0.1",))
    with Chromium(network, ca_file=authority.ca_file) as chromium, chromium.context() as context:
        page = context.new_page()
        assert page.goto(urls["right"]).status == 200  # type: ignore[union-attr]
        with pytest.raises(PlaywrightError, match="ERR_CERT_COMMON_NAME_INVALID"):
            page.goto(urls["wrong"])
    with Chromium(network, ca_file=None) as chromium, chromium.context() as context:
        page = context.new_page()
        with pytest.raises(PlaywrightError, match="ERR_CERT_AUTHORITY_INVALID"):
            page.goto(urls["right"])


@pytest.mark.parametrize(
    ("body", "wanted", "expected"),
    [
        ('{"a":"b","c":1}', '"a": "b"', True),
        ('{"a": "b"}', '"a":"b"', True),
        ('{"a": "\\u00e5"}', '"å"', True),
        ("plain text", "text", True),
        ('{"a": "x"}', '"a": "b"', False),
        ("", "b", False),
    ],
)
def test_results_are_found_however_json_is_written(body: str, wanted: str, expected: bool) -> None:
    """Spaces and escapes of JSON do not matter, its content does."""
    assert holds_text(body, wanted) is expected
