"""Values for required query parameters: what a description allows, by tables."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.probes.access.openapi import parse_document, read_operations
from stagehold.probes.access.operations import Operations, build_call, tell_apart
from stagehold.probes.access.tries import CANARY_FORM, Try, plan_tries

BASE = "https://app.example"
MARK = "shc-3fa9-0123456789abcdef"


def operations(parameter: str, extra: tuple[str, ...] = (), **inventory: Any) -> tuple[Environment, Operations]:
    """An inventory with one search that has this query parameter, given as YAML."""
    text = f"openapi: 3.1.0\npaths: {{/find: {{get: {{parameters: [{parameter}]}}}}}}\n"
    text += "components: {schemas: {Kind: {type: string, enum: [open, closed]}}}"
    keys = {"target": "app", "openapi": "file:x.json", "extra_operations": extra, **inventory}
    environment = Environment.model_validate(
        {
            "environment": {"id": "t"},
            "targets": [{"name": "app", "base_url": BASE}],
            "inventory": keys,
            "flows": {"b": {"kind": "basic", "target": "app", "whoami": {"path": "/me", "user": "/u"}}},
            "accounts": [{"alias": "a", "user": "a", "flow": "b", "password_ref": "file:a"}],
            "fixtures": [
                {"name": "note", "owner": "a", "target": "app", "read": {"path": "/notes/{id}"},
                 "create": {"method": "POST", "path": "/notes", "json": {"t": "{canary}"}}, "parameters": ["note_id"]}
            ],
        }
    )  # fmt: skip
    assert environment.inventory is not None
    found = read_operations(parse_document(text, "doc"), "doc", BASE)
    return environment, tell_apart(found, environment.inventory, environment, environment.targets[0])


def value(schema: str, *, required: bool = True, beside: str = "", text: str = MARK, **inventory: Any) -> str | None:
    """What the query parameter `q` of that schema is filled with; None when it is left out."""
    parameter = f"{{name: q, in: query, required: {str(required).lower()}, schema: {schema}{beside}}}"
    _, made = operations(parameter, **inventory)
    call = build_call(made.private[0], made.target, {"note_id": "n7"}, text=text)
    found = parse_qs(urlsplit(call.url).query, keep_blank_values=True)
    assert ("q" in call.unfilled) == (required and "q" not in found)
    return found["q"][0] if "q" in found else None


VALUES = [
    ("{type: string}", MARK),
    ("{type: string, minLength: 2, maxLength: 200}", MARK),
    ("{type: string, maxLength: 10}", "1"),
    ("{type: string, minLength: 3, maxLength: 10}", "EUR"),
    ("{type: string, minLength: 30, maxLength: 40}", "1" * 30),
    ("{type: string, example: Fazer}", "Fazer"),
    ("{type: string, examples: [Fazer, Valio]}", "Fazer"),
    ("{type: string, default: newest}", "newest"),
    ("{type: string, enum: [asc, desc]}", "asc"),
    ("{const: all}", "all"),
    ("{$ref: '#/components/schemas/Kind'}", "open"),
    ("{anyOf: [{$ref: '#/components/schemas/Kind'}, {type: 'null'}]}", "open"),
    ("{anyOf: [{type: string}, {type: 'null'}], default: mine}", "mine"),
    ("{type: [string, 'null']}", MARK),
    ("{type: string, pattern: '^[A-Z]{3}$'}", "EUR"),
    ("{type: string, pattern: '^shc-'}", MARK),
    ("{type: string, pattern: '^\\d{3}-\\d{7}$'}", None),
    ("{type: string, pattern: '\\p{L}+'}", None),
    ("{type: string, format: uuid}", "5c0ffee0-0000-4000-8000-00005c0ffee0"),
    ("{type: string, format: email}", "nobody@example.com"),
    ("{type: integer}", "1"),
    ("{type: integer, minimum: 2000}", "2000"),
    ("{type: integer, exclusiveMinimum: 2000}", "2001"),
    ("{type: integer, minimum: 5, exclusiveMinimum: true}", "6"),
    ("{type: integer, maximum: 0}", "0"),
    ("{type: integer, minimum: 11, multipleOf: 5}", "15"),
    ("{type: integer, minimum: 11, maximum: 12, multipleOf: 5}", None),
    ("{type: number, minimum: 2.5}", "2.5"),
    ("{type: boolean}", "true"),
    ("{type: boolean, default: false}", "false"),
    ("{type: array, items: {type: string, enum: [a, b]}}", "a"),
    ("{type: array, items: {$ref: '#/components/schemas/Kind'}}", "open"),
    ("{type: object}", None),
]


@pytest.mark.parametrize(("schema", "expected"), VALUES, ids=[row[0] for row in VALUES])
def test_required_query_parameters_take_what_is_allowed(schema: str, expected: str | None) -> None:
    """Examples, defaults, enumerations and bounds go first, free text takes the mark, and patterns hold."""
    assert value(schema) == expected


def test_dates_are_of_today() -> None:
    """A period or a day is a real one, as its format or pattern wants it."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", value("{type: string, format: date}") or "")
    assert re.fullmatch(r"20\d\d-\d\d", value("{type: string, pattern: '^20[0-9]{2}-[0-9]{2}$'}") or "")


