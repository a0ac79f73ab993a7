"""What is wrong in a file, where, and how a person reads it. Values that could be secrets never get here."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from stagehold.errors import ConfigError

SHOWN = 40
"""Errors printed in full; the rest are counted. All are in `ConfigErrors.errors`."""

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands, counted from 1; `end` is the column after it, on the same line."""

    line: int
    column: int
    end: int


@dataclass(frozen=True, slots=True, order=True)
class FileError:
    """One thing wrong in a file. Lines and columns count from 1, columns in characters."""

    file: str
    line: int
    column: int
    path: str
    """Such as `targets[0].base_url`; empty for the whole file."""
    message: str
    seen: str = ""
    expected: str = ""
    hint: str = ""
    source: str = field(default="", compare=False)
    """The line up to the end of what is wrong; empty where it could show a secret."""
    end: int = field(default=0, compare=False)

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        lines = [f"{where}: {self.path + ': ' if self.path else ''}{self.message}"]
        if self.source:
            width = len(str(self.line))
            pad = "".join("\t" if char == "\t" else " " for char in self.source[: self.column - 1])
            carets = "^" * max(1, min(self.end, len(self.source) + 1) - self.column)
            lines += [f"    {self.line} | {self.source}", f"    {' ' * width} | {pad}{carets}"]
        elif self.seen:
            lines.append(f"    seen: {self.seen}")
        if self.expected:
            lines.append(f"    expected: {self.expected}")
        if self.hint:
            lines.append(f"    hint: {self.hint}")
        return "\n".join(lines)


class ConfigErrors(ConfigError):
    """Everything wrong in the files that were read, in the order of the lines (exit 2)."""

    def __init__(self, errors: Iterable[FileError]) -> None:
        self.errors = tuple(sorted(errors))
        count = len(self.errors)
        files = sorted({error.file for error in self.errors})
        head = f"{count} error{'s' if count != 1 else ''} in {', '.join(files)}"
        rest = [f"... and {count - SHOWN} more"] if count > SHOWN else []
        super().__init__("\n\n".join([head, *(str(error) for error in self.errors[:SHOWN]), *rest]))


def dotted(path: Sequence[str | int]) -> str:
    """`('targets', 0, 'base_url')` as a person writes it: `targets[0].base_url`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def near(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be; a transposed or dropped letter is enough."""
    candidates = sorted(set(known))
    lowered = {candidate.lower(): candidate for candidate in reversed(candidates)}
    anagram = next((c for low, c in lowered.items() if sorted(low) == sorted(word.lower())), None)
    if anagram is not None:
        return anagram  # letters swapped: too far apart for a ratio where the word is short
    found = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt word, or nothing."""
    match = near(word, known)
    return f"did you mean `{match}`?" if match else ""


def listed(words: Iterable[str], limit: int = 30) -> str:
    """Words as a list a person reads; empty becomes `nothing is declared`."""
    names = list(words)
    if not names:
        return "nothing is declared"
    rest = f", ... ({len(names)} in all)" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest


def without_doubles(errors: Iterable[FileError]) -> list[FileError]:
    """The first error of each place and path; alternatives of a union become one error with both."""
    kept: dict[tuple[str, int, int, str], FileError] = {}
    for error in errors:
        key = (error.file, error.line, error.column, error.path)
        first = kept.get(key)
        if first is None:
            kept[key] = error
        elif first.message == error.message and error.expected not in first.expected.split(" or "):
            kept[key] = replace(first, expected=f"{first.expected} or {error.expected}")
    return list(kept.values())
