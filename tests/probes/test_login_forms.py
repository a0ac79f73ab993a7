"""Login forms as applications write them, and reading `whoami`."""

from __future__ import annotations

import pytest

from stagehold.environment.access import Account, FormFields, Request, WhoAmI
from stagehold.errors import ProbeError
from stagehold.probes.access.oracle import Answer
from stagehold.probes.login.session import Identity, read_identity
from stagehold.probes.web.fill import fill, point
from stagehold.probes.web.forms import csrf_meta, find_form_for, find_login_form

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


@pytest.mark.parametrize(
    ("html", "told"),
    [
        ("<p>hello</p>", "holds no form"),
        ("<div id=root></div><script src=x></script>", "drawn by a script"),
        ("<form><input name=q></form>", "q .text."),
        ("<form><input name=a><input name=b><input type=password name=p></form>", "no input for the user name"),
        ("<form><input name=a><input type=password name=p></form>" * 2, "2 forms could log in"),
    ],
)
def test_unclear_login_says_what_was_found(html: str, told: str) -> None:
    """Nothing is guessed: the error tells the fields found and what to declare."""
    with pytest.raises(ProbeError, match=told) as caught:
        find_login_form(html, PAGE)
    assert "flows.<name>." in caught.value.remedy


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
    """A lone placeholder keeps its value's type, text is filled in, paths cannot be broken out of."""
    request = Request.model_validate(
        {"method": "PUT", "path": "/a/{id}/b", "json": {"id": "{id}", "t": ["x {canary}", {"k": "{nope}"}]}}
    )
    filled = fill(request, {"id": 7, "canary": "c"})

    assert (filled.path, filled.json) == ("/a/7/b", {"id": 7, "t": ["x c", {"k": "{nope}"}]})
    assert fill(request, {"id": "../x?y"}).path == "/a/..%2Fx%3Fy/b"


@pytest.mark.parametrize(
    ("pointer", "value"), [("", {"a/b": [{"~": 1}]}), ("/a~1b/0/~0", 1), ("/a~1b/7", None), ("/x/y", None)]
)
def test_json_pointers(pointer: str, value: object) -> None:
    """RFC 6901, with nothing for what is not there."""
    assert point({"a/b": [{"~": 1}]}, pointer) == value
    with pytest.raises(ProbeError):
        point({}, "no-slash")
