"""The text of a PDF document, well enough to find a marker in it. Bounded, and no more than that.

Streams are unpacked (FlateDecode, ASCII85Decode, ASCIIHexDecode), and what text operators show is joined, because
kerning tears words apart. Glyph numbers are translated by every `ToUnicode` map of the document. Source: ISO 32000-2,
7.3.4, 7.4, 9.4.3, 9.10.3.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator

from stagehold.redaction.unpack import Budget, Unreadable

_STREAM = re.compile(rb">>\s*stream\r?\n")
_HEAD = 4000
"""Bytes before a stream in which its dictionary begins."""
_TOKEN = re.compile(
    rb"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.){0,1000}\)){0,4000}\)|<[0-9A-Fa-f\s]*>|\bT[dDmJj*]\b|\bET\b|['\"]", re.DOTALL
)
_TEXT = re.compile(rb"\bBT\b.*?(?:\bT[jJ]\b|['\"])", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r?\n|.)", re.DOTALL)
_OCTAL = frozenset(bytes([digit]) for digit in b"01234567")
_NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_CODE = rb"<([0-9A-Fa-f\s]+)>"
_PAIR = re.compile(rb"%s\s*%s" % (_CODE, _CODE))
_RANGE = re.compile(rb"%s\s*%s\s*(?:%s|\[(.*?)\])" % (_CODE, _CODE, _CODE), re.DOTALL)
_SECTION = re.compile(rb"begin(bfchar|bfrange)(.*?)end\1", re.DOTALL)
_MOST_MAPS = 40
_MOST_CODES = 70_000
_FILTERS = {b"FlateDecode", b"Fl", b"ASCII85Decode", b"A85", b"ASCIIHexDecode", b"AHx"}
_PICTURES = {b"DCTDecode", b"DCT", b"JPXDecode", b"CCITTFaxDecode", b"CCF", b"JBIG2Decode"}


def pdf_text(data: bytes, budget: Budget) -> bytes:
    """What a document shows, its strings one after the other, in UTF-8.

    Raises:
        Unreadable: it is encrypted, damaged, or packed in a way that is not known here.
    """
    if b"/Encrypt" in data:
        raise Unreadable("is an encrypted PDF document")
    streams = [content for head, raw in _streams(data) if (content := _unpacked(head, raw, budget)) is not None]
    maps = [found for stream in streams if b"beginbf" in stream and (found := _map(stream))][:_MOST_MAPS]
    texts: list[bytes] = [data]
    for stream in streams:
        texts.append(stream)
        if not _TEXT.search(stream):
            continue
        shown = list(_shown(stream))
        texts.append(b"".join(shown))
        for mapping in maps:
            budget.take(len(stream))
            texts.append(_translated(shown, mapping))
    return b"\n\n".join(texts)


def _streams(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Dictionary and raw content of each stream."""
    for begin in _STREAM.finditer(data):
        end = data.find(b"endstream", begin.end())
        if end < 0:
            raise Unreadable("is a PDF document that is cut off")
        head = data[max(0, begin.start() - _HEAD) : begin.start()].rpartition(b" obj")[2]
        yield head, data[begin.end() : end].removesuffix(b"\n").removesuffix(b"\r")


def _unpacked(head: bytes, raw: bytes, budget: Budget) -> bytes | None:
    """A stream's content; None for pictures."""
    named = re.search(rb"/(?:Filter|F)\s*(\[[^\]]*\]|/\w+)", head)
    filters = re.findall(rb"/(\w+)", named[1]) if named else []
    if b"/Image" in head or any(name in _PICTURES for name in filters):
        return None
    content = raw
    for name in filters:
        if name not in _FILTERS:
            raise Unreadable(f"is a PDF document packed by {name.decode('ascii', 'replace')}")
        try:
            content = _decoded(name, content, budget)
        except (ValueError, zlib.error, binascii.Error) as error:
            raise Unreadable(f"is a PDF document that cannot be read: {error}") from error
    budget.take(len(content))
    return content


def _decoded(name: bytes, content: bytes, budget: Budget) -> bytes:
    if name in {b"ASCII85Decode", b"A85"}:
        return base64.a85decode(content.strip().removeprefix(b"<~").partition(b"~>")[0])
    if name in {b"ASCIIHexDecode", b"AHx"}:
        return _hex(content.partition(b">")[0])
    return zlib.decompressobj().decompress(content, budget.left + 1)


def _shown(stream: bytes) -> Iterator[bytes]:
    """The strings of a stream; a new line where the text moves."""
    for token in _TOKEN.findall(stream):
        if token.startswith(b"("):
            yield _ESCAPE.sub(_plain, token[1:-1])
        elif token.startswith(b"<"):
            yield _hex(token[1:-1])
        elif token in {b"Td", b"TD", b"Tm", b"T*", b"ET", b"'", b'"'}:
            yield b"\n"


def _plain(found: re.Match[bytes]) -> bytes:
    what = found[1]
    if what[:1] in _OCTAL:
        return bytes([int(what, 8) & 0xFF])
    return b"" if what.endswith(b"\n") else _NAMED.get(what, what)


def _hex(text: bytes) -> bytes:
    digits = re.sub(rb"\s", b"", text)
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))


def _map(stream: bytes) -> dict[bytes, bytes]:
    """Code to text of one `ToUnicode` map."""
    found: dict[bytes, bytes] = {}
    for kind, body in _SECTION.findall(stream):
        if kind == b"bfchar":
            found |= {_hex(code): _utf8(_hex(text)) for code, text in _PAIR.findall(body)}
            continue
        for first, last, text, several in _RANGE.findall(body):
            found |= _range(_hex(first), _hex(last), _hex(text), [_hex(i) for i in re.findall(_CODE, several)])
    return found


def _range(first: bytes, last: bytes, text: bytes, several: list[bytes]) -> dict[bytes, bytes]:
    """Consecutive codes: each with a text of its own, or with the text of the first counted up."""
    low = int.from_bytes(first, "big")
    count = min(int.from_bytes(last, "big") - low + 1, _MOST_CODES)
    if not several:
        number, size = int.from_bytes(text, "big"), len(text)
        several = [(number + step).to_bytes(size + 1, "big")[1:] for step in range(count)]
    codes = ((low + step).to_bytes(len(first), "big") for step in range(count))
    return dict(zip(codes, map(_utf8, several), strict=False))


def _utf8(data: bytes) -> bytes:
    return data.decode("utf-16-be", "replace").encode("utf-8", "replace")


def _translated(shown: list[bytes], mapping: dict[bytes, bytes]) -> bytes:
    size = max(map(len, mapping))
    return b"".join(
        string if string == b"\n" else b"".join(
            mapping.get(string[at : at + size], b"") for at in range(0, len(string), size)
        )
        for string in shown
    )  # fmt: skip
