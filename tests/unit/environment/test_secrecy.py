"""Secrets never stand in a file, and what stands there by mistake never gets out of the reader."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagehold.documents.secrecy import secret_key, secret_value
from stagehold.environment.access import Account, FormFlow, WhoAmI
from stagehold.environment.model import Environment, EnvironmentInfo, Target
from stagehold.environment.secrets import (
    Reference,
    look_up,
    loose_permissions,
    read_digest,
    referenced_variables,
    require_references,
    resolve,
)
from stagehold.errors import ConfigError

if TYPE_CHECKING:
    from tests.unit.environment.conftest import Faults, Reader

SECRET = "hunter2correcthorse"  # what must never be seen in a message
BASE = """\
environment: {id: stage}
targets:
  - {name: web, base_url: "https://app.example"}
flows:
  web: {kind: form, target: web, whoami: {path: /me, user: /u}}
"""
TOKEN_FLOW = """\
  t:
    kind: json_token
    target: web
    login: {method: POST, path: /l, json: {u: "{user}", p: "{password}"}}
    whoami: {path: /me, user: /u}
"""
WRONG = {
    "literal reference": BASE + f"accounts: [{{alias: a, flow: web, user: a, password_ref: {SECRET}}}]\n",
    "quoted": BASE + f'accounts: [{{alias: a, flow: web, user: a, password_ref: "{SECRET}"}}]\n',
    "number": BASE + "accounts: [{alias: a, flow: web, user: a, password_ref: 20191817}]\n",
    "octal pin": BASE + "accounts: [{alias: a, flow: web, user: a, password_ref: 020191817}]\n",
    "unknown key": BASE + f"accounts: [{{alias: a, flow: web, user: a, password: {SECRET}}}]\n",
    "misspelt key": BASE + f"accounts: [{{alias: a, flow: web, user: a, pasword_ref: {SECRET}}}]\n",
    "key nobody knows": BASE + f"accounts: [{{alias: a, flow: web, user: a, pw: {SECRET}, flwo: x}}]\n",
    "after a secret": BASE + f"accounts: [{{password_ref: {SECRET}, alias: a, flow: wbe, user: 1}}]\n",
    "in a JSON body": BASE + TOKEN_FLOW.replace('"{password}"', f'"{{password}}", client_secret: {SECRET}'),
    "in a header": BASE + TOKEN_FLOW.replace("path: /l", f"headers: {{Authorization: Bearer {SECRET}}}, path: /l"),
    "in a cookie": BASE + TOKEN_FLOW.replace("path: /l", f"headers: {{Cookie: sid={SECRET}}}, path: /l"),
    "in the header of a flow": BASE + TOKEN_FLOW + f"    header: 'Authorization: Bearer {SECRET}'\n",
    "in a URL": BASE.replace("https://", f"https://admin:{SECRET}@"),
    "in a misplaced URL": BASE + f"statement: https://admin:{SECRET}@example/x.yaml\n",
    "in a query": BASE.replace("/me", f"/me?token={SECRET}"),
    "Basic credentials": BASE
    + TOKEN_FLOW.replace("path: /l", "headers: {X-Note: Basic YWRtaW46aHVudGVyMg==}, path: /l"),
    "a web token": BASE + f"suites: [eyJhbGciOiJub25lIn0.{SECRET}]\n",
    "a key": BASE + f'suites: ["-----BEGIN PRIVATE KEY-----{SECRET}"]\n',
    "filled into a page": BASE
    + f"journeys: [{{name: j, target: web, account: a, steps: [{{fill: {{Password: {SECRET}}}}}]}}]\n",
    "in broken YAML": BASE + f"accounts: [{{alias: a, password_ref: {SECRET}]\n",
    "in an unclosed quote": BASE + f'accounts: [{{password_ref: "{SECRET}\n',
    "as an alias": BASE + f"accounts: [{{password_ref: *{SECRET}}}]\n",
    "as a tag": BASE + f"accounts: [{{password_ref: !{SECRET} x}}]\n",
    "over two lines": BASE + f"accounts:\n  - password_ref: |\n      {SECRET}\n    alais: a\n",
    "as a list": BASE + f"accounts: [{{alias: a, flow: web, user: a, password_ref: [{SECRET}]}}]\n",
    "with an unknown key in it": BASE
    + f"accounts: [{{alias: a, flow: web, user: a, password_ref: {{x: {SECRET}}}}}]\n",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_literal_secret_is_refused_and_not_repeated(text: str, faults: Faults) -> None:
    """The file is refused, and neither the error nor its source line holds the secret."""
    shown = "\n".join(f"{error}{error!r}" for error in faults(text))
    assert SECRET not in shown
    assert "20191817" not in shown
    assert "YWRtaW46" not in shown


def test_a_literal_secret_is_called_one(faults: Faults) -> None:
    """The message says that a secret stands there, and what belongs there instead."""
    (error,) = faults(WRONG["literal reference"])
    assert (error.line, error.column) == (6, 57)
    assert error.message == "a secret is written into the file"
    assert error.expected == "`env:NAME` or `file:PATH`"


def test_placeholders_and_pointers_are_no_secrets(read: Reader) -> None:
    """What only sounds secret is accepted: input names, JSON pointers, placeholders, grace periods."""
    text = BASE.replace("whoami", "fields: {password: pass}, whoami") + TOKEN_FLOW + (
        "    token: /token\n"
        "    header: 'X-Auth-Token: {token}'\n"
        "policy: {token_revocation_grace: 30}\n"
    )  # fmt: skip
    assert read(text).environment.policy.token_revocation_grace == 30


@pytest.mark.parametrize(
    ("key", "secret"),
    [("password", True), ("clientSecret", True), ("api-key", True), ("X-Auth-Token", True), ("pin", True),
     ("passwort", True), ("user", False), ("compass", False), ("spinner", False), ("passage", False)],
)  # fmt: skip
def test_secret_keys_are_recognised(key: str, secret: bool) -> None:
    """Keys are judged by the words in them."""
    assert secret_key(("a", key)) is secret


@pytest.mark.parametrize(
    "text",
    [
        "Bearer {token}",
        "https://app.example:8443/x",
        "/reset?token={token}",
        "Basic skills",
        "a bearer of news",
    ],
)
def test_harmless_text_is_not_taken_for_a_secret(text: str) -> None:
    """Placeholders, ports and ordinary words pass."""
    assert secret_value(text) == ""


def test_references_resolve_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable is taken as it is; one line break at the end of a file is not part of the secret."""
    monkeypatch.setenv("A_PASSWORD", " spaced ")
    (tmp_path / "a").write_bytes(b"two\nlines\r\n")
    assert resolve("env:A_PASSWORD", tmp_path).reveal() == " spaced "
    assert resolve("file:a", tmp_path).reveal() == "two\nlines"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("env:NOT_SET_AT_ALL", "env:NOT_SET_AT_ALL is not set"),
        ("env:EMPTY", "env:EMPTY is empty"),
        ("file:none", "file:none cannot be read"),
        ("file:empty", "file:empty is empty"),
        ("file:.", "file:. cannot be read"),
        ("file:a\0b", "cannot be read"),
        ("file:binary", "is not UTF-8 text"),
        ("file:", "must be given as env:NAME or file:PATH"),
        (SECRET, "must be given as env:NAME or file:PATH"),
    ],
)
def test_a_reference_that_leads_nowhere_names_itself_and_who_needs_it(
    reference: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing or empty secret is a configuration error that never holds a value."""
    monkeypatch.setenv("EMPTY", "")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff" + SECRET.encode())
    with pytest.raises(ConfigError) as caught:
        resolve(reference, tmp_path, needed_by="account a_acct")
    assert message in str(caught.value)
    assert "needed by account a_acct" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_digest_is_literal_or_referred_to(tmp_path: Path) -> None:
    """Only `sha256:` and 64 digits are a digest, wherever they stand."""
    digest = "sha256:" + "0f" * 32
    (tmp_path / "good").write_text(digest + "\n")
    (tmp_path / "bad").write_text("latest\n")
    assert read_digest(digest, tmp_path) == read_digest("file:good", tmp_path) == digest
    with pytest.raises(ConfigError, match="file:bad holds no digest"):
        read_digest("file:bad", tmp_path)


def test_what_an_environment_refers_to_is_listed_with_its_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """References are listed by who needs them, with what is missing or readable by everybody."""
    monkeypatch.delenv("B_PASSWORD", raising=False)
    (tmp_path / "a").write_text("long-enough-1")
    (tmp_path / "a").chmod(0o644)
    environment = Environment(
        environment=EnvironmentInfo(id="e"),
        targets=(Target(name="web", base_url="https://app.example"),),
        flows={"web": FormFlow(kind="form", target="web", whoami=WhoAmI(path="/me", user="/u"))},
        accounts=(
            Account(alias="a", flow="web", user="a", password_ref="file:a"),
            Account(alias="b", flow="web", user="b", password_ref="env:B_PASSWORD"),
        ),
    )
    assert look_up(environment, tmp_path) == (
        Reference("file:a", "account a", warning="every user of this machine can read it"),
        Reference("env:B_PASSWORD", "account b", problem="is not set"),
    )
    assert referenced_variables(environment, secret=True) == ("B_PASSWORD",)
    with pytest.raises(ConfigError, match=r"env:B_PASSWORD is not set \(needed by account b\)"):
        require_references(environment, tmp_path)
    monkeypatch.setenv("B_PASSWORD", "x")
    require_references(environment, tmp_path)
    (tmp_path / "a").chmod(0o600)
    assert look_up(environment, tmp_path)[1].warning.startswith("has fewer than 6 characters")
    assert not loose_permissions("file:a", tmp_path)


@given(st.text(max_size=40))
def test_any_reference_resolves_or_is_a_configuration_error(reference: str) -> None:
    """Whatever stands in a reference, nothing else than a ConfigError comes out."""
    with contextlib.suppress(ConfigError):
        assert resolve(reference, Path("/nonexistent"))
    with pytest.raises(ConfigError):
        resolve(f"file:x{reference}", Path("/nonexistent"))
