"""Canaries in what services answer: shortened, escaped, packed, in documents."""

from __future__ import annotations

import base64
import gzip
import io
import tarfile
import zipfile
import zlib

import pytest
import requests

from stagehold.probes.access.content import Content

CANARY = "shc-3fa9-0123456789abcdef"
OTHER = "shc-3fa9-fedcba9876543210"


def response(body: bytes, kind: str = "text/html", **headers: str) -> requests.Response:
    """An answer with this body."""
    made = requests.Response()
    made.status_code = 200
    made._content = body
    made.headers.update({"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}})
    return made


def archive(**members: str) -> bytes:
    """A zip archive; a workbook is one."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in members.items():
            made.writestr(name, text)
    return packed.getvalue()


def tar(text: str) -> bytes:
    """A compressed tar archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        member = tarfile.TarInfo("orders.csv")
        member.size = len(text)
        made.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def pdf(*streams: tuple[bytes, bytes]) -> bytes:
    """A document of these streams: what their dictionaries say, and their content."""
    parts = [b"%PDF-1.7"]
    for number, (head, content) in enumerate(streams, 1):
        length = b"/Length %d " % len(content)
        parts.append(b"%d 0 obj\n<<%s%s>>\nstream\n%s\nendstream\nendobj" % (number, length, head, content))
    return b"\n".join([*parts, b"%%EOF"])


FLATE = b"/Filter /FlateDecode"
SHOWN = f"BT /F1 12 Tf (for {CANARY}) Tj ET".encode()
KERNED = b"BT [(shc-3f) -20 (a9-0123) 14.5 (456789abcdef)] TJ ET"
CODES = {char: number for number, char in enumerate(sorted(set(CANARY)), 5)}
GLYPHS = b"BT <" + b"".join(b"%04x" % CODES[char] for char in CANARY) + b"> Tj ET"
UNICODE_MAP = (
    b"begincmap %d beginbfchar\n" % len(CODES)
    + b"".join(b"<%04x> <%04x>\n" % (code, ord(char)) for char, code in CODES.items())
    + b"endbfchar endcmap"
)
RANGES = b"begincmap 1 beginbfrange\n<0041> <00a0> <002d>\nendbfrange endcmap"
SHIFTED = b"BT <" + b"".join(b"%04x" % (ord(char) - 0x2D + 0x41) for char in CANARY) + b"> Tj ET"

HOLDING = {
    "text": CANARY.encode(),
    "capitals": CANARY.upper().encode(),
    "shortened": f"{CANARY[:18]}…".encode(),
    "its digits alone": b"ref 0123456789abcdef",
    "HTML escapes": CANARY.replace("-", "&#45;").encode(),
    "JSON escapes": CANARY.replace("-", "\\u002d").encode(),
    "percent escapes": CANARY.replace("-", "%2D").encode(),
    "UTF-16": CANARY.encode("utf-16"),
    "base64": base64.b64encode(f"a long text around {CANARY} for its sake".encode()),
    "gzip": gzip.compress(CANARY.encode()),
    "zip": archive(**{"orders.csv": f"1,{CANARY}"}),
    "a name in a zip": archive(**{f"{CANARY}.txt": "x"}),
    "a compressed tar archive": tar(CANARY),
    "a workbook": archive(**{"xl/sharedStrings.xml": f"<sst><si><t>{CANARY}</t></si></sst>"}),
    "a PDF document": pdf((b"", SHOWN)),
    "a packed PDF document": pdf((FLATE, zlib.compress(SHOWN))),
    "a PDF document packed twice": pdf(
        (b"/Filter [/ASCII85Decode /FlateDecode]", base64.a85encode(zlib.compress(SHOWN)) + b"~>")
    ),
    "kerning": pdf((FLATE, zlib.compress(KERNED))),
    "escapes of a PDF document": pdf((FLATE, zlib.compress(SHOWN.replace(b"-", b"\\055")))),
    "glyph numbers": pdf((FLATE, zlib.compress(GLYPHS)), (FLATE, zlib.compress(UNICODE_MAP))),
    "a range of glyph numbers": pdf((FLATE, zlib.compress(SHIFTED)), (FLATE, zlib.compress(RANGES))),
}


@pytest.mark.parametrize("how", HOLDING)
def test_canary_is_found(how: str) -> None:
    """However an answer holds a canary, it is found, and another one is not."""
    content = Content.of(response(HOLDING[how]))

    assert not content.obstacle
    assert content.count(CANARY)
    assert content.count(OTHER) == 0


def test_headers_count() -> None:
    """The name of a file that is offered for download is shown, too."""
    assert Content.of(response(b"", content_disposition=f'attachment; filename="{CANARY}.csv"')).count(CANARY)
    assert Content.of(response(b"", location=f"/f/{CANARY.replace('-', '%2D')}")).count(CANARY)


CLOSED = {
    "a 7z archive": b"7z\xbc\xaf\x27\x1c" + bytes(40),
    "a damaged zip archive": archive(a="x" * 4000)[:-40],
    "a damaged PDF document": pdf((FLATE, b"no deflate at all")),
    "an encrypted PDF document": pdf((b"", SHOWN)) + b"trailer <</Encrypt 5 0 R>>",
    "a PDF document packed by LZW": pdf((b"/Filter /LZWDecode", b"x")),
    "a bomb": gzip.compress(bytes(70 * 2**20)),
}


@pytest.mark.parametrize("what", CLOSED)
def test_what_cannot_be_looked_into_is_said(what: str) -> None:
    """A file that may hold anything is never taken for one that holds nothing."""
    assert Content.of(response(CLOSED[what])).obstacle


def test_wild_bytes_are_read_in_time() -> None:
    """Thousands of objects, open parentheses and escapes that mean nothing neither hang nor break the reading."""
    objects = b"".join(b"%d 0 obj\n<< /A << /B (x) >> >>\nendobj\n" % number for number in range(20_000))
    wild = b"BT Tj " + b"(" * 20_000 + b"\\9\\8(\\9) Tj"
    content = Content.of(response(pdf((FLATE, zlib.compress(wild)), (FLATE, zlib.compress(SHOWN))) + objects))

    assert not content.obstacle
    assert content.count(CANARY)


def test_pictures_in_documents_are_no_obstacle() -> None:
    """A logo holds no text, and does not keep the rest from being read."""
    content = Content.of(response(pdf((b"/Subtype /Image /Filter /DCTDecode", b"\xff\xd8jpeg"), (b"", SHOWN))))

    assert not content.obstacle
    assert content.count(CANARY)
