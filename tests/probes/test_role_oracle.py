"""The oracle of roles, by tables: who is let in, who is refused, and what cannot be told."""

from __future__ import annotations

import pytest

from stagehold.environment.access import DenialRule
from stagehold.probes.access.oracle import Answer, LoginPages, Ruling
from stagehold.probes.access.role_oracle import Styles, judge_denied_read, judge_denied_write, judge_let_in
from stagehold.probes.web.forms import login_signatures

G, D, U = Ruling.GRANTED, Ruling.DENIED, Ruling.UNKNOWN
URL = "https://app.example/v1/reports"
LOGIN = '<form method=post action="/login"><input name=user><input type=password name=pw></form>'
HTML = "text/html; charset=utf-8"
CANARY = "shc-3fa9-0123456789abcdef"
PAGES = LoginPages(("https://app.example/login",), login_signatures(LOGIN, "https://app.example/login"))
PLAIN = Styles(login_pages=PAGES)
POLITE = Styles(role=(DenialRule(status=(200,), contains="no right"),), login_pages=PAGES)
SHELL = Answer("GET", URL, 200, {"content-type": HTML}, "<title>App</title><div id=root></div>")


def answer(status: int, body: str = "", kind: str = "application/json", method: str = "GET", **headers: str) -> Answer:
    """An answer; header names with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(method, URL, status, {"content-type": kind, **named}, body)


LET_IN = [
    ("data", answer(200, '[{"sum": 1}]'), PLAIN, G),
    ("an empty list", answer(200, "[]"), PLAIN, G),
    ("no content", answer(204), PLAIN, G),
    ("403", answer(403), PLAIN, D),
    ("404", answer(404), PLAIN, D),
    ("401", answer(401), PLAIN, D),
    ("the login page", answer(200, LOGIN, HTML), PLAIN, D),
    ("a redirect to the login page", answer(302, location="/login?next=/"), PLAIN, D),
    ("the shell of an application", answer(200, SHELL.body, HTML), PLAIN, D),
    ("an error with 200", answer(200, '{"error": "no"}'), PLAIN, D),
    ("a declared refusal with 200", answer(200, "no right"), POLITE, D),
    ("a redirect elsewhere", answer(302, location="/home"), PLAIN, D),
    ("a request that is not accepted", answer(422), PLAIN, U),
    ("a conflict", answer(409), PLAIN, U),
    ("a broken service", answer(500), PLAIN, U),
    ("a rate limit", answer(429), PLAIN, U),
]


@pytest.mark.parametrize(("case", "got", "styles", "ruling"), LET_IN, ids=[row[0] for row in LET_IN])
def test_who_is_let_in(case: str, got: Answer, styles: Styles, ruling: Ruling) -> None:
    """Only an answer with success that is no refusal in disguise lets in; trouble tells nothing."""
    judged = judge_let_in(got, styles, SHELL if got.is_html else None)

    assert judged.ruling is ruling, judged.reason


LIST = answer(200, '[{"person": "a", "cents": 1}]')
TABLE = answer(200, "person,cents\na,1\n", "text/csv")
PAGE = answer(200, f"<title>Desk</title><h1>Salaries</h1>{'text ' * 20}", HTML)
READS = [
    ("403", answer(403, '{"detail": "no"}'), LIST, PLAIN, D),
    ("404 beside a control", answer(404), LIST, PLAIN, D),
    ("the login page", answer(302, location="/login"), LIST, PLAIN, D),
    ("a declared refusal with 200", answer(200, '{"error": "no right"}'), LIST, POLITE, D),
    ("403 where another style is declared", answer(403), LIST, POLITE, U),
    ("the same fields of other people", answer(200, '[{"person": "b", "cents": 2}]'), LIST, PLAIN, G),
    ("most of the fields", answer(200, '[{"person": "b"}]'), LIST, PLAIN, G),
    ("the same content though 403", answer(403, LIST.body), LIST, PLAIN, G),
    ("the same page though 403", answer(403, PAGE.body, HTML), PAGE, PLAIN, G),
    ("a short page of refusal", answer(403, "<title>Desk</title><h1>No</h1>", HTML), PAGE, PLAIN, D),
    ("a canary though 404", answer(404, CANARY), LIST, PLAIN, G),
    ("a canary in a redirect", answer(302, location=f"/f/{CANARY}"), LIST, PLAIN, G),
    ("an empty list", answer(200, "[]"), LIST, PLAIN, U),
    ("an error with 200", answer(200, '{"error": "no"}'), LIST, PLAIN, U),
    ("other fields", answer(200, '{"hello": 1}'), LIST, PLAIN, U),
    ("the same headings", answer(200, "<title>Desk</title><h1>Salaries</h1>", HTML), PAGE, PLAIN, G),
    ("other headings", answer(200, "<title>Desk</title><h1>Home</h1>", HTML), PAGE, PLAIN, U),
    ("the same columns", answer(200, "person,cents\nb,2\n", "text/csv"), TABLE, PLAIN, G),
    ("an empty table", answer(200, "", "text/csv"), TABLE, PLAIN, U),
    ("a table beside an empty one", answer(200, "a,b\n", "text/csv"), answer(200, "", "text/csv"), PLAIN, U),
    ("a document", answer(200, "%PDF-1", "application/pdf"), answer(200, "%PDF-2", "application/pdf"), PLAIN, G),
    ("a broken service", answer(500), LIST, PLAIN, U),
    ("a block page", answer(403, "Attention Required! | Cloudflare", HTML), LIST, PLAIN, U),
    ("a redirect elsewhere", answer(302, location="/home"), LIST, PLAIN, U),
]


@pytest.mark.parametrize(("case", "got", "control", "styles", "ruling"), READS, ids=[row[0] for row in READS])
def test_who_reads_though_denied(case: str, got: Answer, control: Answer, styles: Styles, ruling: Ruling) -> None:
    """What is shown decides, beside what a role that may gets; an unknown style is no refusal."""
    judged = judge_denied_read(got, control, styles, canaries=[CANARY])

    assert judged.ruling is ruling, judged.reason


WRITES = [
    ("an effect though 403", answer(403, method="PUT"), "/text", True, G),
    ("an effect though 500", answer(500, method="PUT"), "/text", True, G),
    ("no effect, seen", answer(204, method="PUT"), "", True, D),
    ("no effect, broken", answer(500, method="PUT"), "", True, U),
    ("no effect, blocked", answer(429, method="PUT"), "", True, U),
    ("403, unseen", answer(403, method="POST"), "", False, D),
    ("accepted, unseen", answer(200, '{"id": 1}', method="POST"), "", False, G),
    ("an error with 200, unseen", answer(200, '{"error": "no"}', method="POST"), "", False, U),
    ("validation, unseen", answer(422, method="POST"), "", False, U),
    ("a redirect elsewhere, unseen", answer(302, method="POST", location="/home"), "", False, U),
]


@pytest.mark.parametrize(("case", "got", "effect", "observable", "ruling"), WRITES, ids=[row[0] for row in WRITES])
def test_who_writes_though_denied(case: str, got: Answer, effect: str, observable: bool, ruling: Ruling) -> None:
    """An effect decides whatever the status; where none can be seen, only a refusal refuses."""
    judged = judge_denied_write(got, effect, PLAIN, observable=observable)

    assert judged.ruling is ruling, judged.reason
