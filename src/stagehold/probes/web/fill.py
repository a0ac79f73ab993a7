"""Filling `{…}` placeholders of declared requests, and RFC 6901 pointers into what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from stagehold.environment.access import Account, Flow, FormFlow, Request
from stagehold.environment.model import Environment
from stagehold.environment.placeholders import PLACEHOLDER, person_values
from stagehold.errors import ProbeError

_KINDS = {"xml": "application/xml; charset=utf-8", "text": "text/plain; charset=utf-8"}
_QUOTES = {'"': "&quot;", "'": "&apos;"}


@dataclass(frozen=True)
class FilledRequest:
    """A request ready to be sent. Bodies may hold secrets, so they stay out of the repr."""

    method: str
    path: str
    json: Any = field(default=None, repr=False)
    form: dict[str, str] | None = field(default=None, repr=False)
    raw: bytes | None = field(default=None, repr=False)
    """A text or an XML document; `headers` say which."""
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    page: str | None = None
    """The page with the form, to be looked at first."""

    @property
    def data(self) -> dict[str, str] | bytes | None:
        """The body that is no JSON."""
        return self.form if self.raw is None else self.raw


def fill(request: Request, values: Mapping[str, Any], *, left: frozenset[str] = frozenset()) -> FilledRequest:
    """Put values in place of `{name}`; `{{name}}` becomes `{name}`.

    A JSON string that is nothing but a placeholder takes the value's own type (an integer id stays an
    integer); in paths values are percent-encoded, in XML escaped.

    Args:
        request: as it is declared.
        values: by name.
        left: names that stay as they are where they have no value.

    Raises:
        ProbeError: a placeholder has no value; says which, of which operation.
    """
    filler = _Filler(values, f"{request.method} {request.path}", left)
    raw, headers = None, {name: filler.text(value) for name, value in request.headers.items()}
    for kind, body in (("xml", request.xml), ("text", request.text)):
        if body is not None:
            raw = (filler.xml(body) if kind == "xml" else filler.text(body)).encode()
            if "content-type" not in {name.lower() for name in headers}:
                headers["Content-Type"] = _KINDS[kind]
    return FilledRequest(
        method=request.method,
        path=filler.path(request.path),
        json=None if request.json_body is None else filler.json(request.json_body),
        form=None if request.form is None else {k: filler.text(v) for k, v in request.form.items()},
        raw=raw,
        headers=headers,
        page=None if request.page is None else filler.path(request.page),
    )


def fill_path(template: str, values: Mapping[str, Any], *, left: bool = False) -> str:
    """A path template with values percent-encoded into it (RFC 3986, no `/` let through).

    Args:
        template: the path.
        values: by name.
        left: names without a value stay as they are.

    Raises:
        ProbeError: a placeholder has no value.
    """
    names = frozenset(match[2] for match in PLACEHOLDER.finditer(template) if match[2]) if left else frozenset()
    return _Filler(values, template, names).path(template)


def fill_text(text: str, values: Mapping[str, Any]) -> str:
    """A text with values in place of its placeholders (ProbeError where one has none)."""
    return _Filler(values, repr(text), frozenset()).text(text)


def flow_of(flow: Flow, account: Account | None) -> Flow:
    """A login flow with the paths of one account: its `whoami`, login page and page with the logout form.

    Raises:
        ProbeError: a placeholder has no value.
    """
    if account is None:
        return flow
    values = person_values(account)
    filler = _Filler(values, f"flows.{account.flow}.whoami", frozenset())
    changed: dict[str, object] = {"whoami": flow.whoami.model_copy(update={"path": filler.path(flow.whoami.path)})}
    if isinstance(flow, FormFlow):
        changed["page"] = fill_path(flow.page, values)
        if flow.logout_page is not None:
            changed["logout_page"] = fill_path(flow.logout_page, values)
    return flow.model_copy(update=changed)


def flows_of(environment: Environment) -> dict[str, Flow]:
    """Every declared flow with the paths of its first account, for who looks at them without one."""
    first: dict[str, Account] = {}
    for account in environment.accounts:
        first.setdefault(account.flow, account)
    return {name: flow_of(flow, first.get(name)) for name, flow in environment.flows.items()}


@dataclass(frozen=True)
class _Filler:
    values: Mapping[str, Any]
    operation: str
    left: frozenset[str]

    def path(self, text: str) -> str:
        return self._put(text, lambda value: quote(str(value), safe=""))

    def text(self, text: str) -> str:
        return self._put(text, str)

    def xml(self, text: str) -> str:
        return self._put(text, lambda value: escape(str(value), _QUOTES))

    def json(self, value: Any) -> Any:
        if isinstance(value, str):
            whole = PLACEHOLDER.fullmatch(value)
            return self.values[whole[2]] if whole and whole[2] in self.values else self.text(value)
        if isinstance(value, dict):
            return {key: self.json(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.json(item) for item in value]
        return value

    def _put(self, text: str, write: Callable[[Any], str]) -> str:
        for match in PLACEHOLDER.finditer(text):
            name = match[2]
            if name and name not in self.left and self.values.get(name) is None:
                raise ProbeError(
                    f"{{{name}}} of {self.operation} gets no value",
                    remedy=f"There are {', '.join(f'{{{known}}}' for known in self.values) or 'none'}; "
                    f"where the braces are meant, write {{{{{name}}}}}.",
                )
        return PLACEHOLDER.sub(
            lambda match: (
                f"{{{match[1]}}}"
                if match[1]
                else write(self.values[match[2]])
                if self.values.get(match[2]) is not None
                else match[0]
            ),
            text,
        )


def point(document: Any, pointer: str) -> Any:
    """The value at a JSON pointer (RFC 6901); None when there is nothing.

    Raises:
        ProbeError: the pointer itself is malformed.
    """
    if pointer == "":
        return document
    if not pointer.startswith("/"):
        raise ProbeError(f"{pointer!r} is not a JSON pointer", remedy="Write it as `/key` or `/list/0/key`.")
    value = document
    for part in pointer[1:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
