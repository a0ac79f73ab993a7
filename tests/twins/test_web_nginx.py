"""The detectors of headers, exposure, consoles and plain HTTP on nginx: red on the fault, green without it."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stagehold.errors import ProbeError
from tests.free_ports import free_port
from tests.probes.pki import Authority, write_chain
from tests.strangers.stage import NGINX
from tests.twins.web_stage import Site, over_plain_http, running, site

NAME = "web.twin.test"
LOGIN = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Log in</title></head><body>'
    "<h1>Exception handling for beginners</h1>"
    '<form method="post"><input name="username"><input type="password" name="password"></form></body>'
)
START = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title><script src="/js/app.js"></script>'
)
SCRIPT = "'use strict';\nconst shop = 'Shop';\ndocument.title = shop;\n"
# What a careless deployment leaves in the web root.
LEFT_BEHIND = {
    ".git/HEAD": b"ref: refs/heads/main\n",
    ".env.production": b"SECRET_KEY=abcdef\n",
    "dump.sql.gz": gzip.compress(b"CREATE TABLE t (i int);"),
    "js/app.js~": SCRIPT.encode(),
    "adminer.php": b"<title>Login - Adminer</title><input name='auth[driver]'><input name='auth[db]'>",
}
HEADERS = """
    add_header Content-Security-Policy "default-src 'none'; script-src 'self'; base-uri 'none'" always;
    add_header X-Content-Type-Options nosniff always;
"""
SOUND = HEADERS + "server_tokens off; charset utf-8; root ROOT; location = /login { try_files /login.html =404; }"
# Servers over plain HTTP that are targets of their own: what stands in the block.
SITES = {
    "sound": SOUND,
    "tokens": SOUND.replace("server_tokens off", "server_tokens on"),
    "not-always": SOUND.replace(" always", ""),
    "no-charset": SOUND.replace("charset utf-8", "charset off"),
    "status": SOUND + "location = /nginx_status { stub_status; }",
    "listing": SOUND + "location /js/ { autoindex on; }",
    "left-behind": SOUND.replace("ROOT", "ROOT/left"),
    "wall": SOUND + "deny all;",
    "missing-503": SOUND + "error_page 404 =503 /login.html;",
}
# Plain-HTTP ports beside the https one: what stands in the block.
MOVED = "return 301 https://$host:TLS$request_uri;"
PLAIN = {
    "301": "add_header Strict-Transport-Security max-age=1 always;" + MOVED,
    "308": MOVED.replace("301", "308"),
    "302": MOVED.replace("301", "302"),
    "307": MOVED.replace("301", "307"),
    "elsewhere": MOVED.replace("$host", "www.other.test"),
    "to-http": MOVED.replace("https", "http"),
    "cookie": 'add_header Set-Cookie "seen=1" always;' + MOVED,
    "login": f"location /login {{ root ROOT; try_files /login.html =404; }} location / {{ {MOVED} }}",
    "serves": "root ROOT;",
    "404": "return 404;",
    "404-cookie": 'add_header Set-Cookie "seen=1" always; return 404;',
    "503": "return 503;",
    "some-503": "location /login { root ROOT; try_files /login.html =404; } location / { return 503; }",
    "429": "return 429;",
    "drops": "return 444;",
}
FLOWS: dict[str, Any] = {"web": {"kind": "form", "target": "app", "whoami": {"path": "/me", "user": "/user"}}}


class Stage:
    """One nginx with every server, and where each listens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = Authority.create()
        chain, key = write_chain(folder, authority.leaf(NAME), authority.intermediate)
        self.ca_file = authority.ca_file(folder)
        self.tls, self.empty = free_port(), free_port()
        self.sites = {name: free_port() for name in SITES}
        self.plain = {name: free_port() for name in PLAIN}
        root = folder / "root"
        for name, content in self._files().items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        secure = f"ssl_certificate {chain}; ssl_certificate_key {key};"
        servers = [
            f"server {{ listen 127.0.0.1:{self.tls} ssl; {secure} {SOUND} }}",
            f"server {{ listen 127.0.0.1:{self.empty} ssl; {secure} return 404; }}",
            *(f"server {{ listen 127.0.0.1:{self.sites[name]}; {text} }}" for name, text in SITES.items()),
            *(f"server {{ listen 127.0.0.1:{self.plain[name]}; {text} }}" for name, text in PLAIN.items()),
        ]
        temporary = " ".join(f"{kind}_temp_path {folder}/t-{kind};" for kind in ("client_body", "proxy", "fastcgi",
                                                                                 "uwsgi", "scgi"))  # fmt: skip
        configuration = (
            # Started by root, it would drop to a user who may not read the tests' folder.
            f"{'user root; ' if os.geteuid() == 0 else ''}daemon off; pid {folder}/pid; worker_processes 1;\n"
            f"events {{}}\nhttp {{ access_log off; {temporary} "
            "types { text/html html; text/javascript js; } default_type application/octet-stream;\n"
            + "\n".join(servers)
            + "\n}\n"
        )
        self.configuration = folder / "nginx.conf"
        self.configuration.write_text(configuration.replace("ROOT", str(root)).replace("TLS", str(self.tls)))

    @staticmethod
    def _files() -> dict[str, bytes]:
        sound = {"index.html": START.encode(), "login.html": LOGIN.encode(), "js/app.js": SCRIPT.encode()}
        return sound | {f"left/{name}": content for name, content in (sound | LEFT_BEHIND).items()}

    def site(self, name: str) -> Site:
        """A target over plain HTTP."""
        return site(f"http://127.0.0.1:{self.sites[name]}", self.folder, flows=FLOWS)

    def beside(self, port: int, *, tls: int | None = None, **keys: Any) -> Site:
        """The https target with a plain-HTTP port beside it."""
        return site(
            f"https://{NAME}:{tls or self.tls}", self.folder, addresses=["127.0.0.1"], http_port=port,
            ca_file=self.ca_file, **keys,
        )  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One nginx for all tests here."""
    made = Stage(tmp_path_factory.mktemp("nginx"))
    command: list[str | Path] = [NGINX, "-e", made.folder / "error.log", "-p", made.folder, "-c", made.configuration]
    with running(command, made.tls):
        yield made


def test_sound_site_passes_everything(stage: Stage) -> None:
    """Policies on nginx's own error pages, its bare Server header and a page about exceptions trip nothing."""
    looked = stage.site("sound")

    assert looked.responses() == {}
    assert looked.exposures() == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tokens", {"HDR-010": "Server tells 'nginx/"}),
        ("not-always", {"HDR-002": "no enforcing", "HDR-005": "no X-Content-Type-Options"}),
        ("no-charset", {"HDR-005": "HTML without a charset"}),
    ],
)
def test_faults_of_responses(stage: Stage, name: str, expected: dict[str, str]) -> None:
    """Each fault makes exactly its checks complain; headers that are not sent `always` are missing on errors."""
    said = stage.site(name).responses()

    assert set(said) == set(expected)
    assert all(words in str(said[check]) for check, words in expected.items())


