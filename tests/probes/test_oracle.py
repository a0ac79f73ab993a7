"""The denial oracle, by tables: every style of answer and what may be concluded from it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagehold.environment.access import DenialRule
from stagehold.probes.access.oracle import (
    Answer,
    LoginPages,
    Ruling,
    interference,
    judge_anonymous,
    judge_foreign_read,
)
from stagehold.probes.web.forms import login_signatures

G, D, U = Ruling.GRANTED, Ruling.DENIED, Ruling.UNKNOWN
URL = "https://app.example/v1/invoices/7"
LOGIN = '<form method=post action="/login"><input name=user><input type=password name=pw></form>'
CREATE_USER = '<form method=post action="/users"><input name=user><input type=password name=pw></form>'
SHELL = "<!doctype html><title>App</title><div id=root></div>"
PAGES = LoginPages(("https://app.example/login",), login_signatures(LOGIN, "https://app.example/login"))
CANARY = "shc-3fa9-0123456789abcdef"


def answer(status: int, body: str = "", kind: str = "application/json", method: str = "GET", **headers: str) -> Answer:
    """An answer; header names with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(method, URL, status, {"content-type": kind, **named}, body)


HTML = "text/html; charset=utf-8"
ANONYMOUS: list[tuple[str, Answer, Ruling, bool]] = [
    ("401", answer(401), D, False),
    ("403", answer(403, '{"detail": "no"}'), D, False),
    ("redirect to the login page", answer(302, location="/login?next=%2F"), D, False),
    ("absolute redirect to the login page", answer(303, location="https://app.example/login"), D, False),
    ("redirect elsewhere", answer(302, location="/home"), U, False),
    ("redirect to another host's login", answer(302, location="https://evil.example/login"), U, False),
    ("login page with 200", answer(200, f"<h1>Hi</h1>{LOGIN}", HTML), D, False),
    ("another form with a password", answer(200, CREATE_USER, HTML), G, False),
    ("shell of the application", answer(200, SHELL, HTML), D, True),
    ("404", answer(404), D, True),
    ("405", answer(405), D, True),
    ("429", answer(429), U, False),
    ("500", answer(500), U, False),
    ("503 with data", answer(503, '{"items": [1]}'), U, False),
    ("block page", answer(403, "Attention Required! | Cloudflare", HTML), U, False),
    ("challenge header", answer(403, cf_mitigated="challenge"), U, False),
    ("data", answer(200, '{"items": [1]}'), G, False),
    ("data as a page", answer(200, "<h1>Invoices</h1>", HTML), G, False),
    ("empty list", answer(200, "[]"), U, False),
    ("no content", answer(204), U, False),
    ("error with 200", answer(200, '{"error": "log in"}'), U, False),
    ("data beside an error", answer(200, '{"error": null, "balance": 4}'), G, False),
    ("validation before authentication", answer(422, "{}", method="POST"), U, False),
    ("accepted write", answer(204, method="DELETE"), G, False),
    ("canary in a 403", answer(403, CANARY), G, False),
    ("canary in a header", answer(401, x_debug=CANARY), G, False),
    ("head", answer(200, method="HEAD"), G, False),
]


@pytest.mark.parametrize(("case", "given_answer", "ruling", "control"), ANONYMOUS, ids=[row[0] for row in ANONYMOUS])
def test_anonymous_answers(case: str, given_answer: Answer, ruling: Ruling, control: bool) -> None:
    """An anonymous answer is refused only by what refuses, granted only by what shows or accepts."""
    nowhere = Answer("GET", "https://app.example/v1/stagehold-x", 200, {"content-type": HTML}, SHELL)
    judged = judge_anonymous(given_answer, login_pages=PAGES, nowhere=nowhere, canaries=[CANARY])

    assert (judged.ruling, judged.needs_control) == (ruling, control), judged.reason


RULES: list[tuple[str, dict[str, Any], Answer, bool]] = [
    ("status", {"status": [401]}, answer(401), True),
    ("other status", {"status": [401]}, answer(404), False),
    ("location", {"status": [302], "location": "^/sso"}, answer(302, location="/sso/start"), True),
    ("other location", {"status": [302], "location": "^/sso"}, answer(302, location="/home"), False),
    ("text", {"status": [200], "contains": "log in"}, answer(200, "please log in"), True),
    ("other text", {"status": [200], "contains": "log in"}, answer(200, "balance"), False),
    ("a bare 200 never denies", {"status": [200]}, answer(200, "balance"), False),
    ("a bare 302 never denies", {"status": [302]}, answer(302, location="/home"), False),
]


