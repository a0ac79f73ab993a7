"""A document as a frozen model: every disagreement between the two becomes an error with a place.

Pydantic judges in strict JSON mode, so that no text becomes a number and no number becomes text.
"""

from __future__ import annotations

import enum
import json
import types
from collections.abc import Iterator
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from stagehold.documents.nodes import Document, Items, Mapping, Node, Scalar
from stagehold.documents.problems import FileError, Path, did_you_mean, dotted, listed, near, without_doubles
from stagehold.documents.secrecy import secret_key, secret_value

M = TypeVar("M", bound=BaseModel)
TEXT_SHOWN = 60


def read_model(
    document: Document, model: type[M], *, retired: MappingABC[str, str] | None = None
) -> tuple[M | None, list[FileError]]:
    """The document as a model, or what is wrong with it, values and shape together.

    Args:
        document: what was read.
        model: what it should be.
        retired: keys at the top that have a message of their own instead of a near match.
    """
    absent = list(_nulls(document, model))
    errors = [*document.problems, *absent]
    try:
        value = model.model_validate_json(json.dumps(document.plain()), strict=True)
    except ValidationError as invalid:
        details = invalid.errors(include_url=False)
        said = {error.path for error in absent}
        translated = [_translate(document, model, detail, retired or {}) for detail in details]
        errors.extend(error for error in translated if error is not None and error.path not in said)
        return None, without_doubles(errors)
    return (None if errors else value), without_doubles(errors)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a pydantic location leads: the path in the file and what is expected there."""

    path: Path
    annotation: Any
    description: str
    owner: type[BaseModel] | None
    """The model that the last key belongs to."""


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys a model knows, as files write them."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _members(annotation: Any) -> list[Any]:
    """The alternatives of an annotation, without `Annotated` and `None`."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [m for arg in get_args(annotation) if arg is not type(None) for m in _members(arg)]
    return [annotation]


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [m for m in _members(annotation) if isinstance(m, type) and issubclass(m, BaseModel)]


