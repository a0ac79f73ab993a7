"""Filling `{…}` placeholders of declared requests, and RFC 6901 pointers into what comes back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from stagehold.environment.access import Request
from stagehold.errors import ProbeError

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class FilledRequest:
    """A request ready to be sent. Bodies may hold secrets, so they stay out of the repr."""

    method: str
    path: str
    json: dict[str, Any] | None = field(default=None, repr=False)
    form: dict[str, str] | None = field(default=None, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    page: str | None = None
    """The page with the form, to be looked at first."""


def fill(request: Request, values: Mapping[str, Any]) -> FilledRequest:
    """Put values in place of `{name}`; names without a value stay as they are.

    A JSON string that is nothing but a placeholder takes the value's own type (an integer id stays an
    integer); in paths values are percent-encoded.
    """
    return FilledRequest(
        method=request.method,
        path=fill_path(request.path, values),
        json=None if request.json_body is None else _fill_json(request.json_body, values),
        form=None if request.form is None else {k: _fill_text(v, values) for k, v in request.form.items()},
        headers={name: _fill_text(value, values) for name, value in request.headers.items()},
        page=None if request.page is None else fill_path(request.page, values),
    )


def fill_path(template: str, values: Mapping[str, Any]) -> str:
    """A path template with values percent-encoded into it (RFC 3986, no `/` let through)."""
    return _PLACEHOLDER.sub(
        lambda match: quote(str(values[match[1]]), safe="") if match[1] in values else match[0], template
    )


def _fill_text(text: str, values: Mapping[str, Any]) -> str:
    return _PLACEHOLDER.sub(lambda match: str(values.get(match[1], match[0])), text)


def _fill_json(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        whole = _PLACEHOLDER.fullmatch(value)
        if whole and whole[1] in values:
            return values[whole[1]]
        return _fill_text(value, values)
    if isinstance(value, dict):
        return {key: _fill_json(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill_json(item, values) for item in value]
    return value


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
