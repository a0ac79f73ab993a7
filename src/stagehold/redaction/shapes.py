"""Secrets that are recognised by their shape alone: nobody had to register them.

Each shape is narrow, because a hit blocks a release: `Bearer $TOKEN` in an instruction, a masked header or a public
certificate is none.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stagehold.redaction.forms import is_token

_EXAMPLES = (b"EXAMPLE",)
"""Amazon's documentation marks its keys so."""


_TOKEN_BYTES = bytes(c in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-" for c in range(256))
_CLAIMS_AND_SIGNATURE = re.compile(rb"\.(?=[A-Za-z0-9_-]{8,}+(?P<end>\.[A-Za-z0-9_-]{16,}+))")
_LONGEST_HEADER = 16_384
_LEAST_HEADER = 11
_MOST_STARTS = 16
"""What stands directly before a token is short; trying everything would let a page made for it take hours."""


@dataclass(frozen=True)
class Shape:
    """What must not be published, and how it is found."""

    name: str
    hints: tuple[bytes, ...]
    """Without one of these there is none; looked for first, because that is quicker."""
    spans: Callable[[bytes], Iterator[tuple[int, int]]]
    """Start and end of each."""


def _matching(pattern: bytes, confirm: Callable[[bytes], bool]) -> Callable[[bytes], Iterator[tuple[int, int]]]:
    """Finds what the pattern's group `secret` matches, where that is confirmed."""
    compiled = re.compile(pattern)

    def spans(data: bytes) -> Iterator[tuple[int, int]]:
        return (found.span("secret") for found in compiled.finditer(data) if confirm(found["secret"]))

    return spans


def _tokens(data: bytes) -> Iterator[tuple[int, int]]:
    """JSON Web Tokens, from their dots backwards: megabytes of base64 are full of headers and have no dot."""
    for found in _CLAIMS_AND_SIGNATURE.finditer(data):
        begin = max(0, found.start() - _LONGEST_HEADER)
        before = data[begin : found.start()]
        first = before.translate(_TOKEN_BYTES).rfind(b"\0") + 1
        for _ in range(_MOST_STARTS):
            first = before.find(b"eyJ", first)
            if not 0 <= first <= len(before) - _LEAST_HEADER:
                break
            if _is_jwt(before[first:]):
                yield begin + first, found.end("end")
                break
            first += 1


def _is_jwt(head: bytes) -> bool:
    """Whether the header is what RFC 7515 section 4.1.1 demands, and not any text of that form."""
    try:
        return "alg" in json.loads(base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4)))
    except (ValueError, TypeError, binascii.Error):
        return False


def _is_token(value: bytes) -> bool:
    return is_token(value.decode("latin-1")) and not value.startswith((b"[redacted", b"$", b"{", b"<"))


SHAPES = (
    Shape(
        "a private key",
        (b"PRIVATE KEY-----",),
        _matching(
            rb"-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY-----(?P<secret>(?:\s|\\[nr])*(?:[A-Za-z-]+: [^\r\n]*(?:\s)+)*"
            rb"[A-Za-z0-9+/]{40}(?:[A-Za-z0-9+/=\s]|\\[nr])*)",
            lambda _: True,
        ),
    ),
    Shape("a JSON Web Token", (b"eyJ",), _tokens),
    Shape(
        "an access key",
        (b"AKIA",),
        _matching(
            rb"(?P<secret>AKIA(?<![A-Za-z0-9+/]AKIA)[0-9A-Z]{16})(?![A-Za-z0-9+/=])",
            lambda value: not value.endswith(_EXAMPLES) and len(set(value)) >= 8,  # noqa: PLR2004 - as in `is_token`
        ),
    ),
    Shape(
        "a bearer token",
        (b"earer",),
        _matching(rb"earer(?<=[Bb]earer)(?:\s|%20|\+)+(?P<secret>[A-Za-z0-9._~+/-]{20,}=*)", _is_token),
    ),
    Shape(
        "a cookie that was set",
        (b"et-Cookie", b"et-cookie"),
        _matching(
            rb"et-[Cc]ookie(?<=[Ss]et-[Cc]ookie)[\"'\\]*\s*[:,=]\s*(?:[\"\\]*value[\"\\]*\s*:\s*)?[\"'\\]*"
            rb"[\w!#$%&*+.^`|~-]+=(?P<secret>[^;,\s\"'\\<]+)",
            _is_token,
        ),
    ),
)


def find_shapes(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of every secret that is recognised by its shape."""
    for shape in SHAPES:
        if any(hint in data for hint in shape.hints):
            for start, end in shape.spans(data):
                yield shape.name, start, end
