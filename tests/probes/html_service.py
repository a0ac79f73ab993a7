"""A small server-rendered service: one script, pages told by the query, CSRF tokens in forms, answers by redirect."""

from __future__ import annotations

import html
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

Reply = tuple[int, dict[str, str], str]
USERS = {"anna": "A", "bert": "B", "sam": "A"}


@dataclass
class HtmlService:
    """Faults: `leak-write`, `open-write`, `goes-on` (a page behind its redirect), `logout-keeps`.

    Styles: `locked-500` (the third wrong password locks, which answers 500), `broken` (500 for everybody then).
    """

    flags: set[str] = field(default_factory=set)
    sessions: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: dict[int, dict[str, str]] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)

    def page(self, method: str, path: str, head: str, body: bytes) -> Reply:  # noqa: PLR0911 - one per route
        """Answer one request."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        found = re.search(r"sid=(\w+)", head)
        sid = found[1] if found and found[1] in self.sessions else secrets.token_hex(8)
        session = self.sessions.setdefault(sid, {"csrf": secrets.token_hex(8)})
        cookie = {"Set-Cookie": f"sid={sid}; Path=/"}
        if urlsplit(path).path != "/index.php":
            return 404, cookie, "<p>Nothing here</p>"
        user, action = session.get("user"), asked.get("do", "")
        if method == "POST" and form.get("token") != session["csrf"]:
            return 403, cookie, "<h1>Forbidden</h1><p>CSRF verification failed.</p>"
        if action == "login":
            return self._login(method, session, form, cookie)
        if action == "wipe" and "open-write" in self.flags:
            return 200, cookie, "<p>Done</p>"
        if user is None:
            more = "<p>turnover 4711</p>" * 60 if "goes-on" in self.flags else ""
            return 302, {**cookie, "Location": f"/index.php?do=login&next={action}"}, f"<p>Moved</p>{more}"
        if action == "logout" and asked.get("token") == session["csrf"] and "logout-keeps" not in self.flags:
            session.pop("user")
        if action in {"logout", "wipe"}:
            return 302, {**cookie, "Location": "/index.php"}, ""
        return self._notes(method, asked, form, session, cookie)

    def _login(self, method: str, session: dict[str, str], form: dict[str, str], cookie: dict[str, str]) -> Reply:
        user = form.get("name", "")
        if method == "POST":
            if self.failures.get(user, 0) >= 3 and "locked-500" in self.flags:
                return 500, cookie, "Too many attempts"
            if user in USERS and form.get("word") == f"pw-{user}":
                if "broken" in self.flags and sum(self.failures.values()) >= 3:
                    return 500, cookie, "database gone"
                session["user"] = user
                return 302, {**cookie, "Location": "/index.php"}, ""
            self.failures[user] = self.failures.get(user, 0) + 1
        hidden = f'<input type="hidden" name="token" value="{session["csrf"]}">'
        return 200, cookie, f'<form method="post">{hidden}<input name="name"><input type="password" name="word"></form>'

    def _notes(
        self, method: str, asked: dict[str, str], form: dict[str, str], session: dict[str, str], cookie: dict[str, str]
    ) -> Reply:
        company = USERS[session["user"]]
        hidden = f'<input type="hidden" name="token" value="{session["csrf"]}">'
        number = int(asked.get("id", "0")) if asked.get("id", "0").isdecimal() else 0
        if asked.get("do") == "new":
            if method == "GET":
                return 200, cookie, f'<form method="post" action="/index.php?do=new">{hidden}<input name="text"></form>'
            number = len(self.notes) + 41
            self.notes[number] = {"company": company, "text": form["text"]}
            return 302, {**cookie, "Location": f"/index.php?do=note&id={number}"}, ""
        if asked.get("do") == "note":
            note = self.notes.get(number)
            if note is None or (note["company"] != company and not (method == "POST" and "leak-write" in self.flags)):
                return 404, cookie, "<p>No such note</p>"
            if method == "POST":
                note["text"] = form["text"]
            action = f"/index.php?do=note&id={number}"
            text = html.escape(note["text"])
            return 200, cookie, f'<p>{text}</p><form method="post" action="{action}">{hidden}<input name="text"></form>'
        link = f'<a href="/index.php?do=logout&amp;token={session["csrf"]}">Log out</a>'
        return 200, cookie, f"<p>Hello {session['user']}</p>{link}"


def description(url: str) -> dict[str, object]:
    """The keys of an environment that describes the service."""
    people = [("anna", "A", "standard"), ("bert", "B", "standard"), ("sam", "A", "sacrificial")]
    return {
        "environment": {"id": "test"},
        "targets": [{"name": "app", "base_url": url}],
        "tenancy": {"companies": {"A": "Alpha Oy", "B": "Beta Oy"}},
        "flows": {
            "web": {
                "kind": "form",
                "target": "app",
                "page": "/index.php?do=login",
                "logout": {"path": "/index.php?do=logout"},
                "whoami": {"path": "/index.php", "contains": "Hello {user}"},
            }
        },
        "accounts": [
            {"alias": name, "user": name, "company": company, "flow": "web", "password_ref": f"file:{name}",
             "pool": pool, "lock_ok": pool == "sacrificial"}
            for name, company, pool in people
        ],
        "inventory": {
            "target": "app",
            "extra_operations": ["GET /index.php?do=note&id={id}", "GET /index.php", "POST /index.php?do=wipe"],
        },
        "fixtures": [{
            "name": "note", "owner": "anna", "target": "app", "parameters": ["id"], "id_location": "[?&]id=([0-9]+)$",
            "create": {"method": "POST", "path": "/index.php?do=new", "page": "/index.php?do=new",
                       "form": {"text": "{canary}"}},
            "read": {"path": "/index.php?do=note&id={id}"},
            "writes": [{"method": "POST", "path": "/index.php?do=note&id={id}", "page": "/index.php?do=note&id={id}",
                        "form": {"text": "{canary}"}}],
        }],
        "consent": {"classes": ["evidence", "ordinary", "canary-write", "intrusive"]},
    }  # fmt: skip
