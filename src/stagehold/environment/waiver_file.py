"""`waivers.yaml` beside `environment.yaml` → waivers, or everything that is wrong with the file at once.

Read before any traffic: a file that is wrong in one place accepts nothing at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from stagehold.documents.nodes import Document, Items, Mapping, Scalar
from stagehold.documents.problems import ConfigErrors, FileError, did_you_mean, without_doubles
from stagehold.documents.strict_yaml import read_document
from stagehold.documents.typed import read_model
from stagehold.model import CheckSpec, Model, Waiver, WaiverEntry
from stagehold.waivers import moment, objections, stable

FILE_NAME = "waivers.yaml"


class WaiverFile(Model):
    """What a waiver file holds."""

    schema_id: Literal["stagehold/waivers/v1"] = Field(alias="schema")
    """Version of the format."""
    waivers: tuple[WaiverEntry, ...]
    """The waivers; each accepts one failure of one case of one check."""


@dataclass(frozen=True, slots=True)
class LoadedWaivers:
    """The waivers of an environment; none where there is no file."""

    waivers: tuple[Waiver, ...] = ()
    digest: str = ""
    """`sha256:` of the file's bytes; "" where there is no file."""


def read_waivers(folder: Path, specs: Sequence[CheckSpec], now: datetime) -> LoadedWaivers:
    """The waivers beside an environment file.

    Args:
        folder: where `environment.yaml` stands.
        specs: every check of the environment; a waiver names one of them.
        now: what counts as the future.

    Raises:
        ConfigErrors: with every error of the file, each with line and column; nothing else is raised.
    """
    path = folder / FILE_NAME
    if not path.is_symlink() and not path.exists():
        return LoadedWaivers()
    document = read_document(path, FILE_NAME)
    value, errors = read_model(document, WaiverFile)
    by_id = {spec.id: spec for spec in specs}
    entries = list(_entries(document))
    errors = [*_unknown_checks(document, by_id), *_doubles(document, entries), *errors]
    for index, entry in entries:
        errors += _judged(document, index, entry, by_id.get(entry.check), now)
    if errors or value is None:
        raise ConfigErrors(document.finished(error) for error in without_doubles(errors))
    waivers = tuple(
        Waiver(**entry.model_dump(), location=f"{FILE_NAME}:{document.place(('waivers', index)).line}")
        for index, entry in enumerate(value.waivers)
    )
    return LoadedWaivers(waivers, document.digest)


def _entries(document: Document) -> Iterator[tuple[int, WaiverEntry]]:
    """The waivers that are sound in themselves, so that their meaning is judged beside the shape of others."""
    node = document.node(("waivers",))
    plain = document.plain().get("waivers")
    if not isinstance(node, Items) or not isinstance(plain, list):
        return
    for index, item in enumerate(plain):
        try:
            yield index, WaiverEntry.model_validate(item)
        except ValidationError:
            continue


def _unknown_checks(document: Document, known: dict[str, CheckSpec]) -> Iterator[FileError]:
    node = document.node(("waivers",))
    for index, item in enumerate(node.items if isinstance(node, Items) else ()):
        check = item.entries.get("check") if isinstance(item, Mapping) else None
        if check is None or not isinstance(check.value, Scalar) or check.value.value in known:
            continue
        name = check.value.raw
        many = any(sign in name for sign in "*?[^") or name in {"", "all"}
        yield document.error(
            ("waivers", index, "check"),
            "names more than one check" if many else f"there is no check `{name}`",
            expected="the id of one check, such as TLS-001; wildcards are not known",
            hint=did_you_mean(name, known),
        )


def _doubles(document: Document, entries: Sequence[tuple[int, WaiverEntry]]) -> Iterator[FileError]:
    ids = Counter(entry.id for _, entry in entries)
    accepted = Counter(_accepts(entry) for _, entry in entries)
    for index, entry in entries:
        if ids[entry.id] > 1:
            yield document.error(("waivers", index, "id"), f"`{entry.id}` is given twice", expected="each id once")
        if accepted[_accepts(entry)] > 1:
            yield document.error(
                ("waivers", index, "check"),
                "another waiver accepts the same failure",
                expected="each failure accepted once",
            )


def _accepts(entry: WaiverEntry) -> tuple[str, str, str]:
    return entry.check, entry.case, stable(entry.observed)


def _judged(
    document: Document, index: int, entry: WaiverEntry, spec: CheckSpec | None, now: datetime
) -> Iterator[FileError]:
    if moment(entry.created) > now:
        message = f"lies in the future: it is {now:%Y-%m-%dT%H:%M:%SZ}"
        yield document.error(("waivers", index, "created"), message, seen=entry.created)
    if spec is None:
        return
    for key, message in objections(Waiver(**entry.model_dump()), spec):
        yield document.error(("waivers", index, key), message, key=key not in WaiverEntry.model_fields)
