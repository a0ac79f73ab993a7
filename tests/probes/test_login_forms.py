"""Login forms as applications write them, and reading `whoami`."""

from __future__ import annotations

import re

import pytest

from stagehold.environment.access import Account, FormFields, Request, WhoAmI
from stagehold.errors import ProbeError
from stagehold.probes.access.oracle import Answer
from stagehold.probes.login.session import Identity, read_identity
from stagehold.probes.web.fill import fill, point
from stagehold.probes.web.forms import csrf_meta, find_form_for
from stagehold.probes.web.login_form import UnclearLogin, find_login_form

PAGE = "https://app.example/accounts/login?next=/"

FORMS: dict[str, tuple[str, str, str, str]] = {
    "django": (
        ("<form method=post><input type=hidden name=csrfmiddlewaretoken value=t>"
        "<input name=username><input type=password name=password></form>"),
        "username", "password", PAGE,
    ),
    "beside a search": (
        ("<form action=/find><input name=q></form>"
        "<form method=post action=/in><input type=email name=email><input type=password name=pw></form>"),
        "email", "pw", "https://app.example/in",
    ),
    "beside a registration": (
        ("<form method=post action=/register><input name=email><input type=password name=p1>"
        "<input type=password name=p2></form>"
        "<form method=post action=/session><input name=login><input type=password name=p></form>"),
        "login", "p", "https://app.example/session",
    ),
    "registration with one password": (
        ("<form method=post action=/register><input name=email><input type=password name=p>"
        "<button>Create</button></form>"
        "<form method=post action=/x><input name=email><input type=password name=p><button>Log in</button></form>"),
        "email", "p", "https://app.example/x",
    ),
    "nested names": (
        ("<form method=post action=../sign><input name='user[remember]'><input name='user[email]'>"
        "<input type=password name='user[password]'></form>"),
        "user[email]", "user[password]", "https://app.example/sign",
    ),
    "autocomplete": (
        ("<form method=post><input name=tenant><input name=f1 autocomplete=username>"
        "<input type=password name=f2></form>"),
        "f1", "f2", PAGE,
    ),
    "inputs outside of the form": (
        "<form id=f method=post action=/in></form><input form=f name=user><input form=f type=password name=pw>",
        "user", "pw", "https://app.example/in",
    ),
    "base element": (
        ("<base href='https://app.example/sub/'><form method=post action=in><input name=user>"
        "<input type=password name=pw></form>"),
        "user", "pw", "https://app.example/sub/in",
    ),
}  # fmt: skip


