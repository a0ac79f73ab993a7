"""TLS that begins in the middle of another protocol: upgrades, scans through them, and logins before them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from stagehold.environment.model import Environment
from stagehold.environment.places import TlsEndpoint
from stagehold.errors import DeniedByProduction, ProbeError
from stagehold.network.door import Network
from stagehold.probes.starttls import imap, smtp
from stagehold.probes.starttls.attempt import Answer, Meaning, settled
from stagehold.probes.starttls.facts import ServiceLogins
from stagehold.probes.starttls.logins import look_at_plain_logins
from stagehold.probes.starttls.talk import UpgradeRefused
from stagehold.probes.starttls.upgrade import through
from stagehold.probes.tls.facts import AddressScan, TlsScan, VersionFact
from stagehold.probes.tls.scan import scan_endpoint
from tests.probes.judged import outcomes
from tests.probes.pki import Authority, write_chain
from tests.probes.service_servers import (
    LONG_OID,
    Lines,
    Place,
    ldap_server,
    line_server,
    postgres_server,
    upgrading_front,
)
from tests.probes.tls_servers import fresh_address, only, raw_server, say_nothing

AUTHORITY = Authority.create()
Server = Callable[[Path, Path], AbstractContextManager[Place]]

EHLO = "250-mail.test\r\n250-STARTTLS\r\n250 HELP\r\n"
SMTP_SOUND = {"EHLO": EHLO, "STARTTLS": "220 go\r\n", "AUTH": "530 5.7.0 Must issue a STARTTLS command first\r\n"}
SMTP_INSIDE = {"EHLO": "250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n", "AUTH": "535 5.7.8 wrong\r\n", "NOOP": "250 ok\r\n"}
CAPABLE = "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\ns1 OK done\r\n"
ENABLED = CAPABLE.replace(" LOGINDISABLED", "")
PLAIN = CAPABLE.replace("STARTTLS", "STARTTLS AUTH=PLAIN")
IMAP_SOUND = {
    ". STARTTLS": ". OK begin\r\n",  # the tag that sslyze uses
    "CAPABILITY": CAPABLE,
    "STARTTLS": "s1 OK begin\r\n",
    "LOGIN": "s1 NO [PRIVACYREQUIRED] not without TLS\r\n",
    "AUTHENTICATE": "s1 NO [PRIVACYREQUIRED] not without TLS\r\n",
}
IMAP_INSIDE = {"LOGIN": "s1 NO wrong\r\n", "AUTHENTICATE": "+ \r\n", "NOOP": "e1 OK\r\n"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Chain and key of the servers."""
    return write_chain(tmp_path_factory.mktemp("served"), AUTHORITY.leaf("mail.test"), AUTHORITY.intermediate)


def described(place: Place, **how: Any) -> tuple[Network, TlsEndpoint]:
    """The door of an environment with one endpoint, and the endpoint."""
    endpoint = {"host": "mail.test", "port": place[1], "addresses": [place[0]], **how}
    environment = Environment.model_validate(
        {
            "environment": {"id": "test", "kind": "testing", "owner": "qa@app.example"},
            "targets": [{"name": "app", "base_url": f"http://{place[0]}:9"}],
            "tls": {"endpoints": [endpoint]},
        }
    )
    return Network.build(environment), environment.tls.endpoints[0]


def logins(place: Place, **how: Any) -> ServiceLogins:
    """Who may log in without TLS there, beside a scan that found TLS 1.2."""
    network, endpoint = described(place, **how)
    accepted = {"TLS 1.2": VersionFact("TLS 1.2", ("SUITE",)), "TLS 1.3": VersionFact("TLS 1.3", refused=5)}
    scan = TlsScan(endpoint, (AddressScan(place[0], accepted),))
    return ServiceLogins(scan, look_at_plain_logins(network, endpoint))


def verdict(found: ServiceLogins) -> str:
    """What TLS-019 makes of it."""
    return outcomes("tls", {"service_logins": found})["TLS-019"]


def old_versions(scan: TlsScan) -> str:
    """What TLS-001 makes of it."""
    old = ("SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1")
    return outcomes("tls", {"tls_scan": scan}, refused_version=old)["TLS-001"]