@pytest.mark.parametrize(("case", "rule", "given_answer", "denied"), RULES, ids=[row[0] for row in RULES])
def test_declared_rules(case: str, rule: dict[str, Any], given_answer: Answer, denied: bool) -> None:
    """A declared rule denies when all its conditions hold; with rules declared the default statuses do not count."""
    rules = [DenialRule.model_validate(rule)]
    judged = judge_anonymous(given_answer, rules=rules, canaries=[CANARY])

    assert (judged.ruling is D and not judged.needs_control) == denied
    assert judge_anonymous(answer(403), rules=rules).ruling is U
    assert judge_anonymous(answer(given_answer.status, CANARY), rules=rules, canaries=[CANARY]).ruling is G


OWNER = answer(200, f'{{"id": 7, "text": "{CANARY}"}}')
FOREIGN: list[tuple[str, Answer, Answer, Answer, Ruling]] = [
    ("404", answer(404), OWNER, answer(404), D),
    ("403", answer(403), OWNER, answer(404), D),
    ("canary with 200", answer(200, f"x {CANARY} y"), OWNER, answer(404), G),
    ("canary with 404", answer(404, f"no {CANARY}"), OWNER, answer(404), G),
    ("canary in a redirect", answer(302, location=f"/files/{CANARY}.pdf"), OWNER, answer(404), G),
    ("canary percent-encoded", answer(302, location="/f?n=" + CANARY.replace("-", "%2D")), OWNER, answer(404), G),
    ("owner's content without the canary", answer(200, '{"n": 1}'), answer(200, '{"n": 1}'), answer(404), G),
    ("other keys order", answer(200, '{"b":2,"a":1}'), answer(200, '{"a": 1, "b": 2}'), answer(404), G),
    ("something else", answer(200, '{"n": 2}'), answer(200, '{"n": 1}'), answer(404), U),
    ("independent of the identifier", answer(200, "[]"), answer(200, "[]"), answer(200, "[]"), D),
    ("200 with an error, echoing the id", answer(200, '{"error": "no 7"}'), OWNER, answer(200, '{"error": "no 9"}'), D),
    ("401 in a living session", answer(401), OWNER, answer(404), U),
    ("500", answer(500), OWNER, answer(404), U),
    ("429 for both", answer(429), OWNER, answer(429), U),
    ("redirect home", answer(302, location="/home"), OWNER, answer(404), U),
]


@pytest.mark.parametrize(("case", "got", "owner", "made_up", "ruling"), FOREIGN, ids=[row[0] for row in FOREIGN])
def test_foreign_reads(case: str, got: Answer, owner: Answer, made_up: Answer, ruling: Ruling) -> None:
    """Content decides about a foreign object; the same answer as for nothing shows nothing."""
    judged = judge_foreign_read(got, canaries=[CANARY], owner=owner, made_up=made_up, identifiers=("7", "9"))

    assert judged.ruling is ruling, judged.reason


@given(st.integers(100, 599), st.text(max_size=40), st.sampled_from(["GET", "POST", "DELETE", "HEAD"]))
def test_canary_always_grants_and_servers_in_trouble_never_deny(status: int, text: str, method: str) -> None:
    """Whatever the status, a canary is a grant; whatever the body, 5xx and 429 are no denial."""
    leaking = answer(status, f"{text}{CANARY}", method=method)
    assert judge_anonymous(leaking, canaries=[CANARY]).ruling is G
    plain = answer(status, text, method=method)
    if status >= 500 or status == 429:
        assert interference(plain)
        assert judge_anonymous(plain).ruling is U
        judged = judge_foreign_read(plain, canaries=[CANARY], owner=OWNER, made_up=plain, identifiers=("7", "9"))
        assert judged.ruling is U


def test_unknown_style_comes_with_a_rule_that_matches_it() -> None:
    """The ready-made `denial:` rule of an unknown answer denies that very answer."""
    import yaml  # noqa: PLC0415

    for got in (answer(302, location="/gate"), answer(200, '{"error": "log in"}'), answer(418)):
        snippet = yaml.safe_load(judge_anonymous(got).snippet)
        rules = [DenialRule.model_validate(rule) for rule in snippet["denial"]["TARGET"]["anonymous"]]
        assert judge_anonymous(got, rules=rules).ruling is D
