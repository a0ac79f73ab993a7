"""What data hold below their surface: escapes, base64, compressed streams, archives. Bounded against bombs."""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import html
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MOST_MEMBERS = 20_000
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_OF_ALPHABET = bytes(code in _ALPHABET for code in range(256))
"""Translates data so that a run of base64 characters is a run of ones, which is found fast."""
_RUN = b"\1" * 40
_NEXT_LINE = re.compile(rb"(?:\r?\n|\\n)[A-Za-z0-9+/_-]{4,}")
_BREAKS = re.compile(rb"\r?\n|\\n")
_ESCAPE = re.compile(
    rb"""&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos|nbsp);
    | %[0-9A-Fa-f]{2}
    | \\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|["'/\\])""",
    re.VERBOSE,
)
_REACH = 512
"""Bytes around an escape that are searched again: more than a secret with an escaped character in it is long."""
_WIDE = re.compile(rb"\0[ -~](?:\0[ -~]){4,}")
PNG = b"\x89PNG\r\n\x1a\n"
_CLOSED = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "Zstandard data",
}
_STREAMS = {b"\x1f\x8b\x08": gzip.GzipFile, b"BZh": bz2.BZ2File, b"\xfd7zXZ\x00": lzma.LZMAFile}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_TAR_AT = 257
_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError,
    OSError, EOFError, ValueError, NotImplementedError, RuntimeError,
)  # fmt: skip
_PACKED = (PNG, *_CLOSED, *_STREAMS, *_ZIP)
_SMALL = 4096


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


def unescaped(data: bytes) -> bytes:
    r"""What stands around escapes such as `&#x27;`, `%27`, `\u0027`, written out once; empty when there are none."""
    areas: list[list[int]] = []
    for found in _ESCAPE.finditer(data):
        start, end = max(0, found.start() - _REACH), found.end() + _REACH
        if areas and start <= areas[-1][1]:
            areas[-1][1] = end
        else:
            areas.append([start, end])
    return b"\n\n".join(_ESCAPE.sub(_written_out, data[start:end]) for start, end in areas)


def embedded(data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """What the data hold inside, each with words that say where.

    Raises:
        Unreadable: it is packed and cannot be unpacked completely.
    """
    yield from _archive(data, budget)
    if b"\0" in data:
        # The byte before belongs to it when the order is little-endian.
        wide = [data[max(0, run.start() - 1) : run.end()].replace(b"\0", b"") for run in _WIDE.finditer(data)]
        if wide:
            yield "in UTF-16", b"\n\n".join(wide)
    small: list[bytes] = []
    for text in _base64_runs(data):
        inner = _base64(text)
        budget.take(len(inner))
        if len(inner) < _SMALL and not inner.startswith(_PACKED):
            small.append(inner)
        else:
            yield "in base64", inner
    if small:
        # Digests by the thousand are decoded, too; together they are searched much faster.
        yield "in base64", b"\n\n".join(small)


def _written_out(found: re.Match[bytes]) -> bytes:
    text = found[0]
    if text.startswith(b"&"):
        return html.unescape(text.decode("ascii")).encode("utf-8", "surrogatepass")
    if text.startswith(b"\\u"):
        return chr(int.from_bytes(bytes.fromhex(text[2:].decode()), "big")).encode("utf-8", "surrogatepass")
    return bytes.fromhex(text[-2:].decode()) if text.startswith((b"%", b"\\x")) else text[1:]


def _base64_runs(data: bytes) -> Iterator[bytes]:
    """Runs of at least 40 characters, continued over line ends."""
    ones = data.translate(_OF_ALPHABET)
    start = ones.find(_RUN)
    while start >= 0:
        end = ones.find(b"\0", start)
        end = len(data) if end < 0 else end
        one_line = end
        while more := _NEXT_LINE.match(data, end):
            end = more.end()
        yield data[start:end] if end == one_line else _BREAKS.sub(b"", data[start:end])
        start = ones.find(_RUN, end)


def _base64(text: bytes) -> bytes:
    text = text.rstrip(b"=")
    text = text[: len(text) - (len(text) % 4 == 1)]
    try:
        return base64.b64decode(text.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(text) % 4))
    except binascii.Error:  # pragma: no cover - every run of these characters can be decoded
        return b""


def _archive(data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    for magic, what in _CLOSED.items():
        if data.startswith(magic):
            raise Unreadable(f"is {what}, which cannot be looked into")
    if data.startswith(PNG):
        yield from _png(data, budget)
    elif data.startswith(_ZIP):
        yield from _zip(data, budget)
    elif data[_TAR_AT : _TAR_AT + 5] == b"ustar":
        yield from _tar(data, budget)
    else:
        for magic, opener in _STREAMS.items():
            if data.startswith(magic):
                yield "unpacked", _stream(opener(io.BytesIO(data)), budget)


def _stream(stream: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile, budget: Budget) -> bytes:
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
            yield "among the names and comments", b"\n".join(_notes(archive, members))
            for member in members:
                with archive.open(member) as stream:
                    inner = stream.read(budget.left + 1)
                budget.take(len(inner))
                yield f"in {member.filename}", inner
    except (
        zipfile.BadZipFile,
        OSError,
        EOFError,
        ValueError,
        NotImplementedError,
        zlib.error,
        lzma.LZMAError,
    ) as error:
        raise Unreadable(f"is a zip archive that cannot be read: {error}") from error


def _notes(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Iterator[bytes]:
    yield archive.comment
    for member in members:
        yield member.filename.encode("utf-8", "surrogateescape")
        yield member.comment
        yield member.extra


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
        for start in (match.end() for match in re.finditer(rb"\0", body)):
            try:
                inner = zlib.decompressobj().decompress(body[start + (kind == b"zTXt") :], budget.left + 1)
            except zlib.error:
                continue
            budget.take(len(inner))
            yield "in a picture's text", inner


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