def smtp_saying(**changes: str) -> Server:
    script = Lines("220 mail.test ESMTP", SMTP_SOUND | changes, SMTP_INSIDE)
    return lambda chain, key: line_server(script, chain, key)


def imap_saying(inside: Mapping[str, str] = IMAP_INSIDE, **changes: str) -> Server:
    script = Lines("* OK ready", IMAP_SOUND | changes, inside)
    return lambda chain, key: line_server(script, chain, key)


def ldap_answering(plain: int, **how: Any) -> Server:
    return lambda chain, key: ldap_server(chain, key, plain=plain, **how)


AD_LIKE = ldap_answering(8, long=True, tls=b"\x0a\x01\x00\x04\x00\x04\x00" + LONG_OID)
"""Lengths in four bytes, and the name of the response, as Active Directory sends them."""

MATRIX: tuple[tuple[str, str, Server, str], ...] = (
    ("smtp: 530", "smtp", smtp_saying(), "passed"),
    ("smtp: 538", "smtp", smtp_saying(AUTH="538 5.7.11 encryption required\r\n"), "passed"),
    ("smtp: no such command", "smtp", smtp_saying(AUTH="502 5.5.2 not here\r\n"), "passed"),
    ("smtp: looked at", "smtp", smtp_saying(AUTH="535 5.7.8 wrong\r\n"), "failed"),
    ("smtp: let in", "smtp", smtp_saying(AUTH="235 welcome\r\n"), "failed"),
    ("smtp: asks for more", "smtp", smtp_saying(AUTH="334 VXNlcm5hbWU6\r\n"), "failed"),
    ("smtp: announced, refused", "smtp", smtp_saying(EHLO="250-m\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"), "failed"),
    ("smtp: announced the old way", "smtp", smtp_saying(EHLO="250-m\r\n250-STARTTLS\r\n250 AUTH=LOGIN\r\n"), "failed"),
    ("smtp: no STARTTLS", "smtp", smtp_saying(EHLO="250-m\r\n250 HELP\r\n"), "failed"),
    ("smtp: busy", "smtp", smtp_saying(AUTH="454 4.7.0 later\r\n"), "inconclusive"),
    ("smtp: hangs up", "smtp", smtp_saying(AUTH="hang up"), "inconclusive"),
    ("smtp: another no than inside", "smtp", smtp_saying(AUTH="550 5.7.1 policy\r\n"), "passed"),
    ("imap: PRIVACYREQUIRED", "imap", imap_saying(), "passed"),
    ("imap: BAD", "imap", imap_saying(LOGIN="s1 BAD no\r\n", AUTHENTICATE="s1 BAD no\r\n"), "passed"),
    ("imap: looked at", "imap", imap_saying(LOGIN="s1 NO [AUTHENTICATIONFAILED] wrong\r\n"), "failed"),
    ("imap: let in", "imap", imap_saying(LOGIN="s1 OK in\r\n"), "failed"),
    ("imap: asks for more", "imap", imap_saying(AUTHENTICATE="+ \r\n"), "failed"),
    ("imap: login not disabled", "imap", imap_saying(CAPABILITY=ENABLED), "failed"),
    ("imap: announces PLAIN", "imap", imap_saying(CAPABILITY=PLAIN), "failed"),
    ("imap: no STARTTLS", "imap", imap_saying(CAPABILITY=CAPABLE.replace("STARTTLS ", "")), "failed"),
    ("imap: another no than inside", "imap", imap_saying(LOGIN="s1 NO not without TLS\r\n"), "passed"),
    ("imap: the same no as inside", "imap", imap_saying(LOGIN="s1 NO wrong\r\n"), "inconclusive"),
    ("imap: not available", "imap", imap_saying(LOGIN="s1 NO [UNAVAILABLE] later\r\n"), "inconclusive"),
    ("imap: says goodbye", "imap", imap_saying(LOGIN="* BYE too many\r\n"), "inconclusive"),
    ("ldap: confidentialityRequired", "ldap", ldap_answering(13), "passed"),
    ("ldap: strongerAuthRequired", "ldap", ldap_answering(8), "passed"),
    ("ldap: as Active Directory", "ldap", AD_LIKE, "passed"),
    ("ldap: invalidCredentials", "ldap", ldap_answering(49), "failed"),
    ("ldap: wrong, and holds what it does not tell", "ldap", ldap_answering(49, suffix=b""), "inconclusive"),
    ("ldap: lets in, and holds what it does not tell", "ldap", ldap_answering(0, suffix=b""), "failed"),
    ("ldap: success", "ldap", ldap_answering(0), "failed"),
    ("ldap: no StartTLS", "ldap", ldap_answering(13, tls=b"\x0a\x01\x02\x04\x00\x04\x00"), "failed"),
    ("ldap: unwilling without TLS only", "ldap", ldap_answering(53), "passed"),
    ("ldap: unwilling anyway", "ldap", ldap_answering(53, inside=53), "inconclusive"),
    ("ldap: busy", "ldap", ldap_answering(51), "inconclusive"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("protocol", "server", "expected"), [row[1:] for row in MATRIX], ids=[row[0] for row in MATRIX]
)
def test_login_before_tls_is_judged(protocol: str, server: Server, expected: str, served: tuple[Path, Path]) -> None:
    """What a server answers to a login without TLS decides: looked at, refused, or not known."""
    with server(*served) as place:
        found = logins(place, starttls=protocol)

    assert verdict(found) == expected, found.seen
    assert all("********" in line for one in found.seen for line in one.transcript if "C: AUTH PLAIN" in line)


@contextlib.contextmanager
def aiosmtpd_server(chain: Path, key: Path, **how: Any) -> Iterator[Place]:
    """A mail server that nobody here wrote; any login is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    context.set_ciphers("ECDHE+AESGCM")
    loop, address = asyncio.new_event_loop(), fresh_address()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    async def begin() -> asyncio.Server:
        def session() -> SMTP:
            refuse = lambda *_: AuthResult(success=False, handled=False)  # noqa: E731
            return SMTP(object(), tls_context=context, authenticator=refuse, loop=loop, **how)

        return await loop.create_server(session, address, 0)

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:

        async def end() -> None:
            server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)


@pytest.mark.parametrize(("auth_require_tls", "expected"), [(True, "passed"), (False, "failed")])
def test_real_mail_server_is_judged(auth_require_tls: bool, expected: str, served: tuple[Path, Path]) -> None:
    """A submission server that wants TLS before logins passes, one that does not fails; both are scanned."""
    with aiosmtpd_server(*served, auth_require_tls=auth_require_tls) as place:
        network, endpoint = described(place, starttls="smtp")
        scan = scan_endpoint(network, endpoint)
        found = ServiceLogins(scan, look_at_plain_logins(network, endpoint))

    assert not scan.addresses[0].problem
    assert scan.negotiated() == ((place[0], "TLS 1.3"),)
    assert old_versions(scan) == "passed"
    assert verdict(found) == expected


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A PostgreSQL whose rules turn away without TLS whoever is not `legacy`, `ghost` or `idler`."""
    folder = tmp_path_factory.mktemp("postgres")
    for path in (folder, *folder.parents[:3]):
        path.chmod(path.stat().st_mode | 0o011)
    rules = ("local all unruly reject", "local all all scram-sha-256", "host all legacy all scram-sha-256")
    with postgres_server(
        folder, *rules, "host all ghost all trust", "host all idler all ident", "host all all all reject"
    ) as running:
        yield running


@pytest.mark.parametrize(
    ("user", "expected"),
    [(None, "passed"), ("legacy", "failed"), ("ghost", "failed"), ("idler", "failed"), ("unruly", "inconclusive")],
)
def test_postgresql_is_judged(
    user: str | None, expected: str, postgres: tuple[Path, str], served: tuple[Path, Path]
) -> None:
    """A startup that the rules turn away without TLS only passes; whoever is let in as far as a login fails."""
    with upgrading_front(*served, postgres[1], postgres[0]) as place:
        found = logins(place, starttls="postgres", **({"user": user} if user else {}))

    assert verdict(found) == expected, found.seen


def test_postgresql_without_tls_fails(postgres: tuple[Path, str], served: tuple[Path, Path]) -> None:
    """A server that declines the upgrade fails, whatever its rules say."""
    with upgrading_front(*served, postgres[1], postgres[0], offers=b"N") as place:
        found = logins(place, starttls="postgres")

    assert verdict(found) == "failed"
    assert "does not begin TLS" in found.problems()[0]


def test_postgresql_is_scanned_through_its_upgrade(postgres: tuple[Path, str], served: tuple[Path, Path]) -> None:
    """Versions and early data of a database are seen behind its SSLRequest."""
    with upgrading_front(*served, postgres[1], postgres[0]) as place:
        scan = scan_endpoint(*described(place, starttls="postgres"))

    assert not scan.addresses[0].problem
    assert scan.accepts("TLS 1.2")
    assert not scan.early_data_problems()


SERVERS: dict[str, Server] = {"imap": imap_saying(), "ldap": AD_LIKE}


@pytest.mark.parametrize("protocol", SERVERS)
def test_scan_goes_through_the_upgrade(protocol: str, served: tuple[Path, Path]) -> None:
    """A sound server is seen as sound behind its upgrade, by sslyze and by every connection made by hand."""
    with SERVERS[protocol](*served) as place:
        scan = scan_endpoint(*described(place, starttls=protocol))

    one = scan.addresses[0]
    assert (one.problem, one.gaps, one.negotiated) == ("", (), "TLS 1.3")
    assert old_versions(scan) == "passed"
    assert not scan.early_data_problems()
    assert not scan.renegotiation_problems()
    assert not scan.weaknesses.problems("Heartbleed")
    assert f"-starttls {protocol}" in scan.s_client


def test_old_version_behind_the_upgrade_is_found(served: tuple[Path, Path]) -> None:
    """A mail server of TLS 1.1 alone fails TLS-001 and TLS-019, though it refuses logins before."""
    script = Lines("220 mail.test ESMTP", SMTP_SOUND, SMTP_INSIDE)
    with line_server(script, *served, prepare=only(ssl.TLSVersion.TLSv1_1)) as place:
        network, endpoint = described(place, starttls="smtp")
        scan = scan_endpoint(network, endpoint)
        found = ServiceLogins(scan, look_at_plain_logins(network, endpoint))

    assert old_versions(scan) == "failed"
    assert verdict(found) == "failed"
    assert found.problems() == (f"{place[0]} accepts neither TLS 1.2 nor TLS 1.3",)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"EHLO": "250-m\r\n250 HELP\r\n"}, "does not offer STARTTLS"),
        ({"STARTTLS": "454 4.7.0 TLS not available\r\n"}, "does not begin TLS: 454"),
    ],
)
def test_missing_upgrade_is_no_refusal_of_versions(
    answers: dict[str, str], words: str, served: tuple[Path, Path]
) -> None:
    """Where TLS does not begin, nothing is known of versions, and the reason is told."""
    with smtp_saying(**answers)(*served) as place:
        network, endpoint = described(place, starttls="smtp")
        scan = scan_endpoint(network, endpoint)
        with pytest.raises(UpgradeRefused, match=words):
            through(network, "smtp").connect("mail.test", place[1], seconds=5, address=place[0])

    assert words in scan.addresses[0].problem
    assert old_versions(scan) == "inconclusive"


