"""Where text can be typed to search for it: query parameters of operations, and the search forms of pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from stagehold.environment.model import Environment
from stagehold.probes.access.openapi import Operation
from stagehold.probes.access.operations import Operations, build_call, is_denied, origin, same_operation
from stagehold.probes.access.paging import size_query
from stagehold.probes.access.tries import CANARY_FORM, ENDS_SESSIONS
from stagehold.probes.web.forms import read_forms

_TYPED = {"text", "search"}


@dataclass(frozen=True)
class Search:
    """One input that text can be typed into."""

    operation: str
    url: str
    """Absolute, without the term."""
    name: str

    def ask(self, term: str) -> str:
        """The URL that searches for a term."""
        joint = "&" if urlsplit(self.url).query else "?"
        return f"{self.url}{joint}{urlencode({self.name: term})}"


def text_parameters(operation: Operation, operations: Operations, identifiers: Mapping[str, str]) -> Iterator[Search]:
    """Every query parameter of an operation that takes a canary as its text, the others as they have to be."""
    for item in operation.parameters:
        if item.place == "query" and item.free and item.fits(CANARY_FORM) and item.name not in identifiers:
            bare = replace(operation, parameters=tuple(p for p in operation.parameters if p is not item))
            call = build_call(bare, operations.target, identifiers, query=size_query(bare))
            yield Search(str(operation), call.url, item.name)
    declared = parse_qsl(operation.query, keep_blank_values=True)
    for name, value in declared:
        if value.startswith("{") and value.endswith("}") and value[1:-1] not in identifiers:
            others = "&".join(urlencode([pair], safe="{}") for pair in declared if pair != (name, value))
            call = build_call(replace(operation, query=others), operations.target, identifiers)
            yield Search(str(operation), call.url, name)


def search_forms(page: requests.Response, operations: Operations, environment: Environment) -> Iterator[Search]:
    """The inputs of a page's forms that only read (`method=get`, this origin), with what they carry along."""
    if "html" not in page.headers.get("content-type", ""):
        return
    for form in read_forms(page.text, page.url):
        action = urlsplit(form.action)
        operation = Operation("GET", action.path or "/")
        if (
            form.method != "GET"
            or form.passwords
            or (f"{action.scheme}://{action.netloc}" != origin(operations.target))
        ):
            continue
        if ENDS_SESSIONS.search(action.path) or is_denied(operation, environment, operations.target):
            continue
        if any(same_operation(operation, excluded) for excluded, _ in operations.excluded):
            continue
        url = action._replace(query=urlencode(form.carried), fragment="").geturl()
        for name, kind in form.typed:
            if kind in _TYPED:
                yield Search(str(operation), url, name)
