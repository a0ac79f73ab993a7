"""Where in a JSON answer a token may be: for people who declared the wrong place."""

from __future__ import annotations

from collections.abc import Iterator

_SHORTEST_TOKEN = 16
_LONGEST_KEY = 40
_MOST = 3


def tokens_elsewhere(document: object) -> str:
    """The places (RFC 6901) of texts that could be the token, in words; never the texts. Empty: there are none."""
    found = [pointer for pointer, text in _texts(document, "") if len(text) >= _SHORTEST_TOKEN and " " not in text]
    return f" (texts that could be it are at {', '.join(found[:_MOST])}; see `flows.*.token`)" if found else ""


def _texts(value: object, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            # A key that long is no name, and may be a secret itself.
            if len(str(key)) <= _LONGEST_KEY:
                yield from _texts(item, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, str):
        yield pointer, value
