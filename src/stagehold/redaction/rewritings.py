"""The ways in which a value is rewritten by accident: by a shell, a dump, a mail, a database, another alphabet."""

from __future__ import annotations

import base64
import quopri
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote

SHORTEST_CUT, SHORTEST_PART = 8, 16
"""Characters of a beginning that is followed by dots, and of one that is followed by anything."""
_LONGEST_CUT = 64
_DOTS = ("…".encode(), b"...", b"\\u2026", b"&hellip;", b"&#8230;")
_SEPARATORS = (" ", ":", ",", "\\x", ", 0x", "%")
_DUMP_LINE = rb"[0-9a-fA-F]{4,16}:?[ \t]+(?:[0-9a-fA-F]{2,8}[ \t]+){1,16}[ -~]*(?:\r?\n|\Z)"
_DUMP = re.compile(rb"(?m)^(?:" + _DUMP_LINE + rb"){1,}")
_BYTES = re.compile(rb"^[0-9a-fA-F]{4,16}:?[ \t]+((?:(?:[0-9a-fA-F]{2}){1,4}[ \t]{1,2})+)", re.MULTILINE)
_PER_LINE = 32


def spellings(value: str) -> Iterator[str]:
    """Changed case, and the normal forms of Unicode; the caller leaves out what ordinary text could hold."""
    yield from (value.lower(), value.upper(), value.title(), value.capitalize(), value.swapcase())
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        yield unicodedata.normalize(form, value)


def texts(value: str, raw: bytes) -> Iterator[bytes]:
    """Every character or byte as an escape, percent-encoding twice, quoted-printable, one-byte alphabets."""
    for codes in (raw.hex("\0").split("\0"), raw.hex("\0").upper().split("\0")):
        for separator in _SEPARATORS:
            yield separator.join(codes).encode()
    for pattern in ("&#{};", "&#x{:x};", "&#x{:X};", "\\u{:04x}", "\\u{:04X}"):
        yield "".join(pattern.format(ord(character)) for character in value).encode()
    once = quote(raw, safe="")
    yield quote(once, safe="").encode()
    yield re.sub("%25..", lambda found: found[0].lower(), quote(once, safe="")).encode()
    for blanks in (True, False):
        mailed = quopri.encodestring(raw, quotetabs=blanks)
        yield from (mailed, mailed.replace(b"=\n", b"=\r\n"))
    if not raw.isascii():
        for alphabet in ("latin-1", "cp1252"):
            try:
                narrow = value.encode(alphabet)
            except UnicodeEncodeError:
                continue
            yield from (narrow, quote(narrow).encode(), quote(narrow).lower().encode(), narrow.hex().encode())
            yield quopri.encodestring(narrow).replace(b"=\n", b"")


def codes(value: str, raw: bytes) -> Iterator[bytes]:
    """Wide characters, as they are and in base64; base32 at its alignments; base85."""
    for alphabet in ("utf-16-le", "utf-16-be"):
        wide = value.encode(alphabet, "surrogatepass")
        yield wide
        yield from in_base64(wide)
    for shift in range(5):
        encoded = base64.b32encode(b"\0" * shift + raw)[-(-shift * 8 // 5) : (shift + len(raw)) * 8 // 5]
        yield encoded
    yield from (value.encode("utf-32-le", "surrogatepass"), value.encode("utf-32-be", "surrogatepass"))
    yield from (base64.b85encode(raw), base64.a85encode(raw))


def in_base64(raw: bytes) -> Iterator[bytes]:
    """At its three alignments without the characters that depend on neighbours, in both alphabets."""
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        # The first characters mix in what stands before, the last ones what follows.
        first = (0, 2, 3)[shift]
        last = len(encoded) - (0, 3, 2)[(shift + len(raw)) % 3]
        yield encoded[first:last]
        yield encoded[first:last].replace(b"+", b"-").replace(b"/", b"_")


def before_dots(data: bytes) -> set[bytes]:
    """Every eight bytes that stand shortly before dots which say that something was cut."""
    found: set[bytes] = set()
    for dots in _DOTS:
        at = data.find(dots)
        while at >= 0:
            begin = max(0, at - _LONGEST_CUT)
            found.update(data[start : start + SHORTEST_CUT] for start in range(begin, at - SHORTEST_CUT + 1))
            at = data.find(dots, at + len(dots))
    return found


def is_cut(data: bytes, start: int, whole: bytes) -> bool:
    """Whether enough of a value begins there: so much of it, or so little that dots say there was more."""
    stop = reaches(data, start, whole)
    return stop - start >= SHORTEST_PART or data.startswith(_DOTS, stop)


def dumps(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Start and end of each run of lines that `xxd`, `hexdump -C` or `od` writes, and the bytes they show."""
    if not (data.startswith(b"0000") or b"\n0000" in data):  # a dump begins at 0; looking for that is quicker
        return
    for found in _DUMP.finditer(data):
        shown = b"".join(re.sub(rb"[ \t]+", b"", line[1])[: 2 * _PER_LINE] for line in _shown(found[0]))
        if len(shown) % 2 == 0:
            yield found.start(), found.end(), bytes.fromhex(shown.decode())


def _shown(text: bytes) -> Iterator[re.Match[bytes]]:
    return _BYTES.finditer(text)


def reaches(data: bytes, start: int, whole: bytes) -> int:
    """How far the value goes on from its beginning there, over line ends and the blanks after them."""
    at, known = start, 0
    while known < len(whole) and at < len(data):
        if data[at] == whole[known]:
            at, known = at + 1, known + 1
            continue
        gap = _GAP.match(data, at)
        if gap is None or data[gap.end() : gap.end() + 1] != whole[known : known + 1]:
            break
        at = gap.end()
    return at


_GAP = re.compile(rb"(?:\\r)?\\n[ \t]*|\r?\n[ \t]*|=\r?\n")
