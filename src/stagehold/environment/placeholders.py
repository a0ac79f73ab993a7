"""Which `{…}` placeholders a declared path, header or body may hold, and where a wrong one stands.

Every place has a fixed set, so that a name that gets no value is an error of the description, before any traffic,
and never something that is sent. Where braces are meant, they are doubled: `{{id}}` sends `{id}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stagehold.documents.problems import Path, did_you_mean
from stagehold.environment.access import Account, BasicFlow, DenialRule, Flow, FormFlow, Request, TokenFlow
from stagehold.environment.model import Environment

PLACEHOLDER = re.compile(r"\{\{([A-Za-z_][A-Za-z0-9_]*)\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""Group 1: doubled braces, which stand for themselves; group 2: the name of a value."""
PERSON = ("user", "alias", "company", "role")
OBJECT = ("id", "canary", "run", *PERSON)


def person_values(account: Account) -> dict[str, str]:
    """What an account fills: its `user`, `alias`, and its `company` and `role` where they are declared."""
    values = {"user": account.user, "alias": account.alias, "company": account.company, "role": account.role}
    return {name: value for name, value in values.items() if value is not None}


def names_in(value: Any) -> Iterator[str]:
    """Names of the placeholders in a text, or in the texts of a list or mapping."""
    if isinstance(value, str):
        yield from (match[2] for match in PLACEHOLDER.finditer(value) if match[2])
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from names_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from names_in(item)


Wrong = tuple[Path, str, str, str]
"""Where, what is wrong, what was expected, a hint."""


def wrong_placeholders(environment: Environment) -> Iterator[Wrong]:
    """Placeholders of the description that get no value."""
    for name, flow in environment.flows.items():
        people = [account for account in environment.accounts if account.flow == name]
        yield from _flow(("flows", name), flow, people)
    for i, fixture in enumerate(environment.fixtures):
        owners = [account for account in environment.accounts if account.alias == fixture.owner]
        about = [name for name in OBJECT if name != "id"]
        yield from _request(("fixtures", i, "create"), fixture.create, about, owners)
        yield from _request(("fixtures", i, "read"), fixture.read, OBJECT, owners)
        for j, write in enumerate(fixture.writes):
            yield from _request(("fixtures", i, "writes", j), write, OBJECT, owners)
    forced = environment.hooks.force_error
    if forced is not None:
        who = [account for account in environment.accounts if account.alias == forced.account]
        yield from _request(("hooks", "force_error"), forced, PERSON if forced.account else (), who)
    for i, record in enumerate(environment.evidence.environment):
        asking = [account for account in environment.accounts if account.alias == record.account]
        known = PERSON if record.account else ()
        yield from _text(("evidence", "environment", i, "path"), record.path, known, asking)
    for target, denial in environment.denial.items():
        for situation in ("anonymous", "role", "tenant"):
            yield from _denial(("denial", target, situation), getattr(denial, situation))


def _flow(path: Path, flow: Flow, people: list[Account]) -> Iterator[Wrong]:
    texts: dict[Path, str | None] = {("whoami", "path"): flow.whoami.path, ("whoami", "contains"): flow.whoami.contains}
    known: tuple[str, ...] = PERSON
    if isinstance(flow, FormFlow):
        texts |= {("page",): flow.page, ("logout_page",): flow.logout_page}
    for key, text in texts.items():
        yield from _text((*path, *key), text, PERSON, people)
    if isinstance(flow, BasicFlow):
        return
    if isinstance(flow, TokenFlow):
        known = ("token", *PERSON)
        yield from _request((*path, "login"), flow.login, ("password", *PERSON), people)
    yield from _text((*path, "jwks"), flow.jwks, (), people)
    if flow.logout is not None:
        yield from _request((*path, "logout"), flow.logout, known, people)


def _denial(path: Path, rules: Iterable[DenialRule]) -> Iterator[Wrong]:
    """What a refusal shows is compared without knowing who is refused."""
    for i, rule in enumerate(rules):
        for name in {"token", "password", *OBJECT}.intersection(names_in(rule.contains)):
            told = f"{{{name}}} gets no value: a refusal is recognised whoever is refused"
            yield (*path, i, "contains"), told, "text that every such refusal holds", ""


def _request(path: Path, request: Request, known: Iterable[str], people: list[Account]) -> Iterator[Wrong]:
    operation = f"{request.method} {request.path}"
    parts: list[tuple[str, object]] = [("path", request.path), ("headers", request.headers), ("page", request.page)]
    parts += [("json", request.json_body), ("form", request.form), ("text", request.text), ("xml", request.xml)]
    for key, value in parts:
        yield from _text((*path, key), value, known, people, operation)


def _text(
    path: Path, value: object, known: Iterable[str], people: list[Account], operation: str = ""
) -> Iterator[Wrong]:
    known = tuple(known)
    among = f" of {operation}" if operation else ""
    for name in dict.fromkeys(names_in(value)):
        if name not in known:
            told = f"{{{name}}}{among} gets no value"
            expected = ", ".join(f"{{{item}}}" for item in known) or "no placeholder"
            near = did_you_mean(name, known) or f"Where the braces are meant, write {{{{{name}}}}}."
            yield path, told, expected, near
        elif lacking := [a.alias for a in people if name in PERSON and name not in person_values(a)]:
            told = f"{{{name}}}{among} gets no value: account `{lacking[0]}` declares no `{name}`"
            yield path, told, f"a `{name}` for that account, or another placeholder", ""
