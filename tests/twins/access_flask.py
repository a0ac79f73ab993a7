"""An order desk on Flask: a JSON API with bearer tokens and pages with cookies, for two companies and three roles.

Built from its own idea of how such a service works: list pages that link on, a search that repeats its term, an
export in an archive. Its faults are switched on by name; its style says how it refuses.
"""

from __future__ import annotations

import csv
import html
import io
import secrets
import zipfile
from dataclasses import dataclass
from itertools import count
from typing import Any

from flask import Flask, Response, jsonify, redirect, request

PEOPLE = {
    f"{company}-{role}": (company, role) for company in ("north", "south") for role in ("boss", "clerk", "viewer")
}
PAGE = 3
NO_ACCESS = "You have no access to this."


@dataclass
class Order:
    """One order."""

    number: int
    company: str
    text: str
    released: bool = False

    def out(self) -> dict[str, Any]:
        return {"number": self.number, "text": self.text, "released": self.released}


class Desk:
    """The service.

    Faults: `salaries-open`, `ui-open`, `change-open`, `release-done-though-refused`, `order-for-anybody`,
    `export-revoked`, `find-all`, `total-all`, `list-all`, `export-all`, `ui-find-all`, `leave-keeps`, `leave-refused`.
    Styles: `plain` refuses with 403, `hidden` with 404, `polite` with 200 and a message.
    """

    def __init__(self) -> None:
        self.faults: set[str] = set()
        self.style = "plain"
        self.tokens: dict[str, str] = {}
        self.numbers = count(100)
        companies = ("south", "north")
        self.orders = {n: Order(n, companies[n % 2], f"standing order {n}") for n in range(1, 15)}
        self.app = Flask(__name__)
        for method, path, view in (
            ("POST", "/api/login", self.log_in),
            ("POST", "/api/leave", self.leave),
            ("GET", "/api/self", self.whose),
            ("GET", "/api/orders", self.list_orders),
            ("POST", "/api/orders", self.make),
            ("GET", "/api/orders/<int:number>", self.show),
            ("PUT", "/api/orders/<int:number>", self.change),
            ("DELETE", "/api/orders/<int:number>", self.remove),
            ("POST", "/api/orders/<int:number>/release", self.release),
            ("GET", "/api/find", self.find),
            ("GET", "/api/salaries", self.salaries),
            ("GET", "/api/export.zip", self.export),
            ("GET", "/login", self.login_page),
            ("POST", "/login", self.submit),
            ("GET", "/desk", self.desk),
            ("GET", "/desk/find", self.desk_find),
            ("GET", "/openapi.json", self.document),
        ):
            self.app.add_url_rule(path, endpoint=f"{method} {path}", view_func=view, methods=[method])

    # Who it is

    def log_in(self) -> Any:
        given = request.get_json()
        if given.get("user") not in PEOPLE or given.get("password") != f"pw-{given['user']}":
            return jsonify({"error": "no"}), 401
        return jsonify({"key": self._open(given["user"])})

    def login_page(self) -> str:
        return "<title>Desk</title><form method=post><input name=user><input type=password name=password></form>"

    def submit(self) -> Any:
        user = request.form.get("user", "")
        if user not in PEOPLE or request.form.get("password") != f"pw-{user}":
            return self.login_page()
        answer = redirect("/desk")
        answer.set_cookie("desk", self._open(user))
        return answer

    def leave(self) -> Any:
        allowed = ("boss",) if "leave-refused" in self.faults else ("boss", "clerk", "viewer")
        refused, _ = self._refusal(*allowed)
        if not refused and "leave-keeps" not in self.faults:
            self.tokens.pop(request.headers.get("Authorization", "").partition(" ")[2], None)
        return refused or Response(status=204)

    def _open(self, user: str) -> str:
        token = secrets.token_hex(16)
        self.tokens[token] = user
        return token

    def _who(self) -> tuple[str, str] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        user = self.tokens.get(token if scheme == "Bearer" else request.cookies.get("desk", ""))
        return PEOPLE[user] if user else None

    def _refusal(self, *roles: str) -> tuple[Any, tuple[str, str]]:
        """An answer where the caller may not, and who it is."""
        who = self._who()
        if who is None:
            return (jsonify({"error": "log in"}), 401), ("", "")
        if who[1] in roles:
            return None, who
        match self.style:
            case "hidden":
                return (jsonify({"error": "nothing here"}), 404), who
            case "polite":
                return jsonify({"error": NO_ACCESS}), who
            case _:
                return (jsonify({"error": NO_ACCESS}), 403), who

    def whose(self) -> Any:
        refused, (company, role) = self._refusal("boss", "clerk", "viewer")
        user = f"{company}-{role}"
        return refused or jsonify({"user": user, "company": company, "role": role})

    # Orders

    def _of(self, company: str, fault: str = "") -> list[Order]:
        return [o for o in reversed(self.orders.values()) if o.company == company or fault in self.faults]

    def list_orders(self) -> Any:
        refused, (company, _) = self._refusal("boss", "clerk", "viewer")
        if refused:
            return refused
        rows, page = self._of(company, "list-all"), int(request.args.get("page", "1"))
        shown = rows[::-1][(page - 1) * PAGE : page * PAGE]
        following = f"/api/orders?page={page + 1}" if page * PAGE < len(rows) else None
        return jsonify({"orders": [order.out() for order in shown], "links": {"next": following}})

    def make(self) -> Any:
        open_to_all = ("viewer",) if "order-for-anybody" in self.faults else ()
        refused, (company, _) = self._refusal("boss", "clerk", *open_to_all)
        if refused:
            return refused
        given = request.get_json(silent=True) or {}
        if "text" not in given:
            return jsonify({"error": "text is missing"}), 422
        number = next(self.numbers)
        self.orders[number] = Order(number, company, given["text"])
        return jsonify({"order": self.orders[number].out()}), 201

    def _one(self, number: int, company: str) -> Order | None:
        order = self.orders.get(number)
        return order if order and order.company == company else None

    def show(self, number: int) -> Any:
        refused, (company, _) = self._refusal("boss", "clerk", "viewer")
        order = self._one(number, company)
        return refused or (jsonify(order.out()) if order else (jsonify({"error": "nothing here"}), 404))

    def change(self, number: int) -> Any:
        roles = ("boss", "clerk", "viewer") if "change-open" in self.faults else ("boss", "clerk")
        refused, (company, _) = self._refusal(*roles)
        order = self._one(number, company)
        if refused or not order:
            return refused or (jsonify({"error": "nothing here"}), 404)
        order.text = (request.get_json(silent=True) or {}).get("text", order.text)
        return Response(status=204)

    def remove(self, number: int) -> Any:
        refused, (company, _) = self._refusal("boss")
        order = self._one(number, company)
        if refused or not order:
            return refused or (jsonify({"error": "nothing here"}), 404)
        del self.orders[number]
        return Response(status=204)

    def release(self, number: int) -> Any:
        refused, (company, _) = self._refusal("boss")
        order = self._one(number, company)
        if order and (not refused or "release-done-though-refused" in self.faults):
            order.released = True
        return refused or (jsonify(order.out()) if order else (jsonify({"error": "nothing here"}), 404))

    # What shows several

    def find(self) -> Any:
        refused, (company, _) = self._refusal("boss", "clerk", "viewer")
        if refused:
            return refused
        term = request.args.get("term", "")
        if len(term) < 3:
            return jsonify({"error": "term is too short"}), 422
        rows = [order for order in self._of(company, "find-all") if term in order.text]
        total = sum(term in order.text for order in self._of(company, "total-all"))
        return jsonify({"term": term, "total": max(total, len(rows)), "rows": [order.out() for order in rows]})

    def salaries(self) -> Any:
        refused, (company, _) = self._refusal("boss", *(("viewer",) if "salaries-open" in self.faults else ()))
        if refused:
            return refused
        year = request.args.get("year", "")
        if not year.isdecimal() or int(year) < 2000:
            return jsonify({"error": "which year?"}), 422
        return jsonify([{"person": f"{company}-clerk", "year": int(year), "cents": 310000}])

    def export(self) -> Any:
        refused, (company, _) = self._refusal("boss", *(() if "export-revoked" in self.faults else ("clerk",)))
        if refused:
            return refused
        lines = io.StringIO()
        csv.writer(lines).writerows([o.number, o.text] for o in self._of(company, "export-all"))
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("orders.csv", lines.getvalue())
        return Response(packed.getvalue(), mimetype="application/zip")

    # Pages

    def _page(self, *roles: str) -> tuple[Any, str]:
        who = self._who()
        if who is None:
            return redirect("/login?next=" + request.path), ""
        if who[1] in roles:
            return None, who[0]
        status = {"hidden": 404, "polite": 200}.get(self.style, 403)
        return Response(f"<title>Desk</title><h1>{NO_ACCESS}</h1>", status), who[0]

    def desk(self) -> Any:
        refused, company = self._page("boss", "clerk", *(("viewer",) if "ui-open" in self.faults else ()))
        rows = "".join(f"<li>{html.escape(order.text)}" for order in self._of(company)[:2])
        return (
            refused or f"<title>Desk</title><h1>Orders</h1><form action=/desk/find><input name=q></form><ul>{rows}</ul>"
        )

    def desk_find(self) -> Any:
        refused, company = self._page("boss", "clerk")
        term = request.args.get("q", "")
        rows = [o for o in self._of(company, "ui-find-all") if term and term in o.text]
        shown = "".join(f"<li>{html.escape(order.text)}" for order in rows) or "<p>nothing"
        return refused or f"<title>Desk</title><h1>Found</h1><p>for {html.escape(term)}</p>{shown}"

    def document(self) -> Any:
        number = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}
        body = {"requestBody": {"required": True, "content": {"application/json": {"schema": {
            "type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}}}}}  # fmt: skip
        term = {"name": "term", "in": "query", "required": True, "schema": {"type": "string", "minLength": 3}}
        year = {"name": "year", "in": "query", "required": True, "schema": {"type": "integer", "minimum": 2000}}
        page = {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}}
        return jsonify({
            "openapi": "3.0.3",
            "paths": {
                "/api/self": {"get": {}},
                "/api/leave": {"post": {}},
                "/api/orders": {"get": {"parameters": [page]}, "post": body},
                "/api/orders/{number}": {"parameters": [number], "get": {}, "put": body, "delete": {}},
                "/api/orders/{number}/release": {"parameters": [number], "post": {}},
                "/api/find": {"get": {"parameters": [term]}},
                "/api/salaries": {"get": {"parameters": [year]}},
                "/api/export.zip": {"get": {}},
            },
        })  # fmt: skip
