"""A Flask site with a login, a page, a script and a little JSON; its faults are switched on by name."""

from __future__ import annotations

import logging
import secrets
import sqlite3
import traceback
from typing import Any

from flask import Flask, Response, g, jsonify, redirect, request, session
from werkzeug.debug import DebuggedApplication
from werkzeug.exceptions import HTTPException

USERS = {"ada": "pw-ada-1"}
SCRIPT = (
    "// Greets whoever is there.\ndocument.title = 'Notes';\nconst greeting = 'Good day';\nconsole.log(greeting);\n"
)
METRICS = "# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total 7\n"
DUMP = "-- PostgreSQL database dump\nCREATE TABLE invoices (id integer);\n"
ADMINER = (
    "<!doctype html><title>Login - Adminer</title><form method=post><input name='auth[driver]'>"
    "<input name='auth[server]'></form>"
)
SWAGGER = "<!doctype html><title>API</title><div id='swagger-ui'></div><script src='/static/app.js'></script>"
# What faults put into the web root: path, body, type (Flask's own is text/html).
SERVED: dict[str, tuple[str, str, str]] = {
    "metrics": ("/metrics", METRICS, "text/plain; charset=utf-8"),
    "docs": ("/docs", SWAGGER, "text/html; charset=utf-8"),
    "openapi": ("/openapi.json", '{"openapi": "3.1.0", "paths": {}}', "application/json"),
    "repository": ("/.git/HEAD", "ref: refs/heads/main\n", "text/html; charset=utf-8"),
    "environment": ("/.env", "DATABASE_URL=postgresql://app@db/app\nSECRET=abc\n", "text/html; charset=utf-8"),
    "dump": ("/backup.sql", DUMP, "application/octet-stream"),
    "copy": ("/static/app.js.bak", f"{SCRIPT}// old\n", "application/octet-stream"),
    "adminer": ("/adminer.php", ADMINER, "text/html; charset=utf-8"),
    "pma": ("/phpMyAdmin/", "<title>db | phpMyAdmin</title><script>CommonParams.setAll({})</script>", "text/html"),
    "settings": ("/config.json", '{"passwordReset": true, "resetSecret": null, "api": "/v1"}', "application/json"),
}


