"""Reading HTML forms as a browser does: which form logs in, what it would send, and where to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urljoin, urlsplit

from bs4 import BeautifulSoup
from bs4.element import Tag

from stagehold.environment.access import FormFields
from stagehold.errors import ProbeError

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
_CSRF_INPUT = re.compile(r"csrf|xsrf|authenticity|verificationtoken|^_?token$|sectok|nonce", re.IGNORECASE)
_NOT_TEXT = {
    "hidden",
    "password",
    "submit",
    "button",
    "image",
    "reset",
    "checkbox",
    "radio",
    "file",
    "select",
}


@dataclass(frozen=True)
class HtmlForm:
    """One form: where it posts, what it carries along, and which inputs a person types into."""

    action: str
    """Absolute URL."""
    method: str
    carried: dict[str, str] = field(repr=False)
    """Hidden inputs, ticked boxes, chosen options and the button; may hold CSRF tokens."""
    typed: tuple[tuple[str, str], ...]
    """(name, type) of text-like inputs, in order."""
    passwords: tuple[str, ...]
    """Names of the password inputs; an input without a name counts as `""`."""
    label: str = ""
    autocomplete: dict[str, str] = field(default_factory=dict)

    @property
    def signature(self) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """What makes two renderings the same form: action path, typed names, password names."""
        return urlsplit(self.action).path, tuple(name for name, _ in self.typed), self.passwords

    def describe(self) -> str:
        """Field names and types in words; never values."""
        parts = [f"{name} ({kind})" for name, kind in self.typed]
        parts += [f"{name or 'unnamed'} (password)" for name in self.passwords]
        parts += [f"{name} (carried)" for name in self.carried]
        return ", ".join(parts) or "no fields"


@dataclass(frozen=True)
class LoginForm:
    """The form that logs in, with the names that user name and password go under."""

    form: HtmlForm
    user: str
    password: str

    def data(self, user: str, password: str) -> dict[str, str]:
        """What a browser would send."""
        return {**self.form.carried, self.user: user, self.password: password}


def read_forms(html: str, page_url: str) -> tuple[HtmlForm, ...]:
    """Every form of a page; inputs attached from outside by `form=ID` belong to it."""
    soup = BeautifulSoup(html, "html.parser")
    base_tag = soup.find("base", href=True)
    base = urljoin(page_url, str(base_tag["href"])) if isinstance(base_tag, Tag) else page_url
    return tuple(_read_form(form, soup, base, page_url) for form in soup.find_all("form"))


def find_login_form(html: str, page_url: str, fields: FormFields = FormFields()) -> LoginForm:  # noqa: B008 - frozen
    """The form with one password input and something to type a user name into.

    Raises:
        ProbeError: there is no such form, or more than one answer; says what was found and what to declare.
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
        raise ProbeError(
            f"no login form at {path}: {_found(html, page_url)}",
            remedy="Declare the page that holds the form in `flows.<name>.page`.",
        )
    complete = [login for form in candidates if (login := _name_fields(form, fields))]
    likely = [login for login in complete if _looks_like_login(login.form)] if len(complete) > 1 else complete
    if len(likely) == 1:
        return likely[0]
    why = "no input for the user name stands out" if not complete else f"{len(complete)} forms could log in"
    found = "; ".join(form.describe() for form in candidates)
    raise ProbeError(
        f"login form found at {path}: fields {found}, but {why}",
        remedy="Declare `flows.<name>.fields` with `user` and `password`, the names of the inputs.",
    )


