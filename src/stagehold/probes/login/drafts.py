"""Drafts of `flows` and `accounts`, to be reviewed and completed by a person; words in capitals are not known."""

from __future__ import annotations

import json
import re

_ACCOUNT = """\
accounts:
  - {{alias: a_user, flow: {flow}, user: USER, password_ref: "env:A_USER_PASSWORD"}}"""


def form_draft(flow: str, target: str, page: str) -> str:
    """A login by a form whose page is known."""
    return _flow(flow, f'{{kind: form, target: {_key(target)}, page: "{page}", {_PAGE_WHOAMI}}}')


def basic_draft(flow: str, target: str) -> str:
    """HTTP Basic."""
    return _flow(flow, f"{{kind: basic, target: {_key(target)}, {_PAGE_WHOAMI}}}")


def token_draft(flow: str, target: str, user: str, password: str) -> str:
    """A login by a request, with the names that user name and password go under."""
    login = f'{{method: POST, path: /PATH, json: {{{_key(user)}: "{{user}}", {_key(password)}: "{{password}}"}}}}'
    whoami = "whoami: {path: /PATH, user: /POINTER}"
    return _flow(flow, f"{{kind: json_token, target: {_key(target)}, login: {login}, token: /POINTER, {whoami}}}")


_PAGE_WHOAMI = 'whoami: {path: /PATH, contains: "TEXT {user}"}'


def _flow(flow: str, value: str) -> str:
    return f"flows:\n  {_key(flow)}: {value}\n{_ACCOUNT.format(flow=_key(flow))}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) else json.dumps(name)
