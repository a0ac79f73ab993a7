"""The auth suite's detectors on a Flask site: red on the fault, green without it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from stagehold.errors import NotApplicable, ProbeError
from stagehold.network.pace import Pace
from stagehold.probes.browser.launch import Chromium
from stagehold.probes.browser.script_reach import look_as_script
from stagehold.probes.login.collection import collect_identifiers
from stagehold.probes.login.driver import Sessions
from stagehold.probes.login.enumeration import compare_users
from stagehold.probes.login.fixation import plant_identifiers
from stagehold.probes.login.passwords import try_passwords
from stagehold.probes.login.session_cookies import observe_session_cookies
from stagehold.probes.login.token_trust import try_forgeries
from tests.probes.pki import Authority, write_chain
from tests.twins.auth_flask import USERS, Site, serving
from tests.twins.auth_stage import NAME, account, sessions_of, victims

FLOWS = {
    "web": {"kind": "form", "whoami": {"path": "/me", "user": "/user"}},
    "api": {
        "kind": "json_token",
        "login": {"method": "POST", "path": "/token", "json": {"username": "{user}", "password": "{password}"}},
        "whoami": {"path": "/me", "user": "/user"},
    },
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Sessions]]:
    """One site for all tests here, with a certificate of a private authority."""
    folder = tmp_path_factory.mktemp("flask")
    authority = Authority.create()
    chain, key = write_chain(folder, authority.leaf(NAME), authority.intermediate)
    authority.ca_file(folder)
    site = Site()
    with serving(site, chain, key) as port:
        yield site, sessions_of(port, folder, FLOWS, USERS)


@pytest.fixture
def site(stage: tuple[Site, Sessions]) -> Iterator[Site]:
    """The site, sound before and after each test."""
    stage[0].faults.clear()
    yield stage[0]
    stage[0].faults.clear()


@pytest.fixture
def sessions(stage: tuple[Site, Sessions]) -> Sessions:
    """Logins to it."""
    return stage[1]


@pytest.mark.parametrize("flow", ["web", "api"])
def test_only_the_password_logs_in(site: Site, sessions: Sessions, flow: str) -> None:
    """A sound login takes none of the other passwords, whichever way they are sent."""
    report = try_passwords(sessions.driver, victims(sessions, flow))

    assert not report.accepted
    assert report.controls >= 4
    assert "pw-" not in repr(report)


def test_trimmed_passwords_are_caught(site: Site, sessions: Sessions) -> None:
    """A form that cuts blanks off takes two passwords that are not the password."""
    site.faults.add("trims")
    accepted = try_passwords(sessions.driver, victims(sessions, "web")).accepted

    assert accepted == ("a blank before the password", "a blank after the password")


@pytest.mark.parametrize("style", [set(), {"flash"}])
def test_unknown_users_look_alike(site: Site, sessions: Sessions, style: set[str]) -> None:
    """CSRF tokens, clocks and signed cookies in the answers are no difference."""
    site.faults |= style
    assert not compare_users(sessions.driver, victims(sessions, "web")).differences


@pytest.mark.parametrize("style", [set(), {"flash"}])
def test_named_unknown_user_is_caught(site: Site, sessions: Sessions, style: set[str]) -> None:
    """A message with a number that changes each time still tells unknown users apart, also after a redirect."""
    site.faults |= {"names-unknown", *style}
    report = compare_users(sessions.driver, victims(sessions, "web"))

    assert report.differences
    assert "Nobody is called {user}" in report.summary()


def test_new_identifier_at_login(site: Site, sessions: Sessions) -> None:
    """The session cookie is told from the form's, and an identifier of the client's choice opens nothing."""
    cookies = observe_session_cookies(sessions, account(sessions, "web-ada"))
    report = plant_identifiers(sessions, cookies)

    assert cookies.names == ("sid",)
    assert cookies.others == ("form",)
    assert not report.fixed
    assert all(planted.logged_in for planted in report.planted)


def test_kept_identifier_is_caught(site: Site, sessions: Sessions) -> None:
    """An identifier that the client chose and the login took over opens the session elsewhere."""
    site.faults.add("keeps-identifier")
    cookies = observe_session_cookies(sessions, account(sessions, "web-ada"))
    (fixed,) = plant_identifiers(sessions, cookies).fixed

    assert fixed.what == "an identifier chosen by the client"
    assert fixed.kept


def slow_clock(*, seconds: float) -> Pace:
    """A pace whose clock runs on by half a second whenever somebody looks at it."""
    ticks = itertools.count()
    return Pace(clock=lambda: next(ticks) / 2, seconds=seconds)


def test_slow_logins_are_fewer_and_the_evidence_says_so(site: Site, sessions: Sessions) -> None:
    """Where 60 logins have taken longer than 20 s there are no more, and the summary tells of how many."""
    time = slow_clock(seconds=300).search()
    report = collect_identifiers(sessions.driver, victims(sessions, "web"), ["sid"], samples=90, within=time)

    assert (report.logins, report.wanted, report.faults) == (60, 90, ())
    assert report.summary().startswith("60 logins (of 90, for they took ")


def test_too_few_logins_are_inconclusive(site: Site, sessions: Sessions) -> None:
    """When the time is over before there are 60, nothing is said of the identifiers, and the key is named."""
    time = slow_clock(seconds=30).search()
    with pytest.raises(ProbeError, match=r"too few to tell, 60 are needed: the 30 s .* `policy.search_seconds`"):
        collect_identifiers(sessions.driver, victims(sessions, "web"), ["sid"], samples=90, within=time)


def test_fault_that_few_logins_show_is_one(site: Site, sessions: Sessions) -> None:
    """Identifiers that rise are caught although the time was over before there were 60."""
    site.faults.add("counts")
    time = slow_clock(seconds=50).search()
    report = collect_identifiers(sessions.driver, victims(sessions, "web"), ["sid"], samples=90, within=time)

    assert 20 <= report.logins < 60
    assert "numbers that rise" in report.summary()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("", ""),
        ("signed", ""),
        ("counts", "numbers that rise"),
        ("readable-identifier", "the user name can be read"),
    ],
)
def test_identifiers(site: Site, sessions: Sessions, fault: str, words: str) -> None:
    """Random and signed identifiers are sound; counters and readable names are caught."""
    site.faults.add(fault)
    report = collect_identifiers(sessions.driver, victims(sessions, "web"), ["sid"], samples=30, within=Pace().search())

    assert bool(report.faults) is bool(words)
    assert words in report.summary()
    assert report.findings[0].kind == ("signed" if fault == "signed" else "opaque")


@pytest.mark.parametrize(
    ("fault", "attribute"), [("no-secure", "secure"), ("no-httponly", "httponly"), ("no-samesite", "samesite")]
)
def test_missing_attributes_are_caught(site: Site, sessions: Sessions, fault: str, attribute: str) -> None:
    """Each attribute is seen where it is, and missed where it is not."""
    sound = observe_session_cookies(sessions, account(sessions, "web-ada"))
    site.faults.add(fault)
    broken = observe_session_cookies(sessions, account(sessions, "web-ada"))

    assert not sound.lacking(lambda line: attribute in line.attributes)
    assert broken.lacking(lambda line: attribute in line.attributes)
    assert sound.session.credentials()[0].value not in str(list(sound.table()))


@pytest.mark.slow
def test_scripts_see_the_session_where_it_is_shown(site: Site, sessions: Sessions) -> None:
    """In a real browser the value is found in `document.cookie` and in a page's script, and nowhere when sound."""
    driver = sessions.driver
    with Chromium(driver.network, ca_file=driver.ca_file) as chromium:
        sound = look_as_script(chromium, driver, "web-ada", ("sid",))
        site.faults.add("shows-session")
        shown = look_as_script(chromium, driver, "web-ada", ("sid",))
        site.faults.add("no-httponly")
        read = look_as_script(chromium, driver, "web-ada", ("sid",))

    assert not sound.hits
    assert sound.searched["the page"] > 20
    assert shown.hits == (("the page", "sid"),)
    assert ("document.cookie", "sid") in read.hits