# Field names, buttons and tokens as the frameworks' own login pages have them; the markup is ours.
FRAMEWORKS: dict[str, tuple[str, dict[str, str], str]] = {
    "Django": (
        ("<form method=post><input type=hidden name=csrfmiddlewaretoken value=t><input name=username autofocus>"
        "<input type=password name=password><input type=hidden name=next value=/><input type=submit value='Log in'>"
        "</form>"),
        {"csrfmiddlewaretoken": "t", "next": "/", "username": "U", "password": "P"},
        "username (text), password (password); CSRF token csrfmiddlewaretoken; next sent along",
    ),
    "Rails with Devise": (
        ("<form class=new_user action=/users/sign_in method=post><input type=hidden name=authenticity_token value=t>"
        "<input type=email name='user[email]'><input type=password name='user[password]'>"
        "<input name='user[remember_me]' type=hidden value=0><input type=checkbox name='user[remember_me]' value=1>"
        "<input type=submit name=commit value='Log in'></form><a href=/users/sign_up>Sign up</a>"),
        {"authenticity_token": "t", "user[email]": "U", "user[password]": "P", "user[remember_me]": "0",
         "commit": "Log in"},
        ("user[email] (email), user[password] (password); CSRF token authenticity_token; user[remember_me], commit "
        "sent along"),
    ),
    "Laravel": (
        ("<form method=POST action=/login><input type=hidden name=_token value=t><input type=email name=email>"
        "<input type=password name=password><input type=checkbox name=remember><button>Log in</button></form>"),
        {"_token": "t", "email": "U", "password": "P"},
        "email (email), password (password); CSRF token _token",
    ),
    "Spring Security": (
        ("<form method=post action=/login><input name=username><input type=password name=password>"
        "<input type=checkbox name=remember-me><input name=_csrf type=hidden value=t><button>Sign in</button></form>"),
        {"_csrf": "t", "username": "U", "password": "P"},
        "username (text), password (password); CSRF token _csrf",
    ),
    "Keycloak": (
        ("<form id=kc-form-login action='/realms/r/login-actions/authenticate?session_code=c&amp;tab_id=t' method=post>"
        "<input id=username name=username autocomplete=username><input id=password name=password type=password>"
        "<input id=rememberMe name=rememberMe type=checkbox><input type=hidden id=id-hidden-input name=credentialId>"
        "<input name=login type=submit value='Sign In'></form>"),
        {"username": "U", "password": "P", "credentialId": "", "login": "Sign In"},
        "username (text), password (password); credentialId, login sent along",
    ),
    "WordPress": (
        ("<form name=loginform id=loginform action=/wp-login.php method=post><input name=log autocomplete=username>"
        "<input type=password name=pwd><input name=rememberme type=checkbox value=forever>"
        "<input type=submit name=wp-submit value='Log In'><input type=hidden name=redirect_to value=/wp-admin/>"
        "<input type=hidden name=testcookie value=1></form>"),
        {"log": "U", "pwd": "P", "wp-submit": "Log In", "redirect_to": "/wp-admin/", "testcookie": "1"},
        "log (text), pwd (password); redirect_to, testcookie, wp-submit sent along",
    ),
    "ASP.NET Identity": (
        ("<form id=account method=post><input type=email name=Input.Email autocomplete=username>"
        "<input type=password name=Input.Password><input type=checkbox name=Input.RememberMe value=true>"
        "<button type=submit>Log in</button><input name=__RequestVerificationToken type=hidden value=t>"
        "<input name=Input.RememberMe type=hidden value=false></form>"
        "<form action=/Identity/Account/ExternalLogin method=post><button name=provider value=X>X</button>"
        "<input name=__RequestVerificationToken type=hidden value=t></form>"),
        {"__RequestVerificationToken": "t", "Input.RememberMe": "false", "Input.Email": "U", "Input.Password": "P"},
        ("Input.Email (email), Input.Password (password); CSRF token __RequestVerificationToken; Input.RememberMe "
        "sent along"),
    ),
    "Drupal": (
        ("<form method=post id=user-login-form><input name=name><input type=password name=pass>"
        "<input type=hidden name=form_build_id value=b><input type=hidden name=form_id value=user_login_form>"
        "<input type=submit name=op value='Log in'></form>"),
        {"name": "U", "pass": "P", "form_build_id": "b", "form_id": "user_login_form", "op": "Log in"},
        "name (text), pass (password); form_build_id, form_id, op sent along",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_login_pages_of_frameworks_are_understood(name: str) -> None:
    """Of a framework's login page it is known what a browser would send, and told what the fields and the token are."""
    html, sent, told = FRAMEWORKS[name]
    login = find_login_form(html, PAGE)

    assert login.data("U", "P") == sent
    assert login.form.method == "POST"
    assert login.form.describe() == told


@pytest.mark.parametrize("name", FORMS)
def test_login_form_is_found(name: str) -> None:
    """The form that logs in is found among others, with its fields and where it posts."""
    html, user, password, action = FORMS[name]
    login = find_login_form(html, PAGE)

    assert (login.user, login.password, login.form.action, login.form.method) == (user, password, action, "POST")


def test_carried_inputs_are_sent_as_a_browser_would() -> None:
    """Hidden inputs, ticked boxes, chosen options and the button go along; disabled and unticked ones do not."""
    login = find_login_form(
        "<form method=post><input type=hidden name=csrf value=t><input name=user value=old>"
        "<input type=password name=pw><input type=checkbox name=stay><input type=checkbox name=ok checked>"
        "<input type=hidden name=off value=1 disabled><select name=lang><option>fi<option value=en selected>x</select>"
        "<button name=go value=1>In</button><button name=other>Out</button></form>",
        PAGE,
    )

    assert login.data("me", "secret") == {
        "csrf": "t", "ok": "on", "lang": "en", "go": "1", "user": "me", "pw": "secret",
    }  # fmt: skip
    assert "secret" not in repr(login)


UNCLEAR: dict[str, tuple[str, type[ProbeError], str, str]] = {
    "nothing": (
        "<p>hello</p>", ProbeError, "no login form at /accounts/login: the page holds no form", "`flows.<name>.page`",
    ),
    "drawn by a script": (
        "<div id=root></div><script src=x></script>", ProbeError, "drawn by a script", "`kind: json_token`",
    ),
    "inputs without a form": (
        "<div><input id=mail><input type=password id=pw></div><script src=x></script>", UnclearLogin,
        "its inputs (mail, pw) stand outside of any form", "`kind: json_token`",
    ),
    "a search only": (
        "<form action=/find><input name=q></form>", ProbeError, "a form to /find with q (text)", "`flows.<name>.page`",
    ),
    "a password change only": (
        "<form><input type=password name=a><input type=password name=b></form>", ProbeError,
        "a form to /accounts/login with a (password), b (password)", "`flows.<name>.page`",
    ),
    "user name first": (
        "<form method=post action=/signin><input type=email name=identifier><button>Next</button></form>", UnclearLogin,
        "identifier (email): the password is asked for on a later page", "`kind: form` fills one page",
    ),
    "two fields": (
        "<form><input type=hidden name=_csrf value=t><input name=a><input name=b><input type=password name=p></form>",
        UnclearLogin,
        ("login form found at /accounts/login: fields a (text), b (text), p (password); CSRF token _csrf, but no input "
        "for the user name stands out"),
        "`flows.<name>.fields`",
    ),
    "two forms": (
        ("<form action=/staff><input name=a><input type=password name=p></form>"
        "<form action=/login><input name=b><input type=password name=p></form>"
        "<form action=/login2><input name=b><input type=password name=p></form>"), UnclearLogin,
        "3 forms could log in: one to /staff with a (text), p (password); one to /login with", "that holds only one",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNCLEAR)
def test_unclear_login_says_what_was_found(name: str) -> None:
    """Nothing is guessed: the error tells what stands on the page, and what to declare."""
    html, kind, told, remedy = UNCLEAR[name]
    with pytest.raises(ProbeError, match=re.escape(told)) as caught:
        find_login_form(html, PAGE)

    assert type(caught.value) is kind
    assert remedy in caught.value.remedy


def test_declared_fields_decide() -> None:
    """Declared names win over what would have been guessed."""
    html = "<form><input name=a><input name=b><input type=password name=p></form>"
    login = find_login_form(html, PAGE, FormFields(user="b", password="p"))

    assert (login.user, login.password) == ("b", "p")


def test_logout_form_and_meta_token() -> None:
    """The form that posts to the logout path is found, and the token pages hand to scripts."""
    html = "<meta name=csrf-token content=T><form method=post action=/out><input type=hidden name=t value=1></form>"
    form = find_form_for(html, PAGE, "/out/")

    assert form is not None
    assert form.carried == {"t": "1"}
    assert find_form_for(html, PAGE, "/other") is None
    assert csrf_meta(html) == {"X-CSRF-Token": "T"}


ACCOUNT = Account(alias="a", flow="f", user="anna", password_ref="env:P")
POINTERS = WhoAmI(path="/me", user="/user/name", company="/company")
PAGE_TEXT = WhoAmI(path="/me", contains="Hello {user}")


def told(status: int, body: str, kind: str = "application/json", **headers: str) -> Answer:
    """An answer to whoami."""
    return Answer("GET", "https://app.example/me", status, {"content-type": kind, **headers}, body)


@pytest.mark.parametrize(
    ("whoami", "answer", "identity"),
    [
        (POINTERS, told(200, '{"user": {"name": "anna"}, "company": "A"}'), Identity("anna", "A")),
        (POINTERS, told(200, '{"user": {"name": 7}}'), Identity("7")),
        (POINTERS, told(200, '{"user": null}'), None),
        (POINTERS, told(200, '{"authenticated": false}'), None),
        (POINTERS, told(401, ""), None),
        (POINTERS, told(404, ""), None),
        (POINTERS, told(200, "<form><input type=password name=p></form>", "text/html"), None),
        (PAGE_TEXT, told(200, "<p>Hello anna</p>", "text/html"), Identity("anna")),
        (PAGE_TEXT, told(200, "<p>Hello stranger</p>", "text/html"), None),
    ],
)
def test_whoami_tells_somebody_or_nobody(whoami: WhoAmI, answer: Answer, identity: Identity | None) -> None:
    """A person is who the declared place names; refusals and pages without it are nobody."""
    assert read_identity(answer, whoami, ACCOUNT) == identity


@pytest.mark.parametrize(
    ("whoami", "answer"),
    [
        (POINTERS, told(500, "")),
        (POINTERS, told(429, "")),
        (POINTERS, told(405, "")),
        (POINTERS, told(200, "<p>a shell</p>", "text/html")),
        (POINTERS, told(200, '{"user": {"name": ["anna"]}}')),
        (POINTERS, told(403, "Attention Required! | Cloudflare", "text/html")),
    ],
)
def test_whoami_that_tells_nothing_is_no_verdict(whoami: WhoAmI, answer: Answer) -> None:
    """What names neither a person nor a refusal is a probe error."""
    with pytest.raises(ProbeError):
        read_identity(answer, whoami, ACCOUNT)


def test_placeholders_keep_types_and_are_encoded_in_paths() -> None:
    """A lone placeholder keeps its value's type, paths cannot be broken out of, doubled braces are braces."""
    request = Request.model_validate(
        {"method": "PUT", "path": "/a/{id}/b", "json": {"id": "{id}", "t": ["x {canary}", {"k": "{{nope}}"}]}}
    )
    filled = fill(request, {"id": 7, "canary": "c"})

    assert (filled.path, filled.json) == ("/a/7/b", {"id": 7, "t": ["x c", {"k": "{nope}"}]})
    assert fill(request, {"id": "../x?y", "canary": "c"}).path == "/a/..%2Fx%3Fy/b"


@pytest.mark.parametrize(
    ("pointer", "value"), [("", {"a/b": [{"~": 1}]}), ("/a~1b/0/~0", 1), ("/a~1b/7", None), ("/x/y", None)]
)
def test_json_pointers(pointer: str, value: object) -> None:
    """RFC 6901, with nothing for what is not there."""
    assert point({"a/b": [{"~": 1}]}, pointer) == value
    with pytest.raises(ProbeError):
        point({}, "no-slash")
