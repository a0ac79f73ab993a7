"""Whether what a service answered shows a canary: in text, in escapes, in headers, in downloaded files.

A page may shorten what it shows or write it in capitals, so a part of a canary that nobody can guess counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import requests

from stagehold.probes.access.pdf_text import pdf_text
from stagehold.redaction.decode import embedded, unescaped
from stagehold.redaction.unpack import Budget, Unreadable

_UNPACKED = 64 * 2**20
"""Bytes that one answer may unpack to."""
_DEPTH = 4
_PDF_WITHIN = 1024
_GUESSED_IN = 8
"""Hexadecimal digits of a canary that may be cut off at its end."""


@dataclass(frozen=True)
class Content:
    """Everything one answer says, each layer in lower case."""

    layers: tuple[bytes, ...]
    obstacle: str = ""
    """Why a part of it could not be looked into."""

    @classmethod
    def of(cls, response: requests.Response) -> Content:
        """From a response, headers included."""
        head = "\n".join(f"{name}: {value}" for name, value in response.headers.items()).encode("latin-1", "replace")
        layers = [head.lower(), unescaped(head).lower()]
        obstacle = ""
        try:
            layers += [layer.lower() for layer in unpacked(response.content)]
        except Unreadable as error:
            layers.append(response.content.lower())
            obstacle = f"what it answers {error}"
        return cls(tuple(layers), obstacle)

    def count(self, canary: str) -> int:
        """How often the canary is shown, in the layer that shows it most often."""
        return max((layer.count(mark) for layer in self.layers for mark in marks(canary)), default=0)


def marks(canary: str) -> tuple[bytes, bytes]:
    """What a canary is recognised by: its beginning, or the most part of its random digits alone."""
    digits = canary.rpartition("-")[2]
    return canary[:-_GUESSED_IN].lower().encode(), digits[:12].lower().encode()


def unpacked(data: bytes) -> Iterator[bytes]:
    """The data, and everything within: escapes, compressed streams, archives (xlsx, docx), PDF documents.

    Raises:
        Unreadable: a part cannot be looked into.
    """
    budget = Budget(_UNPACKED)
    queue = [(data, 0)]
    while queue:
        layer, depth = queue.pop()
        yield layer
        yield unescaped(layer)
        if depth == _DEPTH:
            continue
        if b"%PDF-" in layer[:_PDF_WITHIN]:
            try:
                yield pdf_text(layer, budget)
            except ValueError as error:
                raise Unreadable(f"is a PDF document that cannot be read: {error}") from error
            continue
        try:
            queue += [(inner, depth + 1) for _, inner in embedded(layer, budget)]
        except RuntimeError as error:  # An encrypted member of a zip archive.
            raise Unreadable(f"is an archive that cannot be read: {error}") from error
