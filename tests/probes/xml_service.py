"""A company service that speaks XML and plain text, below paths of each person. Its faults are switched on by name."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

Reply = tuple[int, dict[str, str], str]
PEOPLE = {"anna & co": "A", "bert": "B", "bea": "B"}
PASSWORD = "pw"
XML = {"Content-Type": "application/xml; charset=utf-8"}
NOTHING: Reply = (404, XML, "<error>nothing here</error>")
FORBIDDEN: Reply = (403, XML, "<error>no</error>")


@dataclass
class XmlService:
    """Notes are XML documents, remarks are lines of text; faults: `leak-read`, `leak-write`."""

    faults: set[str] = field(default_factory=set)
    notes: dict[int, tuple[str, str]] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: count(10))

    def page(self, method: str, path: str, head: str, body: bytes) -> Reply:
        """Answer one request."""
        user = self._user(head)
        if user is None:
            return 401, XML, "<error>log in</error>"
        found = re.fullmatch(r"/people/([^/]+)/(me|notes|remarks)(?:/(\d+))?", path)
        if found is None or unquote(found[1]) not in PEOPLE:
            return NOTHING
        owner, what = unquote(found[1]), found[2]
        mine = PEOPLE[owner] == PEOPLE[user]
        if what == "me":
            told = f"<person><name>{_escaped(user)}</name></person>"
            return (200, XML, told) if owner == user else FORBIDDEN
        if method == "POST":
            return self._create(owner, what, head, body) if mine else FORBIDDEN
        fault = {"GET": "leak-read", "PUT": "leak-write"}.get(method, "")
        number = int(found[3] or 0)
        allowed = number in self.notes and (mine or fault in self.faults)
        return self._about(method, number, body) if allowed else NOTHING

    def _about(self, method: str, number: int, body: bytes) -> Reply:
        if method == "PUT":
            self.notes[number] = (self.notes[number][0], ET.fromstring(body).findtext("text") or "")
            return 204, {}, ""
        if method == "DELETE":
            del self.notes[number]
            return 204, {}, ""
        return 200, XML, f"<note><id>{number}</id><text>{_escaped(self.notes[number][1])}</text></note>"

    def _create(self, owner: str, what: str, head: str, body: bytes) -> Reply:
        sent = re.search(r"(?im)^content-type: (.*?)\r?$", head)
        self.kinds.append(sent[1].strip() if sent else "")
        if what == "notes":
            document = ET.fromstring(body)
            if document.get("by") != owner:
                return 400, XML, "<error>by whom?</error>"
            text = document.findtext("text") or ""
        else:
            text = body.decode()
        number = next(self.numbers)
        self.notes[number] = (owner, text)
        return 201, XML, f"<created><id>{number}</id></created>"

    def _user(self, head: str) -> str | None:
        found = re.search(r"(?im)^authorization: Basic (\S+)", head)
        user, _, password = base64.b64decode(found[1]).decode().partition(":") if found else ("", "", "")
        return user if user in PEOPLE and password == PASSWORD else None


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def description(url: str) -> dict[str, Any]:
    """Its environment; passwords lie in files named after the accounts."""
    return {
        "environment": {"id": "xml"},
        "targets": [{"name": "api", "kind": "api", "base_url": url}],
        "tenancy": {"companies": {"A": "Alpha", "B": "Beta"}},
        "flows": {
            "basic": {
                "kind": "basic",
                "target": "api",
                "whoami": {"path": "/people/{user}/me", "contains": "<name>"},
            }
        },
        "accounts": [
            {"alias": name.split()[0], "company": company, "flow": "basic", "user": name, "password_ref": "file:pw"}
            for name, company in PEOPLE.items()
        ],
        "consent": {"classes": ["evidence", "ordinary", "canary-write"]},
        "fixtures": [
            {
                "name": "note",
                "owner": "anna",
                "target": "api",
                "create": {
                    "method": "POST",
                    "path": "/people/{user}/notes",
                    "xml": '<note by="{user}"><text>{canary}</text></note>',
                },
                "id_pattern": "<id>([0-9]+)</id>",
                "read": {"path": "/people/{user}/notes/{id}"},
                "writes": [
                    {
                        "method": "PUT",
                        "path": "/people/{user}/notes/{id}",
                        "xml": "<note><text>{canary}</text></note>",
                        "headers": {"content-type": "text/xml"},
                    },
                    {"method": "DELETE", "path": "/people/{user}/notes/{id}"},
                ],
            },
            {
                "name": "remark",
                "owner": "anna",
                "target": "api",
                "create": {
                    "method": "POST",
                    "path": "/people/{user}/remarks",
                    "text": "by {user}: {canary}\n",
                    "headers": {"Content-Type": "text/csv"},
                },
                "id_pattern": "<id>([0-9]+)</id>",
                "read": {"path": "/people/{user}/remarks/{id}"},
                "writes": [{"method": "DELETE", "path": "/people/{user}/remarks/{id}"}],
            },
        ],
    }