class Site:
    """The site, as a WSGI application.

    Faults: the keys of `SERVED`, and those named in the code. What answers with 429 from then on is `limit`.
    """

    def __init__(self) -> None:
        self.faults: set[str] = set()
        self.requests = 0
        self.app = Flask(__name__, static_folder=None)
        self.app.logger.setLevel(logging.CRITICAL)
        self.app.secret_key = secrets.token_bytes(32)
        self.app.before_request(self._before)
        self.app.after_request(self._after)
        self.app.register_error_handler(HTTPException, self._refused)
        self.app.register_error_handler(Exception, self._failed)
        for path, view in (
            ("/", self._start), ("/login", self._login), ("/me", self._me), ("/static/app.js", self._script),
            ("/notes", self._notes), ("/help", self._help),
        ):  # fmt: skip
            self.app.add_url_rule(path, view_func=view, methods=["GET", "POST"] if path == "/login" else ["GET"])
        self.debugger = DebuggedApplication(self._raw, evalex=True, pin_security=False)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if "debugger" in self.faults:
            return self.debugger(environ, start_response)
        return self.app(environ, start_response)

    def _raw(self, environ: Any, start_response: Any) -> Any:
        self.app.config["PROPAGATE_EXCEPTIONS"] = True
        handlers = self.app.error_handler_spec[None][None].pop(Exception, None)
        try:
            return self.app(environ, start_response)
        finally:
            self.app.config["PROPAGATE_EXCEPTIONS"] = None
            if handlers is not None:
                self.app.error_handler_spec[None][None][Exception] = handlers

    def page(self, body: str, status: int = 200) -> Response:
        """HTML in the site's frame."""
        generator = '<meta name="generator" content="Notemaker 4.2">' if "generator" in self.faults else ""
        return Response(
            f'<!doctype html><html lang="en"><head><meta charset="utf-8">{generator}<title>Notes</title></head><body>'
            f'{body}<script nonce="{g.nonce}" src="/static/app.js"></script></body></html>',
            status,
            content_type="text/html" if "no-charset" in self.faults else "text/html; charset=utf-8",
        )

    def _before(self) -> Any:
        g.nonce = "c3RhdGljLW5vbmNl" if "fixed-nonce" in self.faults else secrets.token_urlsafe(18)
        self.requests += 1
        if "limit" in self.faults and self.requests > 40:
            return Response("slow down", 429, {"Retry-After": "0"}, content_type="text/plain")
        path, body, kind = next((s for f, s in SERVED.items() if f in self.faults and s[0] == request.path), ("",) * 3)
        return Response(body, content_type=kind) if path else None

    def _after(self, response: Response) -> Response:
        inline = " 'unsafe-inline'" if "inline" in self.faults else ""
        own = "'self'" if inline else f"'self' 'nonce-{g.nonce}'"
        name = "Content-Security-Policy" + ("-Report-Only" if "report-only" in self.faults else "")
        if not ("no-policy-on-errors" in self.faults and response.status_code >= 400):
            response.headers[name] = f"default-src 'none'; script-src {own}{inline}; base-uri 'none'"
        if "no-nosniff" not in self.faults:
            response.headers["X-Content-Type-Options"] = "nosniff"
        if "json-as-html" in self.faults and response.is_json:
            response.content_type = "text/html; charset=utf-8"
        if "own-version" in self.faults:
            response.headers["X-Powered-By"] = "Notes/4.2"
        if "own-and-other" in self.faults:
            response.headers["X-Powered-By"] = "Notes/4.2 PHP/8.2.1"
        response.headers["X-Request-Id"] = secrets.token_hex(8)
        if "no-identifier" in self.faults:
            del response.headers["X-Request-Id"]
        return response

    def _refused(self, error: HTTPException) -> Response:
        return self.page(f"<h1>{error.code}</h1><p>{error.name}.</p>", error.code or 500)

    def _failed(self, error: Exception) -> Response:
        told = "Something went wrong."
        if "trace" in self.faults:
            told = f"<pre>{''.join(traceback.format_exception(error))}</pre>"
        if "sql" in self.faults:
            told = f"near &quot;{error}&quot;: SELECT id, text FROM notes WHERE owner = 1"
        return self.page(f"<h1>500</h1>{told}", 500)

    def _start(self) -> Response:
        if "lang" in request.args and self.faults & {"trace", "sql", "debugger", "no-identifier"}:
            raise sqlite3.OperationalError("1 = 1")
        if "lang" in request.args and "warning" in self.faults:
            return self.page("<b>Warning</b>:  Undefined index in <b>/var/www/notes/index.php</b> on line <b>12</b>")
        return self.page('<h1>Notes</h1><p><a href="/help">Help</a></p>')

    def _help(self) -> Response:
        return self.page("<h1>Help</h1><p>An Exception means that a note could not be read.</p>")

    def _login(self) -> Any:
        if request.method == "POST":
            user = request.form.get("username", "")
            if USERS.get(user) == request.form.get("password"):
                session["user"] = user
                return redirect("/notes")
            return self.page("<p>That did not work. An Exception was made for nobody.</p>", 403)
        return self.page(
            "<form method=post><input name=username><input type=password name=password><button>Go</button></form>"
        )

    def _me(self) -> Any:
        if "user" not in session:
            return jsonify(error="log in"), 401
        return jsonify(user=session["user"])

    def _notes(self) -> Any:
        if "user" not in session:
            return redirect("/login")
        return self.page("<h1>Your notes</h1>")

    def _script(self) -> Response:
        return Response(SCRIPT, content_type="text/javascript; charset=utf-8")