def test_example_of_the_parameter_itself() -> None:
    """`example` and named `examples` beside the schema count, too."""
    assert value("{type: string}", beside=", example: Fazer") == "Fazer"
    assert value("{type: string}", beside=", examples: {one: {value: Valio}}") == "Valio"


def test_optional_parameters_are_left_out_unless_declared() -> None:
    """What need not be there is not sent, but for a value that the environment declares."""
    assert value("{type: string}", required=False) is None
    assert value("{type: string}", required=False, parameters={"q": "mine"}) == "mine"


def test_declared_value_wins() -> None:
    """`inventory.parameters` wins over the description, also where nothing else would do."""
    assert value("{type: string, example: Fazer}", parameters={"q": "mine"}) == "mine"
    assert value("{type: string, pattern: '^\\d{3}-\\d{7}$'}", parameters={"q": "123-1234567"}) == "123-1234567"


def test_declared_value_of_nothing_is_an_error() -> None:
    """A misspelt name would leave its parameter to chance."""
    with pytest.raises(ProbeError, match="'term' is a query parameter of no operation"):
        value("{type: string}", parameters={"term": "x"})


def test_identifier_of_an_object_fills_a_query_parameter() -> None:
    """A required query parameter that a fixture names takes the object's identifier."""
    environment, made = operations("{name: note_id, in: query, required: true, schema: {type: string}}")
    (how,) = plan_tries(environment, made)

    assert [fixture.name for fixture in how.fixtures] == ["note"]
    assert not how.text
    assert build_call(how.operation, made.target, {"note_id": "n7"}, text=MARK).url == f"{BASE}/find?note_id=n7"


def plan(schema: str, **inventory: Any) -> Try:
    """How the search is tried."""
    environment, made = operations(f"{{name: q, in: query, required: true, schema: {schema}}}", **inventory)
    return plan_tries(environment, made)[0]


def test_parameter_without_a_known_value_is_named() -> None:
    """What cannot be filled is not exercised, and the sentence says what to declare."""
    how = plan("{type: string, pattern: '^\\d{3}-\\d{7}$'}")

    assert how.kind == "none"
    assert "query parameter q (pattern" in how.obstacle
    assert "`inventory.parameters`" in how.obstacle
    assert plan("{type: object}").kind == "none"
    assert plan("{type: object}", parameters={"q": "{}"}).kind == "read"


def test_searches_are_known() -> None:
    """Only text that nothing limits is asked for a canary."""
    assert plan("{type: string}").text
    assert not plan("{type: integer}").text
    assert not plan("{type: string, example: Fazer}").text
    assert len(CANARY_FORM) == len(MARK)


def test_declared_query_with_a_placeholder_is_a_search() -> None:
    """`GET /find?q={text}` without OpenAPI takes the mark as its text; a path never does."""
    environment, made = operations("{name: x, in: query, schema: {}}", ("GET /look?q={text}&all=1", "GET /of/{kind}"))
    tries = {str(how.operation): how for how in plan_tries(environment, made)}
    look, of = tries["GET /look?q={text}&all=1"], tries["GET /of/{kind}"]

    assert look.kind == "read"
    assert look.text
    assert build_call(look.operation, made.target, {}, text=MARK).url == f"{BASE}/look?q={MARK}&all=1"
    assert of.kind == "none"
    assert "nothing fills kind" in of.obstacle


def test_guessed_values_are_told() -> None:
    """A call knows which of its values nobody declared."""
    _, made = operations("{name: q, in: query, required: true, schema: {type: integer}}")
    _, declared = operations("{name: q, in: query, required: true, schema: {type: integer, example: 4}}")

    assert build_call(made.private[0], made.target, {}).guessed == ("q",)
    assert build_call(declared.private[0], declared.target, {}).guessed == ()
