"""YAML without its surprises: one mapping, nothing converted silently, a position for every node.

What the YAML versions read differently (`no`, `0755`, `12:30`, `1e3`), what hides text from a reader
(anchors, merge keys, tags, several documents) and duplicate keys are errors. Size, depth and the number of
nodes are bounded, so that no file can hang or exhaust the reader (CWE-776, CWE-400).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path as FilePath

import yaml

from stagehold.documents.nodes import Document, Entry, Items, Mapping, Node, Scalar
from stagehold.documents.problems import ConfigErrors, FileError, Path, Place, dotted
from stagehold.documents.scalars import plain_value, text_problem
from stagehold.documents.secrecy import secret_key, secret_value

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 50_000
LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


def read_document(path: FilePath, label: str | None = None) -> Document:
    """Read one YAML mapping.

    Raises:
        ConfigErrors: the file cannot be read at all or is no such mapping; what is merely wrong inside is in
            `problems`.
    """
    file = label or str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigErrors([FileError(file, 1, 1, "", f"cannot be read: {reason}")]) from error
    return parse_document(data, file)


def parse_document(data: bytes, file: str) -> Document:
    """The same for bytes that were read already."""
    if len(data) > MAX_BYTES:
        raise ConfigErrors([FileError(file, 1, 1, "", f"is larger than {MAX_BYTES // 1024} KiB")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        lines = LINE_BREAK.split(before)
        raise ConfigErrors(
            [FileError(file, len(lines), len(lines[-1]) + 1, "", "is not UTF-8 text", expected="a UTF-8 file")]
        ) from error
    composer = _Composer(text, file)
    root = composer.compose()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    document = Document(file, digest, tuple(LINE_BREAK.split(text)), root, composer.problems)
    document.unprintable.extend(
        node.place
        for path, node in document.walk()
        if isinstance(node, Scalar) and (secret_key(path) or secret_value(node.raw))
    )
    return document


class _Composer:
    """Builds nodes from PyYAML's events; PyYAML's own composer would expand aliases and drop duplicates."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.text = text
        self.problems: list[FileError] = []
        self.nodes = 0

    def compose(self) -> Mapping:
        try:
            self.events = yaml.parse(self.text, Loader=yaml.SafeLoader)
            return self._document()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(mark.line + 1, mark.column + 1, mark.column + 2) if mark else Place(1, 1, 2)
            raise self._fatal(place, _in_words(error)) from error
        except yaml.reader.ReaderError as error:
            lines = LINE_BREAK.split(self.text[: error.position])
            place = Place(len(lines), len(lines[-1]) + 1, len(lines[-1]) + 2)
            raise self._fatal(place, "holds a control character; YAML allows none") from error
        except (ValueError, OverflowError) as error:
            raise self._fatal(Place(1, 1, 2), "holds an escape or directive that is out of range") from error

    def _document(self) -> Mapping:
        next(self.events)
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            raise self._fatal(Place(1, 1, 2), "is empty", "a mapping, such as `environment:`")
        first = next(self.events)
        if not isinstance(first, yaml.MappingStartEvent):
            raise self._fatal(_place(first), "is not a mapping", "keys with values, such as `environment:`")
        root = self._node(first, ())
        next(self.events)
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._fatal(_place(after), "a second document starts here", "one document in a file")
        assert isinstance(root, Mapping)  # noqa: S101 - follows from the event
        return root

    def _node(self, event: yaml.Event, path: Path) -> Node:
        place = _place(event)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._fatal(place, f"holds more than {MAX_NODES} values")
        if len(path) > MAX_DEPTH:
            raise self._fatal(place, f"is nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self._problem(place, path, "anchors and aliases are not used here", "the value itself, written out")
        if getattr(event, "tag", None):
            self._problem(place, path, "tags (`!...`) are not used here", "the plain value")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, place)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(inner := next(self.events), yaml.SequenceEndEvent):
                items.append(self._node(inner, (*path, len(items))))
            return Items(tuple(items), place)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path, place)
        return Scalar("", "", place)

    def _mapping(self, path: Path, place: Place) -> Mapping:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key_place = _place(event)
            if not isinstance(event, yaml.ScalarEvent):
                self._node(event, (*path, "?"))
                self._problem(key_place, path, "a key must be plain text")
                self._node(next(self.events), (*path, "?"))
                continue
            key: str = event.value
            if key == "<<":
                self._problem(key_place, path, "merge keys (`<<`) are not used here", "the keys written out")
                self._node(next(self.events), (*path, key))
                continue
            if not key or text_problem(key):
                self._problem(key_place, path, "a key must be printable text, not empty")
            if event.anchor or event.tag:
                self._problem(key_place, path, "anchors and tags are not used here")
            value = self._node(next(self.events), (*path, key))
            if key in entries:
                line = entries[key].key.line
                self._problem(key_place, (*path, key), f"`{key}` is already given on line {line}", "each key once")
                continue
            entries[key] = Entry(key_place, value)
        first = next(iter(entries.values()), None)
        if first is not None and first.key.line == place.line:
            place = replace(place, end=first.key.end)
        return Mapping(entries, place)

    def _scalar(self, event: yaml.ScalarEvent, path: Path, place: Place) -> Scalar:
        raw: str = event.value
        problem = text_problem(raw)
        if problem:
            self._problem(place, path, problem)
            return Scalar("", "", place)
        if event.style is not None:
            return Scalar(raw, raw, place)
        value, message, expected = plain_value(raw)
        if message and secret_key(path):
            message, expected = "the value is not read alike by every reader", "`env:NAME` or `file:PATH`"
        if message:
            self._problem(place, path, message, expected)
        return Scalar(value, raw, place)

    def _problem(self, place: Place, path: Path, message: str, expected: str = "") -> None:
        self.problems.append(
            FileError(self.file, place.line, place.column, dotted(path), message, "", expected, end=place.end)
        )

    def _fatal(self, place: Place, message: str, expected: str = "") -> ConfigErrors:
        error = FileError(self.file, place.line, place.column, "", message, expected=expected)
        return ConfigErrors([*self.problems, error])


def _place(event: yaml.Event) -> Place:
    start, end = event.start_mark, event.end_mark
    assert start is not None and end is not None  # noqa: S101, PT018 - events read from text have marks
    column = start.column + 1
    one_line = end.line == start.line and end.column > start.column
    return Place(start.line + 1, column, end.column + 1 if one_line else column + 1)


def _in_words(error: yaml.MarkedYAMLError) -> str:
    problem = " ".join((error.problem or "cannot be understood").split())
    if "'\\t'" in problem:
        return "a tab stands where YAML allows only spaces"
    context = " ".join((error.context or "").split())
    quotes = "; between { } and [ ] text with ? : , # or a bracket in it goes in quotes" if "flow" in context else ""
    return f"is not valid YAML: {context + ': ' if context else ''}{problem}{quotes}"
