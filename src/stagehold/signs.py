"""What is written where the output knows only some characters: words and signs that differ, never a row of `?`."""

from __future__ import annotations

import codecs
import io
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TextIO

_PLAIN = {
    "✓": "+", "✔": "+", "✗": "x", "✕": "x", "✘": "x", "·": ".", "○": "o", "◐": "~", "•": "*", "…": "...",
    "→": "->", "←": "<-",
    "≥": ">=", "≤": "<=", "≠": "!=", "±": "+/-", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "ß": "ss",
    "\u2010": "-", "\u2011": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u2018": "'", "\u2019": "'",
    "\u00d7": "x", "\u20ac": "EUR", "\u00a0": " ",
}  # fmt: skip
"""The signs of our own output; those of one kind stay apart from those of another."""
_HANDLER = "stagehold-signs"


def use_plain_signs(streams: Iterable[TextIO], encoding: str | None = None) -> None:
    """From now on these streams write a sign that they cannot encode as one they can."""
    codecs.register_error(_HANDLER, _written_out)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors=_HANDLER)


def wanted_encoding(environ: Mapping[str, str]) -> str | None:
    """The encoding that the surroundings ask for by name, and isolated Python does not listen to; None: its own choice.

    `PYTHONIOENCODING`, or the locale C where it is set by the variable that overrules all others.
    """
    name = environ.get("PYTHONIOENCODING", "").partition(":")[0]
    if not name and environ.get("LC_ALL") in {"C", "POSIX"}:
        name = "ascii"
    try:
        return codecs.lookup(name).name if name else None
    except LookupError:
        return None


def plain(text: str) -> str:
    """The text in ASCII: signs by their likes, letters without accents, anything else by its number."""
    return "".join(map(_plain_character, text))


def _plain_character(character: str) -> str:
    if character.isascii():
        return character
    if character in _PLAIN:
        return _PLAIN[character]
    letters = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return letters or character.encode("ascii", "backslashreplace").decode()


def _written_out(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end
