"""What a login submits: a user name and a password of any type that its request can carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

from stagehold.environment.access import Flow, FormFlow, Request, TokenFlow
from stagehold.probes.web.fill import FilledRequest, fill
from stagehold.probes.web.login_form import LoginForm

_PASSWORD = "{password}"  # noqa: S105 - a placeholder


class Absent(Enum):
    """Stands for a password that is not sent at all."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


def carries_types(flow: Flow) -> bool:
    """Whether the password is a JSON value of its own, so that null, true or a list can stand in its place."""
    return isinstance(flow, TokenFlow) and _holds(flow.login.json_body, _PASSWORD)


def carries_fields(flow: Flow) -> bool:
    """Whether the password is a form field of its own, which can be left out or sent as `name[]`."""
    if isinstance(flow, TokenFlow):
        return _PASSWORD in (flow.login.form or {}).values()
    return isinstance(flow, FormFlow)


def form_data(login: LoginForm, user: str, password: object) -> dict[str, str]:
    """What a browser would send; a list becomes `name[]`, as frameworks write lists in forms."""
    data = login.data(user, "")
    del data[login.password]
    return {**data, **_field(login.password, password)}


def fill_login(request: Request, person: Mapping[str, Any], password: object) -> FilledRequest:
    """The declared login request with these credentials, whatever type the password has."""
    values = dict(person)
    if password is not ABSENT:
        values["password"] = password
    filled = fill(request, values, left=frozenset({"password"}))
    if password is ABSENT and filled.json is not None:
        filled = replace(filled, json=_without(filled.json, _PASSWORD))
    if request.form is not None:
        form: dict[str, str] = {}
        for name, template in request.form.items():
            own = template == _PASSWORD
            form |= _field(name, password) if own else {name: (filled.form or {})[name]}
        filled = replace(filled, form=form)
    return filled


def basic_pair(user: str, password: object) -> str:
    """What HTTP Basic encodes (RFC 7617)."""
    return user if password is ABSENT else f"{user}:{password}"


def _field(name: str, password: object) -> dict[str, str]:
    if password is ABSENT:
        return {}
    if isinstance(password, list):
        return {f"{name}[]": str(password[0]) if password else ""}
    return {name: str(password)}


def _holds(value: Any, wanted: str) -> bool:
    if isinstance(value, dict):
        return any(_holds(item, wanted) for item in value.values())
    if isinstance(value, list):
        return any(_holds(item, wanted) for item in value)
    return bool(value == wanted)


def _without(value: Any, unwanted: str) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, unwanted) for key, item in value.items() if item != unwanted}
    if isinstance(value, list):
        return [_without(item, unwanted) for item in value if item != unwanted]
    return value