def login_signatures(html: str, page_url: str) -> frozenset[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Signatures of the forms of a page that hold a password input; to recognise the login page again."""
    return frozenset(form.signature for form in read_forms(html, page_url) if form.passwords)


def find_form_for(html: str, page_url: str, path: str) -> HtmlForm | None:
    """The form of a page that sends to `path`, such as the logout form.

    Where one script serves everything, several forms lead to the same path: the one whose query and method
    fit goes first.
    """
    wanted = urlsplit(urljoin(page_url, path))
    forms = [
        form for form in read_forms(html, page_url) if urlsplit(form.action).path.rstrip("/") == wanted.path.rstrip("/")
    ]
    return max(
        forms, key=lambda form: (urlsplit(form.action).query == wanted.query, form.method == "POST"), default=None
    )


def find_link_to(html: str, page_url: str, url: str) -> str | None:
    """The absolute URL of a page's link to `url` on the same origin, whatever its query says beyond it."""
    wanted = urlsplit(url)
    for tag in BeautifulSoup(html, "html.parser").find_all("a", href=True):
        link = urljoin(page_url, str(tag["href"]))
        found = urlsplit(link)
        if found[:3] == wanted[:3] and set(parse_qsl(wanted.query, True)) <= set(parse_qsl(found.query, True)):
            return link.partition("#")[0]
    return None


def csrf_inputs(html: str, page_url: str) -> dict[str, str]:
    """Hidden inputs of any form of a page that are CSRF tokens by their names."""
    return {
        name: value
        for form in read_forms(html, page_url)
        for name, value in form.carried.items()
        if value and _CSRF_INPUT.search(name)
    }


def csrf_meta(html: str) -> Mapping[str, str]:
    """Request header and value that pages hand to their scripts in `<meta name="csrf-token">`; may be empty."""
    tag = BeautifulSoup(html, "html.parser").find(
        "meta", attrs={"name": re.compile(r"^_?(csrf|xsrf)[-_]?token$", re.IGNORECASE)}
    )
    content = tag.get("content") if isinstance(tag, Tag) else None
    return {"X-CSRF-Token": content} if isinstance(content, str) and content else {}


_CONTROLS = ["input", "button", "select", "textarea"]


def _read_form(form: Tag, soup: BeautifulSoup, base: str, page_url: str) -> HtmlForm:
    controls = list(form.find_all(_CONTROLS))
    if form.get("id"):
        outside = soup.find_all(_CONTROLS, attrs={"form": str(form["id"])})
        controls += [tag for tag in outside if form not in tag.parents]
    controls = [tag for tag in controls if not tag.has_attr("disabled")]
    named = [tag for tag in controls if tag.get("name")]
    carried = dict(pair for tag in named if (pair := _carried(tag)))
    button = next((tag for tag in controls if _kind(tag) in {"submit", "image"}), None)
    if button is not None and button.get("name"):
        carried.setdefault(str(button["name"]), str(button.get("value") or ""))
    typed = [tag for tag in named if _kind(tag) not in _NOT_TEXT]
    action = str(form.get("action") or "")
    return HtmlForm(
        action=urljoin(base, action) if action else page_url.split("#", maxsplit=1)[0],
        method=str(form.get("method") or "get").upper(),
        carried=carried,
        typed=tuple((str(tag["name"]), _kind(tag)) for tag in typed),
        passwords=tuple(str(tag.get("name") or "") for tag in controls if _kind(tag) == "password"),
        label=" ".join([form.get_text(" ", strip=True), str(form.get("id") or ""), str(form.get("class") or "")]),
        autocomplete={str(tag["name"]): str(tag.get("autocomplete") or "") for tag in typed},
    )


def _carried(control: Tag) -> tuple[str, str] | None:
    """What a control sends without anybody touching it."""
    name = str(control["name"])
    match _kind(control):
        case "hidden":
            return name, str(control.get("value") or "")
        case "checkbox" | "radio" if control.has_attr("checked"):
            return name, str(control.get("value") or "on")
        case "select":
            return name, _chosen(control)
        case _:
            return None


def _kind(control: Tag) -> str:
    if control.name == "button":
        return str(control.get("type") or "submit").lower()
    if control.name == "input":
        return str(control.get("type") or "text").lower()
    return control.name


def _chosen(select: Tag) -> str:
    options = list(select.find_all("option"))
    chosen = next((option for option in options if option.has_attr("selected")), options[0] if options else None)
    if chosen is None:
        return ""
    value = chosen.get("value")
    return str(value) if value is not None else chosen.get_text(strip=True)


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


def _found(html: str, page_url: str) -> str:
    forms = read_forms(html, page_url)
    if forms:
        return "; ".join(f"a form to {urlsplit(form.action).path} with {form.describe()}" for form in forms[:4])
    if "<script" in html.lower():
        return "the page holds no form (one drawn by a script is not seen here)"
    return "the page holds no form"
