"""Server-rendered services nobody here wrote: CSRF in every form, redirects for answers, one script for all pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from stagehold.environment.access import DenialRule, ObjectFixture, Request
from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.access.anonymous import AnonymousReport, AnonymousSurvey
from stagehold.probes.access.isolation import foreign_reads, foreign_writes
from stagehold.probes.access.objects import CanaryObjects, Residue
from stagehold.probes.access.operations import build_call, declared_operation, is_denied, load_operations
from stagehold.probes.access.oracle import Answer, LoginPages, Ruling, judge_anonymous, matching
from stagehold.probes.login.driver import LoginDriver, LoginRefused, Sessions
from stagehold.probes.login.lockout import guess_passwords
from stagehold.probes.login.revocation import replay_after_logout
from stagehold.probes.web.forms import find_form_for, find_link_to
from tests.probes.html_service import USERS, HtmlService, description

Serve = Callable[..., Any]


@dataclass
class Stand:
    """The service and what the probes need."""

    service: HtmlService
    sessions: Sessions
    objects: CanaryObjects
    folder: Path

    @property
    def environment(self) -> Environment:
        """The description."""
        return self.sessions.driver.environment

    def survey(self) -> AnonymousReport:
        """What anonymous callers get."""
        operations = load_operations(self.environment, self.sessions, self.folder)
        return AnonymousSurvey(operations, self.sessions, self.objects).run()


@pytest.fixture
def stage(serve_pages: Serve, tmp_path: Path) -> Callable[..., Stand]:
    """Starts the service with the given flags."""

    def start(*flags: str) -> Stand:
        service = HtmlService(set(flags))
        served = serve_pages(service.page)
        environment = Environment.model_validate(description(f"http://127.0.0.1:{served.port}"))
        for user in USERS:
            (tmp_path / user).write_text(f"pw-{user}")
        sessions = Sessions(LoginDriver(environment, Network.build(environment), tmp_path, None, timeout=5.0))
        objects = CanaryObjects(environment, sessions, Residue(tmp_path / "residue.jsonl"), "20261123T160000Z-3fa9")
        return Stand(service, sessions, objects, tmp_path)

    return start


def test_isolated_companies_pass_through_forms_and_redirects(stage: Callable[..., Stand]) -> None:
    """Objects are made by a form with its CSRF token, known by the redirect, and kept apart."""
    made = stage()
    note = made.environment.fixtures[0]

    for report in (foreign_reads(made.objects, note, None), foreign_writes(made.objects, note)):
        report.require_decided()
        assert report.attacks
        assert not report.granted


def test_write_across_companies_is_seen_behind_csrf(stage: Callable[..., Stand]) -> None:
    """An attacker's own CSRF token goes along where the object's page is hidden, so that the leak shows."""
    made = stage("leak-write")

    report = foreign_writes(made.objects, made.environment.fixtures[0])

    assert [attack.attacker for attack in report.granted] == ["bert"]


def test_anonymous_writes_get_past_csrf_to_the_login(stage: Callable[..., Stand]) -> None:
    """A write with a visitor's token is refused by the redirect to the login, and an open one is found."""
    report = stage().survey()
    report.require_decided()

    assert not report.granted
    assert [str(row.operation) for row in stage("open-write").survey().granted] == ["POST /index.php?do=wipe"]


def test_page_behind_a_redirect_is_no_refusal(stage: Callable[..., Stand]) -> None:
    """A redirect to the login that carries the page all the same is never taken for a refusal."""
    with pytest.raises(ProbeError, match="characters of content"):
        stage("goes-on").survey().require_decided()


@pytest.mark.parametrize(("flags", "survive"), [((), False), (("logout-keeps",), True)])
def test_logout_by_a_link_with_a_token(stage: Callable[..., Stand], flags: tuple[str, ...], survive: bool) -> None:
    """The link of the page is followed with its token; a session that outlives it is caught."""
    made = stage(*flags)

    report = replay_after_logout(made.sessions, made.environment.account("anna"), grace=0, max_wait=1)

    assert bool(report.survivors) == survive


def test_lock_that_answers_500_is_a_refusal_while_others_get_in(stage: Callable[..., Stand]) -> None:
    """A server error for the locked account alone stops guessing; for everybody it says nothing."""
    made = stage("locked-500")
    sam = made.environment.account("sam")

    assert guess_passwords(made.sessions.driver, [sam], 4).stopped
    with pytest.raises(ProbeError, match="500"):
        guess_passwords(stage("broken").sessions.driver, [sam], 3)


def test_refused_login_says_what_whoami_told(stage: Callable[..., Stand]) -> None:
    """Who describes a login wrongly sees what the page for `whoami` answered."""
    made = stage()
    (made.folder / "anna").write_text("another")

    with pytest.raises(LoginRefused, match=r"answered 200 without 'Hello \{user\}'"):
        made.sessions.of("anna")


def test_redirect_to_a_login_nobody_declared(serve_pages: Serve, stage: Callable[..., Stand]) -> None:
    """A redirect to a page with a login form refuses, where a session gets more from the same address."""
    made = stage()
    answers = made.service.page

    def other_login(method: str, path: str, head: str, body: bytes) -> tuple[int, dict[str, str], str]:
        if path == "/staff":
            return 200, {}, "<form method=post><input name=u><input name=p type=password></form>"
        status, headers, text = answers(method, path, head, body)
        if "do=login" in headers.get("Location", ""):
            headers["Location"] = "/staff"
        return status, headers, text

    served = serve_pages(other_login)
    environment = Environment.model_validate(description(f"http://127.0.0.1:{served.port}"))
    sessions = Sessions(LoginDriver(environment, Network.build(environment), made.folder, None, timeout=5.0))
    objects = CanaryObjects(environment, sessions, Residue(made.folder / "residue.jsonl"), "20261123T160000Z-3fa9")
    report = AnonymousSurvey(load_operations(environment, sessions, made.folder), sessions, objects).run()

    reads = [row for row in report.rows if str(row.operation).startswith("GET")]
    assert all(row.refused and row.control for row in reads)


