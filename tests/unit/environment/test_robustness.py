"""No file, however odd, gets anything but an environment or a list of errors out of the reader."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stagehold.documents.nodes import Mapping
from stagehold.documents.problems import ConfigErrors, dotted
from stagehold.documents.strict_yaml import parse_document, read_document
from stagehold.documents.typed import keys_of, read_model
from stagehold.environment.model import Environment, Host, Target
from stagehold.environment.reader import NOT_YET, find_environment, read_environment
from stagehold.environment.schema import SCHEMAS, drifted, render
from stagehold.shipped import shipped

EXAMPLE = find_environment("staging.example")
TEXT = EXAMPLE.read_text(encoding="utf-8")
LINES = TEXT.splitlines(keepends=True)
SECTIONS = read_document(EXAMPLE).plain()
FREE_NAMES = {"companies", "flows", "profiles", "vantage", "denial"}
FREE_BODIES = {"json", "form", "headers", "fill", "choose", "p95_ms", "p99_ms", "expect"}
Path_ = tuple[str | int, ...]
KNOWN = {"", *keys_of(Environment), *keys_of(Target), *keys_of(Host)}
"""A slip that makes another key (`hosts`, `hsts`) is no misspelling."""
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def must_hold(data: bytes, folder: Path) -> None:
    """Reading gives an environment, or errors that can be shown."""
    path = folder / "environment.yaml"
    path.write_bytes(data)
    wrong = None
    try:
        read_environment(path)
    except ConfigErrors as errors:
        wrong = errors
    if wrong is not None:
        lines = max(1, len(re.split("\r\n|[\r\n\x85\u2028\u2029]", data.decode("utf-8", "replace"))))
        for error in wrong.errors:
            assert 1 <= error.line <= lines
            assert error.column >= 1
            assert error.message
        assert str(wrong)
        assert list(wrong.errors) == sorted(wrong.errors)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all the files of this module."""
    return tmp_path_factory.mktemp("odd")


@quick
@given(data=st.binary(max_size=300))
def test_any_bytes_are_an_environment_or_errors(data: bytes, folder: Path) -> None:
    """Bytes of any kind raise nothing but ConfigErrors."""
    must_hold(data, folder)


@quick
@given(text=st.text(alphabet="ab:-{}[]\"'&*!|>%@`#,?\n\t ~01.\x00\u2028\ud7ff", max_size=80))
def test_any_punctuation_is_an_environment_or_errors(text: str, folder: Path) -> None:
    """What YAML is made of, in any order, raises nothing but ConfigErrors."""
    must_hold(text.encode(), folder)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("{id}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@quick
@given(section=st.sampled_from(sorted({*keys_of(Environment), *NOT_YET})), value=VALUES)
def test_any_value_of_any_section_is_an_environment_or_errors(section: str, value: object, folder: Path) -> None:
    """A section of any shape raises nothing but ConfigErrors; JSON is YAML."""
    document = {"environment": {"id": "s"}, "targets": [{"name": "w", "base_url": "https://w.example"}]}
    must_hold(json.dumps({**document, section: value}).encode(), folder)


@settings(max_examples=25, deadline=None)
@given(
    line=st.integers(0, len(LINES) - 1),
    column=st.integers(0, 40),
    text=st.sampled_from(["{", "]", "\t", '"', "x: ", "- ", "&a ", ""]),
)
def test_an_example_with_one_slip_is_an_environment_or_errors(line: int, column: int, text: str, folder: Path) -> None:
    """One slip of the hand in a right file raises nothing but ConfigErrors."""
    changed = LINES[line][:column] + text + LINES[line][column + (not text) :]
    must_hold("".join([*LINES[:line], changed, *LINES[line + 1 :]]).encode(), folder)


def _keys() -> dict[str, Path_]:
    """Every key of the example that a model knows, once for each place in the models."""
    found: dict[str, Path_] = {}
    for path, node in read_document(EXAMPLE).walk():
        free = path[-1:] and path[-1] in FREE_NAMES
        if isinstance(node, Mapping) and not free and not FREE_BODIES & set(path):
            for key in node.entries:
                found.setdefault(re.sub(r"\[\d+\]", "[]", dotted((*path, key))), (*path, key))
    return found


def _branch(node: Any, path: Path_) -> tuple[Any, Path_]:
    """The node with only what the path leads through, and the path in it: quick to read."""
    if not path or not isinstance(node, dict | list):
        return node, path
    if isinstance(node, list):
        item, rest = _branch(node[int(path[0])], path[1:])
        return [item], (0, *rest)
    inner, rest = _branch(node[path[0]], path[1:])
    kept = {key: value for key, value in node.items() if not isinstance(value, dict | list)}
    return {**kept, path[0]: inner}, (path[0], *rest)


@pytest.mark.parametrize("path", _keys().values(), ids=_keys())
def test_a_key_misspelt_by_one_letter_gets_a_near_match(path: Path_) -> None:
    """Drop, double or swap a letter of any key of the example, and the right key is suggested."""
    key = str(path[-1])
    for wrong in {key[:1] + key[2:], key + key[-1], key[:-2] + key[-1] + key[-2]} - KNOWN - {key}:
        data, where = _branch(copy.deepcopy({path[0]: SECTIONS[str(path[0])]}), path)
        around = data
        for part in where[:-1]:
            around = around[part]
        around[wrong] = around.pop(key)
        document = parse_document(json.dumps(data).encode(), "example")
        _, errors = read_model(document, Environment)
        hints = {error.path: error.hint for error in errors if error.message.startswith("unknown key")}
        assert hints[dotted((*where[:-1], wrong))] == f"did you mean `{key}`?"


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_what_the_models_say(name: str) -> None:
    """The JSON Schemas for editors are up to date (`python -m stagehold.environment.schema --write`)."""
    assert name not in drifted(shipped("environments"))


def test_the_schema_describes_every_key() -> None:
    """An editor shows what each section is for, refuses other keys and knows the fixed words."""
    schema = json.loads(render(*SCHEMAS["schema.json"]))
    assert set(schema["properties"]) == set(keys_of(Environment))
    assert schema["additionalProperties"] is False
    assert all(part.get("description") for part in schema["$defs"].values())
    assert schema["$defs"]["Target"]["properties"]["http_port"]["description"].startswith("The plain-HTTP port")


def test_a_changed_model_is_noticed(tmp_path: Path) -> None:
    """A schema that differs by one byte, or is missing, is out of date."""
    for name, (root, title) in SCHEMAS.items():
        (tmp_path / name).write_text(render(root, title), encoding="utf-8")
    assert drifted(tmp_path) == []
    (tmp_path / "schema.json").write_text("{}", encoding="utf-8")
    assert drifted(tmp_path) == ["schema.json"]
