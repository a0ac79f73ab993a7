"""Logging in, logging out and guessing passwords, against a real small service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagehold.environment.model import Environment
from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.probes.login.driver import LoginDriver
from stagehold.probes.login.identity import try_login
from stagehold.probes.login.lockout import LockoutReport, guess_passwords
from stagehold.probes.login.revocation import RevocationReport, replay_after_logout
from stagehold.probes.login.sacrifice import lockable
from tests.probes.company_service import COMPANIES, Stand, description, stand

Serve = Callable[..., Any]


@pytest.mark.parametrize("alias", ["anna", "arno"])
def test_account_logs_in_as_itself(serve_pages: Serve, tmp_path: Path, alias: str) -> None:
    """Form and token logins end in the declared identity, display names of companies included."""
    made = stand(serve_pages, tmp_path)
    result = try_login(made.sessions, made.environment.account(alias), COMPANIES)

    assert result.works
    assert result.compared == ("user", "company", "role")


def test_basic_login_and_header(serve_pages: Serve, tmp_path: Path) -> None:
    """HTTP Basic sends the credentials with every request, also by somebody else's client."""
    made = stand(serve_pages, tmp_path)
    account = made.environment.account("anna").model_copy(update={"flow": "feed"})
    session = made.sessions.driver.login(account)
    headers = session.auth_headers()

    assert headers["Authorization"].startswith("Basic ")
    assert "pw-anna" not in repr(session) + repr(session.credentials())


def test_disabled_account_fails_and_is_tried_once(serve_pages: Serve, tmp_path: Path) -> None:
    """A refused account is a failure in words without the password, and is not hammered."""
    made = stand(serve_pages, tmp_path)
    made.service.disabled.add("anna")
    account = made.environment.account("anna")

    results = [try_login(made.sessions, account, COMPANIES) for _ in range(3)]

    assert not any(result.works for result in results)
    assert "answered 401" in results[0].observed()
    assert "pw-anna" not in results[0].observed()
    assert made.service.requests.count("POST /v1/token") == 1


def test_wrong_role_is_a_mismatch(serve_pages: Serve, tmp_path: Path) -> None:
    """An account that is somebody else than declared does not pass."""
    made = stand(serve_pages, tmp_path)
    account = made.environment.account("anna").model_copy(update={"role": "main_user", "company": "B"})
    result = try_login(made.sessions, account, COMPANIES)

    assert not result.works
    assert len(result.mismatches) == 2


def test_broken_service_is_no_refusal(serve_pages: Serve, tmp_path: Path) -> None:
    """503 leaves open whether an account can log in."""
    made = stand(serve_pages, tmp_path)
    made.service.broken = True
    for alias in ("anna", "arno"):
        with pytest.raises(ProbeError, match="503"):
            try_login(made.sessions, made.environment.account(alias), COMPANIES)


def revoke(made: Stand, alias: str, **options: Any) -> RevocationReport:
    """Log out and replay, without real waiting."""
    options = {"grace": 0, "max_wait": 2, "sleep": lambda _: None, **options}
    return replay_after_logout(made.sessions, made.environment.account(alias), **options)


@pytest.mark.parametrize("alias", ["anna", "arno"])
def test_logout_ends_every_credential(serve_pages: Serve, tmp_path: Path, alias: str) -> None:
    """Replayed cookies and tokens are refused after logout, and opened the door before."""
    report = revoke(stand(serve_pages, tmp_path), alias)

    assert not report.survivors
    assert report.own_client_out
    assert any(replay.opened_before for replay in report.replays)


def test_revocation_names_the_token(serve_pages: Serve, tmp_path: Path) -> None:
    """`{token}` in a logout becomes the token of the login, as RFC 7009 wants it."""
    made = stand(serve_pages, tmp_path)
    asked: list[bytes] = []
    answers = made.service.page

    def note(method: str, path: str, head: str, body: bytes) -> Any:
        asked.append(body)
        return answers(method, path, head, body)

    served = serve_pages(note)
    keys = description(f"http://127.0.0.1:{served.port}")
    keys["flows"]["api"]["logout"]["form"] = {"token": "{token}"}
    environment = Environment.model_validate(keys)
    driver = LoginDriver(environment, Network.build(environment), tmp_path, None, timeout=5.0)

    session = driver.login(environment.account("anna"))
    session.logout()

    assert session.token
    assert asked[-1] == f"token={session.token}".encode()


