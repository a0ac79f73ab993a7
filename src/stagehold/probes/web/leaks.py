"""What an answer tells of the inside: traces, SQL, paths, hosts, debug pages; pure.

What is looked for is in `leak_patterns`.
Sources: ASVS 16.5.1 and 13.4.2; WSTG-ERRH-01, WSTG-ERRH-02; CWE-209.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Comment

from stagehold.probes.web.leak_patterns import HOST, ON_ERRORS_ONLY, PATTERNS
from stagehold.probes.web.reply import Reply

_EXCERPT = 60
_LOOKED_AT = 400_000
"""Characters of an answer; a page of errors is shorter."""
_RUN = re.compile(r"(\S{300})(?=\S)")
"""Longer words are data, such as images in a page; in pieces they cost a search little."""


@dataclass(frozen=True)
class Leak:
    """One thing told; `excerpt` is the beginning of it."""

    kind: str
    excerpt: str

    def __str__(self) -> str:
        return f"{self.kind} ({self.excerpt!r})"


_CORRELATION_NAME = re.compile(
    r"(?:^|[-_.])(?:request|correlation|trace|error|incident|event|activity|transaction|operation|reference|ref)[-_.]?"
    r"(?:id|no|number|code|ref)?$|^(?:traceparent|cf-ray|x-b3-traceid|x-amzn-trace-id|x-amz-cf-id|x-vercel-id|x-trace)$",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(
    r"(?<![\w-])(?=[\w-]*\d)(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9A-Za-z_-]{8,64})(?![\w-])"
)
_LABELLED = re.compile(
    r"\b(?:request|correlation|trace|error|incident|event|reference|support|case|ticket)\b[\s#:_-]*"
    r"(?:id|no\.?|number|code|reference)?\W{0,6}(?=[\w-]*\d)[0-9A-Za-z_-]{6,64}\b|(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?<![\w-])(?=[0-9a-f]*\d)[0-9a-f]{16,64}(?![\w-])",
    re.IGNORECASE,
)


def find_leaks(reply: Reply, known: frozenset[str] = frozenset()) -> tuple[Leak, ...]:
    """Everything a response tells of the inside, one of each kind.

    Args:
        reply: the response; its header fields are looked at too. That it repeats the path it was asked for tells
            nothing, and outside of errors only traces, SQL and debug pages count: any page may name a path or a host.
        known: host names and addresses that whoever asks knows anyway, such as the target's own.
    """
    text = _RUN.sub(r"\1\n", _readable(reply)[:_LOOKED_AT])
    asked = urlsplit(reply.url).path
    for echo in {asked, unquote(asked)} - {"", "/"}:
        text = text.replace(echo, "~")
    is_error = reply.status >= 400  # noqa: PLR2004 - RFC 9110 section 15.5
    found: dict[str, Leak] = {}
    for kind, pattern in PATTERNS:
        if kind in found or (kind in ON_ERRORS_ONLY and not is_error):
            continue
        for match in pattern.finditer(text):
            if kind != HOST or not _is_known(match[0].lower(), known):
                found[kind] = Leak(kind, " ".join(match[0].split())[:_EXCERPT])
                break
    return tuple(found.values())


def _is_known(told: str, known: frozenset[str]) -> bool:
    """Part of a name is known with it, such as the domain of a cookie."""
    return any(name.lower() in told or name.lower().endswith(f".{told}") for name in known)


def correlation_id(reply: Reply) -> str:
    """Where a response names itself, so that its error can be found in the log; empty when it does not."""
    for name, value in reply.fields:
        if _CORRELATION_NAME.search(name) and _IDENTIFIER.search(value):
            return f"header {name}"
    document = _document(reply)
    for key, value in _pairs(document):
        if _CORRELATION_NAME.search(key) and isinstance(value, str | int) and len(str(value)) >= 6:  # noqa: PLR2004
            return f"field {key}"
    if document is None and _LABELLED.search(_readable(reply, fields=False)):
        return "text"
    return ""


def _readable(reply: Reply, *, fields: bool = True) -> str:
    """What a person reads: strings of JSON, text and comments of HTML, else the text; and the header fields."""
    heads = "\n".join(f"{name}: {value}" for name, value in reply.fields) if fields else ""
    document = _document(reply)
    if document is not None:
        body = "\n".join(text for key, value in _pairs(document) for text in (key, str(value)))
    elif reply.is_html:
        page = BeautifulSoup(reply.text, "html.parser")
        for tag in page(["script", "style"]):
            tag.decompose()
        comments = "\n".join(page.find_all(string=lambda text: isinstance(text, Comment)))
        body = "\n".join([page.get_text(" "), re.sub(r"\s+", " ", page.get_text("")), comments])
    else:
        body = html.unescape(reply.text)
    return f"{heads}\n{body}"


def _document(reply: Reply) -> Any:
    try:
        value = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _pairs(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _pairs(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _pairs(item, name)
    elif value is not None:
        yield name, value
