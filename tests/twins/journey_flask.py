"""A Flask shop with a login whose pages break in ways that are switched on by name; people still get there."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, redirect, request, session
from werkzeug.serving import WSGIRequestHandler, make_server

PASSWORD = "pw-ada-1"
SCRIPTS = {
    "throws": "window.addEventListener('load', () => { document.querySelector('#gone').focus(); });",
    "rejects": "Promise.reject(new Error('basket 4711 is gone'));",
    "server-error": "fetch('/broken/4711').then(() => 0);",
    "cut-off": "fetch('/cut').catch(() => 0);",
    "aborts": "const c = new AbortController(); fetch('/slow', {signal: c.signal}).catch(() => 0); c.abort();",
    "missing-data": "fetch('/nothing').then(() => 0);",
    "console": "console.error('a library complains');",
    "analytics": "fetch('https://127.0.0.1:9443/collect').catch(() => 0);",
    "needs-analytics": "window.tracker.send('page');",
    "plain-data": "fetch('http://127.0.0.2:9080/rates').catch(() => 0);",
    "plain-socket": "try { new WebSocket('ws://127.0.0.2:9080/live'); } catch {}",
    "plain-later": "const i = new Image(); i.src = 'http://127.0.0.2:9080/late.png'; document.body.append(i);",
    "worker": "if ('serviceWorker' in navigator) navigator.serviceWorker.register('/sw.js').then((r) => r.update());",
}
TAGS = {
    "missing-script": "<script src=/static/app.4711.js></script>",
    "missing-picture": "<img src=/static/logo.png alt=''>",
    "needs-analytics": "<script src=https://127.0.0.1:9443/tracker.js></script>",
    "prefetch": "<link rel=prefetch href=/slow>",
    "plain-picture": "<img src=http://127.0.0.2:9080/logo.png?who=ada alt=''>",
    "plain-srcset": "<img srcset='/logo.png 1x, http://127.0.0.2:9080/logo.png 2x' alt=''>",
    "plain-style": "<style>body { background: url(http://127.0.0.2:9080/paper.png) }</style>",
    "plain-script": "<script src=http://127.0.0.2:9080/app.js></script>",
    "plain-frame": "<iframe src=http://127.0.0.2:9080/help></iframe>",
    "plain-form": "<form action=http://127.0.0.2:9080/search><input name=q></form>",
    "plain-button": "<form><button formaction=http://127.0.0.2:9080/buy>Buy</button></form>",
    "plain-link": "<a href=http://127.0.0.2:9080/about>About</a><link rel=canonical href=http://127.0.0.2:9080/>",
    "upgrade": "<meta http-equiv=Content-Security-Policy content=upgrade-insecure-requests>",
    "foreign-picture": "<img src=https://127.0.0.1:9443/pixel.gif alt=''>",
}


class Shop:
    """Log in, put an order in, see it. The names of `SCRIPTS` and `TAGS` are its faults and habits.

    `lost` keeps orders from being stored, so that nobody gets there; with `lost-loudly` that answers 500.
    """

    def __init__(self) -> None:
        self.faults: set[str] = set()
        self.orders: list[str] = []
        self.database = "4711"
        """What the record of the deployment tells."""
        self.app = Flask(__name__)
        self.app.secret_key = secrets.token_bytes(32)
        self.app.config.update(SESSION_COOKIE_SECURE=True)
        for path, view in (("/orders", self.page), ("/me", self.me), ("/api/orders", self.listed)):
            self.app.add_url_rule(path, view_func=view, methods=["GET"], endpoint=path)
        self.app.add_url_rule("/orders", view_func=self.order, methods=["POST"], endpoint="order")
        self.app.add_url_rule("/login", view_func=self.login, methods=["GET", "POST"])
        self.app.add_url_rule("/broken/<number>", view_func=lambda number: Response(number, 503), endpoint="broken")
        self.app.add_url_rule(
            "/ops", endpoint="ops", view_func=lambda: jsonify(database=self.database, relay="mx.test.shop.example")
        )
        self.app.add_url_rule("/cut", view_func=self.cut)
        self.app.add_url_rule("/slow", view_func=self.slow)

    def login(self) -> Any:
        if request.method == "POST" and request.form.get("password") == PASSWORD:
            session["user"] = request.form["user"]
            return redirect("/orders")
        return "<form method=post><input name=user><input type=password name=password><button>Log in</button></form>"

    def me(self) -> Any:
        return (jsonify(user=session["user"]), 200) if "user" in session else ("", 401)

    def listed(self) -> Any:
        return jsonify(self.orders) if "user" in session else ("", 401)

    def page(self) -> Any:
        if "user" not in session:
            return redirect("/login")
        scripts = "".join(f"<script>{SCRIPTS[name]}</script>" for name in self.faults & SCRIPTS.keys())
        tags = "".join(TAGS.get(name, "") for name in sorted(self.faults, reverse=True))
        rows = "".join(f"<li>{order}</li>" for order in self.orders)
        return (
            f"<!doctype html><title>Shop</title>{tags}<form method=post><label>What <input name=what></label>"
            f"<button>Order</button></form><ul>{rows}</ul>{scripts}"
        )

    def order(self) -> Any:
        if "lost-loudly" in self.faults:
            return "something broke", 500
        if "lost" not in self.faults:
            self.orders.append(request.form["what"])
        return redirect("/orders")

    def cut(self) -> Any:
        """Close the connection without an answer, as a worker does that dies."""
        request.environ["werkzeug.socket"].shutdown(2)
        return ""

    def slow(self) -> Any:
        threading.Event().wait(1.0)
        return "late"


@contextmanager
def serving(shop: Shop, chain: Path, key: Path) -> Iterator[int]:
    """The shop over TLS on a loopback port."""
    server = make_server(
        "127.0.0.1",
        0,
        shop.app,
        threaded=True,
        ssl_context=(str(chain), str(key)),
        request_handler=WSGIRequestHandler,
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
