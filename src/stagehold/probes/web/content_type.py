"""Whether a body is what its Content-Type says, and whether browsers are told not to guess; pure.

Sources: WHATWG MIME Sniffing sections 6 and 7, Fetch section 3.5 (nosniff), HTML section 13.2.3.2 (encodings);
RFC 2046 section 4.1.2 (US-ASCII is the default of text), RFC 8259 section 8.1, RFC 9239 section 4.2.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator

from stagehold.probes.web.reply import HTML, LOOKS_LIKE_HTML, Reply

_GUARDED_JSON = re.compile(rb"^(?:\)\]\}'?,?|while\s*\(1\);|for\s*\(;;\);)\s*")
_META_CHARSET = re.compile(rb"<meta[^>]+charset\s*=", re.IGNORECASE)
_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)
# Their specifications say UTF-8, or the charset of the page that names them, which this check asks for.
_UTF8_BY_DEFAULT = {
    "text/css", "text/javascript", "text/ecmascript", "text/event-stream", "text/calendar", "text/vcard", "text/xml",
    "text/x-component", "text/vtt", "text/json",
}  # fmt: skip
_NO_PAGE = re.compile(
    r"(?:text|application)/(?:x-)?(?:java|ecma)script|text/css|(?:font|audio|video)/.+|image/(?!svg\+xml).+"
    r"|application/(?:pdf|zip|gzip|wasm)"
)
_MAGIC: tuple[tuple[bytes, str, re.Pattern[str]], ...] = (
    (b"%PDF-", "a PDF", re.compile(r"application/(?:pdf|octet-stream)")),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", re.compile(r"image/(?:png|apng|x-icon|vnd\.microsoft\.icon)")),
    (b"\xff\xd8\xff", "a JPEG image", re.compile(r"image/(?:jpe?g|pjpeg|x-icon|vnd\.microsoft\.icon)")),
    (b"GIF8", "a GIF image", re.compile(r"image/(?:gif|x-icon|vnd\.microsoft\.icon)")),
    (b"\x00\x00\x01\x00", "an icon", re.compile(r"image/.+")),
    (b"wOFF", "a WOFF font", re.compile(r"(?:font|application)/.+")),
    (b"wOF2", "a WOFF2 font", re.compile(r"(?:font|application)/.+")),
    (b"PK\x03\x04", "a ZIP archive", re.compile(r"application/.+")),
    (b"\x1f\x8b\x08", "gzip data", re.compile(r"application/.+")),
    (b"\x00asm", "WebAssembly", re.compile(r"application/.+")),
)
_ANYTHING = {"application/octet-stream", "binary/octet-stream"}


def complaints(reply: Reply) -> tuple[str, ...]:
    """What is wrong with how a response with a body names its content; empty when nothing is."""
    return tuple(_complaints(reply))


def _complaints(reply: Reply) -> Iterator[str]:
    if not _forbids_guessing(reply):
        sent = ", ".join(reply.values("X-Content-Type-Options"))
        yield f"X-Content-Type-Options is {sent!r}" if sent else "no X-Content-Type-Options: nosniff"
    if reply.redirects:
        return  # Browsers leave its body alone; what it says about a type matters to nobody.
    kinds = reply.values("Content-Type")
    if not kinds:
        yield "no Content-Type"
        return
    if len(set(kinds)) > 1:
        yield f"{len(kinds)} different Content-Types: {' | '.join(kinds)}"
    if not re.fullmatch(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", reply.media_type):
        yield f"Content-Type {kinds[0]!r} is no media type"
        return
    if wrong := _misfit(reply) or _charset(reply):
        yield wrong


def _forbids_guessing(reply: Reply) -> bool:
    """Fetch looks at the first value only, whatever its case."""
    values = ",".join(reply.values("X-Content-Type-Options")).split(",")
    return values[0].strip().lower() == "nosniff"


def _misfit(reply: Reply) -> str:
    media, body = reply.media_type, reply.body
    if media in _ANYTHING or reply.status == 206:  # noqa: PLR2004 - a part of a file need not look like one
        return ""
    if media in HTML and is_json(body):
        return f"JSON is sent as {media}"
    if (media == "application/json" or media.endswith("+json")) and not is_json(body, scalars=True):
        return f"what is sent as {media} is no JSON"
    if _NO_PAGE.fullmatch(media) and LOOKS_LIKE_HTML.match(body[:1024]):
        return f"an HTML page is sent as {media}"
    for magic, what, fitting in _MAGIC:
        if body.startswith(magic) and not fitting.fullmatch(media):
            return f"{what} is sent as {media}"
    return ""


def is_json(body: bytes, *, scalars: bool = False) -> bool:
    """Whether a body is a JSON object or array, or with `scalars` any JSON value; guards against hijacking allowed."""
    try:
        value = json.loads(_GUARDED_JSON.sub(b"", body.strip(), count=1))
    except (ValueError, RecursionError):
        return False
    return scalars or isinstance(value, dict | list)


def _charset(reply: Reply) -> str:
    media, body, charset = reply.media_type, reply.body, reply.charset
    if not (media.startswith("text/") or media in HTML) or (body.startswith(_BOMS) and not charset):
        return ""
    if charset:
        return _undecodable(body, charset)
    if media in HTML:
        declared = _META_CHARSET.search(body[:1024]) or (media != "text/html" and _is_utf8(body))
        return "" if declared else "HTML without a charset, which browsers then guess"
    if not (body.isascii() or (media in _UTF8_BY_DEFAULT and _is_utf8(body))):
        return f"{media} with other than ASCII characters and no charset"
    return ""


def _undecodable(body: bytes, charset: str) -> str:
    try:
        body.decode(charset)
    except UnicodeDecodeError:
        return f"the body is not {charset}, as its Content-Type says"
    except (LookupError, ValueError):
        return f"charset {charset!r} does not exist"
    return ""


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
