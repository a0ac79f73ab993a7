"""Logging in, staying logged in, logging out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ledgerlab.lab.people import PEOPLE, Person

if TYPE_CHECKING:
    from tests.ledgerlab.conftest import Lab

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("person", [p for p in PEOPLE if "sac" not in p.username], ids=lambda p: p.username)
def test_everybody_can_log_in_with_a_token(lab: Lab, person: Person) -> None:
    """Every account logs in by the API and is told who it is."""
    me = lab.token(person.username).get(f"{lab.base}/api/me", timeout=10).json()
    assert (me["username"], me["company"], me["role"]) == (person.username, person.company, person.role)


def test_form_login_gives_a_protected_cookie_under_a_new_name(lab: Lab) -> None:
    """The session cookie is host-only, secure, out of reach of scripts, and not what the browser held before."""
    session = lab.anonymous()
    session.cookies.set("__Host-ledger", "chosen-by-somebody", domain=lab.web, path="/", secure=True)
    answer = lab.submit_login(session, "a_emp", lab.password("a_emp"))
    cookies = answer.raw.headers.getlist("set-cookie")
    cookie = next(c for c in cookies if c.startswith("__Host-ledger="))
    assert answer.headers["location"] == "/"
    assert "chosen-by-somebody" not in cookie
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= set(cookie.lower().split("; "))
    assert "domain" not in cookie.lower()


def test_login_form_without_its_token_is_refused(lab: Lab) -> None:
    """A login form that was not rendered for this browser is not processed."""
    data = {"username": "a_emp", "password": lab.password("a_emp"), "csrf_token": "0" * 64}
    answer = lab.anonymous().post(f"{lab.base}/login", data=data, allow_redirects=False, timeout=10)
    assert answer.status_code == 403
    assert not answer.cookies.get("__Host-ledger")


def test_a_cookie_alone_changes_nothing(lab: Lab) -> None:
    """Neither a form without its token nor an API write is accepted on the strength of the cookie."""
    browser = lab.browser("a_acct")
    body = {"customer": "X", "reference": "X", "amount_cents": 1, "due": "2030-01-01"}
    assert browser.post(f"{lab.base}/api/invoices", json=body, timeout=10).status_code == 401
    form = {"customer": "X", "reference": "X", "amount": "1.00", "due": "2030-01-01"}
    assert browser.post(f"{lab.base}/invoices", data=form, timeout=10).status_code == 403
    assert browser.get(f"{lab.base}/api/me", timeout=10).status_code == 200


def test_five_wrong_passwords_lock_the_account(lab: Lab) -> None:
    """After five failures in a row the right password is refused too, with the words of a wrong one."""

    def attempt(password: str) -> tuple[int, str]:
        answer = lab.anonymous().post(
            f"{lab.base}/api/auth/token", json={"username": "c_sac01", "password": password}, timeout=10
        )
        return answer.status_code, answer.json().get("detail", "")

    assert attempt(lab.password("c_sac01"))[0] == 200
    refusals = {attempt("wrong") for _ in range(5)}
    assert attempt(lab.password("c_sac01")) in refusals
    assert len(refusals) == 1
    assert lab.token("c_sac02").get(f"{lab.base}/api/me", timeout=10).ok


def test_four_wrong_passwords_do_not(lab: Lab) -> None:
    """A success sets the count back to zero."""
    url = f"{lab.base}/api/auth/token"
    for _ in range(2):
        for _ in range(4):
            lab.anonymous().post(url, json={"username": "c_sac03", "password": "wrong"}, timeout=10)
        assert lab.token("c_sac03").get(f"{lab.base}/api/me", timeout=10).ok


def test_unknown_user_looks_like_a_wrong_password(lab: Lab) -> None:
    """Whether a user name exists cannot be read from the answer."""
    url = f"{lab.base}/api/auth/token"
    answers = [
        lab.anonymous().post(url, json={"username": name, "password": "wrong"}, timeout=10)
        for name in ("c_sac04", "nobody")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_token_logout_ends_the_session(lab: Lab) -> None:
    """A bearer token is worthless after its logout; another session of the same person lives on."""
    first, second = lab.token("a_emp2"), lab.token("a_emp2")
    assert first.post(f"{lab.base}/api/auth/logout", timeout=10).status_code == 204
    assert first.get(f"{lab.base}/api/me", timeout=10).status_code == 401
    assert second.get(f"{lab.base}/api/me", timeout=10).status_code == 200


def test_form_logout_ends_the_session(lab: Lab) -> None:
    """The cookie that the browser forgot is refused when somebody kept a copy."""
    browser = lab.browser("a_emp")
    kept = {cookie.name: cookie.value or "" for cookie in browser.cookies}
    home = browser.get(f"{lab.base}/", timeout=10)
    assert "Ebba Olsen" in home.text
    answer = browser.post(
        f"{lab.base}/logout", data={"csrf_token": lab.form_token(home.text)}, allow_redirects=False, timeout=10
    )
    assert answer.headers["location"] == "/login"
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items())}
    assert lab.anonymous().get(f"{lab.base}/api/me", headers=headers, timeout=10).status_code == 401


def test_logging_in_is_quick(lab: Lab) -> None:
    """The password hash costs an attacker time, and a user hardly any (the median of five under 250 ms)."""
    times = []
    for _ in range(5):
        begin = time.monotonic()
        lab.token("a_emp2")
        times.append(time.monotonic() - begin)
    assert sorted(times)[2] < 0.25
