"""Headers, redirects, errors, TLS."""

from __future__ import annotations

import json
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests

from ledgerlab.lab.deployment import source_digest

if TYPE_CHECKING:
    from tests.ledgerlab.conftest import Lab

pytestmark = pytest.mark.slow

HSTS = "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/login", 200),
        ("GET", "/static/style.css", 200),
        ("GET", "/", 303),
        ("GET", "/api/me", 401),
        ("GET", "/no-such-page", 404),
        ("GET", "/api/no-such-thing", 404),
        ("DELETE", "/healthz", 405),
        ("TRACE", "/login", 405),
        ("POST", "/api/auth/token", 422),
    ],
)
def test_every_answer_is_protected(lab: Lab, method: str, path: str, status: int) -> None:
    """HSTS, exactly once, and the other headers are on pages, API answers, redirects and errors alike."""
    answer = lab.anonymous().request(method, lab.base + path, allow_redirects=False, timeout=10)
    assert answer.status_code == status
    assert answer.raw.headers.getlist("strict-transport-security") == [HSTS]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


def test_garbage_is_answered_with_protection(lab: Lab) -> None:
    """Even what is not HTTP gets an answer with HSTS."""
    context = ssl.create_default_context(cafile=str(lab.folder / "pki" / "ca.pem"))
    with (
        socket.create_connection((lab.web, 8443), 5) as raw,
        context.wrap_socket(raw, server_hostname="ledger.demo.test") as tls,
    ):
        tls.sendall(b"NOT HTTP AT ALL\r\n\r\n")
        answer = tls.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 400")
    assert HSTS in answer


def test_what_the_database_cannot_hold_is_refused(lab: Lab) -> None:
    """An identifier that is too large is a 404, and a NUL character in a text a 422 that tells nothing."""
    client = lab.token("a_acct")
    assert client.get(f"{lab.base}/api/invoices/{2**70}", timeout=10).status_code == 404
    body = {"customer": "\x00", "reference": "R", "amount_cents": 5, "due": "2030-01-01"}
    answer = client.post(f"{lab.base}/api/invoices", json=body, timeout=10)
    assert answer.status_code == 422
    assert answer.headers["strict-transport-security"] == HSTS
    assert "psycopg" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8443", "10.77.0.10:8443", "ledger.demo.test.evil.example"]
)
def test_other_names_are_misdirected(lab: Lab, host: str) -> None:
    """A request for any other name than the service's own is a 421, protected like every answer."""
    answer = lab.anonymous().get(f"{lab.base}/healthz", headers={"Host": host}, timeout=10)
    assert answer.status_code == 421
    assert answer.headers["strict-transport-security"] == HSTS
    assert "status" not in answer.text


@pytest.mark.parametrize("path", ["/", "/login", "/api/me?x=1", "/a%20b", "//evil.example/"])
def test_plain_http_only_redirects(lab: Lab, path: str) -> None:
    """Plain HTTP answers 308 to the same path over https, on the service's name, with nothing else in it."""
    answer = requests.get(
        f"http://{lab.web}:8080{path}", headers={"Host": "evil.example"}, allow_redirects=False, timeout=10
    )
    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://ledger.demo.test:8443{path}"
    assert not answer.content
    assert "strict-transport-security" not in answer.headers
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["api.demo.test", "API.demo.test:8080"])
def test_plain_http_refuses_programs(lab: Lab, host: str) -> None:
    """Under the name that programs use plain HTTP answers 403 with nothing in it, wherever they want to go."""
    answer = requests.get(f"http://{lab.web}:8080/api/me", headers={"Host": host}, allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.content) == (403, b"")


@pytest.mark.parametrize(("version", "accepted"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
def test_tls_versions_offered(lab: Lab, version: str, accepted: bool) -> None:
    """TLS 1.2 and 1.3 are spoken, older versions are not."""
    assert speaks(lab, version) is accepted


def speaks(lab: Lab, version: str) -> bool:
    """Whether a handshake of exactly that version succeeds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    try:
        with socket.create_connection((lab.web, 8443), 5) as raw, context.wrap_socket(raw):
            return True
    except (ssl.SSLError, ConnectionError):
        return False


def test_a_crowd_is_served(lab: Lab) -> None:
    """More requests at the same time than threads and connections are all answered, without a jam."""
    clients = [lab.token("a_acct") for _ in range(2)]
    url = f"{lab.base}/api/reports/trial-balance"

    def ask(number: int) -> int:
        with lab.anonymous() as client:  # a connection of its own
            headers = {"Authorization": str(clients[number % 2].headers["Authorization"])}
            return client.get(url, headers=headers, timeout=20).status_code

    with ThreadPoolExecutor(100) as pool:
        assert set(pool.map(ask, range(200))) == {200}


def test_the_build_tells_its_digest(lab: Lab) -> None:
    """What runs is what lies in the source tree, and what the release file says."""
    digest = lab.anonymous().get(f"{lab.base}/version", timeout=10).json()["digest"]
    assert digest == source_digest()
    assert digest == (lab.folder / "release.digest").read_text().strip()


def test_logs_are_json_without_secrets(lab: Lab) -> None:
    """Each line of the log is an object; passwords and tokens are in none."""
    client = lab.token("a_acct")
    text = (lab.folder / "logs" / "service.log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert any(line.get("path") == "/api/auth/token" for line in lines)
    assert lab.password("a_acct") not in text
    assert str(client.headers["Authorization"]).removeprefix("Bearer ") not in text


def test_secrets_are_for_the_owner_only(lab: Lab) -> None:
    """Password files, keys and configuration with passwords have mode 0600."""
    private = [*(lab.folder / "secrets").iterdir(), lab.folder / "pki" / "server.key", lab.folder / "service.json"]
    assert {path.stat().st_mode & 0o777 for path in [*private, lab.folder / "plan.json"]} <= {0o600, 0o644}
    assert {path.stat().st_mode & 0o077 for path in private if path.name != "a_new"} == {0}
