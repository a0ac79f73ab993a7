"""The next page of a collection: by its `Link` header, its JSON, its links, or a parameter that counts.

Sources: RFC 8288 (`rel=next`), HTML 4.6.7 link types, OData 4.01 `@odata.nextLink`, JSON:API 1.1 pagination.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests
from bs4 import BeautifulSoup

from stagehold.probes.access.openapi import Operation
from stagehold.probes.access.oracle import Answer

_HOLDERS = ("", "links", "_links", "meta", "pagination", "paging", "page", "page_info", "pageInfo")
_LINKS = ("next", "next_url", "nextUrl", "next_page_url", "nextPageUrl", "nextLink", "@odata.nextLink", "next_link")
_TOKENS = (
    "next_cursor",
    "nextCursor",
    "next_page_token",
    "nextPageToken",
    "continuation",
    "endCursor",
    "next",
    "cursor",
)
_CURSOR = re.compile(r"^(cursor|after|starting_after|page_?token|continuation(_?token)?|next)$", re.IGNORECASE)
_PAGE = re.compile(r"^(page|page_?(no|number|index)|p|page\[number\])$", re.IGNORECASE)
_OFFSET = re.compile(r"^(offset|skip|start|\$skip|from|page\[offset\])$", re.IGNORECASE)
_SIZE = re.compile(
    r"^(limit|per_?page|page_?size|size|count|take|top|\$top|max_?results|page\[(size|limit)\])$", re.IGNORECASE
)
_NEXT_WORDS = re.compile(
    r"^\s*(next( page)?|older|more|[\u00bb\u203a\u2192>]+)\s*[\u00bb\u203a\u2192>]*\s*$", re.IGNORECASE
)


def size_query(operation: Operation) -> dict[str, str]:
    """The largest page that the description allows, where it says so."""
    return {
        item.name: str(int(item.most))
        for item in operation.parameters
        if item.place == "query" and _SIZE.match(item.name) and item.most is not None and not item.declared
    }


def next_page(operation: Operation, response: requests.Response) -> str | None:
    """The absolute URL of the page after this one; None where there is none.

    The URL may lead elsewhere; whoever follows it passes the network's door, and asks for this origin only.
    """
    here = str(response.request.url or response.url)
    told = response.links.get("next", {}).get("url")
    if not told and "html" in response.headers.get("content-type", ""):
        told = _linked(response.text)
    if told:
        return _within(here, str(told))
    document = Answer.of(response).document()
    if (found := _in_json(document)) is None:
        return _counted(operation, here, document)
    if re.match(r"https?://|/|\?", found):
        return _within(here, found)
    name = _named(operation, _CURSOR)
    return _asking(here, name, found) if name else None


def says_more(operation: Operation, response: requests.Response) -> bool:
    """Whether the answer tells of a further page that nothing says how to ask for."""
    return next_page(operation, response) is None and _in_json(Answer.of(response).document()) is not None


def _counted(operation: Operation, here: str, document: Any) -> str | None:
    """Where a number says which page it is, the next number, as long as something came."""
    items = _items(document)
    if not items:
        return None
    query = dict(parse_qsl(urlsplit(here).query, keep_blank_values=True))
    if name := _named(operation, _PAGE):
        return _asking(here, name, str(_whole(query.get(name), _first(operation, name)) + 1))
    if name := _named(operation, _OFFSET):
        return _asking(here, name, str(_whole(query.get(name), 0) + len(items)))
    return None


def items_of(response: requests.Response) -> list[Any]:
    """The things that a JSON answer lists; empty where it lists none."""
    return _items(Answer.of(response).document())


def _linked(html: str) -> str | None:
    page = BeautifulSoup(html, "html.parser")
    for tag in page.find_all(["a", "link"], href=True):
        words = " ".join(str(tag.get(name) or "") for name in ("aria-label", "title")).strip()
        if "next" in str(tag.get("rel") or "").lower():
            return str(tag["href"])
        if tag.name == "a" and (_NEXT_WORDS.match(tag.get_text()) or (words and _NEXT_WORDS.match(words))):
            return str(tag["href"])
    return None


def _in_json(document: Any) -> str | None:
    """A link or a token that leads on."""
    if not isinstance(document, dict) or not _items(document):
        return None
    for holder in _holders(document):
        for key in (*_LINKS, *_TOKENS):
            value = holder.get(key)
            value = value.get("href") if isinstance(value, dict) else value
            if isinstance(value, str) and value:
                return value
    return None


def _holders(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in _HOLDERS:
        holder = document if not name else document.get(name)
        if isinstance(holder, dict):
            yield holder


def _items(document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    lists = [value for value in document.values() if isinstance(value, list)] if isinstance(document, dict) else []
    return max(lists, key=len, default=[])


def _named(operation: Operation, pattern: re.Pattern[str]) -> str | None:
    return next((p.name for p in operation.parameters if p.place == "query" and pattern.match(p.name)), None)


def _first(operation: Operation, name: str) -> int:
    """The number of the first page: the least or default that is declared, else one."""
    item = next(p for p in operation.parameters if p.name == name)
    example = item.example if isinstance(item.example, int) else None
    return int(item.least) if item.least is not None else 1 if example is None else example


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise


def _asking(here: str, name: str, value: str) -> str:
    parts = urlsplit(here)
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) | {name: value}
    return parts._replace(query=urlencode(query), fragment="").geturl()


def _within(here: str, link: str) -> str | None:
    """The link as an absolute URL of the same origin and path; None where it leads elsewhere.

    A link to another path is another operation, or a person's next step, and may do something.
    """
    url = urlsplit(urljoin(here, link))._replace(fragment="")
    same = url[:2] == urlsplit(here)[:2] and url.path.rstrip("/") == urlsplit(here).path.rstrip("/")
    return url.geturl() if same and url.geturl() != here else None
