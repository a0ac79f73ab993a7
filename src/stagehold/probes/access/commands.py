"""Command lines of attempts at objects: placeholders for credentials, and for the objects, which are gone again."""

from __future__ import annotations

import json

from stagehold.command_lines import curl, header_of
from stagehold.environment.access import Request

GONE = "the object was removed again: put the id of one of the owner's into the URL"


def as_person(url: str, alias: str) -> str:
    """What a person asks for an object of somebody else by its URL."""
    held, note = header_of(alias)
    return curl(url, credentials=[held], notes=[note, GONE])


def of_request(request: Request, url: str, alias: str, method: str = "") -> str:
    """A declared request, sent by a person; `{id}` and the like become variables of the shell."""
    held, note = header_of(alias)
    headers, body = dict(request.headers), None
    if request.json_body is not None:
        headers = {"Content-Type": "application/json", **headers}
        body = json.dumps(request.json_body, ensure_ascii=False)
    for kind, text in (("text/plain; charset=utf-8", request.text), ("application/xml; charset=utf-8", request.xml)):
        if text is not None and "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = kind
    return curl(
        url,
        method=method or request.method,
        headers=headers,
        credentials=[held],
        form=request.form,
        body=body or request.text or request.xml,
        fill=True,
        notes=[note],
    )
