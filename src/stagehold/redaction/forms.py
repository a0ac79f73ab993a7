"""The ways in which one value appears in what programs write."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote

from stagehold.redaction.rewritings import SHORTEST_CUT, SHORTEST_PART, codes, in_base64, spellings, texts

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
    spelt = {value, *(other for other in spellings(value) if not why_not(other))}
    return frozenset(
        form for other in spelt for form in (_forms(other) if other == value else _spelling(other)) if form
    )


def first_part_of(value: str) -> bytes:
    """The first characters of a value, by which it is told where it was cut or broken; empty where they tell nothing.

    A JSON Web Token begins as all of its kind do.
    """
    first = value[:SHORTEST_CUT]
    telling = len(value) > SHORTEST_CUT and not first.replace(" ", "").isalpha() and not first.isdigit()
    return value.encode("utf-8", "surrogatepass")[:SHORTEST_PART] if telling and not value.startswith("eyJ") else b""


def _spelling(value: str) -> Iterator[bytes]:
    raw = value.encode("utf-8", "surrogatepass")
    yield raw
    if len(raw) >= SHORTEST_ENCODED:
        yield from (json.dumps(value)[1:-1].encode(), quote(raw, safe="").encode())


def _forms(value: str) -> frozenset[bytes]:
    raw = value.encode("utf-8", "surrogatepass")
    return frozenset(
        (
            raw,
            *_texts(value, raw),
            *(form for form in (*_codes(value, raw), *texts(value, raw)) if len(form) >= SHORTEST_ENCODED),
        )
    )


def _texts(value: str, raw: bytes) -> Iterator[bytes]:
    written = {
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
        written |= {quoted, _ESCAPE.sub(lambda found: found[0].lower(), quoted)}
    if (unquoted := unquote(value)) != value and not why_not(unquoted):
        written.add(unquoted)
    written |= {json.dumps(text)[1:-1] for text in written}
    yield from (text.encode("utf-8", "surrogatepass") for text in written)


def _codes(value: str, raw: bytes) -> Iterator[bytes]:
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield from in_base64(raw)
    yield from codes(value, raw)
