"""The JSON Schema of environments, statements and TLS profiles, for editors.

`python -m stagehold.environment.schema --write` writes them. Descriptions come from the docstrings below the
models' fields, so that model and schema cannot drift apart. An editor's schema is a help: the reader judges,
and knows more than a schema can say.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from stagehold import model as words
from stagehold import statement
from stagehold.documents.typed import keys_of
from stagehold.environment import access, disclosure, dns, evidence, load_plan, matrix, model, places
from stagehold.shipped import shipped
from stagehold.tls_profile import model as profile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS: dict[str, tuple[type[BaseModel], str]] = {
    "schema.json": (model.Environment, "stagehold environment"),
    "statement.schema.json": (statement.StatementFile, "stagehold statement"),
    "tls-profile.schema.json": (profile.Profile, "stagehold TLS profile"),
}


def build(root: type[BaseModel], title: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a model, by the keys as files write them."""
    schema = root.model_json_schema(by_alias=True, mode="validation")
    documented = dict(
        _documented([words, access, matrix, disclosure, dns, evidence, load_plan, places, model, statement, profile])
    )
    names = {root.__name__: schema, **schema.get("$defs", {})}
    for name, part in names.items():
        text, fields = documented.get(name, ("", {}))
        if text:
            part["description"] = text
        for key, value in part.get("properties", {}).items():
            value.pop("title", None)
            if key in fields:
                value["description"] = fields[key]
    safeguards = names.get("Commitment", {}).get("properties", {}).get("safeguards")
    if safeguards is not None:
        safeguards["items"] = {"enum": list(words.SAFEGUARDS), "type": "string"}
    return {"$schema": DIALECT, **schema, "title": title}


def render(root: type[BaseModel], title: str) -> str:
    """The schema as the text of its file."""
    return json.dumps(build(root, title), indent=2, ensure_ascii=False) + "\n"


def drifted(folder: Path) -> list[str]:
    """Names of the schema files in `folder` that differ from what the models say."""
    return [
        name
        for name, (root, title) in SCHEMAS.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != render(root, title)
    ]


def _documented(modules: Iterable[ModuleType]) -> Iterator[tuple[str, tuple[str, dict[str, str]]]]:
    """Class name → (its docstring, key → the string that stands below the field)."""
    for module in modules:
        for node in ast.parse(inspect.getsource(module)).body:
            found = getattr(module, getattr(node, "name", ""), None)
            if isinstance(node, ast.ClassDef) and isinstance(found, type) and issubclass(found, BaseModel):
                keys = {name: found.model_fields[name].alias or name for name in found.model_fields}
                fields = {keys[name]: text for name, text in _fields(node) if name in keys}
                assert fields.keys() <= keys_of(found).keys()  # noqa: S101 - both come from the model
                yield node.name, (ast.get_docstring(node) or "", fields)


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, after in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            yield field.target.id, inspect.cleandoc(after.value.value)


def main(arguments: list[str] | None = None) -> int:
    """Write the schemas, or say whether they are up to date (exit 1 when not)."""
    parser = argparse.ArgumentParser(prog="python -m stagehold.environment.schema", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the files instead of comparing them")
    folder = shipped("environments")
    if parser.parse_args(arguments).write:
        for name, (root, title) in SCHEMAS.items():
            (folder / name).write_text(render(root, title), encoding="utf-8")
        return 0
    names = drifted(folder)
    sys.stdout.write(f"out of date: {', '.join(names)}\n" if names else "up to date\n")
    return 1 if names else 0


if __name__ == "__main__":
    raise SystemExit(main())
