"""What must not be served: signatures by tables, copies, places, and a sweep's completeness."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.environment.model import Environment, Target
from stagehold.probes.web.exposure.copies import _is_copy
from stagehold.probes.web.exposure.places import folders, host_names, named_after_hosts, public_paths, roots
from stagehold.probes.web.exposure.signature import Signature, signatures
from stagehold.probes.web.reply import Reply

URL = "https://app.test"
SHELL = b"<!doctype html>\n<html><head><title>Shop</title></head><body><div id=root></div></body></html>"


def reply(body: bytes, kind: str = "application/octet-stream", path: str = "/x", status: int = 200) -> Reply:
    """An answer to a path."""
    return Reply("x", "anonymous", "GET", f"{URL}{path}", status, (("Content-Type", kind),), body)


def found(
    body: bytes, path: str, kind: str = "application/octet-stream", status: int = 200, *, echo: bool = False
) -> set[str]:
    """What an answer to a path is recognised as; `echo` where unknown paths are repeated."""
    every = (*signatures("endpoints"), *signatures("files"))
    answer = reply(body, kind, path, status)
    return {item.what for item in every if path in item.paths and item.matches(answer, path if echo else "")}


SERVED = [
    ("/metrics", b"# HELP a A.\n# TYPE a counter\na 1\n", "Prometheus metrics"),
    (
        "/actuator",
        b'{"_links":{"self":{"href":"/actuator"},"health":{"href":"/actuator/health"}}}',
        "Spring Boot actuator",
    ),
    ("/actuator/env", b'{"activeProfiles":[],"propertySources":[]}', "Spring Boot environment or beans"),
    ("/openapi.json", b'{"openapi": "3.1.0"}', "OpenAPI description"),
    ("/v2/api-docs", b'{"info":{}, "swagger":"2.0"}', "OpenAPI description"),
    ("/openapi.yaml", b"openapi: 3.0.3\ninfo:\n", "OpenAPI description in YAML"),
    ("/docs", b"<!doctype html><title>API</title><div id='swagger-ui'></div>", "Swagger UI"),
    ("/redoc", b"<!doctype html><title>API</title><redoc spec-url=x></redoc>", "ReDoc"),
    ("/graphql", b'{"data":{"__schema":{"queryType":{"name":"Q"}}}}', "GraphQL introspection"),
    ("/phpinfo.php", b"<html><title>PHP 8.2.1 - phpinfo()</title>", "PHP information page"),
    ("/debug/pprof/", b"<html><title>/debug/pprof/</title>Types of profiles available:", "Go profiler"),
    ("/console", b"<html><title>Console // Werkzeug Debugger</title>", "Werkzeug debugger console"),
    ("/server-status", b"<html><head><title>Apache Status</title>", "Apache server status"),
    ("/nginx_status", b"Active connections: 2 \nserver accepts handled requests\n 5 5 9 \n", "nginx status"),
    ("/telescope", b"<html><script>window.Telescope = {}</script>", "Laravel Telescope"),
    ("/.git/HEAD", b"ref: refs/heads/main\n", "git repository"),
    ("/.git/HEAD", b"0123456789abcdef0123456789abcdef01234567\n", "git repository"),
    ("/.env", b"# settings\nDB_PASSWORD=x\n", "environment file"),
    ("/.env", b"export API_KEY='x'\n", "environment file"),
    ("/.DS_Store", b"\x00\x00\x00\x01Bud1\x00", "folder list of macOS"),
    ("/.svn/entries", b"12\n\ndir\n", "Subversion repository"),
    ("/index.php.bak", b"<?php\necho 1;", "PHP source"),
    ("/.htpasswd", b"ada:$apr1$abc$def\n", "password file"),
    ("/config.json", b'{"db": {"password": "hunter22"}}', "configuration with secrets"),
    ("/config.yml", b"client_secret: abcd1234\n", "configuration with secrets"),
    ("/config/database.yml", b"production:\n  adapter: postgresql\n", "Rails configuration"),
    ("/id_rsa", b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "private key"),
    ("/dump.sql", b"-- MySQL dump 10.13\n", "database dump"),
    ("/backup.sql.gz", b"\x1f\x8b\x08\x00", "compressed dump or backup"),
    ("/backup.zip", b"PK\x03\x04", "ZIP archive of the site"),
    ("/db.sqlite3", b"SQLite format 3\x00", "SQLite database"),
    ("/error.log", b"[25-Nov-2026 18:00:00 UTC] PHP Warning\n", "log file"),
    ("/AGENTS.md", b"# Rules\n- test\n", "instructions for coding agents"),
    ("/package.json", b'{"dependencies": {}}', "list of dependencies"),
    ("/requirements.txt", b"flask==3.1.0\n", "list of dependencies"),
    ("/docker-compose.yml", b"services:\n  web:\n", "compose file"),
]
NOT_SERVED = [
    ("/telescope", b"<html><title>A telescope for the garden - Shop</title>"),
    ("/status", b"<html><title>System status</title><script src=/socket.io/socket.io.js></script>"),
    ("/config.json", b'{"passwordReset": true, "secret": null, "passwordMinLength": 12345}'),
    ("/config.json", b'{"forgotPasswordUrl": "https://app.test/forgot", "password": "/reset"}'),
    ("/docs", b"<!doctype html><title>Docs</title><p>How to write an invoice."),
    ("/metrics", b'{"error": "# of items"}'),
    ("/.env", b"no such file"),
    ("/.git/HEAD", b"Not found: /.git/HEAD"),
    ("/server-status", b"<html><title>Status</title>"),
]


@pytest.mark.parametrize(("path", "body", "what"), SERVED)
def test_content_is_recognised(path: str, body: bytes, what: str) -> None:
    """Each thing is recognised by its content, whatever type the server gives it; not when it is refused."""
    assert what in found(body, path)
    assert what in found(body, path, "text/html; charset=utf-8")
    assert what in found(body, path, echo=True)
    assert not found(body, path, status=404)
    assert not found(body, path, status=403)


@pytest.mark.parametrize(("path", "body"), NOT_SERVED)
def test_other_content_is_not(path: str, body: bytes) -> None:
    """Pages of products and settings of pages that lie at such a path are none of them."""
    assert not found(body, path, echo=True)


EVERY = [(item, path) for name in ("endpoints", "files") for item in signatures(name) for path in item.paths]


def test_nothing_of_the_lists_is_a_shell_or_an_echo() -> None:
    """No entry takes the shell of an application, an empty answer or the repeated path for itself."""
    for item, path in EVERY:
        for body in (SHELL, b"", b" \n", f"no page {path} here".encode(), f'{{"error": "{path}"}}'.encode()):
            if item.what == "editor settings" and body.startswith(b"{"):
                continue  # Any JSON object is one; unknown paths that get one too make it undecided.
            assert not item.matches(reply(body, "text/plain", path), path), (item.what, path, body)


def test_lists_are_sane() -> None:
    """Every path begins with a slash, no entry asks what another asks in the same way, and about fifty are known."""
    assert all(path.startswith("/") for _, path in EVERY)
    assert len({(item.what, item.content.pattern, path) for item, path in EVERY}) == len(EVERY)
    assert len({item.what for item in signatures("endpoints")}) >= 45
    assert not [path for _, path in EVERY if re.search(r"heapdump|shutdown|restart", path)]


@settings(deadline=None)
@given(st.binary(max_size=100), st.sampled_from(EVERY))
def test_any_answer_can_be_judged(body: bytes, entry: tuple[Signature, str]) -> None:
    """Whatever a server sends is judged without an error; a page is never a file."""
    item, path = entry

    assert item.matches(reply(body), path) in {True, False}
    assert item.page or not item.matches(reply(SHELL + body), path)


ORIGINAL = reply(b"const a = 1;\nconst b = 2;\nconst c = 3;\n", "text/javascript", "/js/app.js")


@pytest.mark.parametrize(
    ("name", "body", "copy"),
    [
        ("app.js.bak", b"const a = 1;\nconst b = 2;\nconst old = 3;\n", True),
        ("app.js~", b"const a = 1;\nconst b = 2;\nconst c = 3;\n", True),
        ("app.js.old", b"<?php echo 1;", True),
        ("app.js.orig", b"import flask\n", True),
        ("app.js.zip", b"PK\x03\x04", True),
        ("app.js.zip", b"const a = 1;\nconst b = 2;\n", False),
        (".app.js.swp", b"b0VIM 8.2", True),
        (".app.js.swp", b"const a = 1;\n", False),
        ("app.js.bak", b"something else\n", False),
        ("app.js.bak", SHELL, False),
        ("app.js.bak", b"", False),
    ],
)
def test_copies(name: str, body: bytes, copy: bool) -> None:
    """A copy shares lines with its file, is source code, or is what its name says."""
    assert _is_copy(reply(body, "application/octet-stream", f"/js/{name}"), ORIGINAL) is copy


def _target(url: str) -> Target:
    return Target(name="app", base_url=url)


def test_places() -> None:
    """Below the base and at the origin's root, in folders of files, and under names of the host."""
    below = _target("https://www.shop.test:8443/app")

    assert roots(below) == ("https://www.shop.test:8443/app", "https://www.shop.test:8443")
    assert roots(_target("https://shop.test")) == ("https://shop.test",)
    known = [ORIGINAL, reply(b"x", path="/img/logo.png?v=1"), reply(b"x", path="/page"), reply(b"x", path="/a.js")]
    assert folders(known, _target(URL)) == (f"{URL}/js", f"{URL}/img")
    assert folders([reply(b"x", path="/gone/a.js", status=404)], _target(URL)) == ()
    assert host_names(below) == ("www.shop.test", "www", "shop")
    assert host_names(_target("https://127.0.0.1")) == ("127.0.0.1",)
    filled = [path for item in named_after_hosts(signatures("files"), below) for path in item.paths]
    assert "/www.shop.test.zip" in filled
    assert not [path for path in filled if "{" in path]


def test_declared_paths() -> None:
    """What is declared for anybody is known with and without the target's own path."""
    environment = Environment.model_validate(
        {
            "environment": {"id": "test"},
            "targets": [{"name": "app", "base_url": "https://app.test/api"}],
            "disclosure": {"paths": ["/metrics"]},
            "inventory": {"target": "app", "public_operations": ["GET /api/docs"]},
        }
    )

    assert public_paths(environment, environment.targets[0]) == ("/metrics", "/api/docs", "/docs")
