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


@dataclass(frozen=True)
class Shape:
    """A pattern whose group `secret` must not be published."""

    name: str
    hints: tuple[bytes, ...]
    """Without one of these the pattern cannot match; looked for first, because that is quicker."""
    pattern: re.Pattern[bytes]
    confirm: Callable[[bytes], bool]


def _is_jwt(value: bytes) -> bool:
    """Whether the header is what RFC 7515 section 4.1.1 demands, and not any text of that form."""
    head = value.split(b".")[0]
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
        re.compile(
            rb"-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY-----(?P<secret>(?:\s|\\[nr])*(?:[A-Za-z-]+: [^\r\n]*(?:\s)+)*"
            rb"[A-Za-z0-9+/]{40}(?:[A-Za-z0-9+/=\s]|\\[nr])*)"
        ),
        lambda _: True,
    ),
    Shape(
        "a JSON Web Token",
        (b"eyJ",),
        # Possessive: a page with megabytes of base64 is full of `eyJ`, and nothing is gained by going back.
        re.compile(rb"(?P<secret>eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{16,}+)"),
        _is_jwt,
    ),
    Shape(
        "an access key",
        (b"AKIA",),
        re.compile(rb"(?P<secret>AKIA(?<![A-Za-z0-9+/]AKIA)[0-9A-Z]{16})(?![A-Za-z0-9+/=])"),
        lambda value: not value.endswith(_EXAMPLES) and len(set(value)) >= 8,  # noqa: PLR2004 - as in `is_token`
    ),
    Shape(
        "a bearer token",
        (b"earer",),
        re.compile(rb"earer(?<=[Bb]earer)(?:\s|%20|\+)+(?P<secret>[A-Za-z0-9._~+/-]{20,}=*)"),
        _is_token,
    ),
    Shape(
        "a cookie that was set",
        (b"et-Cookie", b"et-cookie"),
        re.compile(
            rb"et-[Cc]ookie(?<=[Ss]et-[Cc]ookie)[\"'\\]*\s*[:,=]\s*(?:[\"\\]*value[\"\\]*\s*:\s*)?[\"'\\]*"
            rb"[\w!#$%&*+.^`|~-]+=(?P<secret>[^;,\s\"'\\<]+)"
        ),
        _is_token,
    ),
)


def find_shapes(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of every secret that is recognised by its shape."""
    for shape in SHAPES:
        if not any(hint in data for hint in shape.hints):
            continue
        for found in shape.pattern.finditer(data):
            if shape.confirm(found["secret"]):
                yield (shape.name, *found.span("secret"))
