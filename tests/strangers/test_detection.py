"""What a person is told who knows nothing of stagehold yet and describes a service for the first time."""

from __future__ import annotations

from pathlib import Path

from tests.strangers.stage import Person, check, django_notes, plan

TARGETS = """\
environment: {id: notes-first-try}
targets:
  - {name: web, base_url: "https://notes.stranger.test:8443", addresses: [ADDRESS], http_port: 8080}
tls: {trust: {kind: private, ca_file: ca.pem}}
"""
GUESS = """\
flows: {site: {kind: form, target: web, page: /login, whoami: {path: /, contains: "Signed in as <b>{user}</b>"}}}
accounts: [{alias: ann, flow: site, user: ann, password_ref: "file:passwords/ann"}]
"""
FOUND = (
    "login form found at /accounts/login/: fields username (text), password (password); CSRF token csrfmiddlewaretoken"
)


def test_from_nothing_to_a_login(tmp_path: Path) -> None:
    """With targets alone, and with a login page guessed wrongly, it is told what is there and what to write."""
    with django_notes(tmp_path, (Person("ann", "Alder"),)) as stranger:
        planned = plan(stranger.describe(TARGETS))
        nothing = check(stranger.describe(TARGETS), "AUT-001")
        guessed = check(stranger.describe(TARGETS + GUESS), "AUT-001")

    assert "`stagehold check ENV AUT-001` looks for one" in planned.words
    assert nothing.ids("uncovered") == {"AUT-001"}
    assert f"web: {FOUND}" in nothing.words
    assert "declare `flows.web.whoami`, because a login counts when a page that the person alone" in nothing.words
    assert 'web: {kind: form, target: web, page: "/accounts/login/"' in nothing.words
    assert guessed.ids("inconclusive") == {"AUT-001"}
    assert "no login form at /login: the page holds no form (status 404)" in guessed.words
    assert "page that holds the form in `flows.site.page`" in guessed.words
    assert f"web: {FOUND}" in guessed.words
    assert 'site: {kind: form, target: web, page: "/accounts/login/"' in guessed.words
