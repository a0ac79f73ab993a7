"""What data hold below their surface: escapes, wide characters, base64, and whatever is packed (`unpack`)."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator

from stagehold.redaction.rewritings import dumps
from stagehold.redaction.unpack import PACKED, WAYS, Budget, unpacked, without_pixels

IN_UTF16, IN_BASE64, IN_A_DUMP = "in UTF-16", "in base64", "in a hex dump"
OUR_WORDS = WAYS | {IN_UTF16, IN_BASE64, IN_A_DUMP}
"""Where something is, said without a word of what was searched."""
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_OF_ALPHABET = bytes(code in _ALPHABET for code in range(256))
"""Translates data so that a run of base64 characters is a run of ones, which is found fast."""
_RUN = b"\1" * 40
_NEXT_LINE = re.compile(rb"(?:\r?\n|(?:\\r)?\\n)[A-Za-z0-9+/_-]{4,}")
_BREAKS = re.compile(rb"\r?\n|(?:\\r)?\\n")
_ESCAPE = re.compile(
    rb"""&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos|nbsp);
    | %[0-9A-Fa-f]{2}
    | \\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[!-/:-@\[-`{-~])""",
    re.VERBOSE,
)
_SIGNS = (b"&", b"%", b"\\")
_REACH = 512
"""Bytes around an escape that are searched again: more than a secret with an escaped character in it is long."""
_WIDE = re.compile(rb"\0[\t\n\r -~](?:\0[\t\n\r -~]){4,}")
_SMALL = 4096


def unescaped(data: bytes) -> bytes:
    r"""What stands around escapes such as `&#x27;`, `%27`, `\u0027`, written out once; empty when there are none."""
    areas: list[list[int]] = []
    begin = _next_escape(data)
    while (found := begin(areas[-1][1] - _REACH if areas else 0)) is not None:
        start, end = max(0, found.start() - _REACH), found.end() + 2 * _REACH
        if areas and start <= areas[-1][1]:
            areas[-1][1] = end
        else:
            areas.append([start, end])
    return b"\n\n".join(_ESCAPE.sub(_written_out, data[start:end]) for start, end in areas)


def _next_escape(data: bytes) -> Callable[[int], re.Match[bytes] | None]:
    """Finds the first escape from a place on; places grow. Jumps from sign to sign, because most text has few."""
    ahead: dict[bytes, re.Match[bytes] | None] = {}

    def first(sign: bytes, at: int) -> re.Match[bytes] | None:
        at = data.find(sign, at)
        while at >= 0:
            if found := _ESCAPE.match(data, at):
                return found
            at = data.find(sign, at + 1)
        return None

    def begin(at: int) -> re.Match[bytes] | None:
        for sign in _SIGNS:
            known = ahead.get(sign)
            if sign not in ahead or (known is not None and known.start() < at):
                ahead[sign] = first(sign, at)
        return min(filter(None, ahead.values()), key=lambda found: found.start(), default=None)

    return begin


def embedded(data: bytes, budget: Budget, *, packed: bool = True) -> Iterator[tuple[str, bytes]]:
    """What the data hold inside, each with words that say where.

    Args:
        data: a file, or a part of one.
        budget: what may still be unpacked.
        packed: False for text that `unescaped` wrote out: what looked like an archive before would be a damaged one.

    Raises:
        Unreadable: it is packed and cannot be unpacked completely.
    """
    if packed:
        yield from unpacked(data, budget)
        data = without_pixels(data)
    if b"\0" in data:
        # The byte before belongs to it when the order is little-endian.
        wide = [data[max(0, run.start() - 1) : run.end()].replace(b"\0", b"") for run in _WIDE.finditer(data)]
        if wide:
            yield IN_UTF16, b"\n\n".join(wide)
    shown = b"\n\n".join(inner for _, _, inner in dumps(data))
    budget.take(len(shown))
    if shown:
        yield IN_A_DUMP, shown
    small: list[bytes] = []
    for text in _base64_runs(data):
        inner = _base64(text)
        budget.take(len(inner))
        if len(inner) < _SMALL and not inner.startswith(PACKED):
            small.append(inner)
        else:
            yield IN_BASE64, inner
    if small:
        # Digests by the thousand are decoded, too; together they are searched much faster.
        yield IN_BASE64, b"\n\n".join(small)


def _written_out(found: re.Match[bytes]) -> bytes:
    text = found[0]
    if text.startswith(b"&"):
        return html.unescape(text.decode("ascii")).encode("utf-8", "surrogatepass")
    if text.startswith(b"\\u"):
        return chr(int.from_bytes(bytes.fromhex(text[2:].decode()), "big")).encode("utf-8", "surrogatepass")
    return bytes.fromhex(text[-2:].decode()) if text.startswith((b"%", b"\\x")) else text[1:]


def _base64_runs(data: bytes) -> Iterator[bytes]:
    """Runs of at least 40 characters, continued over line ends."""
    ones = data.translate(_OF_ALPHABET)
    start = ones.find(_RUN)
    while start >= 0:
        end = ones.find(b"\0", start)
        end = len(data) if end < 0 else end
        one_line = end
        while more := _NEXT_LINE.match(data, end):
            end = more.end()
        yield data[start:end] if end == one_line else _BREAKS.sub(b"", data[start:end])
        start = ones.find(_RUN, end)


def _base64(text: bytes) -> bytes:
    text = text.rstrip(b"=")
    text = text[: len(text) - (len(text) % 4 == 1)]
    try:
        return base64.b64decode(text.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(text) % 4))
    except binascii.Error:  # pragma: no cover - every run of these characters can be decoded
        return b""
