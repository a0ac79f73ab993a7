"""Archives, compressed streams, and what pictures and PDF files hold of either. Bounded against bombs."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

MOST_MEMBERS = 20_000
UNPACKED, AMONG_NAMES = "unpacked", "among the names and comments"
IN_A_PICTURE, IN_A_PDF, IN_A_PART = "in a picture's text", "in a stream of a PDF", "in a compressed part"
WAYS = frozenset({UNPACKED, AMONG_NAMES, IN_A_PICTURE, IN_A_PDF, IN_A_PART})
"""Where something is, said without a word of what was searched."""
PNG = b"\x89PNG\r\n\x1a\n"
_CLOSED = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "Zstandard data",
}
_GZIP = b"\x1f\x8b\x08"
_STREAMS: dict[bytes, Callable[..., Any]] = {_GZIP: gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_PDF = b"%PDF-"
_PDF_STREAM = re.compile(rb"stream\r?\n(?=\x78[\x01\x5e\x9c\xda])")
MOST_STREAMS = 10_000
_MOST_TEXTS = 5
"""NUL bytes of a picture's text after which the compressed part can begin (PNG, third edition, 11.3.3.4)."""
_TAR_AT = 257
_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError,
    OSError, EOFError, ValueError, NotImplementedError, RuntimeError,
)  # fmt: skip
PACKED = (PNG, _PDF, *_CLOSED, *_STREAMS, *_ZIP, *_ZLIB)


class Unreadable(Exception):
    """Something that may hold a secret cannot be looked into; the message says what and why."""


@dataclass
class Budget:
    """How many bytes may still be unpacked; one for each file."""

    left: int

    def take(self, size: int) -> None:
        """Spend bytes (Unreadable when there are too few)."""
        self.left -= size
        if self.left < 0:
            raise Unreadable("unpacks to more than may be searched")


def unpacked(data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """What is packed in the data, each part with words that say where.

    Raises:
        Unreadable: it cannot be unpacked completely, or to too much.
    """
    yield from _from_the_start(data, budget)
    yield from _further_in(data, budget)


def _from_the_start(data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    for magic, what in _CLOSED.items():
        if data.startswith(magic):
            raise Unreadable(f"is {what}, which cannot be looked into")
    if data.startswith(PNG):
        yield from _png(data, budget)
    elif data.startswith(_ZIP):
        yield from _zip(data, budget)
    elif _is_tar(data):
        yield from _tar(data, budget)
    elif data.startswith(_ZLIB):
        yield from _streams(data, [0], budget, UNPACKED)
    else:
        for magic, opener in _STREAMS.items():
            if data.startswith(magic):
                yield UNPACKED, _stream(opener(io.BytesIO(data)), budget)


def _further_in(data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """Packed data that begin later, such as a body behind its headers; what merely looks like it holds nothing."""
    yield from _streams(data, _places(data, _GZIP), budget, IN_A_PART)
    if _PDF in data:
        yield from _streams(data, (found.end() for found in _PDF_STREAM.finditer(data)), budget, IN_A_PDF)
    if _ZIP[0] in data and not data.startswith(_ZIP) and not _is_tar(data) and zipfile.is_zipfile(io.BytesIO(data)):
        yield from _zip(data, budget)


def _places(data: bytes, magic: bytes) -> Iterator[int]:
    at = data.find(magic, 1)
    while at >= 0:
        yield at
        at = data.find(magic, at + 1)


def _streams(data: bytes, starts: Iterable[int], budget: Budget, where: str) -> Iterator[tuple[str, bytes]]:
    """What can be unpacked from each of these places on."""
    view = memoryview(data)
    for number, start in enumerate(starts):
        if number >= MOST_STREAMS:
            raise Unreadable(f"holds more than {MOST_STREAMS:,} compressed parts")
        inner = b""
        with contextlib.suppress(zlib.error):
            # 32: gzip or zlib, by its header.
            inner = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(view[start:], budget.left + 1)
        budget.take(len(inner))
        if inner:
            yield where, inner


def _stream(stream: BinaryIO, budget: Budget) -> bytes:
    try:
        with stream:
            inner = stream.read(budget.left + 1)
    except _DAMAGED as error:
        raise Unreadable(f"is compressed and damaged: {error}") from error
    budget.take(len(inner))
    return inner


def _zip(data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _require_few(len(members))
            yield AMONG_NAMES, b"\n".join(_notes(archive, members))
            for member in members:
                with archive.open(member) as stream:
                    inner = stream.read(budget.left + 1)
                budget.take(len(inner))
                yield f"in {member.filename}", inner
    except _DAMAGED as error:
        raise Unreadable(f"is a zip archive that cannot be read: {error}") from error


def _notes(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Iterator[bytes]:
    yield archive.comment
    for member in members:
        yield member.filename.encode("utf-8", "surrogateescape")
        yield member.comment
        yield member.extra


def _is_tar(data: bytes) -> bool:
    return data[_TAR_AT : _TAR_AT + 5] == b"ustar"


def _tar(data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for number, member in enumerate(archive):
                _require_few(number)
                stream = archive.extractfile(member)
                if stream is not None:
                    inner = stream.read(budget.left + 1)
                    budget.take(len(inner))
                    yield f"in {member.name}", inner
    except _DAMAGED as error:
        raise Unreadable(f"is a tar archive that cannot be read: {error}") from error


def _png(data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """The compressed texts of a picture; the others are there to read (PNG, third edition, 11.3.3)."""
    for kind, body in png_chunks(data):
        if kind not in {b"zTXt", b"iTXt"}:
            continue
        for start in (match.end() for match in islice(re.finditer(rb"\0", body), _MOST_TEXTS)):
            try:
                inner = zlib.decompressobj().decompress(body[start + (kind == b"zTXt") :], budget.left + 1)
            except zlib.error:
                continue
            budget.take(len(inner))
            yield IN_A_PICTURE, inner


def without_pixels(data: bytes) -> bytes:
    """A picture without its compressed pixels, in which no text can stand; anything else as it is."""
    if not data.startswith(PNG):
        return data
    kept, rest = [], len(PNG)
    for kind, body in png_chunks(data):
        rest += len(body) + 12
        kept += [kind, b"" if kind == b"IDAT" else body]
    return b"\n".join((*kept, data[rest:]))


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and body of each chunk of a PNG file, as far as it is whole."""
    offset = len(PNG)
    while offset + 12 <= len(data):
        size = int.from_bytes(data[offset : offset + 4], "big")
        yield data[offset + 4 : offset + 8], data[offset + 8 : offset + 8 + size]
        offset += size + 12


def _require_few(count: int) -> None:
    if count > MOST_MEMBERS:
        raise Unreadable(f"holds more than {MOST_MEMBERS:,} members")
