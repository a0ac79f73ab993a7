"""The inventory: reading OpenAPI and telling operations apart."""

from __future__ import annotations

from typing import Any

import pytest

from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.probes.access.openapi import Operation, parse_document, read_operations
from stagehold.probes.access.operations import Operations, build_call, empty_body, tell_apart
from stagehold.probes.access.parameters import Parameter

BASE = "https://app.example/api"
YAML = """
openapi: 3.0.3
servers: [{url: 'https://{where}.example/api/{v}', variables: {where: {default: app}, v: {default: v2}}}]
paths:
  /a/{id}:
    parameters: [{$ref: '#/components/parameters/Id'}]
    get: {parameters: [{name: year, in: query, required: true, schema: {type: integer, example: 2024}}]}
    put: {requestBody: {$ref: '#/components/requestBodies/A'}}
  /b:
    $ref: '#/components/pathItems/B'
  x-note: {}
components:
  parameters: {Id: {name: id, in: path, required: true, schema: {anyOf: [{type: 'null'}, {$ref: '#/u'}]}}}
  requestBodies: {A: {content: {multipart/form-data: {}, application/json: {}}}}
  pathItems: {B: {delete: {}, servers: [{url: /old}]}}
u: {type: string, format: uuid}
"""


def read(text: str) -> tuple[Operation, ...]:
    """Operations of a document found under the base URL."""
    return read_operations(parse_document(text, "doc"), f"{BASE}/openapi.yaml", BASE)


def test_servers_references_and_shared_parameters() -> None:
    """Paths start at the origin; references, path-level parameters and servers are followed."""
    found = {str(operation): operation for operation in read(YAML)}

    assert set(found) == {"GET /api/v2/a/{id}", "PUT /api/v2/a/{id}", "DELETE /old/b"}
    get, put = found["GET /api/v2/a/{id}"], found["PUT /api/v2/a/{id}"]
    assert [(p.name, p.place, p.kind, p.form) for p in get.parameters] == [
        ("id", "path", "string", "uuid"), ("year", "query", "integer", ""),
    ]  # fmt: skip
    assert put.content_types == ("application/json", "multipart/form-data")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "neither JSON nor YAML"),
        ("swagger: '2.0'", "Swagger 2.0"),
        ("[]", "no OpenAPI 3"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: 'other.yaml#/a'}}", "another document"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: '#/paths/~1a'}}", "circles"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: '#/nowhere'}}", "expected a mapping"),
        ("openapi: 3.0.0\npaths: {/a: {get: {parameters: [{name: x}]}}}", "no name or place"),
    ],
)
def test_unreadable_inventory_is_an_error(text: str, told: str) -> None:
    """An inventory that cannot be read whole is never taken as a smaller one."""
    with pytest.raises(ProbeError, match=told):
        read(text)


def sort(found: tuple[Operation, ...] = (), deny: tuple[str, ...] = (), **inventory: Any) -> Operations:
    """Tell operations apart under an inventory."""
    environment = Environment.model_validate(
        {
            "environment": {"id": "t"},
            "targets": [{"name": "app", "base_url": BASE}],
            "inventory": {"target": "app", **inventory},
            "deny": {"operations": deny},
        }
    )
    assert environment.inventory is not None
    return tell_apart(found, environment.inventory, environment, environment.targets[0])


def test_operations_are_told_apart() -> None:
    """Public, excluded and denied operations leave the private ones; names of parameters do not matter."""
    sorted_out = sort(
        read(YAML),
        extra_operations=["GET /v2/c", "GET /v2/a/{other}"],
        public_operations=["GET /v2/c"],
        exclude=[{"op": "PUT /api/v2/a/{number}", "reason": "irreversible"}],
        deny=("* /old/b",),
    )

    assert [str(operation) for operation in sorted_out.private] == ["GET /api/v2/a/{id}"]
    assert [str(operation) for operation in sorted_out.public] == ["GET /api/v2/c"]
    assert {str(op): why for op, why in sorted_out.excluded} == {
        "PUT /api/v2/a/{id}": "irreversible", "DELETE /old/b": "deny.operations",
    }  # fmt: skip
    assert sorted_out.summary().startswith("4 operations: 1 private, 1 public, 2 excluded")


@pytest.mark.parametrize(
    "inventory",
    [
        {},
        {"extra_operations": ["GET /a"], "public_operations": ["GET /b"]},
        {"extra_operations": ["GET /a"], "public_operations": ["POST /a"]},
        {"extra_operations": ["GET /a"], "exclude": [{"op": "GET /aa", "reason": "x"}]},
        {"extra_operations": ["* /a"]},
    ],
)
def test_empty_or_mistyped_inventory_is_an_error(inventory: dict[str, Any]) -> None:
    """No operation at all, or a public or excluded one that does not exist, proves nothing."""
    with pytest.raises(ProbeError):
        sort(**inventory)


def test_calls_use_existing_identifiers_or_such_as_belong_to_nothing() -> None:
    """Parameters take the canary object's identifier, else a value that hits no data, never a small number."""
    target = sort(extra_operations=["GET /a"]).target
    numbered = Operation("GET", "/x/{no}/{kind}", (Parameter("no", "path", kind="integer"),))
    call = build_call(numbered, target, {"kind": "a b"})
    get = next(op for op in read(YAML) if op.method == "GET")

    assert call.url == "https://app.example/x/2000000011/a%20b"
    assert call.made_up == ("no",)
    assert build_call(get, target, {"id": "7"}).url == "https://app.example/api/v2/a/7?year=2024"
    assert build_call(get, target, {"id": "7"}).made_up == ()
    odd = Operation("GET", "/x/{invoice-id}")
    assert build_call(odd, target, {"invoice-id": "7"}).url == "https://app.example/x/7"


@pytest.mark.parametrize(
    ("kinds", "method", "body"),
    [
        (("application/json",), "POST", b"{}"),
        ((), "PUT", b"{}"),
        ((), "DELETE", None),
        ((), "GET", None),
        (("multipart/form-data",), "POST", b"--stagehold--\r\n"),
        (("application/x-www-form-urlencoded",), "POST", b""),
    ],
)
def test_empty_bodies_fit_the_operation(kinds: tuple[str, ...], method: str, body: bytes | None) -> None:
    """A write that must be refused carries an empty body of a kind the operation takes."""
    assert empty_body(Operation(method, "/x", content_types=kinds))[1] == body
