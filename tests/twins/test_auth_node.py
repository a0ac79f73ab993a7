"""The auth suite's detectors on a service in plain Node: red on the fault, green without it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stagehold.network.pace import Pace
from stagehold.probes.login.collection import collect_identifiers
from stagehold.probes.login.driver import Sessions
from stagehold.probes.login.enumeration import compare_users
from stagehold.probes.login.fixation import plant_identifiers
from stagehold.probes.login.passwords import try_passwords
from stagehold.probes.login.session_cookies import observe_session_cookies
from stagehold.probes.login.token_trust import try_forgeries
from stagehold.reporting.allure_cli import find_node
from tests.probes.pki import Authority, write_chain
from tests.twins.auth_stage import NAME, account, sessions_of, victims

USERS = {"ada": "pw-ada-1", "sam": "pw-sam-1", "sue": "pw-sue-1"}
WHOAMI = {"path": "/me", "user": "/user"}
CREDENTIALS = {"username": "{user}", "password": "{password}"}
FLOWS = {
    # A login by a script's request whose session is a cookie: there is no token to point to.
    "page": {"kind": "json_token", "login": {"method": "POST", "path": "/session", "json": CREDENTIALS},
             "token": "/none", "whoami": WHOAMI},
    "program": {"kind": "json_token", "login": {"method": "POST", "path": "/token", "json": CREDENTIALS},
                "token": "/token", "whoami": WHOAMI},
}  # fmt: skip

Faults = Callable[..., None]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Sessions]]:
    """One process for all tests here, and the file it reads its faults from."""
    folder = tmp_path_factory.mktemp("node")
    authority = Authority.create()
    chain, key = write_chain(folder, authority.leaf(NAME), authority.intermediate)
    authority.ca_file(folder)
    faults = folder / "faults"
    faults.write_text("")
    script = Path(__file__).with_name("auth_node.js")
    process = subprocess.Popen([find_node(), script, chain, key, faults], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield faults, sessions_of(int(process.stdout.readline()), folder, FLOWS, USERS)
    finally:
        process.terminate()
        process.wait(5)


@pytest.fixture
def faults(stage: tuple[Path, Sessions]) -> Iterator[Faults]:
    """`faults("name", …)` switches these on and all others off."""

    def switch(*names: str) -> None:
        stage[0].write_text(" ".join(names))

    switch()
    yield switch
    switch()


@pytest.fixture
def sessions(stage: tuple[Path, Sessions]) -> Sessions:
    """Logins to it."""
    return stage[1]


def test_loosely_compared_passwords_are_caught(faults: Faults, sessions: Sessions) -> None:
    """With `==` a list that holds the password is the password, and without it is none."""
    assert not try_passwords(sessions.driver, victims(sessions, "program")).accepted
    faults("loose")
    for flow in ("page", "program"):
        assert try_passwords(sessions.driver, victims(sessions, flow)).accepted == ("an array with the password",)


def test_status_for_unknown_users_is_caught(faults: Faults, sessions: Sessions) -> None:
    """404 instead of 401 tells users apart although the message is the same; request ids and times do not."""
    assert not compare_users(sessions.driver, victims(sessions, "program")).differences
    faults("names-unknown")
    report = compare_users(sessions.driver, victims(sessions, "program"))

    assert "“status 401”" in report.summary()
    assert "“status 404”" in report.summary()


def test_kept_identifier_is_caught(faults: Faults, sessions: Sessions) -> None:
    """A cookie login by a script is looked at like one by a form."""
    cookies = observe_session_cookies(sessions, account(sessions, "page-ada"))
    assert cookies.names == ("connect",)
    assert cookies.others == ("lang",)
    assert not plant_identifiers(sessions, cookies).fixed
    faults("keeps-identifier")
    assert plant_identifiers(sessions, cookies).fixed


@pytest.mark.parametrize(
    ("fault", "words"),
    [("", ""), ("hashes-clock", "md5 of the time of the login"), ("short", "48 bits by length and alphabet")],
)
def test_identifiers(faults: Faults, sessions: Sessions, fault: str, words: str) -> None:
    """A hash of the clock and identifiers that are too short are caught; random ones are sound."""
    faults(fault)
    report = collect_identifiers(
        sessions.driver, victims(sessions, "page"), ["connect"], samples=30, within=Pace().search()
    )

    assert bool(report.faults) is bool(words)
    assert words in report.summary()


def test_tokens_of_one_account_may_be_equal(faults: Faults, sessions: Sessions) -> None:
    """A token without an identifier is protected by its signature alone, and that is what is judged."""
    report = collect_identifiers(sessions.driver, victims(sessions, "program"), [], samples=20, within=Pace().search())

    assert not report.faults
    assert report.findings[0].kind == "signed"
    assert report.findings[0].bits >= 256


@pytest.mark.parametrize(
    ("fault", "attribute"), [("no-secure", "secure"), ("no-httponly", "httponly"), ("no-samesite", "samesite")]
)
def test_weak_cookies_are_caught(faults: Faults, sessions: Sessions, fault: str, attribute: str) -> None:
    """A cookie without Secure or HttpOnly, or with SameSite=None, is told from a sound one."""

    def sound(line: object) -> bool:
        attributes = getattr(line, "attributes", {})
        return attribute in attributes and attributes[attribute].lower() != "none"

    assert not observe_session_cookies(sessions, account(sessions, "page-ada")).lacking(sound)
    faults(fault)
    assert observe_session_cookies(sessions, account(sessions, "page-ada")).lacking(sound)


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        ("trusts-alg", "alg nOnE, no signature"),
        ("no-verification", "one bit of the signature changed"),
        ("trusts-jwk", "header brings jwk: the key itself"),
        ("kid-is-a-path", "kid leads to an empty file"),
    ],
)
def test_forged_tokens_are_caught(faults: Faults, sessions: Sessions, fault: str, accepted: str) -> None:
    """Each way of believing a forged token is found; a sound verifier believes none."""
    assert not try_forgeries(sessions, account(sessions, "program-ada")).accepted
    faults(fault)
    report = try_forgeries(sessions, account(sessions, "program-ada"))

    assert accepted in report.accepted
    assert (len(report.accepted) > 4) is (fault in {"no-verification", "trusts-alg"})
