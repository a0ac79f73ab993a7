"""Reading the operations out of an OpenAPI 3 document: servers, `$ref`s and path-level parameters included.

Source: OpenAPI Specification 3.0.4 and 3.1.1, sections Paths, Server, Parameter and Reference Object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import yaml

from stagehold.errors import ProbeError
from stagehold.probes.access.parameters import Parameter, parameter
from stagehold.probes.web.fill import point

_NAMES = re.compile(r"\{([^}]+)\}")
METHODS = ("get", "head", "post", "put", "patch", "delete")
_REF_DEPTH = 20


@dataclass(frozen=True)
class Operation:
    """One method of one path. `path` starts at the origin, whatever the target's base URL adds."""

    method: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    content_types: tuple[str, ...] = ()
    """Of the request body, preferred first."""
    source: str = "openapi"
    needs: tuple[str, ...] = ()
    """Fields that the request body must have: without them the operation refuses, whoever asks."""
    query: str = ""
    """A declared query that belongs to the operation, where one script serves many (`do=admin`)."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}" + (f"?{self.query}" if self.query else "")

    @property
    def reads(self) -> bool:
        """Whether sending it changes nothing (RFC 9110 section 9.2.1)."""
        return self.method in {"GET", "HEAD"}

    @property
    def path_parameters(self) -> tuple[Parameter, ...]:
        """Parameters in the path and the declared query, also those the document forgot to describe."""
        known = {item.name: item for item in self.parameters if item.place == "path"}
        return tuple(known.get(name, Parameter(name, "path")) for name in _NAMES.findall(f"{self.path}?{self.query}"))


def parse_document(text: str, where: str) -> dict[str, Any]:
    """The document, from JSON or YAML.

    Raises:
        ProbeError: it is neither, or no OpenAPI 3 document.
    """
    try:
        document = json.loads(text)
    except ValueError:
        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ProbeError(f"{where} is neither JSON nor YAML") from error
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        found = document.get("swagger", "") if isinstance(document, dict) else ""
        raise ProbeError(
            f"{where} is no OpenAPI 3 document" + (f" but Swagger {found}" if found else ""),
            remedy="Point `inventory.openapi` at an OpenAPI 3 document, or list `inventory.extra_operations`.",
        )
    return document


def read_operations(document: Mapping[str, Any], where: str, base_url: str) -> tuple[Operation, ...]:
    """Every operation of a document.

    Args:
        document: from `parse_document`.
        where: URL it came from, against which relative servers resolve; a file name against `base_url`.
        base_url: of the target the operations belong to.

    Raises:
        ProbeError: a path or a reference cannot be read, so the inventory would be incomplete.
    """
    paths = document.get("paths") or {}
    if not isinstance(paths, dict):
        raise ProbeError(f"{where}: `paths` is no mapping")
    found: list[Operation] = []
    for path, raw in paths.items():
        if str(path).startswith("x-"):
            continue
        item = _follow(raw, document, where)
        for method in METHODS:
            if method in item:
                operation = _follow(item[method], document, where)
                servers = operation.get("servers") or item.get("servers") or document.get("servers")
                prefix = _prefix(servers, where, base_url)
                found.append(_operation(method, f"{prefix}{path}", item, operation, document, where))
    return tuple(found)


def _operation(
    method: str,
    path: str,
    item: Mapping[str, Any],
    raw: Mapping[str, Any],
    document: Mapping[str, Any],
    where: str,
) -> Operation:
    # An operation's parameter replaces the path's parameter of the same name and place.
    merged = {(p.name, p.place): p for source in (item, raw) for p in _parameters(source, document, where)}
    body = _follow(raw.get("requestBody") or {}, document, where)
    kinds = sorted(body.get("content") or {}, key=lambda kind: (not str(kind).endswith("json"), str(kind)))
    return Operation(
        method.upper(), path, tuple(merged.values()), tuple(map(str, kinds)), needs=_needs(body, document, where)
    )


def _needs(body: Mapping[str, Any], document: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """The required fields of a required body, where every kind of it requires some."""
    if not body.get("required"):
        return ()
    found = [tuple(_schema(kind, document, where).get("required") or ()) for kind in body.get("content", {}).values()]
    return tuple(map(str, found[0])) if found and all(found) else ()


def _parameters(source: Mapping[str, Any], document: Mapping[str, Any], where: str) -> Iterator[Parameter]:
    for raw in source.get("parameters") or ():
        item = _follow(raw, document, where)
        if "name" not in item or "in" not in item:
            raise ProbeError(f"{where}: a parameter has no name or place")
        schema = _schema(item, document, where)
        yield parameter(item, schema)


def _schema(item: Mapping[str, Any], document: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    if "schema" not in item and item.get("content"):
        return {"type": "object"}  # Text of some other format, such as JSON.
    schema = _follow(item.get("schema") or {}, document, where)
    for key in ("anyOf", "oneOf", "allOf"):
        options = [_follow(option, document, where) for option in schema.get(key) or ()]
        chosen = next((option for option in options if option.get("type") not in {None, "null"}), None)
        if chosen is not None:
            schema = {**{name: value for name, value in schema.items() if name != key}, **chosen}
    if isinstance(schema.get("items"), dict):
        schema = {**schema, "items": _follow(schema["items"], document, where)}
    return schema


def _follow(value: Any, document: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    for _ in range(_REF_DEPTH):
        if not isinstance(value, dict):
            raise ProbeError(f"{where}: expected a mapping, found {type(value).__name__}")
        reference = value.get("$ref")
        if reference is None:
            return value
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise ProbeError(
                f"{where} refers to another document ({reference})",
                remedy="Bundle the document into one file and point `inventory.openapi` there.",
            )
        target = point(document, reference[1:])
        siblings = {key: item for key, item in value.items() if key != "$ref"}
        value = {**target, **siblings} if isinstance(target, dict) else target
    raise ProbeError(f"{where}: references go round in circles")


def _prefix(servers: Any, where: str, base_url: str) -> str:
    """The path of the first server that is this target; a document without servers counts from the root."""
    if not servers:
        return ""
    against = where if "://" in where else f"{base_url}/"
    urls = []
    for server in servers:
        url = str(server.get("url", "/"))
        for name, variable in (server.get("variables") or {}).items():
            url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
        urls.append(urlsplit(urljoin(against, url)))
    own = next((url for url in urls if url.hostname == urlsplit(base_url).hostname), urls[0])
    return own.path.rstrip("/")
