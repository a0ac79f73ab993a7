"""The inventory: every operation the service offers, which of them are public, and which are never sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import requests

from stagehold.command_lines import curl
from stagehold.environment.access import Inventory
from stagehold.environment.model import Environment, Target
from stagehold.errors import ProbeError, Uncovered
from stagehold.probes.access.openapi import Operation, parse_document, read_operations
from stagehold.probes.access.parameters import Parameter
from stagehold.probes.login.driver import Sessions
from stagehold.probes.web.fill import fill_path

_TEMPLATE = re.compile(r"\{[^}]*\}")
_Key = tuple[str, str, frozenset[tuple[str, str]]]


@dataclass(frozen=True)
class Operations:
    """The operations of the inventory, told apart."""

    target: Target
    private: tuple[Operation, ...]
    """Must refuse anonymous callers."""
    public: tuple[Operation, ...]
    excluded: tuple[tuple[Operation, str], ...]
    """Never sent, and why."""

    @property
    def total(self) -> int:
        """All of them."""
        return len(self.private) + len(self.public) + len(self.excluded)

    def summary(self) -> str:
        """The denominators in words."""
        reasons = "; ".join(f"{operation}: {reason}" for operation, reason in self.excluded)
        words = f"{self.total} operations: {len(self.private)} private, {len(self.public)} public"
        return f"{words}, {len(self.excluded)} excluded" + (f" ({reasons})" if reasons else "")


@dataclass(frozen=True)
class Call:
    """An operation with its inputs filled in, ready to be sent."""

    operation: Operation
    url: str
    made_up: tuple[str, ...]
    """Path parameters that no existing object fills."""
    guessed: tuple[str, ...] = ()
    """Required query parameters whose value nothing declares."""
    unfilled: tuple[str, ...] = ()
    """Required query parameters left out, because no value is known that their description allows."""

    def reproduce(self) -> str:
        """A command line that sends the same without credentials."""
        if self.operation.reads:
            return curl(self.url, method=self.operation.method)
        sent = {"Content-Type": "application/json"}
        return curl(self.url, method=self.operation.method, headers=sent, body="{}")


def tell_apart(
    found: Iterable[Operation], inventory: Inventory, environment: Environment, target: Target
) -> Operations:
    """Sort operations into private, public and excluded.

    Raises:
        ProbeError: there are none, or a declared public or excluded operation does not exist: a typing error
            there would make the claim about something else than was meant.
    """
    extra = [_declared(text, target) for text in inventory.extra_operations]
    _require_used(inventory.parameters, (*extra, *found))
    unique = {_key(operation): _with_values(operation, inventory.parameters) for operation in (*extra, *found)}
    if not unique:
        raise ProbeError("the inventory holds no operation, so nothing can be proven about all of them")
    reasons = {key: item.reason for item in inventory.exclude for key in _find(item.op, unique, target, "exclude")}
    public = {key for text in inventory.public_operations for key in _find(text, unique, target, "public_operations")}
    for key, operation in unique.items():
        if is_denied(operation, environment, target):
            reasons.setdefault(key, "deny.operations")
    both = public & set(reasons)
    return Operations(
        target=target,
        private=tuple(op for key, op in unique.items() if key not in public and key not in reasons),
        public=tuple(op for key, op in unique.items() if key in public - both),
        excluded=tuple((unique[key], reason) for key, reason in reasons.items()),
    )


def load_operations(environment: Environment, sessions: Sessions, folder: Path) -> Operations:
    """The inventory of an environment; the OpenAPI document is fetched anonymously, else with a session.

    Raises:
        Uncovered: no inventory is declared.
        ProbeError: it cannot be had or is contradictory.
    """
    inventory = environment.inventory
    if inventory is None:
        raise Uncovered("needs `inventory` in the environment")
    target = environment.target(inventory.target)
    found: tuple[Operation, ...] = ()
    if inventory.openapi is not None:
        text, where = _fetch(inventory.openapi, target, sessions, folder)
        found = read_operations(parse_document(text, where), where, target.base_url)
        if not found:
            raise ProbeError(f"{where} describes no operation")
    return tell_apart(found, inventory, environment, target)


def is_denied(operation: Operation, environment: Environment, target: Target) -> bool:
    """Whether `deny.operations` forbids to send it."""
    return any(
        _matches(text, operation, target) and _query_of(text) <= _pairs(operation.query)
        for text in environment.deny.operations
    )


def build_call(
    operation: Operation,
    target: Target,
    identifiers: Mapping[str, str],
    *,
    query: Mapping[str, str] | None = None,
    text: str = "",
) -> Call:
    """Fill an operation's path and required query parameters.

    Path parameters that nothing fills get a value that belongs to no object: an identifier that might exist
    could hit data that is not ours. Query parameters take what is declared, an identifier, or what their
    description allows.

    Args:
        operation: what is called.
        target: where.
        identifiers: of existing objects, by the names of parameters.
        query: wins over everything else.
        text: for required text that nothing limits, such as a search's: the mark of an existing object.
    """
    values: dict[str, str] = {}
    made_up: list[str] = []
    for item in operation.path_parameters:
        if item.name in identifiers:
            values[item.name] = identifiers[item.name]
        elif _of_query(item, operation) and (value := item.plausible(text)) and (text or item.example is not None):
            values[item.name] = value
        else:
            values[item.name] = item.nothing()
            made_up.append(item.name)
    wanted: dict[str, str] = {}
    guessed: list[str] = []
    unfilled: list[str] = []
    for item in required_query(operation):
        value = identifiers.get(item.name) or item.plausible(text)
        if value is None:
            unfilled.append(item.name)
        else:
            wanted[item.name] = value
        if item.name not in identifiers and item.example is None:
            guessed.append(item.name)
    asked_for = dict(query or {})
    wanted |= asked_for
    path = _fill_every(operation.path, values)
    fixed = [_fill_every(operation.query, values)] if operation.query else []
    asked = "&".join([*fixed, *([urlencode(wanted)] if wanted else [])])
    tail = f"?{asked}" if asked else ""
    return Call(
        operation,
        f"{origin(target)}{path}{tail}",
        tuple(made_up),
        guessed=tuple(name for name in guessed if name not in asked_for),
        unfilled=tuple(name for name in unfilled if name not in asked_for),
    )


def required_query(operation: Operation) -> tuple[Parameter, ...]:
    """The query parameters that the operation must have, and those whose value the environment declares."""
    return tuple(item for item in operation.parameters if item.place == "query" and (item.required or item.declared))


def origin(target: Target) -> str:
    """Scheme, host and port of a target."""
    parts = urlsplit(target.base_url)
    return f"{parts.scheme}://{parts.netloc}"


def empty_body(operation: Operation, *, inputs: Mapping[str, str] | None = None) -> tuple[dict[str, str], bytes | None]:
    """Headers and an empty body of the kind the operation takes, for a write that must be refused anyway.

    Args:
        operation: what is sent.
        inputs: hidden inputs (a CSRF token) to send where a form is taken; None where no form is known.
    """
    if operation.reads or (operation.method == "DELETE" and not operation.content_types):
        return {}, None
    form = "application/x-www-form-urlencoded"
    usual = "application/json" if inputs is None or operation.source != "declared" else form
    kind = operation.content_types[0] if operation.content_types else usual
    if kind.startswith("multipart/"):
        return {"Content-Type": f"{kind}; boundary=stagehold"}, b"--stagehold--\r\n"
    if kind == form:
        return {"Content-Type": kind}, urlencode(inputs or {}).encode()
    return {"Content-Type": kind}, b"{}" if kind.endswith("json") else b""


def declared_operation(method: str, path: str, target: Target) -> Operation:
    """An operation from a method and a path under the target's base URL."""
    prefix = urlsplit(target.base_url).path.rstrip("/")
    bare, _, query = path.partition("?")
    return Operation(method.upper(), f"{prefix}/{bare.lstrip('/')}", source="declared", query=query)


