"""What an answer shows, as a set of facts, so that two groups of answers can be compared without their noise.

A fact that every answer of one group shows and no answer of the other tells the groups apart. Tokens, times,
nonces and request ids differ within a group as well, so they never do; each line is there twice, as it is and
with such values taken out, so that a message with a changing number in it is still recognised.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import requests

from stagehold.probes.web.set_cookie import issued_cookies

_PLACE = "{user}"
# Lengths follow from the body; the others tell how long something took.
_UNTOLD = {"content-length", "date", "set-cookie", "server-timing", "x-response-time", "x-runtime", "age"}
_CHANGING = re.compile(r"[A-Za-z0-9_+/=-]{16,}|\d+")
_PIECES = re.compile(r"(?=<)|(?<=>)|\n")


@dataclass(frozen=True)
class Differences:
    """What tells two groups of answers apart."""

    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.only_first or self.only_second)


def differences(first: Iterable[frozenset[str]], second: Iterable[frozenset[str]]) -> Differences:
    """What every answer of one group shows, and none of the other."""
    one, two = list(first), list(second)
    return Differences(_only(one, two), _only(two, one))


def _only(group: list[frozenset[str]], other: list[frozenset[str]]) -> tuple[str, ...]:
    return tuple(sorted(frozenset.intersection(*group) - frozenset.union(*other)))


def facts_of(answers: Iterable[requests.Response], user: str) -> frozenset[str]:
    """The facts of one chain of answers, redirects included; the user name that was sent is `{user}` in them."""
    found: set[str] = set()
    for number, response in enumerate(answers, 1):
        for fact in _facts(response):
            told = _without(fact, user)
            found |= {f"{number}. {told}", f"{number}. {_CHANGING.sub('#', told)}"}
    return frozenset(found)


def _facts(response: requests.Response) -> Iterator[str]:
    yield f"status {response.status_code}"
    yield f"page {urlsplit(response.url).path}"
    for name, value in response.headers.items():
        if name.lower() not in _UNTOLD:
            yield f"header {name.lower()}"
            yield f"header {name.lower()}: {value}"
    for cookie in issued_cookies(response):
        names = ", ".join(sorted(name for name in cookie.attributes if name not in {"expires", "max-age"}))
        yield f"cookie {cookie.name} ({names}){' deleted' if cookie.deletes else ''}"
    yield from _body(response)


def _body(response: requests.Response) -> Iterator[str]:
    try:
        document = response.json()
    except ValueError:
        counts: dict[str, int] = {}
        for piece in _PIECES.split(response.text):
            text = " ".join(piece.split())
            if text:
                counts[text] = counts.get(text, 0) + 1
                yield f"body {text}" + (f" ({counts[text]})" if counts[text] > 1 else "")
        return
    yield from (f"body {line}" for line in _flat(document, ""))


def _flat(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{path}/{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _flat(item, f"{path}/{number}")
    else:
        yield f"{path} {type(value).__name__}"
        yield f"{path} {json.dumps(value)}"


def _without(text: str, user: str) -> str:
    """The text without the user name, however it is written."""
    forms = {
        user,
        html.escape(user),
        quote(user, safe=""),
        quote_plus(user),
        base64.b64encode(user.encode()).decode().rstrip("="),
    }
    for form in sorted(filter(None, forms), key=len, reverse=True):
        text = re.sub(re.escape(form), lambda _: _PLACE, text, flags=re.IGNORECASE)
    return text