def test_version_on_error_pages_is_seen(stage: Stage) -> None:
    """What nginx writes below its own error pages is found besides its Server header."""
    assert any(words.startswith("error page tells 'nginx/") for words in stage.site("tokens").responses()["HDR-010"])


def test_status_page_is_found(stage: Stage) -> None:
    """The server's own status is an endpoint of the inside."""
    assert stage.site("status").exposures() == {"HDR-013": {"nginx status"}}


def test_listing_is_another_checks_business(stage: Stage) -> None:
    """A folder that shows its files makes none of them a repository, a copy or a console."""
    assert stage.site("listing").exposures() == {}


def test_what_was_left_behind_is_found(stage: Stage) -> None:
    """Repository, environment, dump and editor's copy are files; the console is another check's."""
    assert stage.site("left-behind").exposures() == {
        "HDR-014": {
            "git repository", "environment file", "compressed dump or backup", "forgotten copy of a file",
        },
        "NET-009": {"Adminer"},
    }  # fmt: skip


def test_wall_of_refusals_proves_nothing(stage: Stage) -> None:
    """Where every path is refused, no check passes but those that saw what they complain about."""
    looked = stage.site("wall")
    said = looked.responses() | looked.exposures()

    assert set(said) == {"HDR-002", "HDR-005", "HDR-010", "HDR-012", "HDR-013", "HDR-014", "NET-009"}
    assert all("inconclusive" in str(words) for words in said.values())


def test_failure_of_unknown_paths_proves_nothing(stage: Stage) -> None:
    """Where everything unknown ends in a fault, what is there cannot be told from what is not."""
    said = stage.site("missing-503").exposures()

    assert set(said) == {"HDR-013", "HDR-014", "NET-009"}
    assert all("inconclusive" in str(words) and "503" in str(words) for words in said.values())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("301", ""),
        ("308", ""),
        ("404", ""),
        ("302", "redirects for this time only (302)"),
        ("307", "redirects for this time only (307)"),
        ("elsewhere", "redirects to another host, www.other.test"),
        ("to-http", "which is not https"),
        ("cookie", "sets a cookie"),
        ("404-cookie", "sets a cookie"),
        ("login", "answers 200 instead of redirecting"),
        ("serves", "answers 200 instead of redirecting"),
        ("some-503", "answers 200 instead of redirecting"),
    ],
)
def test_plain_port(stage: Stage, name: str, words: str) -> None:
    """Permanent redirects to https and one refusal for everything are sound; whatever else is done is told.

    HSTS over plain HTTP is another check's business, and a page that is served is a failure beside any fault.
    """
    said = over_plain_http(stage.beside(stage.plain[name], flows=FLOWS).plain())

    assert bool(said) is bool(words)
    assert not words or any(words in complaint for complaint in said)


@pytest.mark.parametrize(("name", "words"), [("503", "503"), ("429", "429")])
def test_trouble_of_the_plain_port_is_inconclusive(stage: Stage, name: str, words: str) -> None:
    """Faults and limits tell nothing of what the port does."""
    with pytest.raises(ProbeError, match=words):
        over_plain_http(stage.beside(stage.plain[name], flows=FLOWS).plain())


def test_closed_plain_port_and_tls_there_are_sound(stage: Stage) -> None:
    """Nobody listens, TLS does and refuses whatever comes without it, or nginx hangs up on everybody (444)."""
    assert not over_plain_http(stage.beside(stage.plain["drops"], flows=FLOWS).plain())
    assert not over_plain_http(stage.beside(free_port()).plain())
    assert not over_plain_http(stage.beside(stage.tls).plain())


def test_refusal_of_everything_by_both_is_inconclusive(stage: Stage) -> None:
    """Where https refuses every path as well, the plain port's refusals may be the service's own."""
    with pytest.raises(ProbeError, match="over https as well"):
        stage.beside(stage.plain["404"], tls=stage.empty).plain()
