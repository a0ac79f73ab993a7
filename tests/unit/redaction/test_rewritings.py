"""The table of `docs/redaction.md` is what the code does, row by row, in the redactor and in the search."""

from __future__ import annotations

import base64
import codecs
import hashlib
import quopri
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from stagehold.redaction.redactor import Redactor
from stagehold.redaction.registry import SecretRegistry
from stagehold.redaction.scan import scan_tree

SECRET = "Tr0ub4dor&3 hörse"
PAGE = (Path(__file__).parents[3] / "docs" / "redaction.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| (.+?) \| (yes|no) \|$", PAGE, re.MULTILINE))


def hexed(value: str, separator: str) -> bytes:
    return value.encode().hex("\0").replace("\0", separator).encode()


def xxd(data: bytes) -> bytes:
    lines = []
    for at in range(0, len(data), 16):
        part = data[at : at + 16]
        pairs = " ".join(part[i : i + 2].hex() for i in range(0, len(part), 2))
        lines.append(f"{at:08x}: {pairs:<39}  {''.join(chr(c) if 32 <= c < 127 else '.' for c in part)}\n")
    return "".join(lines).encode()


def hexdump(data: bytes) -> bytes:
    lines = []
    for at in range(0, len(data), 16):
        part = data[at : at + 16]
        shown = f"{part[:8].hex(' '):<23}  {part[8:].hex(' '):<23}"
        lines.append(f"{at:08x}  {shown}  |{''.join(chr(c) if 32 <= c < 127 else '.' for c in part)}|\n")
    return "".join([*lines, f"{len(data):08x}\n"]).encode()


WRITERS: dict[str, Callable[[str], bytes]] = {
    "lower case": lambda v: v.lower().encode(),
    "upper case": lambda v: v.upper().encode(),
    "title case": lambda v: v.title().encode(),
    "normal form NFD": lambda v: unicodedata.normalize("NFD", v).encode(),
    "normal form NFKC": lambda v: unicodedata.normalize("NFKC", v).encode(),
    "hex with spaces": lambda v: hexed(v, " "),
    "hex with colons": lambda v: hexed(v, ":").upper(),
    "hex with commas and 0x": lambda v: b"0x" + hexed(v, ", 0x"),
    "`xxd`": lambda v: xxd(b"password=" + v.encode()),
    "`hexdump -C` over two lines": lambda v: hexdump(b"a password=" + v.encode() + b"\n"),
    "C escapes": lambda v: b"\\x" + hexed(v, "\\x"),
    "JSON escapes of every character": lambda v: "".join(f"\\u{ord(c):04X}" for c in v).encode(),
    "HTML decimal entities": lambda v: "".join(f"&#{ord(c)};" for c in v).encode(),
    "HTML hex entities": lambda v: "".join(f"&#x{ord(c):x};" for c in v).encode(),
    "percent-encoding of every byte": lambda v: b"%" + hexed(v, "%"),
    "percent-encoding twice": lambda v: quote(quote(v, safe=""), safe="").encode(),
    "UTF-16": lambda v: v.encode("utf-16-le"),
    "UTF-16 in base64": lambda v: base64.b64encode(f"echo {v}".encode("utf-16-le")),
    "UTF-32": lambda v: v.encode("utf-32-be"),
    "Latin-1": lambda v: v.encode("latin-1"),
    "quoted-printable": lambda v: quopri.encodestring(v.encode()),
    "base32": lambda v: base64.b32encode(b"user:" + v.encode()),
    "base64 without padding": lambda v: base64.urlsafe_b64encode(v.encode()).rstrip(b"="),
    "base85": lambda v: base64.b85encode(v.encode()),
    "first 8 characters and dots": lambda v: f"{v[:8]}…".encode(),
    "first 16 characters": lambda v: f"{v[:16]} ".encode(),
    "broken over lines after 16 characters": lambda v: f"{v[:16]}\n    {v[16:]}".encode(),
    "broken over lines after fewer": lambda v: f"{v[:9]}\n    {v[9:]}".encode(),
    "reversed": lambda v: v[::-1].encode(),
    "ROT13": lambda v: codecs.encode(v, "rot13").encode(),
    "a blank after every character": lambda v: " ".join(v).encode(),
    "first 7 characters and dots": lambda v: f"{v[:7]}…".encode(),
    "the last characters": lambda v: v[-12:].encode(),
    "punycode": lambda v: v.encode("punycode"),
    "encrypted or hashed": lambda v: hashlib.sha256(v.encode()).hexdigest().encode(),
}


def test_the_page_has_a_row_for_each_and_no_other() -> None:
    """What the page says and what is tried here are the same rows."""
    assert ROWS.keys() == WRITERS.keys()


@pytest.mark.parametrize("row", WRITERS)
def test_the_page_tells_what_is_found(row: str, tmp_path: Path) -> None:
    """Redactor and search agree with the page."""
    secrets = SecretRegistry()
    secrets.add("password", SECRET)
    written = WRITERS[row](SECRET)
    (tmp_path / "a.txt").write_bytes(b"it said:\n" + written + b"\n")

    found = bool(scan_tree(tmp_path, secrets).leaks)
    hidden = b"[redacted:password]" in Redactor(secrets).data(b"it said:\n" + written + b"\n")

    assert (found, hidden) == (ROWS[row] == "yes",) * 2