def _description(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        for extra in get_args(annotation)[1:]:
            if isinstance(extra, FieldInfo) and extra.description:
                return extra.description
        return _description(get_args(annotation)[0])
    found = [_description(arg) for arg in get_args(annotation)] if _is_union(annotation) else []
    return next((text for text in found if text), "")


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _by_tag(models: list[type[BaseModel]], tag: object) -> type[BaseModel] | None:
    for model in models:
        kind = model.model_fields.get("kind")
        if kind is not None and tag in get_args(kind.annotation):
            return model
    return None


def _step(annotation: Any, part: str | int, node: Node | None) -> tuple[Any, str, type[BaseModel] | None]:
    """What is expected one key or index further."""
    models = _models(annotation)
    if len(models) > 1:
        kind = node.entries.get("kind") if isinstance(node, Mapping) else None
        chosen = _by_tag(models, kind.value.value) if kind and isinstance(kind.value, Scalar) else None
        models = [chosen] if chosen else []
    if models:
        field = keys_of(models[0]).get(str(part))
        if field is None:
            return None, "", models[0]
        return field.annotation, field.description or _description(field.annotation), models[0]
    for member in _members(annotation):
        arguments = get_args(member)
        if get_origin(member) in (tuple, list) and isinstance(part, int):
            return arguments[0], _description(arguments[0]), None
        if get_origin(member) is dict and isinstance(part, str):
            return arguments[1], _description(arguments[1]), None
        if member is object:
            return object, "", None
    return None, "", None


def spot(document: Document, model: type[BaseModel], location: tuple[str | int, ...]) -> Spot:
    """Follow a pydantic location; the names of union members in it are no keys of the file."""
    path: Path = ()
    annotation: Any = model
    description, owner = "", None
    for part in location:
        models = _models(annotation)
        if len(models) > 1 and _by_tag(models, part) and _kind_of(document.node(path)) == part:
            annotation = _by_tag(models, part)
            continue
        further, text, of = _step(annotation, part, document.node(path))
        if further is None and of is None:
            break
        path, annotation, description, owner = (*path, part), further, text, of
        if further is None:
            break
    return Spot(path, annotation, description, owner)


def _kind_of(node: Node | None) -> object:
    entry = node.entries.get("kind") if isinstance(node, Mapping) else None
    return entry.value.value if entry and isinstance(entry.value, Scalar) else None


def _nulls(document: Document, model: type[BaseModel]) -> Iterator[FileError]:
    for path, node in document.walk():
        if isinstance(node, Scalar) and node.value is None and spot(document, model, path).annotation is not object:
            where = spot(document, model, path)
            if where.path == path and where.annotation is not None:
                yield document.error(
                    path,
                    "has no value",
                    key=isinstance(path[-1], str),
                    expected=where.description or describe(where.annotation),
                    hint="leave the key out where nothing is to be said; a missing key is not an empty one",
                )


def _translate(  # noqa: PLR0911 - one return for each kind of disagreement
    document: Document, model: type[BaseModel], detail: ErrorDetails, retired: MappingABC[str, str]
) -> FileError | None:
    where = spot(document, model, detail["loc"])
    path, kind = where.path, detail["type"]
    if kind == "extra_forbidden":
        return _unknown_key(document, model, where, retired)
    if kind == "missing":
        around = document.place(path[:-1])
        return document.error_at(
            around, path, f"`{path[-1]}` is missing", expected=where.description or describe(where.annotation)
        )
    node = document.node(path)
    seen, hint = _seen(path, node), ""
    if kind == "too_short" and isinstance(node, Items) and node.items:
        return None  # counted after the wrong items were dropped; they have errors of their own
    if kind in {"literal_error", "enum"}:
        choices = _choices(where.annotation)
        hint = did_you_mean(node.raw, choices) if isinstance(node, Scalar) and not secret_key(path) else ""
        return document.error(path, "is not one of the known words", seen=seen, expected=listed(choices), hint=hint)
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _wrong_kind(document, path, _models(where.annotation))
    if kind == "string_type" and isinstance(node, Scalar) and not secret_key(path):
        hint = f'quote it to make it text: "{node.raw}"'
    if kind.endswith("_type") or kind in {"int_parsing", "model_attributes_type", "int_from_float"}:
        return document.error(
            path,
            f"is {_what(node)}",
            seen=seen,
            expected=where.description or describe(where.annotation),
            hint=hint,
        )
    message, expected = _reason(detail, where)
    return document.error(path, message, seen=seen, expected=expected)


def _wrong_kind(document: Document, path: Path, models: list[type[BaseModel]]) -> FileError:
    """`kind` chooses among several models; without it, their other keys mean nothing."""
    tags = [tag for model in models for tag in get_args(model.model_fields["kind"].annotation)]
    node, given = document.node(path), document.node((*path, "kind"))
    if isinstance(given, Scalar):
        hint = did_you_mean(given.raw, tags)
        return document.error((*path, "kind"), "is not a known kind", seen=given.raw, expected=listed(tags), hint=hint)
    known = {name for model in models for name in keys_of(model)}
    for name in node.entries.keys() - known if isinstance(node, Mapping) else ():
        if near(name, known) == "kind":
            message = f"unknown key `{name}`"
            return document.error((*path, name), message, key=True, hint=did_you_mean(name, ["kind"]))
    return document.error((*path, "kind"), "`kind` is missing", expected=listed(tags))


def _reason(detail: ErrorDetails, where: Spot) -> tuple[str, str]:
    context = detail.get("ctx") or {}
    if detail["type"] == "value_error":
        return str(context.get("error", detail["msg"])), where.description
    if detail["type"] == "string_pattern_mismatch":
        return (
            "does not have the expected form",
            where.description or f"text matching {context.get('pattern')}",
        )
    if detail["type"] in {"too_short", "string_too_short"}:
        return "is empty", where.description or describe(where.annotation)
    return "is out of range", detail["msg"].removeprefix("Input should be ")


def _unknown_key(document: Document, model: type[BaseModel], where: Spot, retired: MappingABC[str, str]) -> FileError:
    path = where.path
    key = str(path[-1])
    value = document.node(path)
    if value is not None:
        # A misspelt `password` must not be shown because it is misspelt.
        document.unprintable.append(value.place)
    if len(path) == 1 and key in retired:
        return document.error(path, retired[key], key=True)
    known = list(keys_of(where.owner)) if where.owner else []
    hint = did_you_mean(key, known)
    if not hint or near(key, known) not in known:
        places = [dotted(place) for place in _homes(model, key)]
        hint = f"`{key}` belongs to {' or '.join(f'`{place}`' for place in places[:3])}" if places else ""
    return document.error(path, f"unknown key `{key}`", key=True, expected=listed(known, 40), hint=hint)


def _homes(model: type[BaseModel], key: str, path: Path = (), depth: int = 0) -> Iterator[Path]:
    """Where else in the file a key of that name is known."""
    if depth > 4:  # noqa: PLR2004 - no key lies deeper
        return
    for name, field in keys_of(model).items():
        if name == key and path:
            yield path
        annotation, steps = field.annotation, (*path, name)
        for member in _members(annotation):
            inner = get_args(member)
            if get_origin(member) in (tuple, dict) and inner:
                for m in _models(inner[0] if get_origin(member) is tuple else inner[1]):
                    yield from _homes(m, key, steps, depth + 1)
        for m in _models(annotation):
            yield from _homes(m, key, steps, depth + 1)


def _choices(annotation: Any) -> list[str]:
    found: list[str] = []
    for member in _members(annotation):
        if get_origin(member) is Literal:
            found += [str(value) for value in get_args(member)]
        elif isinstance(member, type) and issubclass(member, enum.Enum):
            found += [str(value.value) for value in member]
    return found


def describe(annotation: Any) -> str:
    """What belongs at a place, in words."""
    words = {
        str: "text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        object: "any value",
    }
    found: list[str] = []
    for member in _members(annotation):
        origin, arguments = get_origin(member), get_args(member)
        if member in words:
            found.append(words[member])
        elif _choices(member):
            found.append("one of " + ", ".join(_choices(member)) if len(_choices(member)) > 1 else _choices(member)[0])
        elif origin in (tuple, list):
            found.append(f"a list; each item: {_description(arguments[0]) or describe(arguments[0])}")
        elif origin is dict:
            found.append(f"a mapping of names; each value: {_description(arguments[1]) or describe(arguments[1])}")
        elif isinstance(member, type) and issubclass(member, BaseModel):
            found.append(f"a mapping with the keys {listed(keys_of(member))}")
    return " or ".join(dict.fromkeys(found)) or "a value"


def _what(node: Node | None) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Items):
        return "a list"
    if node is None or node.value is None:
        return "nothing"
    names = {bool: "a truth value", int: "a whole number", float: "a number"}
    return names.get(type(node.value), "text")


def _seen(path: Path, node: Node | None) -> str:
    if not isinstance(node, Scalar) or secret_key(path) or secret_value(node.raw):
        return ""
    return node.raw if len(node.raw) <= TEXT_SHOWN else node.raw[:TEXT_SHOWN] + "..."