def test_forged_tokens_are_refused(site: Site, sessions: Sessions) -> None:
    """A library that is told one algorithm refuses every forgery, the published key as a secret included."""
    report = try_forgeries(sessions, account(sessions, "api-ada"))

    assert not report.accepted
    assert report.public_keys == 1
    assert any("public key 1 as PEM" in trial.what for trial in report.trials)


def test_confused_algorithms_are_caught(site: Site, sessions: Sessions) -> None:
    """A verifier that takes the published key for a secret believes a token signed with it."""
    site.faults.add("confuses")
    report = try_forgeries(sessions, account(sessions, "api-ada"))

    assert report.accepted == ("signed HS256 with public key 1 as PEM",)


def test_opaque_and_signed_cookies_are_no_jwt(site: Site, sessions: Sessions) -> None:
    """Flask's own signed cookie is not taken for a token of another kind."""
    for style in ("", "signed"):
        site.faults = {style}
        with pytest.raises(NotApplicable, match="opaque"):
            try_forgeries(sessions, account(sessions, "web-ada"))


def test_token_needs_no_cookie(site: Site, sessions: Sessions) -> None:
    """Checks of cookies are not applicable to a login that gives a token."""
    with pytest.raises(NotApplicable, match="Authorization alone"):
        observe_session_cookies(sessions, account(sessions, "api-ada"))
