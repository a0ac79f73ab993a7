"""The last look at everything that is about to be published; what it finds blocks, and what it cannot read, too."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stagehold.redaction.decode import OUR_WORDS, embedded, unescaped
from stagehold.redaction.registry import SecretRegistry
from stagehold.redaction.shapes import find_shapes
from stagehold.redaction.unpack import Budget, Unreadable, without_pixels

MOST_BYTES = 256 << 20
"""Of one file, and of what it unpacks to."""
DEEPEST = 8
"""Layers of packing inside one another; Allure's page has three."""
ROUNDS = 4
"""How often escapes are taken off at one layer: JSON inside JSON inside HTML."""
_SMALL, _TOGETHER = 32 << 10, 64
"""Bytes of a small text, and how many of them are searched together."""
_TEXT = bytes(code for code in range(256) if code in b"\t\n\r" or 0x20 <= code != 0x7F)  # noqa: PLR2004 - DEL
"""Nothing that is packed does without any other byte."""


@dataclass(frozen=True, order=True)
class Leak:
    """One place where a secret stands; never the secret itself."""

    file: str
    """Relative to the tree that was searched."""
    offset: int
    """Bytes from the start of the file, or of the innermost part that `where` names."""
    secret: str
    """The name of a registered secret, or the kind of what was recognised by its shape."""
    where: str = ""
    """Through which layers, such as `in data.json, in base64`; "" when it stands there to read."""

    def __str__(self) -> str:
        return f"{self.secret} in {self.file} at byte {self.offset}" + (f" ({self.where})" if self.where else "")


@dataclass(frozen=True)
class Searched:
    """What came of a search."""

    leaks: tuple[Leak, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Files that could not be searched completely, with the reason."""
    files: int = 0
    bytes: int = 0


@dataclass
class _Finds:
    """Everything found below one file; one secret is named once per file."""

    file: str
    leaks: dict[str, Leak] = field(default_factory=dict)

    def note(self, secret: str, offset: int, where: str) -> None:
        self.leaks.setdefault(secret, Leak(self.file, offset, secret, where))


def scan_tree(folder: Path, secrets: SecretRegistry, *, exclude: Collection[str] = ()) -> Searched:
    """Search every file below a folder, its name included, for registered secrets and for shapes of secrets.

    Args:
        folder: what is about to be published.
        secrets: what is known to be secret.
        exclude: relative paths of what is not published; a folder stands for all in it.

    Returns:
        Places and names, sorted; never a value. Anything unreadable is named: the caller must let it block.
    """
    leaks: list[Leak] = []
    unreadable: list[str] = []
    files = size = 0
    together: list[tuple[str, bytes]] = []

    def search(name: str, data: bytes) -> None:
        try:
            leaks.extend(_in_bytes(data, secrets, name))
        except Exception as error:  # noqa: BLE001 - whatever ends a search, the file was not searched
            unreadable.append(f"{name} {_why(error, secrets)}")

    def search_together() -> None:
        if together and _suspicious([data for _, data in together], secrets):
            for name, data in together:
                search(name, data)
        together.clear()

    entries = list(_files(folder, exclude))
    names = [os.fsencode(path.relative_to(folder)) for path, _ in entries]
    suspicious = _suspicious(names, secrets)
    for (path, problem), name in zip(entries, names, strict=True):
        shown = "a file"
        try:
            named = _in_bytes(name, secrets, "the name of a file") if suspicious else []
            leaks += named
            # A leak in a name must not be spread by naming it.
            shown = "a file with a secret in its name" if named else _printable(os.fsdecode(name))
            data = _read(path, problem)
        except Exception as error:  # noqa: BLE001 - likewise
            unreadable.append(f"{shown} {_why(error, secrets)}")
            continue
        files, size = files + 1, size + len(data)
        if len(data) > _SMALL or data.translate(None, _TEXT):
            search(shown, data)
            continue
        together.append((shown, data))
        if len(together) >= _TOGETHER:
            search_together()
    search_together()
    return Searched(tuple(sorted(leaks)), tuple(sorted(unreadable)), files, size)


def _suspicious(texts: Sequence[bytes], secrets: SecretRegistry) -> bool:
    """Whether the texts must be searched one by one; together it takes a fraction of the time.

    An empty line between them keeps what is in one from joining what is in the next.
    """
    try:
        return bool(_in_bytes(b"\n\n".join(texts), secrets, ""))
    except Exception:  # noqa: BLE001 - it will end the search of that text as well, and be told there
        return True


def _in_bytes(data: bytes, secrets: SecretRegistry, file: str) -> list[Leak]:
    finds = _Finds(file)
    try:
        _search(data, secrets, finds, "", 0, Budget(MOST_BYTES))
    except Exception as error:
        if not finds.leaks:
            raise
        # What was found blocks already; that there may be more is said with it.
        finds.note(f"possibly more, because it {_why(error, secrets)}", 0, "")
    return list(finds.leaks.values())


def _why(error: Exception, secrets: SecretRegistry) -> str:
    """What kept a file from being searched; a tool's own words may hold what the file holds."""
    if isinstance(error, Unreadable):
        return _told(str(error), secrets, "cannot be looked into")
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror}"
    return f"ended the search with {type(error).__name__}"


def _told(text: str, secrets: SecretRegistry, instead: str) -> str:
    """The text on one line, or other words where it holds a secret itself."""
    finds = _Finds("")
    _search(text.encode("utf-8", "surrogateescape"), secrets, finds, "", 0, Budget(MOST_BYTES))
    return instead if finds.leaks else _printable(text)


def _printable(text: str) -> str:
    """Bytes that are no text, and characters that would command a terminal, spelt out."""
    if text.isprintable():
        return text
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _search(data: bytes, secrets: SecretRegistry, finds: _Finds, where: str, depth: int, budget: Budget) -> None:
    if depth > DEEPEST:
        raise Unreadable("is packed too many times over")
    for turn in range(ROUNDS):
        for form, name in secrets.present(data):
            finds.note(name, data.find(form), where)
        for kind, start, _end in find_shapes(data):
            finds.note(kind, start, where)
        for place, inner in embedded(data, budget, packed=turn == 0):
            told = place if place in OUR_WORDS else _told(place, secrets, "in a part with a secret in its name")
            _search(inner, secrets, finds, f"{where}, {told}" if where else told, depth + 1, budget)
        data = unescaped(without_pixels(data))
        if not data:
            return
        where = where if where.endswith("escaped") else f"{where}, escaped" if where else "escaped"


def _files(folder: Path, exclude: Collection[str]) -> Iterator[tuple[Path, str]]:
    """Every entry that is no folder, sorted, and why it cannot be searched."""
    failed: list[OSError] = []
    for base, folders, names in os.walk(folder, onerror=failed.append):
        here = Path(base)
        left_out = {name for name in (*folders, *names) if exclude and _relative(folder, here / name) in exclude}
        folders[:] = [name for name in folders if name not in left_out]
        links = [name for name in folders if (here / name).is_symlink()]
        for name in sorted({*names, *links} - left_out):
            yield here / name, _irregular(here / name)
    for error in failed:
        yield Path(error.filename or folder), f"cannot be read: {error.strerror}"


def _relative(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _irregular(path: Path) -> str:
    """Why an entry cannot be read as a file; a link could lead to what is not searched."""
    try:
        return "" if stat.S_ISREG(path.lstat().st_mode) else "is no regular file"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _read(path: Path, problem: str) -> bytes:
    if problem:
        raise Unreadable(problem)
    with path.open("rb") as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Unreadable(f"is larger than {MOST_BYTES >> 20} MiB")
    return data