def answer(status: int, body: str = "", method: str = "GET", **headers: str) -> Answer:
    """An HTML answer of the application."""
    return Answer(method, "https://app.test/a", status, {"content-type": "text/html", **headers}, body)


def test_query_tells_the_login_page() -> None:
    """Where one script serves everything, a redirect to another of its pages is no redirect to the login."""
    pages = LoginPages(("https://app.test/index.php?do=login",))

    assert pages.is_target("https://app.test/index.php?id=start&do=login")
    assert not pages.is_target("https://app.test/index.php?do=admin")
    assert not pages.is_target("https://app.test/index.php")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("body", ["CSRF verification failed", "419 Page Expired", "Missing authenticity_token"])
def test_csrf_filter_is_no_refusal(method: str, body: str) -> None:
    """A refusal for want of a CSRF token says nothing about who may do it; for a read, 403 refuses."""
    assert judge_anonymous(answer(403, body, method)).ruling is Ruling.UNKNOWN
    assert judge_anonymous(answer(403, body)).ruling is Ruling.DENIED


def test_location_rules_hold_for_absolute_redirects_of_the_same_origin() -> None:
    """`^/login` also fits an absolute URL of this origin, never one of another."""
    rule = DenialRule(status=(302,), location="^/login")

    assert matching(answer(302, location="https://app.test/login?next=a"), [rule])
    assert not matching(answer(302, location="https://elsewhere.test/login"), [rule])


def test_missing_credentials_refuse_beside_declared_styles() -> None:
    """401 refuses also where another style is declared for other pages."""
    rule = DenialRule(status=(200,), contains="please log in")

    assert judge_anonymous(answer(401), rules=[rule]).ruling is Ruling.DENIED


def test_operations_of_one_script_are_told_apart_by_their_query(stage: Callable[..., Stand]) -> None:
    """The query is sent, and a denial with a query denies that operation and no other."""
    environment = stage().environment.model_copy(
        update={"deny": Environment.model_validate(
            {**description("http://127.0.0.1:1"), "deny": {"operations": ["* /index.php?do=wipe"]}}).deny}
    )  # fmt: skip
    target = environment.targets[0]
    wipe = declared_operation("POST", "/index.php?id=3&do=wipe", target)
    note = declared_operation("GET", "/index.php?do=note&id={id}", target)

    assert is_denied(wipe, environment, target)
    assert not is_denied(note, environment, target)
    assert build_call(note, target, {"id": "a/7"}).url.endswith("/index.php?do=note&id=a%2F7")


def test_forms_and_links_of_one_script() -> None:
    """The form and the link whose query fits are taken; links to other origins are not."""
    html = """<form action="/i.php" method="get"><input type="hidden" name="a" value="search"></form>
        <form action="/i.php?do=save" method="post"><input type="hidden" name="a" value="save"></form>
        <a href="https://evil.test/i.php?do=out&t=9">x</a><a href="/i.php?do=in">y</a>
        <a href="?do=out&amp;t=1#f">z</a>"""
    form = find_form_for(html, "https://app.test/i.php", "/i.php?do=save")

    assert form is not None
    assert form.carried == {"a": "save"}
    assert find_link_to(html, "https://app.test/i.php", "https://app.test/i.php?do=out") == (
        "https://app.test/i.php?do=out&t=1"
    )
    assert find_link_to(html, "https://app.test/i.php", "https://app.test/i.php?do=gone") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "/id", "id_location": "/([0-9]+)"},
        {"id_location": "/[0-9]+"},
        {"id_location": "/([0-9]+)(x)"},
    ],
)
def test_place_of_the_id_is_one(wrong: dict[str, str]) -> None:
    """An id stands in the body or in the redirect, in one group."""
    create = {"method": "POST", "path": "/a", "form": {"t": "{canary}"}}
    with pytest.raises(ValidationError, match="id"):
        ObjectFixture.model_validate(
            {"name": "n", "owner": "o", "target": "t", "create": create, "read": {"path": "/a/{id}"}, **wrong}
        )


def test_reads_have_no_form_page() -> None:
    """A GET sends no form, so a page for it is a mistake."""
    with pytest.raises(ValidationError, match="GET with a page"):
        Request.model_validate({"path": "/a", "page": "/b"})


def test_login_on_a_host_of_its_own(serve_pages: Serve, stage: Callable[..., Stand]) -> None:
    """Where the declared page leads to a login on another host, a redirect there is one to the login."""
    made = stage()
    form = "<form method=post><input name=u><input name=p type=password></form>"
    other = serve_pages(lambda *_: (200, {}, form), address="127.0.0.2")
    here = serve_pages(
        lambda *_: (302, {"Location": f"http://127.0.0.2:{other.port}/sign-in?back=1"}, ""), address="127.0.0.1"
    )
    keys: dict[str, Any] = description(f"http://127.0.0.1:{here.port}")
    keys["targets"] = [*keys["targets"], {"name": "sso", "base_url": f"http://127.0.0.2:{other.port}"}]
    environment = Environment.model_validate(keys)
    driver = LoginDriver(environment, Network.build(environment), made.folder, None, timeout=5.0)

    pages = driver.login_pages(environment.targets[0])

    assert pages.is_target(f"http://127.0.0.2:{other.port}/sign-in?back=other")
    assert not pages.is_target(f"http://127.0.0.2:{other.port}/welcome")