def same_operation(one: Operation, other: Operation) -> bool:
    """Whether two operations are the same but for the names of path parameters."""
    return _key(one) == _key(other)


def names_operation(text: str, operation: Operation, target: Target) -> bool:
    """Whether a declared `METHOD /path?query` means this very operation; a pattern with `*` names none."""
    return "*" not in text and _matches(text, operation, target) and _query_of(text) == _pairs(operation.query)


def shape(path: str) -> tuple[str, ...]:
    """A path's parts with `{}` for every parameter, whatever its name."""
    return tuple("{}" if part.startswith("{") else part for part in path.strip("/").split("/"))


def under(target: Target, path: str) -> str:
    """A declared path as it stands from the origin, without its query."""
    return urlsplit(target.base_url).path.rstrip("/") + path.partition("?")[0]


def _fill_every(path: str, values: Mapping[str, str]) -> str:
    # OpenAPI allows names that are no identifiers, such as `{invoice-id}`.
    filled = fill_path(path, values, left=True)
    for name, value in values.items():
        filled = filled.replace(f"{{{name}}}", quote(value, safe=""))
    return filled


def _fetch(reference: str, target: Target, sessions: Sessions, folder: Path) -> tuple[str, str]:
    if reference.startswith("file:"):
        path = folder / reference.removeprefix("file:")
        try:
            return path.read_text(encoding="utf-8"), path.name
        except (OSError, UnicodeDecodeError) as error:
            raise ProbeError(f"inventory.openapi: {path.name} cannot be read: {error}") from error
    response = sessions.driver.connect(target).request("GET", reference, allow_redirects=True)
    if not response.ok or "html" in response.headers.get("content-type", ""):
        response = _with_some_session(reference, target, sessions) or response
    if not response.ok:
        raise ProbeError(f"inventory.openapi: GET {reference} answered {response.status_code}")
    return response.content.decode("utf-8", "replace"), response.url


