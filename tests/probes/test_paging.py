"""The next page of a collection, by tables."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from stagehold.probes.access.openapi import Operation
from stagehold.probes.access.paging import next_page, says_more, size_query
from stagehold.probes.access.parameters import Parameter

HERE = "https://app.example/api/notes"
ROWS = [{"id": 1}, {"id": 2}]


def page(body: Any, url: str = HERE, **headers: str) -> requests.Response:
    """An answer: a document, or the text of a page."""
    made = requests.Response()
    made.status_code = 200
    made.url = url
    made.request = requests.Request("GET", url).prepare()
    made.headers["Content-Type"] = "text/html" if isinstance(body, str) else "application/json"
    made.headers.update(headers)
    made._content = (body if isinstance(body, str) else json.dumps(body)).encode()
    return made


def operation(*names: str, **keys: Any) -> Operation:
    """A list with these query parameters."""
    return Operation("GET", "/api/notes", tuple(Parameter(name, "query", False, "integer", **keys) for name in names))


NEXT: list[tuple[str, Operation, requests.Response, str | None]] = [
    ("Link header", operation(), page(ROWS, Link='<https://app.example/api/notes?page=2>; rel="next"'), "?page=2"),
    ("link in JSON", operation(), page({"items": ROWS, "next": "/api/notes?after=2"}), "?after=2"),
    ("query in JSON", operation(), page({"items": ROWS, "links": {"next": "?p=2"}}), "?p=2"),
    ("HAL", operation(), page({"items": ROWS, "_links": {"next": {"href": f"{HERE}?p=2"}}}), "?p=2"),
    ("OData", operation(), page({"value": ROWS, "@odata.nextLink": f"{HERE}?$skip=2"}), "?$skip=2"),
    ("cursor", operation("cursor"), page({"items": ROWS, "next_cursor": "c 2"}), "?cursor=c+2"),
    ("token", operation("pageToken"), page({"items": ROWS, "nextPageToken": "t"}), "?pageToken=t"),
    ("page", operation("page"), page(ROWS), "?page=2"),
    ("page from nought", operation("page", least=0), page(ROWS), "?page=1"),
    ("the page after the third", operation("page"), page(ROWS, f"{HERE}?page=3&q=a"), "?page=4&q=a"),
    ("offset", operation("offset"), page({"rows": ROWS}, f"{HERE}?offset=4"), "?offset=6"),
    ("link of a page", operation(), page('<a href="?page=2">Next</a>'), "?page=2"),
    ("rel of a page", operation(), page('<link rel="next" href="/api/notes?page=2">'), "?page=2"),
    ("arrow of a page", operation(), page('<a href="?page=2">»</a>'), "?page=2"),
    ("label of a page", operation(), page('<a aria-label="Next page" href="?page=2"><i></i></a>'), "?page=2"),
    ("nothing", operation(), page(ROWS), None),
    ("no next", operation(), page({"items": ROWS, "next": None}), None),
    ("nothing came", operation("page"), page([]), None),
    ("another path", operation(), page('<a href="/api/notes/new">Next</a>'), None),
    ("another host", operation(), page({"items": ROWS, "next": "https://evil.example/api/notes?p=2"}), None),
    ("the same again", operation(), page({"items": ROWS, "next": HERE}), None),
]


@pytest.mark.parametrize(("case", "of", "shown", "expected"), NEXT, ids=[row[0] for row in NEXT])
def test_next_page(case: str, of: Operation, shown: requests.Response, expected: str | None) -> None:
    """The next page is what the answer says, or what a counting parameter says, on the same path only."""
    assert next_page(of, shown) == (None if expected is None else f"{HERE}{expected}")


def test_more_without_a_way_is_said() -> None:
    """A list that tells of a next page that nothing asks for is not taken for its end."""
    assert says_more(operation(), page({"items": ROWS, "next_cursor": "c2"}))
    assert not says_more(operation("cursor"), page({"items": ROWS, "next_cursor": "c2"}))
    assert not says_more(operation(), page({"items": ROWS}))


def test_largest_page_is_asked_for() -> None:
    """A page size that the description bounds is asked for at its bound; one that is declared stays."""
    assert size_query(operation("limit", "page", most=200)) == {"limit": "200"}
    assert size_query(operation("limit")) == {}
    assert size_query(operation("limit", most=200, declared=True)) == {}
