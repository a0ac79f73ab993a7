"""Answers over plain HTTP, by a table: what counts as a redirect to https, and what as closed."""

from __future__ import annotations

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.probes.web.plain_http import LONGEST_NOTE, complaint, refuses_everything

URL = "http://app.test/login?next=%2F"


def response(status: int, location: str = "", body: bytes = b"", **fields: str) -> requests.Response:
    """An answer that was read."""
    made = requests.Response()
    made.status_code, made.url, made._content = status, URL, body
    made.headers.update({name.replace("_", "-"): value for name, value in fields.items()})
    if location:
        made.headers["Location"] = location
    return made


HOME = "https://app.test/login"
NOTE = b"<html><head><title>301 Moved</title></head><body><h1>Moved</h1><a href='/'>here</a></body></html>"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (response(301, HOME), ""),
        (response(308, HOME), ""),
        (response(301, "https://APP.test.:8443/"), ""),
        (response(301, "https://app.test:443/other"), ""),
        (response(301, HOME, NOTE), ""),
        (response(301, HOME, Strict_Transport_Security="max-age=0"), ""),
        (response(302, HOME), "for this time only (302)"),
        (response(303, HOME), "for this time only (303)"),
        (response(307, HOME), "for this time only (307)"),
        (response(300, HOME), "for this time only (300)"),
        (response(301, "https://www.app.test/"), "another host, www.app.test"),
        (response(301, "https://app.test.evil.test/"), "another host"),
        (response(301, "https://app.test@evil.test/"), "another host, evil.test"),
        (response(301, "http://app.test/"), "not https"),
        (response(301, "/login/"), "not https"),
        (response(301, "//app.test/"), "not https"),
        (response(301, "ftp://app.test/"), "not https"),
        (response(301, "https://[app.test/"), "not https"),
        (response(301), "answers 301 instead of redirecting"),
        (response(200, HOME), "answers 200 instead of redirecting"),
        (response(200, "", b"<meta http-equiv=refresh content='0;url=https://app.test'>"), "answers 200"),
        (response(204), "answers 204"),
        (response(401), "answers 401"),
        (response(404), "answers 404"),
        (response(301, HOME, b"x" * (LONGEST_NOTE + 1)), "carries content"),
        (response(301, HOME, b"<FORM action=/login>"), "carries content (20 bytes)"),
        (response(301, HOME, Set_Cookie="sid=1; Secure"), "sets a cookie"),
    ],
)
def test_one_answer(answer: requests.Response, words: str) -> None:
    """Only 301 and 308 to https on the same host, without content and cookie, are sound; HSTS does not matter."""
    told = complaint(answer, "app.test", blanket=False)

    assert bool(told) is bool(words)
    assert words in told


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (response(302, "https://elsewhere.test/"), ""),
        (response(301, "/login/"), ""),
        (response(302, HOME, Set_Cookie="sid=1"), "sets a cookie"),
        (response(302, HOME, b"<FORM action=/login>"), "carries content"),
        (response(302), "answers 302"),
        (response(200, HOME), "answers 200"),
    ],
)
def test_where_no_browser_comes_redirects_are_left_to_another_check(answer: requests.Response, words: str) -> None:
    """Wherever they lead and for however long; what comes along with them is not."""
    told = complaint(answer, "app.test", blanket=False, redirects_judged=False)

    assert bool(told) is bool(words)
    assert words in told


def test_every_fault_of_an_answer_is_told() -> None:
    """A cookie, another host and content in one answer are three complaints."""
    told = complaint(response(302, "https://b.test/", b"<form>", Set_Cookie="a=b"), "app.test", blanket=False)

    assert [words in told for words in ("sets a cookie", "another host", "carries content")] == [True] * 3


@pytest.mark.parametrize(
    ("statuses", "closed"),
    [
        ((404, 404, 404), True),
        ((403, 403), True),
        ((400,), True),
        ((405,), True),
        ((426, 426), True),
        ((404, 403), False),
        ((404, 200), False),
        ((401, 401), False),
        ((429, 429), False),
        ((500, 500), False),
        ((200,), False),
        ((301,), False),
        ((), False),
    ],
)
def test_one_refusal_for_everything(statuses: tuple[int, ...], closed: bool) -> None:
    """One and the same client error everywhere is as good as closed; 401, limits and faults are not."""
    assert refuses_everything([response(status) for status in statuses]) is closed


def test_refusal_may_not_set_cookies() -> None:
    """A refusal of everything needs no redirect, but a cookie is one too many."""
    assert complaint(response(404), "app.test", blanket=True) == ""
    assert complaint(response(404, Set_Cookie="a=b"), "app.test", blanket=True) == "sets a cookie"


@settings(deadline=None)
@given(st.integers(100, 599), st.text(max_size=40), st.binary(max_size=40))
def test_nothing_but_a_permanent_redirect_is_sound(status: int, location: str, body: bytes) -> None:
    """Whatever else is answered has a complaint."""
    told = complaint(response(status, location, body), "app.test", blanket=False)

    assert told or (status in {301, 308} and location.lower().lstrip().startswith("https:"))