def _with_some_session(reference: str, target: Target, sessions: Sessions) -> requests.Response | None:
    for account in sessions.driver.environment.accounts:
        if account.pool != "standard":
            continue
        try:
            return sessions.of(account.alias).request("GET", reference, allow_redirects=True, target=target)
        except ProbeError:
            continue
    return None


def _declared(text: str, target: Target) -> Operation:
    method, _, path = text.strip().partition(" ")
    path = path.strip()
    if not path.startswith("/") or not method.isalpha():
        raise ProbeError(f"{text!r} is no operation", remedy="Write it as `GET /path/{id}`.")
    operation = declared_operation(method, path, target)
    names = tuple(Parameter(name, "path") for name in _TEMPLATE.findall(path) for name in [name[1:-1]])
    return replace(operation, parameters=names)


def _require_used(values: Mapping[str, str], operations: Iterable[Operation]) -> None:
    known = {item.name for operation in operations for item in operation.parameters if _of_query(item, operation)}
    if unused := sorted(set(values) - known):
        raise ProbeError(
            f"inventory.parameters: {unused[0]!r} is a query parameter of no operation",
            remedy="Correct it, or leave it out; paths are filled with the ids of `fixtures`.",
        )


def _with_values(operation: Operation, values: Mapping[str, str]) -> Operation:
    """The operation with declared values in place of the description's examples."""
    return replace(
        operation,
        parameters=tuple(
            replace(item, example=values[item.name], declared=True)
            if item.name in values and _of_query(item, operation)
            else item
            for item in operation.parameters
        ),
    )


def _of_query(item: Parameter, operation: Operation) -> bool:
    """Whether it stands in the query, as a parameter or as a placeholder of a declared one."""
    return item.place == "query" or f"{{{item.name}}}" in operation.query


def _key(operation: Operation) -> tuple[str, str, frozenset[tuple[str, str]]]:
    return operation.method, _TEMPLATE.sub("{}", operation.path.rstrip("/") or "/"), _pairs(operation.query)


def _pairs(query: str) -> frozenset[tuple[str, str]]:
    return frozenset((name, _TEMPLATE.sub("{}", value)) for name, value in parse_qsl(query, keep_blank_values=True))


def _query_of(text: str) -> frozenset[tuple[str, str]]:
    return _pairs(text.partition("?")[2])


def _find(text: str, unique: Mapping[_Key, Operation], target: Target, where: str) -> set[_Key]:
    matching = {
        key
        for key, operation in unique.items()
        if _matches(text, operation, target) and _query_of(text) == _pairs(operation.query)
    }
    if not matching or (len(matching) > 1 and not text.startswith("*")):
        found = "matches several operations" if matching else "does not exist"
        raise ProbeError(
            f"inventory.{where}: {text!r} {found} among the {len(unique)} operations of the inventory",
            remedy="Correct it, or add the operation to `inventory.extra_operations`.",
        )
    return matching


def _matches(text: str, operation: Operation, target: Target) -> bool:
    """Written as the OpenAPI document writes it (from the origin) or under the target's base URL."""
    method, _, path = text.strip().partition(" ")
    if method not in {"*", operation.method}:
        return False
    wanted = path.partition("?")[0].strip().rstrip("/") or "/"
    prefix = urlsplit(target.base_url).path.rstrip("/")
    forms = {_TEMPLATE.sub("{}", form.rstrip("/") or "/") for form in (wanted, f"{prefix}{wanted}")}
    return _key(operation)[1] in forms
