"""Which form of a page logs in, and under which names it takes user name and password; or what stands there instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

from stagehold.environment.access import FormFields
from stagehold.errors import ProbeError
from stagehold.probes.web.forms import HtmlForm, kind_of, read_forms

_USER_NAMES = (
    "username",
    "user",
    "email",
    "e-mail",
    "mail",
    "login",
    "userid",
    "user_id",
    "account",
    "identifier",
)
_MOST = 4
"""Forms and inputs named in a message."""


class UnclearLogin(ProbeError):
    """A login is on the page, and only a person can say how it is filled in."""


@dataclass(frozen=True)
class LoginForm:
    """The form that logs in, with the names that user name and password go under."""

    form: HtmlForm
    user: str
    password: str

    def data(self, user: str, password: str) -> dict[str, str]:
        """What a browser would send."""
        return {**self.form.carried, self.user: user, self.password: password}


def find_login_form(html: str, page_url: str, fields: FormFields = FormFields()) -> LoginForm:  # noqa: B008 - frozen
    """The form with one password input and something to type a user name into.

    Raises:
        UnclearLogin: a login is there, and more than one answer; says what was found and what to declare.
        ProbeError: there is none; says what is there instead.
    """
    path = urlsplit(page_url).path
    forms = [form for form in read_forms(html, page_url) if form.passwords]
    if fields.password:
        forms = [form for form in forms if fields.password in form.passwords]
    # A form with two or three password inputs registers somebody or changes a password.
    singles = [form for form in forms if len(form.passwords) == 1 or fields.password]
    # A password alone (re-authentication) is no login either, unless nothing else is there.
    candidates = [form for form in singles if form.typed or fields.user in form.carried] or singles
    if not candidates:
        raise _instead(html, page_url)
    complete = [login for form in candidates if (login := _name_fields(form, fields))]
    likely = [login for login in complete if _looks_like_login(login.form)] if len(complete) > 1 else complete
    if len(likely) == 1:
        return likely[0]
    if not complete:
        raise UnclearLogin(
            f"login form found at {path}: fields {candidates[0].describe()}, but no input for the user name stands out",
            remedy="Declare `flows.<name>.fields` with `user` and `password`, the names of the inputs.",
        )
    found = "; ".join(f"one to {urlsplit(login.form.action).path} with {login.form.describe()}" for login in complete)
    raise UnclearLogin(
        f"login form found at {path}, but {len(complete)} forms could log in: {found}",
        remedy="Declare `flows.<name>.fields` with `user` and `password`, the names of the inputs; where they are the "
        "same in both forms, a `flows.<name>.page` that holds only one of them.",
    )


def _name_fields(form: HtmlForm, fields: FormFields) -> LoginForm | None:
    password = fields.password or form.passwords[0]
    user = fields.user or _user_field(form)
    return LoginForm(form, user, password) if user and password else None


def _user_field(form: HtmlForm) -> str | None:
    names = [name for name, _ in form.typed]
    declared = [name for name in names if "username" in form.autocomplete.get(name, "").split()]
    if len(declared) == 1:
        return declared[0]
    if len(names) == 1:
        return names[0]
    for wanted in _USER_NAMES:
        for name in names:
            # Frameworks nest: `user[email]`, `LoginForm.UserName`.
            if wanted == re.split(r"[.\[]", name.lower().rstrip("]")).pop():
                return name
    emails = [name for name, kind in form.typed if kind == "email"]
    return emails[0] if len(emails) == 1 else None


def _looks_like_login(form: HtmlForm) -> bool:
    text = f"{form.label} {urlsplit(form.action).path}".lower()
    return bool(re.search(r"log\s?-?in|sign\s?-?in|logon|session", text)) and not re.search(
        r"register|sign\s?-?up|create", text
    )


_PAGE = "Declare the page that holds the form in `flows.<name>.page`."
_SCRIPT = (
    "A script sends this login: find its request in the browser's developer tools, and declare it as a flow of "
    "`kind: json_token`, also where the answer is a cookie and no token."
)

_STEPS = (
    "`kind: form` fills one page. Declare a page that asks for both in `flows.<name>.page`; or, where one request "
    "takes both, that request as a flow of `kind: json_token` with `login.form`."
)


def _instead(html: str, page_url: str) -> ProbeError:
    """What a page without a login form holds in its place, and what to declare."""
    soup = BeautifulSoup(html, "html.parser")
    forms = read_forms(html, page_url)
    none = f"no login form at {urlsplit(page_url).path}:"
    loose = [tag for tag in soup.find_all("input") if tag.find_parent("form") is None and not tag.has_attr("form")]
    if any(kind_of(tag) == "password" for tag in loose):
        names = ", ".join(str(tag.get("name") or tag.get("id") or "unnamed") for tag in loose[:_MOST])
        return UnclearLogin(f"{none} its inputs ({names}) stand outside of any form", remedy=_SCRIPT)
    told = "; ".join(f"a form to {urlsplit(form.action).path} with {form.describe()}" for form in forms[:_MOST])
    if any(_looks_like_login(form) and _user_field(form) for form in forms):
        return UnclearLogin(f"{none} {told}: the password is asked for on a later page", remedy=_STEPS)
    if forms:
        return ProbeError(f"{none} {told}", remedy=_PAGE)
    if soup.find("script") is not None:
        drawn = "the page holds no form (one drawn by a script is not seen here)"
        return ProbeError(f"{none} {drawn}", remedy=f"{_SCRIPT} Else: {_PAGE}")
    return ProbeError(f"{none} the page holds no form", remedy=_PAGE)
