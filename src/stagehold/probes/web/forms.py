"""Reading HTML forms as a browser does: what each would send, and where to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urljoin, urlsplit

from bs4 import BeautifulSoup
from bs4.element import Tag

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
        """Names and types of the fields, and what goes along untouched, in words; never values."""
        parts = [f"{name} ({kind})" for name, kind in self.typed]
        parts += [f"{name or 'unnamed'} (password)" for name in self.passwords]
        tokens = [name for name in self.carried if _CSRF_INPUT.search(name)]
        others = [name for name in self.carried if name not in tokens]
        told = [", ".join(parts) or "no fields"]
        told += [f"CSRF token {', '.join(tokens)}"] if tokens else []
        told += [f"{', '.join(others)} sent along"] if others else []
        return "; ".join(told)


def read_forms(html: str, page_url: str) -> tuple[HtmlForm, ...]:
    """Every form of a page; inputs attached from outside by `form=ID` belong to it."""
    soup = BeautifulSoup(html, "html.parser")
    base_tag = soup.find("base", href=True)
    base = urljoin(page_url, str(base_tag["href"])) if isinstance(base_tag, Tag) else page_url
    return tuple(_read_form(form, soup, base, page_url) for form in soup.find_all("form"))


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
    button = next((tag for tag in controls if kind_of(tag) in {"submit", "image"}), None)
    if button is not None and button.get("name"):
        carried.setdefault(str(button["name"]), str(button.get("value") or ""))
    typed = [tag for tag in named if kind_of(tag) not in _NOT_TEXT]
    action = str(form.get("action") or "")
    return HtmlForm(
        action=urljoin(base, action) if action else page_url.split("#", maxsplit=1)[0],
        method=str(form.get("method") or "get").upper(),
        carried=carried,
        typed=tuple((str(tag["name"]), kind_of(tag)) for tag in typed),
        passwords=tuple(str(tag.get("name") or "") for tag in controls if kind_of(tag) == "password"),
        label=" ".join([form.get_text(" ", strip=True), str(form.get("id") or ""), str(form.get("class") or "")]),
        autocomplete={str(tag["name"]): str(tag.get("autocomplete") or "") for tag in typed},
    )


def _carried(control: Tag) -> tuple[str, str] | None:
    """What a control sends without anybody touching it."""
    name = str(control["name"])
    match kind_of(control):
        case "hidden":
            return name, str(control.get("value") or "")
        case "checkbox" | "radio" if control.has_attr("checked"):
            return name, str(control.get("value") or "on")
        case "select":
            return name, _chosen(control)
        case _:
            return None


def kind_of(control: Tag) -> str:
    """What a control is: the type of an input or a button, else the name of its element."""
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
