"""A small multi-company service over HTTP whose faults and styles of refusal are switched on by name."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from stagehold.environment.access import ObjectFixture
from stagehold.environment.model import Environment
from stagehold.network.door import Network
from stagehold.probes.access.objects import CanaryObjects, Residue
from stagehold.probes.access.operations import Operations, load_operations
from stagehold.probes.login.driver import LoginDriver, Sessions

Reply = tuple[int, dict[str, str], str]

USERS = {
    "anna": ("pw-anna", "A", "accountant"),
    "arno": ("pw-arno", "A", "main_user"),
    "bert": ("pw-bert", "B", "accountant"),
    "bea": ("pw-bea", "B", "employee"),
    "sam": ("pw-sam", "C", "employee"),
    "sue": ("pw-sue", "C", "employee"),
}
COMPANIES = {"A": "Alpha Oy", "B": "Beta Oy", "C": "Gamma Oy"}
SHELL = "<!doctype html><title>App</title><div id=root></div><script src=/app.js></script>"


@dataclass
class CompanyService:
    """A service; its flags are faults and styles.

    Faults: `no-limiter`, `logout-keeps`, `leak-read`, `leak-write`, `open-operation`, `open-delete`,
    `read-only`. Styles: `redirect`, `error-body`, `hidden`, `shell`, `blind-204`.
    """

    flags: set[str] = field(default_factory=set)
    limit: int = 3
    sessions: dict[str, str] = field(default_factory=dict)
    invoices: dict[int, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    disabled: set[str] = field(default_factory=set)
    broken: bool = False

    def page(self, method: str, path: str, head: str, body: bytes) -> Reply:  # noqa: PLR0911 - one per route
        """Answer one request."""
        path = path.partition("?")[0]
        self.requests.append(f"{method} {path}")
        headers = dict(line.partition(": ")[::2] for line in head.lower().splitlines())
        raw = dict(line.partition(": ")[::2] for line in head.splitlines())
        cookies = {key: morsel.value for key, morsel in SimpleCookie(raw.get("Cookie", "")).items()}
        if self.broken:
            return 503, {}, "maintenance"
        if path == "/login":
            return self._login_page(cookies) if method == "GET" else self._login_form(cookies, body)
        if path == "/v1/token" and method == "POST":
            return self._token(json.loads(body or b"{}"))
        if path == "/openapi.json":
            return reply(200, openapi())
        if path == "/health":
            return reply(200, {"status": "up"})
        user = self._user(raw, cookies)
        if path.startswith(("/me", "/v1/", "/home", "/logout")):
            return self._private(method, path, user, cookies, raw, headers, body)
        return (200, {}, SHELL) if "shell" in self.flags else reply(404, {"detail": "nothing here"})

    def _login_page(self, cookies: dict[str, str], note: str = "") -> Reply:
        token = cookies.get("csrftoken") or secrets.token_hex(16)
        html = f"""<form action="/search"><input name="q"></form><p>{note}</p>
            <form method="post" action=""><input type="hidden" name="csrfmiddlewaretoken" value="{token}">
            <input type="email" name="email"><input type="password" name="secret">
            <button name="go" value="1">Log in</button></form>"""
        return 200, {"Set-Cookie": f"csrftoken={token}; Path=/"}, html

    def _login_form(self, cookies: dict[str, str], body: bytes) -> Reply:
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        if form.get("csrfmiddlewaretoken") != cookies.get("csrftoken") or form.get("go") != "1":
            return 403, {}, "CSRF verification failed"
        user = form.get("email", "")
        if not self._accepts(user, form.get("secret", "")):
            return self._login_page(cookies, "wrong")
        session = self._open(user)
        extra = "tracking=42; Path=/"
        return 302, {"Location": "/home", "Set-Cookie": f"sid={session}; Path=/; HttpOnly\n{extra}"}, ""

    def _token(self, document: dict[str, str]) -> Reply:
        user = document.get("username", "")
        if not self._accepts(user, document.get("password", "")):
            return reply(401, {"detail": "no"})
        return reply(200, {"data": {"token": self._open(user)}})

    def _accepts(self, user: str, password: str) -> bool:
        if user not in USERS or user in self.disabled:
            return False
        if self.failures.get(user, 0) >= self.limit and "no-limiter" not in self.flags:
            return False
        right = USERS[user][0] == password
        self.failures[user] = 0 if right else self.failures.get(user, 0) + 1
        return right

    def _open(self, user: str) -> str:
        session = secrets.token_hex(16)
        self.sessions[session] = user
        return session

    def _user(self, raw: dict[str, str], cookies: dict[str, str]) -> str | None:
        scheme, _, value = raw.get("Authorization", "").partition(" ")
        if scheme == "Bearer":
            return self.sessions.get(value)
        if scheme == "Basic":
            user, _, password = base64.b64decode(value).decode().partition(":")
            return user if self._accepts(user, password) else None
        return self.sessions.get(cookies.get("sid", ""))

    def _refuse(self) -> Reply:
        if "redirect" in self.flags:
            return 302, {"Location": "/login?next=x"}, ""
        if "error-body" in self.flags:
            return reply(200, {"error": "log in first"})
        if "hidden" in self.flags:
            return reply(404, {"detail": "nothing here"})
        if "shell" in self.flags:
            return 200, {}, SHELL
        return reply(401, {"detail": "who are you?"})

    def _private(  # noqa: PLR0911 - one per route
        self, method: str, path: str, user: str | None, cookies: dict[str, str], raw: dict[str, str],
        headers: dict[str, str], body: bytes,
    ) -> Reply:  # fmt: skip
        if path == "/v1/reports" and "open-operation" in self.flags:
            return reply(200, {"reports": [{"turnover": 12}]})
        found = re.fullmatch(r"/v1/invoices/([^/]+)(/lines)?", path)
        if found and method == "DELETE" and "open-delete" in self.flags:
            self.invoices.pop(int(found[1]), None)
            return 204, {}, ""
        if user is None:
            return self._refuse()
        name, company, role = user, USERS[user][1], USERS[user][2]
        if path == "/me":
            return reply(200, {"login": name, "company": COMPANIES[company], "role": role})
        if path == "/home":
            return 200, {}, f"<p>Hello {name}</p>"
        if path in {"/logout", "/v1/logout"} and method == "POST":
            return self._logout(path, cookies, raw, body)
        if path == "/v1/reports":
            return reply(200, {"reports": [{"turnover": 12}]})
        if path == "/v1/invoices":
            return self._collection(method, company, role, body)
        if found and found[1].isdecimal():
            return self._invoice(method, int(found[1]), company, role, body, lines=bool(found[2]))
        return reply(404, {"detail": "nothing here"})

    def _logout(self, path: str, cookies: dict[str, str], raw: dict[str, str], body: bytes) -> Reply:
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        if path == "/logout" and form.get("csrfmiddlewaretoken") != cookies.get("csrftoken"):
            return 403, {}, "CSRF verification failed"
        if "logout-keeps" not in self.flags:
            self.sessions.pop(cookies.get("sid", ""), None)
            self.sessions.pop(raw.get("Authorization", "").removeprefix("Bearer "), None)
        return 302, {"Location": "/login", "Set-Cookie": "sid=; Max-Age=0; Path=/"}, ""

    def _collection(self, method: str, company: str, role: str, body: bytes) -> Reply:
        if method == "GET":
            return reply(200, [item for item in self.invoices.values() if item["company"] == company])
        if role == "employee":
            return reply(403, {"detail": "not yours to do"})
        document = json.loads(body)
        if "text" not in document:
            return reply(422, {"detail": "text"})
        number = len(self.requests) + 1000
        self.invoices[number] = {"id": number, "company": company, "text": document["text"]}
        return reply(201, {"data": {"id": number}})

    def _invoice(self, method: str, number: int, company: str, role: str, body: bytes, *, lines: bool) -> Reply:
        item = self.invoices.get(number)
        fault = "leak-read" if method == "GET" else "leak-write"
        if item is None or (item["company"] != company and fault not in self.flags):
            return (204, {}, "") if item and "blind-204" in self.flags else reply(404, {"detail": "no such"})
        if lines:
            return reply(200, {"lines": [1, 2, number]})
        if method == "GET":
            return reply(200, {**item, "served": secrets.token_hex(4)})
        if role == "employee" or "read-only" in self.flags:
            return reply(403, {"detail": "not yours to do"})
        if method == "DELETE":
            del self.invoices[number]
        else:
            item["text"] = json.loads(body)["text"]
        return 204, {}, ""


def reply(status: int, document: object) -> Reply:
    """A JSON answer."""
    return status, {"Content-Type": "application/json"}, json.dumps(document)


def openapi() -> dict[str, Any]:
    """What the service says about itself."""
    number = {"name": "invoice_id", "in": "path", "required": True, "schema": {"type": "integer"}}
    body: dict[str, Any] = {"requestBody": {"content": {"application/json": {}}}}
    return {
        "openapi": "3.1.0",
        "servers": [{"url": "/v1"}],
        "paths": {
            "/token": {"post": body, "servers": [{"url": "/v1"}]},
            "/logout": {"post": {}},
            "/reports": {"get": {}},
            "/invoices": {"get": {}, "post": body},
            "/invoices/{invoice_id}": {"$ref": "#/components/pathItems/invoice"},
            "/invoices/{invoice_id}/lines": {"parameters": [number], "get": {}},
        },
        "components": {"pathItems": {"invoice": {"parameters": [number], "get": {}, "put": body, "delete": {}}}},
    }


def description(
    url: str, *, consent: tuple[str, ...] = ("ordinary", "canary-write", "intrusive"), **keys: Any
) -> dict[str, Any]:
    """The keys of an environment that describes the service, for `Environment.model_validate`."""
    whoami = {"path": "/me", "user": "/login", "company": "/company", "role": "/role"}
    accounts: list[dict[str, Any]] = [
        {"alias": name, "user": name, "company": USERS[name][1], "role": USERS[name][2], "flow": flow,
         "password_ref": f"file:{name}"}
        for name, flow in {"anna": "api", "arno": "web", "bert": "api", "bea": "web"}.items()
    ]  # fmt: skip
    accounts += [
        {"alias": name, "user": name, "company": "C", "role": "employee", "flow": "api", "lock_ok": True,
         "password_ref": f"file:{name}", "pool": "sacrificial"}
        for name in ("sam", "sue")
    ]  # fmt: skip
    return {
        "environment": {"id": "test"},
        "targets": [{"name": "app", "kind": "api", "base_url": url}],
        "tenancy": {"companies": COMPANIES},
        "flows": {
            "web": {"kind": "form", "target": "app", "whoami": whoami,
                    "logout": {"method": "POST", "path": "/logout"}, "logout_page": "/login"},
            "api": {"kind": "json_token", "target": "app", "whoami": whoami, "token": "/data/token",
                    "login": {"method": "POST", "path": "/v1/token",
                              "json": {"username": "{user}", "password": "{password}"}},
                    "logout": {"method": "POST", "path": "/v1/logout"}},
            "feed": {"kind": "basic", "target": "app", "whoami": whoami},
        },
        "accounts": accounts,
        "inventory": {"target": "app", "openapi": "/openapi.json", "public_operations": ["POST /v1/token"],
                      "exclude": [{"op": "POST /v1/logout", "reason": "ends the session"}]},
        "fixtures": [{
            "name": "invoice", "owner": "anna", "target": "app", "id": "/data/id", "parameters": ["invoice_id"],
            "create": {"method": "POST", "path": "/v1/invoices", "json": {"text": "{canary}"}},
            "read": {"path": "/v1/invoices/{id}"},
            "writes": [{"method": "PUT", "path": "/v1/invoices/{id}", "json": {"text": "{canary}"}},
                       {"method": "DELETE", "path": "/v1/invoices/{id}"}],
        }],
        "policy": {"lockout": {"max_failures": 3}, "max_wait": 2},
        "consent": {"classes": ["evidence", *consent]},
        **keys,
    }  # fmt: skip


@dataclass
class Stand:
    """The service, its description and what the probes need."""

    service: CompanyService
    environment: Environment
    sessions: Sessions
    objects: CanaryObjects
    folder: Path

    @property
    def invoice(self) -> ObjectFixture:
        """The declared canary object."""
        return self.environment.fixtures[0]

    def operations(self) -> Operations:
        """The inventory, fetched."""
        return load_operations(self.environment, self.sessions, self.folder)

    def residue(self) -> list[dict[str, Any]]:
        """The ledger's lines."""
        return [json.loads(line) for line in (self.folder / "residue.jsonl").read_text().splitlines()]


def stand(serve_pages: Callable[..., Any], folder: Path, *flags: str, **keys: Any) -> Stand:
    """Start the service with these flags and describe it; further keys replace those of the description."""
    service = CompanyService(set(flags))
    served = serve_pages(service.page)
    environment = Environment.model_validate(description(f"http://127.0.0.1:{served.port}", **keys))
    for user, (password, *_) in USERS.items():
        (folder / user).write_text(password)
    network = Network.build(environment)
    sessions = Sessions(LoginDriver(environment, network, folder, None, timeout=5.0))
    objects = CanaryObjects(environment, sessions, Residue(folder / "residue.jsonl"), "20261123T160000Z-3fa9")
    return Stand(service, environment, sessions, objects, folder)