@pytest.mark.parametrize("alias", ["anna", "arno"])
def test_logout_that_keeps_the_session_is_caught(serve_pages: Serve, tmp_path: Path, alias: str) -> None:
    """A cookie deleted only in the browser, or a token that lives on, is a survivor."""
    report = revoke(stand(serve_pages, tmp_path, "logout-keeps"), alias)

    assert report.survivors
    assert "still opens whoami" in report.summary()


def test_grace_is_waited_for_and_is_bounded(serve_pages: Serve, tmp_path: Path) -> None:
    """A token gets its grace; one that outlives it fails, one whose grace cannot be waited for is undecided."""
    made = stand(serve_pages, tmp_path, "logout-keeps")
    slept: list[float] = []
    assert revoke(made, "anna", grace=2, max_wait=5, sleep=slept.append).survivors
    assert sum(slept) == pytest.approx(2)
    with pytest.raises(ProbeError, match="its grace of 60 s is longer"):
        revoke(made, "anna", grace=60)


def test_token_that_dies_within_its_grace_passes(serve_pages: Serve, tmp_path: Path) -> None:
    """What ends while the grace runs has ended in time."""
    made = stand(serve_pages, tmp_path, "logout-keeps")
    report = revoke(made, "anna", grace=2, sleep=lambda _: made.service.sessions.clear())

    assert not report.survivors


def test_logout_without_csrf_token_is_undecided(serve_pages: Serve, tmp_path: Path) -> None:
    """A logout request that was refused logged nobody out, which says nothing about logout."""
    made = stand(serve_pages, tmp_path)
    flow = made.environment.flows["web"].model_copy(update={"logout_page": "/home"})
    made.environment.flows["web"] = flow
    with pytest.raises(ProbeError, match="logout of arno answered 403"):
        revoke(made, "arno")


def test_logout_of_basic_and_undeclared_logout(serve_pages: Serve, tmp_path: Path) -> None:
    """HTTP Basic has no session; a flow without a declared logout is uncovered."""
    made = stand(serve_pages, tmp_path)
    basic = made.environment.account("anna").model_copy(update={"flow": "feed"})
    with pytest.raises(NotApplicable):
        replay_after_logout(made.sessions, basic, grace=0, max_wait=0)
    made.environment.flows["api"] = made.environment.flows["api"].model_copy(update={"logout": None})
    with pytest.raises(Uncovered):
        revoke(made, "anna")


def guess(made: Stand) -> LockoutReport:
    """Guess the password of a sacrificial account."""
    members = lockable(made.environment.accounts, "api")
    return guess_passwords(made.sessions.driver, members, 3)


def test_limiter_is_seen(serve_pages: Serve, tmp_path: Path) -> None:
    """After the declared failures the correct password is refused; a locked account gives way to the next."""
    made = stand(serve_pages, tmp_path)
    first, second = guess(made), guess(made)

    assert first.stopped
    assert [guess.password for guess in first.guesses] == ["correct", "wrong", "wrong", "wrong", "correct"]
    assert (first.alias, second.alias, second.tried_before) == ("sam", "sue", ("sam",))
    with pytest.raises(ProbeError, match="sam, sue"):
        guess(made)


def test_missing_limiter_is_caught(serve_pages: Serve, tmp_path: Path) -> None:
    """A correct password that works at once after the failures is a failure, without the password in its words."""
    report = guess(stand(serve_pages, tmp_path, "no-limiter"))

    assert not report.stopped
    assert "let in at once" in report.summary()
    assert "pw-" not in repr(report)


def test_limiter_one_attempt_too_late_is_caught(serve_pages: Serve, tmp_path: Path) -> None:
    """A limit higher than the declared one does not pass."""
    made = stand(serve_pages, tmp_path)
    made.service.limit = 4
    assert not guess(made).stopped


def test_only_sacrificial_accounts_are_guessed(serve_pages: Serve, tmp_path: Path) -> None:
    """No account is attacked that may not be locked."""
    made = stand(serve_pages, tmp_path)
    with pytest.raises(ValueError, match="anna may not be locked"):
        guess_passwords(made.sessions.driver, [made.environment.account("anna")], 3)
    with pytest.raises(Uncovered):
        lockable([a.model_copy(update={"lock_ok": False}) for a in made.environment.accounts], "api")
    assert made.service.requests == []
