"""The statement: the sentences a company promises, each with the safeguards that must hold for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from stagehold.documents.nodes import Document, Items, Scalar
from stagehold.documents.problems import ConfigErrors, FileError, did_you_mean, without_doubles
from stagehold.documents.strict_yaml import read_document
from stagehold.documents.typed import read_model
from stagehold.model import SAFEGUARDS, Commitment, Model


@dataclass(frozen=True, slots=True)
class Statement:
    """The commitments in the order of the file; at least one, ids unique."""

    commitments: tuple[Commitment, ...]
    path: Path
    digest: str = ""
    """`sha256:` of the file's bytes."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The commitments' ids."""
        return tuple(commitment.id for commitment in self.commitments)


class StatementFile(Model):
    """What a statement file holds."""

    schema_id: Literal["stagehold/statement/1"] = Field(default="stagehold/statement/1", alias="schema")
    title: str = ""
    commitments: tuple[Commitment, ...] = Field(min_length=1)


def read_statement(path: Path) -> Statement:
    """Read a statement file.

    Raises:
        ConfigErrors: with every error of the file; nothing else is raised.
    """
    document = read_document(path)
    value, errors = read_model(document, StatementFile)
    errors = [*_safeguards(document), *_ids(document), *errors]
    if errors or value is None:
        raise ConfigErrors(document.finished(error) for error in without_doubles(errors))
    return Statement(value.commitments, path, document.digest)


def _safeguards(document: Document) -> list[FileError]:
    """Unknown safeguards, with a near match: a misspelt one would be a promise nothing can prove."""
    found: list[FileError] = []
    for index, _ in _commitments(document):
        path = ("commitments", index, "safeguards")
        node = document.node(path)
        names = node.items if isinstance(node, Items) else ()
        seen: Counter[str] = Counter()
        for place, item in enumerate(names):
            if not isinstance(item, Scalar) or not isinstance(item.value, str):
                continue
            seen[item.value] += 1
            if item.value not in SAFEGUARDS:
                found.append(
                    document.error(
                        (*path, place),
                        f"`{item.value}` is not a safeguard",
                        expected=", ".join(SAFEGUARDS),
                        hint=did_you_mean(item.value, SAFEGUARDS),
                    )
                )
            elif seen[item.value] > 1:
                found.append(document.error((*path, place), f"`{item.value}` is named twice"))
    return found


def _ids(document: Document) -> list[FileError]:
    first: dict[str, int] = {}
    found: list[FileError] = []
    for index, identifier in _commitments(document):
        if not isinstance(identifier, Scalar) or not isinstance(identifier.value, str):
            continue
        if identifier.value in first:
            message = f"`{identifier.value}` is already the id of a commitment on line {first[identifier.value]}"
            found.append(document.error(("commitments", index, "id"), message, expected="each id once"))
        first.setdefault(identifier.value, identifier.place.line)
    return found


def _commitments(document: Document) -> list[tuple[int, object]]:
    node = document.node(("commitments",))
    count = len(node.items) if isinstance(node, Items) else 0
    return [(index, document.node(("commitments", index, "id"))) for index in range(count)]