@pytest.mark.parametrize("protocol", ["smtp", "imap", "ldap", "postgres"])
def test_silence_is_inconclusive(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers is not one that refuses."""
    monkeypatch.setattr("stagehold.probes.starttls.logins.SECONDS", 0.3)
    with raw_server(say_nothing) as place:
        assert verdict(logins(place, starttls=protocol)) == "inconclusive"
        assert verdict(logins(place, protocol=protocol)) == "inconclusive"


@pytest.mark.parametrize("protocol", ["smtp", "imap", "ldap", "postgres"])
def test_other_protocols_are_inconclusive(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of something else refuses nothing, whatever its answer looks like."""
    monkeypatch.setattr("stagehold.probes.starttls.logins.SECONDS", 0.5)

    def web(connection: Any) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with raw_server(web) as place:
        assert verdict(logins(place, starttls=protocol)) == "inconclusive"


def test_more_than_the_answer_before_tls_is_an_error(served: tuple[Path, Path]) -> None:
    """What comes in clear after the permission to begin would be read as if it had come inside TLS."""
    with smtp_saying(STARTTLS="220 go\r\n250 injected\r\n")(*served) as place:
        network, _ = described(place, starttls="smtp")
        with pytest.raises(ProbeError, match="said more"):
            through(network, "smtp").connect("mail.test", place[1], seconds=5, address=place[0])


@pytest.mark.parametrize("protocol", ["smtp", "imap"])
def test_tls_from_the_first_byte_refuses_logins_without(protocol: str, served: tuple[Path, Path]) -> None:
    """A listener that answers nothing but TLS passes, and its scan speaks no upgrade."""
    greeting, inside = ("220 mail.test", SMTP_INSIDE) if protocol == "smtp" else ("* OK ready", IMAP_INSIDE)
    with line_server(Lines(greeting, {}, inside), *served, tls_first=True) as place:
        network, endpoint = described(place, protocol=protocol)
        scan = scan_endpoint(network, endpoint)
        found = ServiceLogins(scan, look_at_plain_logins(network, endpoint))

    assert verdict(found) == "passed", found.seen
    assert not scan.early_data_problems()
    assert not scan.renegotiation_problems()
    assert "-starttls" not in scan.s_client


def test_plain_service_where_tls_is_declared_fails(served: tuple[Path, Path]) -> None:
    """Who takes logins in clear on the port of SMTPS fails, although there is no TLS to be scanned."""
    with smtp_saying(AUTH="535 5.7.8 wrong\r\n")(*served) as place:
        found = logins(place, protocol="smtp")

    assert verdict(found) == "failed"


def test_address_that_only_one_of_both_looked_at_is_inconclusive(served: tuple[Path, Path]) -> None:
    """A refusal counts only beside a handshake at the same address."""
    with smtp_saying()(*served) as place:
        found = logins(place, starttls="smtp")

    assert verdict(replace(found, scan=TlsScan(found.scan.endpoint, ()))) == "inconclusive"
    assert verdict(replace(found, seen=())) == "inconclusive"
    broken = AddressScan(place[0], problem="no TLS connection")
    assert verdict(replace(found, scan=TlsScan(found.scan.endpoint, (broken,)))) == "inconclusive"


def test_production_is_not_asked(served: tuple[Path, Path]) -> None:
    """The deny list holds for connections behind an upgrade, and for plain ones."""
    with smtp_saying()(*served) as place:
        network, endpoint = described(place, starttls="smtp")
        denied = replace(network, production=network.production.model_copy(update={"hosts": ("mail.test",)}))
        with pytest.raises(DeniedByProduction):
            through(denied, "smtp").connect("mail.test", place[1], seconds=5, address=place[0])
        with pytest.raises(DeniedByProduction):
            look_at_plain_logins(denied, endpoint)


@pytest.mark.parametrize(
    ("outside", "inside", "expected"),
    [
        ("550 no", "535 wrong", Meaning.REFUSED),
        ("550 no", "550 no", Meaning.TROUBLE),
        ("550 no", None, Meaning.OPEN),
    ],
)
def test_control_tells_refusals_apart(outside: str, inside: str | None, expected: Meaning) -> None:
    """An answer in doubt is a refusal only if wrong credentials get another one inside TLS."""
    control = {"way": Answer("way", Meaning.TAKEN, inside)} if inside else {}

    (found,) = settled([Answer("way", Meaning.OPEN, outside)], control)

    assert found.meaning is expected


def test_replies_mean_what_the_standards_say() -> None:
    """Every code that is known has its meaning, and temporary ones mean nothing."""
    assert {code for code in range(200, 600) if smtp.meaning(code) is Meaning.TAKEN} == {235, 334, 432, 535}
    assert smtp.meaning(454) is Meaning.TROUBLE
    assert smtp.meaning(550) is Meaning.OPEN
    assert imap.meaning("NO [ALERT] x") is Meaning.OPEN
    assert imap.meaning("BYE x") is Meaning.TROUBLE
