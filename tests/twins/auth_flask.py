"""A Flask site with a login form, two kinds of sessions and signed tokens; its faults are switched on by name."""

from __future__ import annotations

import base64
import html
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, Response, jsonify, redirect, request, session
from itsdangerous import BadSignature, URLSafeSerializer
from jwt.algorithms import HMACAlgorithm, RSAAlgorithm
from werkzeug.serving import make_server

USERS = {"ada": "pw-ada-1", "sam": "pw-sam-1", "sue": "pw-sue-1", "may@mail.test": "pw-may-1"}


class TolerantHmac(HMACAlgorithm):
    """HMAC that takes any key, as libraries did before they looked at it."""

    def prepare_key(self, key: str | bytes) -> bytes:
        return key.encode() if isinstance(key, str) else key


class Site:
    """The site.

    Faults: `trims`, `names-unknown`, `keeps-identifier`, `counts`, `readable-identifier`, `no-secure`,
    `no-httponly`, `no-samesite`, `shows-session`, `confuses`. Styles: `signed` keeps the session in the cookie, as
    Flask does by itself; `flash` tells of refusals by a message kept in that cookie.
    """

    def __init__(self) -> None:
        self.faults: set[str] = set()
        self.opened: dict[str, str] = {}
        self.numbers = count(1000)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.app = Flask(__name__)
        self.app.secret_key = secrets.token_bytes(32)
        self.app.config.update(SESSION_COOKIE_NAME="form", SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="Lax")
        self.signer = URLSafeSerializer(secrets.token_bytes(32), salt="login")
        self.app.add_url_rule("/login", view_func=self.login_page, methods=["GET"])
        self.app.add_url_rule("/login", view_func=self.login, methods=["POST"], endpoint="login")
        self.app.add_url_rule("/home", view_func=self.home)
        self.app.add_url_rule("/token", view_func=self.token, methods=["POST"])
        self.app.add_url_rule("/me", view_func=self.me)
        self.app.add_url_rule("/.well-known/jwks.json", view_func=self.jwks)

    def login_page(self, note: str = "", status: int = 200) -> Response:
        session.setdefault("csrf", secrets.token_hex(16))
        note = session.pop("note", note)
        return Response(
            f"""<p>{html.escape(note)}</p><small>{time.time()}</small><form method=post>
            <input type=hidden name=csrf value="{session["csrf"]}"><input name=username value="">
            <input type=password name=password><button>Log in</button></form>""",
            status,
        )

    def login(self) -> Any:
        if request.form.get("csrf") != session.get("csrf"):
            return Response("form expired", 400)
        user, password = request.form.get("username", ""), request.form.get("password", "")
        if "trims" in self.faults:
            password = password.strip()
        if USERS.get(user) != password:
            note = "Sorry, that did not work."
            if "names-unknown" in self.faults and user not in USERS:
                note = f"Nobody is called {user} (case {next(self.numbers)})."
            if "flash" in self.faults:
                session["note"] = note
                return redirect("/login")
            return self.login_page(note)
        response = redirect("/home")
        identifier = self._open(user)
        response.set_cookie(
            "sid",
            identifier,
            secure="no-secure" not in self.faults,
            httponly="no-httponly" not in self.faults,
            samesite=None if "no-samesite" in self.faults else "Strict",
        )
        return response

    def _open(self, user: str) -> str:
        if "signed" in self.faults:
            return str(self.signer.dumps({"user": user, "n": secrets.token_hex(4)}))
        identifier = secrets.token_urlsafe(32)
        if "keeps-identifier" in self.faults and request.cookies.get("sid"):
            identifier = request.cookies["sid"]
        if "counts" in self.faults:
            identifier = f"session_{next(self.numbers)}"
        if "readable-identifier" in self.faults:
            identifier = base64.urlsafe_b64encode(f"{user}|{secrets.token_hex(16)}".encode()).decode()
        self.opened[identifier] = user
        return identifier

    def _user(self) -> str | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer":
            return self._from_token(token)
        identifier = request.cookies.get("sid", "")
        if "signed" in self.faults:
            try:
                return str(self.signer.loads(identifier)["user"])
            except BadSignature:
                return None
        return self.opened.get(identifier)

    def home(self) -> Any:
        user = self._user()
        if user is None:
            return redirect("/login")
        shown = f"<script>var id = '{request.cookies['sid']}'</script>" if "shows-session" in self.faults else ""
        return f"<h1>Hello {html.escape(user)}</h1>{shown}"

    def me(self) -> Any:
        user = self._user()
        return jsonify({"user": user}) if user else (jsonify({"error": "log in"}), 401)

    def token(self) -> Any:
        document = request.get_json()
        user, password = document.get("username"), document.get("password")
        if not isinstance(password, str) or not isinstance(user, str) or USERS.get(user) != password:
            return jsonify({"error": "no"}), 401
        claims = {"sub": user, "jti": secrets.token_hex(8), "exp": int(time.time()) + 600}
        return jsonify({"access_token": jwt.encode(claims, self.key, "RS256", headers={"kid": "1"})})

    def _from_token(self, token: str) -> str | None:
        public = self.key.public_key()
        try:
            if "confuses" in self.faults and jwt.get_unverified_header(token).get("alg") == "HS256":
                reader = jwt.PyJWS(algorithms=["none"])
                reader.register_algorithm("HS256", TolerantHmac(HMACAlgorithm.SHA256))
                pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                reader.decode(token, pem, algorithms=["HS256"])
                claims = jwt.decode(token, options={"verify_signature": False})
            else:
                claims = jwt.decode(token, public, algorithms=["RS256"])
        except jwt.InvalidTokenError:
            return None
        return str(claims["sub"])

    def jwks(self) -> Any:
        return jsonify({"keys": [{**RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True), "kid": "1"}]})


@contextmanager
def serving(site: Site, chain: Path, key: Path) -> Iterator[int]:
    """The site over TLS on loopback; yields its port."""
    server = make_server("127.0.0.1", 0, site.app, threaded=True, ssl_context=(str(chain), str(key)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(5)
