"""A YAML file as a tree of nodes, each with its place, and the errors that point into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from stagehold.documents.problems import FileError, Path, Place, dotted


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value: text, number, true, false or None; `raw` is what the file says."""

    value: str | int | float | bool | None
    raw: str
    place: Place


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's place and its value."""

    key: Place
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping with text keys, in the order of the file."""

    entries: dict[str, Entry]
    place: Place


Node = Scalar | Items | Mapping


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was read, and what is already known to be wrong in it."""

    file: str
    digest: str
    """`sha256:` of the file's bytes."""
    lines: tuple[str, ...]
    root: Mapping
    problems: list[FileError] = field(default_factory=list)
    unprintable: list[Place] = field(default_factory=list)
    """Values that may be secrets: a source line that touches one is never shown."""

    def node(self, path: Path) -> Node | None:
        """The node at a path, or None."""
        node: Node = self.root
        for part in path:
            if isinstance(node, Mapping) and isinstance(part, str) and part in node.entries:
                node = node.entries[part].value
            elif isinstance(node, Items) and isinstance(part, int) and 0 <= part < len(node.items):
                node = node.items[part]
            else:
                return None
        return node

    def place(self, path: Path, *, key: bool = False) -> Place:
        """The place of the value (or its key); of the nearest thing around it when it is absent."""
        if key and path:
            around = self.node(path[:-1])
            if isinstance(around, Mapping) and path[-1] in around.entries:
                return around.entries[str(path[-1])].key
        for length in range(len(path), -1, -1):
            node = self.node(path[:length])
            if node is not None:
                return node.place
        return self.root.place

    def error(
        self,
        path: Path,
        message: str,
        *,
        key: bool = False,
        seen: str = "",
        expected: str = "",
        hint: str = "",
    ) -> FileError:
        """An error at a path of this file; the source line is added by `finished`."""
        return self.error_at(self.place(path, key=key), path, message, seen=seen, expected=expected, hint=hint)

    def error_at(
        self, place: Place, path: Path, message: str, *, seen: str = "", expected: str = "", hint: str = ""
    ) -> FileError:
        """An error at a place of this file."""
        return FileError(
            self.file, place.line, place.column, dotted(path), message, seen, expected, hint, end=place.end
        )

    def finished(self, error: FileError) -> FileError:
        """The error with its source line, or without anything seen where that could be a secret."""
        if any(p.line == error.line and p.column < max(error.end, error.column + 1) for p in self.unprintable):
            hidden = any(p.line == error.line and p.column == error.column for p in self.unprintable)
            return replace(error, seen="" if hidden else error.seen)
        line = self.lines[error.line - 1] if error.line <= len(self.lines) else ""
        return replace(error, source=line[: max(error.end - 1, error.column)])

    def plain(self) -> dict[str, object]:
        """The file as plain values."""
        value = _plain(self.root)
        assert isinstance(value, dict)  # noqa: S101 - the root is a Mapping
        return value

    def walk(self) -> Iterator[tuple[Path, Node]]:
        """Every node with its path, in the order of the file."""
        yield from _walk((), self.root)


def _plain(node: Node) -> object:
    if isinstance(node, Mapping):
        return {key: _plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Items):
        return [_plain(item) for item in node.items]
    return node.value


def _walk(path: Path, node: Node) -> Iterator[tuple[Path, Node]]:
    yield path, node
    if isinstance(node, Mapping):
        for key, entry in node.entries.items():
            yield from _walk((*path, key), entry.value)
    elif isinstance(node, Items):
        for index, item in enumerate(node.items):
            yield from _walk((*path, index), item)
