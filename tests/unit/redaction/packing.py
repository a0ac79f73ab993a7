"""Ways to hide a text in bytes, as programs do it all the time."""

from __future__ import annotations

import base64
import bz2
import gzip
import html
import io
import json
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from urllib.parse import quote

from stagehold.redaction.unpack import PNG


def zipped(data: bytes, name: str = "trace.network", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of one member."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr(name, data)
    return stream.getvalue()


def tarred(data: bytes, name: str = "member") -> bytes:
    """A tar archive of one member."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG file."""
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def picture(*chunks: bytes) -> bytes:
    """A PNG file with these chunks before its end."""
    return PNG + chunk(b"IHDR", b"\0" * 13) + b"".join(chunks) + chunk(b"IEND", b"")


def pdf(data: bytes) -> bytes:
    """A PDF file with one compressed stream, as every library writes it."""
    return b"%PDF-1.7\n1 0 obj\n<< /Filter /FlateDecode >>\nstream\r\n" + zlib.compress(data) + b"\nendstream\nendobj\n"


def answer(body: bytes) -> bytes:
    """An HTTP answer as it went over the wire."""
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + body


def paragraphs(data: bytes) -> bytes:
    """Base64 in lines of 76, as mail carries it."""
    return base64.encodebytes(data)


def data_uri(data: bytes) -> bytes:
    """A page with a page in it, as Allure's single file has it."""
    return b'<iframe src="data:text/html;base64,' + base64.b64encode(data) + b'"></iframe>'


def filled(data: bytes) -> bytes:
    """The data in the midst of so much else that no alignment is the natural one."""
    return b"17 characters here" + data + b" and something after it, for good measure"


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "zip": zipped,
    "zip, stored": lambda data: zipped(data, method=zipfile.ZIP_STORED),
    "zip in lzma": lambda data: zipped(data, method=zipfile.ZIP_LZMA),
    "zip behind something else": lambda data: b"#!/bin/sh\nexit\n" + zipped(data),
    "gzip": gzip.compress,
    "gzip of two parts": lambda data: gzip.compress(b"first") + gzip.compress(data),
    "gzip behind headers": lambda data: answer(gzip.compress(data)),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zlib": zlib.compress,
    "tar": tarred,
    "tar.gz": lambda data: gzip.compress(tarred(data)),
    "zip in a tar": lambda data: tarred(zipped(data)),
    "PDF": pdf,
    "picture, compressed text": lambda data: picture(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(data))),
    "picture, international text": lambda data: picture(
        chunk(b"iTXt", b"Comment\0\1\0en\0Kommentar\0" + zlib.compress(data))
    ),
    "base64 alone": base64.b64encode,
    "base64": lambda data: base64.b64encode(filled(data)),
    "base64 for addresses": lambda data: base64.urlsafe_b64encode(filled(data)),
    "base64 in lines": paragraphs,
    "base64 in lines of JSON": lambda data: json.dumps(paragraphs(data).decode().replace("\n", "\r\n")).encode(),
    "data URI": data_uri,
    "data URI of gzip": lambda data: data_uri(gzip.compress(data)),
    "percent": lambda data: quote(data, safe="").encode(),
    "percent twice": lambda data: quote(quote(data, safe="")).encode(),
    "HTML entities": lambda data: "".join(f"&#{code};" for code in data).encode(),
    "JSON of ASCII": lambda data: "".join(f"\\u{code:04x}" for code in data).encode(),
    "JSON in JSON in HTML": lambda data: html.escape(json.dumps(json.dumps({"a": data.decode()}))).encode(),
    "Markdown": lambda data: re.sub(rb"([!-/:-@\[-`{-~])", rb"\\\1", data),
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "UTF-16, big-endian": lambda data: b"\0\0" + data.decode().encode("utf-16-be"),
    "hexadecimal": lambda data: data.hex().encode(),
}
"""Name of a packing to what does it; the data are text."""

UNALIGNED = {"base64", "base64 for addresses", "hexadecimal"}
"""Packings in which a value is recognised as it stands, and other packings are not."""
OFTEN_ESCAPED = {"percent twice", "JSON in JSON in HTML"}
"""Packings that use up what the search takes off at one layer (`ROUNDS`)."""
OF_TEXT = {
    "Markdown",
    "HTML entities",
    "JSON of ASCII",
    "JSON in JSON in HTML",
    "UTF-16",
    "UTF-16, big-endian",
    "percent twice",
    "percent",
}
"""Packings of text."""


def wrapped(text: bytes) -> bytes:
    """Six layers."""
    page = data_uri(gzip.compress(base64.b64encode(text)))
    return gzip.compress(tarred(zipped(page)))
