"""A stranger's API: Flask with bearer tokens and two tenants, TLS of its own. Knows nothing of stagehold.

Run as `python service.py FOLDER ADDRESS PORT [FAULT ...]`.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import secrets
import ssl
import sys
from functools import wraps
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

FOLDER, ADDRESS, PORT, FAULTS = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), set(sys.argv[4:])

app = Flask(__name__)
people: dict[str, dict[str, Any]] = {}
tokens: dict[str, str] = {}
items: dict[int, dict[str, Any]] = {}
numbers = itertools.count(1)
failures: dict[str, int] = {}


def digest(password: str, salt: bytes) -> bytes:
    """Of a password."""
    return hashlib.scrypt(password.encode(), salt=salt, n=2**12, r=8, p=1)


for _line in (FOLDER / "people.txt").read_text().splitlines():
    _user, _tenant, _role, _password = _line.split("\t")
    _salt = secrets.token_bytes(16)
    people[_user] = {"tenant": _tenant, "role": _role, "salt": _salt, "digest": digest(_password, _salt)}


def problem(status: int, title: str) -> tuple[Response, int]:
    """RFC 9457."""
    response = jsonify(title=title, status=status)
    response.headers["Content-Type"] = "application/problem+json"
    return response, status


def guarded(*roles: str) -> Any:
    """Requires a token, and one of the roles where some are named."""

    def wrap(function: Any) -> Any:
        @wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            g.user = tokens.get(token)
            if g.user is None:
                return problem(401, "authentication required")
            g.person = people[g.user]
            if roles and g.person["role"] not in roles:
                return problem(403, "forbidden")
            g.token = token
            return function(*args, **kwargs)

        return inner

    return wrap


def own(number: int) -> dict[str, Any] | None:
    """The caller's tenant's item."""
    item = items.get(number)
    return item if item is not None and item["tenant"] == g.person["tenant"] else None


@app.post("/v1/session")
def log_in() -> Any:
    """Gives a token; five wrong passwords in a row lock the account."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not all(isinstance(body.get(name), str) for name in ("login", "secret")):
        return problem(400, "login and secret are needed")
    person = people.get(body["login"])
    right = person is not None and hmac.compare_digest(digest(body["secret"], person["salt"]), person["digest"])
    if not right or failures.get(body["login"], 0) >= 5:
        failures[body["login"]] = failures.get(body["login"], 0) + 1
        return problem(401, "authentication failed")
    failures.pop(body["login"], None)
    token = secrets.token_urlsafe(32)
    tokens[token] = body["login"]
    return jsonify(data={"token": token, "type": "bearer"}), 201


@app.delete("/v1/session")
@guarded()
def log_out() -> Any:
    """Ends the token."""
    if "logout-forgets-token" not in FAULTS:
        del tokens[g.token]
    return "", 204


@app.get("/v1/self")
@guarded()
def self() -> Any:
    """Who is this."""
    return jsonify(login=g.user, tenant=g.person["tenant"], role=g.person["role"])


@app.get("/v1/items")
@guarded()
def item_list() -> Any:
    """The tenant's items."""
    return jsonify(items=[item for item in items.values() if item["tenant"] == g.person["tenant"]])


@app.post("/v1/items")
@guarded()
def item_make() -> Any:
    """A new item."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        return problem(400, "name is needed")
    number = next(numbers)
    items[number] = {"id": number, "name": body["name"], "tenant": g.person["tenant"]}
    return jsonify(items[number]), 201


@app.get("/v1/items/<int:number>")
@guarded()
def item_read(number: int) -> Any:
    """One item."""
    item = own(number)
    return jsonify(item) if item else problem(404, "not found")


@app.put("/v1/items/<int:number>")
@guarded()
def item_change(number: int) -> Any:
    """Changes its name."""
    body = request.get_json(silent=True)
    item = items.get(number) if "write-forgets-tenant" in FAULTS else own(number)
    if item is None:
        return problem(404, "not found")
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        return problem(400, "name is needed")
    item["name"] = body["name"]
    return jsonify(item)


@app.delete("/v1/items/<int:number>")
@guarded(*([] if "clerk-may-delete" in FAULTS else ["admin"]))
def item_delete(number: int) -> Any:
    """Removes it."""
    if own(number) is None:
        return problem(404, "not found")
    del items[number]
    return "", 204


@app.get("/v1/audit")
@guarded("admin")
def audit() -> Any:
    """For administrators."""
    return jsonify(entries=[])


@app.get("/openapi.json")
def description() -> Any:
    """What there is."""
    number = [{"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}]
    answer: dict[str, Any] = {"responses": {"200": {"description": "ok"}}}
    return jsonify(
        openapi="3.0.3",
        info={"title": "Items", "version": "1"},
        paths={
            "/v1/session": {"post": answer, "delete": answer},
            "/v1/self": {"get": answer},
            "/v1/items": {"get": answer, "post": answer},
            "/v1/items/{number}": {name: answer | {"parameters": number} for name in ("get", "put", "delete")},
            "/v1/audit": {"get": answer},
        },
    )


@app.before_request
def refuse_other_names() -> Any:
    """A request for a name of somebody else is misdirected."""
    if request.host.partition(":")[0] != "items.stranger.test":
        return problem(421, "not served under this name")
    return None


@app.after_request
def protect(response: Response) -> Response:
    """What browsers should know, though this is an API."""
    if "no-hsts" not in FAULTS:
        response.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


@app.errorhandler(Exception)
def broken(error: Exception) -> Any:
    """Says nothing about the inside."""
    return problem(getattr(error, "code", None) or 500, "something is wrong")


class Quiet(WSGIRequestHandler):
    """Names no version, and keeps no log."""

    server_version = "items"
    sys_version = ""

    def version_string(self) -> str:
        """Of the Server header."""
        return "items"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""


if __name__ == "__main__":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / "chain.pem", FOLDER / "key.pem")
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    server = make_server(ADDRESS, PORT, app, threaded=True, request_handler=Quiet, ssl_context=context)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()
