"""The ways in which one value appears in what programs write."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote

SHORTEST = 6
"""Characters of a value that can be recognised; anything shorter is part of too many other words."""
SHORTEST_ENCODED = 8
"""Bytes of a form in hex, base64 or UTF-16; shorter ones turn up in random data."""
_WORD = 12
_NUMBER = 10
_TOKEN = 16
_DISTINCT = 8
_ESCAPE = re.compile("%[0-9A-F]{2}")


def why_not(value: str) -> str:
    """Why a value cannot be told from ordinary text, in words; "" when it can."""
    if len(value) < SHORTEST:
        return f"has fewer than {SHORTEST} characters"
    if len(value) < _WORD and value.isalpha() and value[1:].islower() | value.isupper():
        return f"is a single word of fewer than {_WORD} letters"
    if len(value) < _NUMBER and value.isdigit():
        return f"is a number of fewer than {_NUMBER} digits"
    return ""


def is_token(value: str) -> bool:
    """Whether a value looks like something a program made up: long, mixed, with letters and digits.

    A cookie such as `theme=dark` holds no secret, and taking its value out of every text would garble them.
    """
    return (
        len(value) >= _TOKEN
        and len(set(value)) >= _DISTINCT
        and any(character.isdigit() for character in value)
        and any(character.isalpha() for character in value)
    )


def forms_of(value: str) -> frozenset[bytes]:
    """The value as it stands and as programs write it: percent-, JSON-, HTML-, hex- and base64-encoded.

    Base64 is taken at its three alignments without the characters that depend on neighbours, so that the value
    is found inside a longer encoded text, too.
    """
    raw = value.encode("utf-8", "surrogatepass")
    return frozenset(
        (raw, *_texts(value, raw), *(form for form in _codes(value, raw) if len(form) >= SHORTEST_ENCODED))
    )


def _texts(value: str, raw: bytes) -> Iterator[bytes]:
    texts = {
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        html.escape(value),
        html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        html.escape(value, quote=False),
        html.escape(value).replace("&#x27;", "&apos;"),
        # Doubled quotes: CSV (RFC 4180), SQL and YAML. The last is what a shell needs.
        value.replace('"', '""'),
        value.replace("'", "''"),
        value.replace("'", "'\"'\"'"),
    }
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        texts |= {quoted, _ESCAPE.sub(lambda found: found[0].lower(), quoted)}
    if (unquoted := unquote(value)) != value and not why_not(unquoted):
        texts.add(unquoted)
    texts |= {json.dumps(text)[1:-1] for text in texts}
    yield from (text.encode("utf-8", "surrogatepass") for text in texts)


def _codes(value: str, raw: bytes) -> Iterator[bytes]:
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        # The first characters mix in what stands before, the last ones what follows.
        first = (0, 2, 3)[shift]
        last = len(encoded) - (0, 3, 2)[(shift + len(raw)) % 3]
        yield encoded[first:last]
        yield encoded[first:last].replace(b"+", b"-").replace(b"/", b"_")
    if not raw.isascii():
        yield value.encode("utf-16-le", "surrogatepass")
        yield value.encode("utf-16-be", "surrogatepass")
