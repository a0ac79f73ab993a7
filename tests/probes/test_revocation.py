"""Which lists and stapled answers count, what they say, and what a certificate's server owes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from unittest.mock import MagicMock

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from stagehold.environment.model import Environment
from stagehold.errors import DeniedByProduction, NotApplicable, ProbeError, StageholdError, Uncovered
from stagehold.network.door import Network
from stagehold.probes.tls.certificates import Anchors, CertificateRules
from stagehold.probes.tls.crl_sources import fetch_list
from stagehold.probes.tls.facts import ServedChain
from stagehold.probes.tls.reading import CERTIFICATES, read_answer
from stagehold.probes.tls.revocation import RevocationFacts, look_at_revocation
from stagehold.probes.tls.revocation_list import judge_list
from stagehold.probes.tls.scan import WORKER
from stagehold.probes.tls.stapled import judge_staple
from tests.probes.judged import outcomes
from tests.probes.pki import Authority, Issued, issue
from tests.probes.profiles import DEFAULT_PROFILE
from tests.probes.revoking import (
    GOOD,
    MUST_STAPLE,
    REVOKED,
    SIGNS_ANSWERS,
    UNKNOWN,
    answer,
    points,
    responder,
    revocation_list,
    scope,
    signed_with_sha1,
)
from tests.probes.tls_servers import fresh_address
from tests.probes.tls_stacks import AEAD, Place, nginx_server, openssl_server

NOW = datetime.now(UTC)
CA = Authority.create()
ISSUER = CA.intermediate
OTHER = Authority.create("Other").intermediate
URL = "http://crl.test/issuing.crl"
LEAF = CA.leaf("app.test")
ANOTHER = CA.leaf("other.test")
SAME_NAME = issue("Test Intermediate", ca=True)
"""Bears the issuer's name, with a key of its own."""
SOME = frozenset({x509.ReasonFlags.key_compromise})
STRANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")


def no_list_signer() -> Issued:
    usage = x509.KeyUsage(True, False, False, False, False, True, False, False, False)
    return issue("No lists", CA.root, ca=True, more=[usage])


NO_LISTS = no_list_signer()
LISTS: dict[str, tuple[bytes, str, str]] = {
    "empty": (revocation_list(ISSUER), "good", "does not name it"),
    "PEM": (
        x509.load_der_x509_crl(revocation_list(ISSUER)).public_bytes(Encoding.PEM), "good", "does not name it",
    ),
    "names another": (revocation_list(ISSUER, ANOTHER), "good", "does not name it"),
    "names it": (revocation_list(ISSUER, ANOTHER, LEAF), "revoked", r"revoked on .*\(keyCompromise\)"),
    "a moment ahead of our clock": (revocation_list(ISSUER, start=0.003), "good", "does not name it"),
    "expired": (revocation_list(ISSUER, start=-9, end=-0.01), "unknown", "expired on"),
    "not yet valid": (revocation_list(ISSUER, start=1, end=2), "unknown", "not valid before"),
    "of another issuer": (revocation_list(OTHER), "unknown", "is of CN=Other Intermediate, not of"),
    "of another issuer, names it": (revocation_list(OTHER, LEAF), "unknown", "is of CN=Other Intermediate, not of"),
    "signed by another key": (revocation_list(ISSUER, signer=SAME_NAME), "unknown", "signature is not the issuer's"),
    "signed by another kind of key": (
        revocation_list(ISSUER, signer=issue("x", key=rsa.generate_private_key(65537, 2048))),
        "unknown",
        "signature is not the issuer's|no readable CRL",
    ),
    "signed with SHA-1": (signed_with_sha1(ISSUER), "unknown", "signed with SHA1"),
    "altered": (revocation_list(ISSUER, ANOTHER)[:-1] + b"\x00", "unknown", "signature is not|no readable"),
    "about servers": (revocation_list(ISSUER, critical=[scope(users=True)]), "good", "does not name it"),
    "for this distribution point": (revocation_list(ISSUER, critical=[scope(URL)]), "good", "does not name it"),
    "for another one": (revocation_list(ISSUER, critical=[scope("http://x.test")]), "unknown", "another dist"),
    "about authorities": (revocation_list(ISSUER, critical=[scope(authorities=True)]), "unknown", "not about cert"),
    "indirect": (revocation_list(ISSUER, critical=[scope(indirect=True)]), "unknown", "indirect"),
    "some reasons": (revocation_list(ISSUER, critical=[scope(reasons=SOME)]), "unknown", "some reasons only"),
    "delta": (revocation_list(ISSUER, critical=[x509.DeltaCRLIndicator(3)]), "unknown", "delta"),
    "something critical": (revocation_list(ISSUER, critical=[STRANGE]), "unknown", r"not understood \(1.2.3.4\)"),
    "an entry with something critical": (revocation_list(ISSUER, entry=STRANGE), "unknown", "an entry of the list"),
    "nothing": (b"", "unknown", "no readable CRL"),
    "a page": (b"<html>Moved</html>", "unknown", "no readable CRL"),
    "cut off": (revocation_list(ISSUER)[:-20], "unknown", "no readable CRL"),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_list_counts_only_if_nothing_about_it_is_in_doubt(name: str) -> None:
    """Lists of others, out of date, incomplete, unreadable or not understood say nothing; sound ones what they hold."""
    data, status, words = LISTS[name]

    found = judge_list(data, LEAF.certificate, ISSUER.certificate, NOW, source=URL)

    assert found.status == status, found.words
    assert re.search(words, found.words), found.words


def test_a_list_counts_only_of_an_authority_that_may_sign_lists() -> None:
    """Without `cRLSign` in its key usage an authority's list says nothing (RFC 5280 section 6.3.3, f)."""
    leaf = issue("app.test", NO_LISTS)

    found = judge_list(revocation_list(NO_LISTS), leaf.certificate, NO_LISTS.certificate, NOW, source=URL)

    assert (found.status, "does not allow" in found.words) == ("unknown", True)


STRANGER = issue("stranger", more=[SIGNS_ANSWERS])
ANSWERS: dict[str, tuple[bytes, str, str]] = {
    "good": (answer(LEAF, ISSUER), "good", "good"),
    "revoked": (answer(LEAF, ISSUER, REVOKED), "revoked", "revoked on"),
    "not known": (answer(LEAF, ISSUER, UNKNOWN), "unknown", "does not know"),
    "by an authorised responder": (
        answer(LEAF, ISSUER, by=(own := responder(ISSUER, SIGNS_ANSWERS)), enclosed=[own]), "good", "good",
    ),
    "revoked, by a stranger": (
        answer(LEAF, ISSUER, REVOKED, by=STRANGER, enclosed=[STRANGER]), "unknown", "not authorised by",
    ),
    "by a stranger": (answer(LEAF, ISSUER, by=STRANGER, enclosed=[STRANGER]), "unknown", "not authorised by"),
    "by a server of the same issuer": (
        answer(LEAF, ISSUER, by=ANOTHER, enclosed=[ANOTHER]), "unknown", "is not authorised to sign",
    ),
    "by the certificate itself": (
        answer(LEAF, ISSUER, by=LEAF, enclosed=[LEAF]), "unknown", "is not authorised to sign",
    ),
    "by a responder of the root": (
        answer(LEAF, ISSUER, by=(far := responder(CA.root, SIGNS_ANSWERS)), enclosed=[far]), "unknown", "not auth",
    ),
    "by a responder whose time is over": (
        answer(LEAF, ISSUER, by=(old := responder(ISSUER, SIGNS_ANSWERS, end=-1)), enclosed=[old]),
        "unknown",
        "certificate of CN=responder, who signed it, expired",
    ),
    "by somebody whose certificate is missing": (answer(LEAF, ISSUER, by=STRANGER), "unknown", "is missing"),
    "by somebody who poses as the issuer": (
        answer(LEAF, ISSUER, by=SAME_NAME, by_name=True), "unknown", "not by the responder it names",
    ),
    "by a namesake of the issuer": (
        answer(LEAF, ISSUER, by=SAME_NAME, by_name=True, enclosed=[SAME_NAME]), "unknown", "not authorised by",
    ),
    "good, signer told by name": (answer(LEAF, ISSUER, by_name=True), "good", "good"),
    "expired": (answer(LEAF, ISSUER, start=-9, end=-1), "unknown", "expired on"),
    "revoked, expired": (answer(LEAF, ISSUER, REVOKED, start=-9, end=-1), "unknown", "expired on"),
    "not yet valid": (answer(LEAF, ISSUER, start=1, end=2), "unknown", "not valid before"),
    "for ever": (answer(LEAF, ISSUER, end=None), "unknown", "until when"),
    "about another certificate": (answer(ANOTHER, ISSUER), "unknown", "about another certificate"),
    "about one of another issuer": (
        answer(Issued(LEAF.certificate, LEAF.key), OTHER), "unknown", "another issuer",
    ),
    "something critical": (answer(LEAF, ISSUER, critical=x509.OCSPNonce(b"12345678")), "unknown", "not understood"),
    "try later": (
        ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(Encoding.DER),
        "unknown",
        "try later",
    ),
    "garbage": (b"\x30\x03abc", "unknown", "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_a_stapled_answer_counts_only_if_it_is_the_issuers(name: str) -> None:
    """Answers about others, out of date, by nobody the issuer authorised or unreadable say nothing, in no direction."""
    data, status, words = ANSWERS[name]

    found = judge_staple(data, LEAF.certificate, ISSUER.certificate, NOW)

    assert found.status == status, found.words
    assert re.search(words, found.words), found.words


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()])
def test_issuers_with_keys_of_other_kinds_are_understood(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> None:
    """Lists and answers that an RSA or Ed25519 key signed count like those of an EC key, and only unaltered."""
    issuer = issue("Kind", ca=True, key=key)
    leaf = issue("app.test", issuer)
    stapled, listed = answer(leaf, issuer), revocation_list(issuer)

    assert judge_staple(stapled, leaf.certificate, issuer.certificate, NOW).status == "good"
    assert judge_list(listed, leaf.certificate, issuer.certificate, NOW, source=URL).status == "good"
    wrong = stapled[:-1] + bytes([stapled[-1] ^ 1])
    assert judge_staple(wrong, leaf.certificate, issuer.certificate, NOW).status == "unknown"


ANCHORS = Anchors((CA.root.certificate,), partial=False, name="the declared private CA")
RULES = CertificateRules(ANCHORS, DEFAULT_PROFILE.rules, NOW)
PUBLIC = CertificateRules(
    Anchors((CA.root.certificate,), partial=False, name="public", public=True), DEFAULT_PROFILE.rules, NOW
)
SELF = issue("self.test")
OWN = CertificateRules(Anchors((SELF.certificate,), partial=False, name="itself"), DEFAULT_PROFILE.rules, NOW)
POINTED, BOUND = CA.leaf("app.test", more=[points(URL)]), CA.leaf("app.test", more=[points(URL), MUST_STAPLE])
LDAP = CA.leaf("app.test", more=[points("ldap:///CN=ca?certificateRevocationList")])
PARTIAL = CA.leaf("app.test", more=[points(URL, reasons=SOME)])
TWO = CA.leaf("app.test", more=[points("http://down.test/1.crl", URL)])
FOREIGN, LISTED_ELSEWHERE = issue("app.test", OTHER, more=[points(URL)]), revocation_list(OTHER)
SHORT, LONGER = CA.leaf("app.test", start=-1, end=5), CA.leaf("app.test", start=-1, end=7)
FULL, EMPTY = revocation_list(ISSUER, POINTED, BOUND, LEAF, TWO, PARTIAL), revocation_list(ISSUER)
LATE = revocation_list(ISSUER, start=-9, end=-1)
FAILS, OPEN, UNSEEN, SKIPS, PASSES = "failed", "inconclusive", "uncovered", "not applicable", "passed"
Declared = tuple[str, ...] | None


def chain(leaf: Issued, staple: bytes = b"", *others: Issued) -> ServedChain:
    return ServedChain("192.0.2.1", tuple(one.certificate for one in (leaf, *(others or (ISSUER,)))), "", staple)


def facts(
    chains: Iterable[ServedChain],
    there: dict[str, bytes],
    declared: Declared = (),
    rules: CertificateRules = RULES,
) -> RevocationFacts:
    def fetch(source: str) -> bytes:
        if source not in there:
            raise ProbeError("it is down")
        return there[source]

    return look_at_revocation(chains, rules, fetch, declared)


def outcome(found: RevocationFacts) -> str:
    try:
        return FAILS if found.problems() else PASSES
    except ProbeError:
        return OPEN
    except Uncovered:
        return UNSEEN
    except NotApplicable:
        return SKIPS


def staple(leaf: Issued, status: ocsp.OCSPCertStatus = GOOD, start: float = -1, end: float = 6) -> bytes:
    return answer(leaf, ISSUER, status, start=start, end=end)


CASES: dict[str, tuple[list[ServedChain], dict[str, bytes], Declared, CertificateRules, str]] = {
    "its own list, empty": ([chain(POINTED)], {URL: EMPTY}, (), RULES, PASSES),
    "its own list, on it": ([chain(POINTED)], {URL: FULL}, (), RULES, FAILS),
    "its own list is down": ([chain(POINTED)], {}, (), RULES, OPEN),
    "its own list is old": ([chain(POINTED)], {URL: LATE}, (), RULES, OPEN),
    "its own list is down, a copy is there": ([chain(POINTED)], {"copy.crl": EMPTY}, ("copy.crl",), RULES, PASSES),
    "its own list is down, on the copy": ([chain(POINTED)], {"copy.crl": FULL}, ("copy.crl",), RULES, FAILS),
    "one of two URLs is down": ([chain(TWO)], {URL: EMPTY}, (), RULES, PASSES),
    "one of two URLs is down, on the other": ([chain(TWO)], {URL: FULL}, (), RULES, FAILS),
    "no point, nothing declared": ([chain(LEAF)], {URL: EMPTY}, (), RULES, UNSEEN),
    "no point, declared": ([chain(LEAF)], {URL: EMPTY}, (URL,), RULES, PASSES),
    "no point, declared, on it": ([chain(LEAF)], {URL: FULL}, (URL,), RULES, FAILS),
    "no point, declared for another authority": ([chain(LEAF)], {"o": revocation_list(OTHER)}, ("o",), RULES, OPEN),
    "a point for LDAP": ([chain(LDAP)], {}, (), RULES, OPEN),
    "a point for some reasons": ([chain(PARTIAL)], {URL: EMPTY}, (), RULES, OPEN),
    "lists are not asked for": ([chain(POINTED)], {URL: FULL}, None, RULES, UNSEEN),
    "lists are not asked for, stapled": ([chain(POINTED, staple(POINTED))], {}, None, RULES, PASSES),
    "lists are not asked for, stapled revoked": ([chain(LEAF, staple(LEAF, REVOKED))], {}, None, RULES, FAILS),
    "lists are not asked for, stapled old": ([chain(LEAF, staple(LEAF, start=-9, end=-1))], {}, None, RULES, OPEN),
    "stapled, no point": ([chain(LEAF, staple(LEAF))], {}, (), RULES, PASSES),
    "stapled, its list is down": ([chain(POINTED, staple(POINTED))], {}, (), RULES, PASSES),
    "stapled, on its list": ([chain(POINTED, staple(POINTED))], {URL: FULL}, (), RULES, FAILS),
    "stapled revoked, not on its list": ([chain(POINTED, staple(POINTED, REVOKED))], {URL: EMPTY}, (), RULES, FAILS),
    "stapled old, no point": ([chain(LEAF, staple(LEAF, start=-9, end=-1))], {}, (), RULES, OPEN),
    "stapled old, not listed": ([chain(POINTED, staple(POINTED, start=-9, end=-1))], {URL: EMPTY}, (), RULES, PASSES),
    "must-staple, stapled": ([chain(BOUND, staple(BOUND))], {URL: EMPTY}, (), RULES, PASSES),
    "must-staple, nothing stapled": ([chain(BOUND)], {URL: EMPTY}, (), RULES, FAILS),
    "must-staple, stapled old": ([chain(BOUND, staple(BOUND, start=-9, end=-1))], {URL: EMPTY}, (), RULES, FAILS),
    "must-staple, stapled for another": ([chain(BOUND, staple(LEAF))], {URL: EMPTY}, (), RULES, FAILS),
    "must-staple, lists are not asked for": ([chain(BOUND)], {}, None, RULES, FAILS),
    "no path to the anchor": ([chain(POINTED, b"", LEAF)], {URL: EMPTY}, (), RULES, OPEN),
    "of an authority that nobody declared": ([chain(FOREIGN, b"", OTHER)], {URL: LISTED_ELSEWHERE}, (), RULES, OPEN),
    "its own anchor": ([chain(SELF, b"", SELF)], {}, (), OWN, SKIPS),
    "public, lives six days": ([chain(SHORT)], {}, (), PUBLIC, SKIPS),
    "public, lives eight days": ([chain(LONGER)], {}, (), PUBLIC, UNSEEN),
    "private, lives six days": ([chain(SHORT)], {}, (), RULES, UNSEEN),
    "nothing served": ([], {}, (), RULES, OPEN),
    "two, one of them revoked": ([chain(LEAF), chain(POINTED)], {URL: FULL}, (), RULES, FAILS),
    "two, one of them without source": ([chain(LEAF), chain(POINTED)], {URL: EMPTY}, (), RULES, UNSEEN),
    "two, one of them in doubt": ([chain(LEAF), chain(LDAP)], {}, (), RULES, OPEN),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_sources_together_decide(name: str) -> None:
    """Revoked in any source fails, one source that counts proves, and nothing else passes."""
    chains, there, declared, rules, expected = CASES[name]
    found = facts(chains, there, declared, rules)

    assert outcome(found) == expected, found.rows()


def test_reasons_name_the_certificate_and_the_source() -> None:
    """A doubt says which certificate, which source, and why; a missing source says which key to fill."""
    with pytest.raises(ProbeError, match=r"192.0.2.1: CN=app.test: http://crl.test/issuing.crl: it is down"):
        facts([chain(POINTED)], {}).problems()
    with pytest.raises(Uncovered, match=r"needs `tls.crl`"):
        facts([chain(LEAF)], {}).problems()
    with pytest.raises(Uncovered, match=r"needs `tls.revocation: crl`"):
        facts([chain(LEAF)], {}, None).problems()


def test_a_list_is_fetched_once_for_all_certificates() -> None:
    """Many certificates and addresses cost one request, also when it fails; every source leaves a row and its bytes."""
    asked: list[str] = []

    def fetch(source: str) -> bytes:
        asked.append(source)
        if source != URL:
            raise ProbeError("it is down")
        return EMPTY

    found = look_at_revocation([chain(TWO), chain(TWO), chain(POINTED)], RULES, fetch, ())

    assert asked == ["http://down.test/1.crl", URL]
    assert [row[3:5] for row in found.rows()] == [
        ("http://down.test/1.crl", "unknown"), (URL, "good"), ("http://down.test/1.crl", "unknown"), (URL, "good"),
        (URL, "good"),
    ]  # fmt: skip
    assert [one.data for one in found.material()] == [EMPTY]


class Publisher:
    """An HTTP server with lists on a loopback address of its own."""

    def __init__(self, pages: dict[str, tuple[int, bytes, str]]) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                status, body, location = pages.get(self.path, (404, b"", ""))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer((fresh_address(), 0), Handler)
        self.url = "http://{}:{}".format(*self.server.server_address[:2])
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def publisher() -> Iterable[Publisher]:
    there = Publisher(
        {
            "/it.crl": (200, EMPTY, ""), "/full.crl": (200, FULL, ""), "/page": (200, b"<html>", ""),
            "/gone": (410, EMPTY, ""), "/moved": (302, b"", "/it.crl"), "/away": (302, b"", "http://192.0.2.9/it.crl"),
        }
    )  # fmt: skip
    yield there
    there.server.shutdown()
    there.server.server_close()


def environment(*crl: str, **more: object) -> Environment:
    return Environment.model_validate(
        {
            "environment": {"id": "x"},
            "targets": [{"name": "web", "base_url": "http://192.0.2.1"}],
            "tls": {"crl": list(crl)},
            **more,
        }
    )


def fetched(source: str, allowed: str, folder: Path = Path("/nowhere")) -> bytes:
    return fetch_list(source, network=Network.build(environment(allowed)), folder=folder, ca_file=None)


def test_lists_come_through_the_door(publisher: Publisher) -> None:
    """A list is had where `tls.crl` allows its host, redirects on that host included."""
    assert fetched(f"{publisher.url}/it.crl", f"{publisher.url}/it.crl") == EMPTY
    assert fetched(f"{publisher.url}/full.crl", f"{publisher.url}/") == FULL
    assert fetched(f"{publisher.url}/moved", f"{publisher.url}/") == EMPTY


def test_hosts_that_are_not_declared_are_not_asked(publisher: Publisher) -> None:
    """Neither a distribution point elsewhere nor a redirect to elsewhere is followed; nothing is sent."""
    publisher.asked.clear()

    with pytest.raises(StageholdError, match="not in the allow-list"):
        fetched(f"{publisher.url}/it.crl", "http://192.0.2.9/")
    assert publisher.asked == []
    with pytest.raises(StageholdError, match="not in the allow-list"):
        fetched(f"{publisher.url}/away", f"{publisher.url}/")
    none = environment(f"{publisher.url}/it.crl")
    none = none.model_copy(update={"tls": none.tls.model_copy(update={"revocation": "none"})})
    assert not [entry for entry in Network.build(none).entries if entry.purpose == "revocation lists"]


def test_what_cannot_be_had_is_told(publisher: Publisher, tmp_path: Path) -> None:
    """Another status, a dead port, a missing file: each is an error in words, never an empty list."""
    dead = f"http://{fresh_address()}:9"

    with pytest.raises(ProbeError, match="status 410"):
        fetched(f"{publisher.url}/gone", publisher.url)
    with pytest.raises(ProbeError, match="no connection"):
        fetched(f"{dead}/it.crl", dead)
    with pytest.raises(ProbeError, match="No such file"):
        fetched("it.crl", publisher.url, tmp_path)
    (tmp_path / "it.crl").write_bytes(EMPTY)
    assert fetched("it.crl", publisher.url, tmp_path) == EMPTY


def test_lists_of_production_are_denied() -> None:
    """The deny list wins over `tls.crl`, before anything is sent."""
    with pytest.raises(DeniedByProduction):
        Network.build(environment("http://crl.prod.test/it.crl", deny={"production": {"hosts": ["*.prod.test"]}}))


@pytest.mark.parametrize(
    "wrong", ["ftp://crl.test/it.crl", "http:///it.crl", "http://user@crl.test/", "", "http://a b/"]
)
def test_other_sources_are_errors_of_the_file(wrong: str) -> None:
    """What is neither an http URL nor a file's path is refused when the environment is read."""
    with pytest.raises(ValueError, match=r"expected a URL|at least 1 character"):
        environment(wrong)


def seen(place: Place) -> tuple[ServedChain, ...]:
    """The chains of a server, with what was stapled, as the worker of the TLS scan hands them over."""
    address, port = place
    request = {"hostname": "app.test", "port": port, "address": address, "sni": "app.test", "timeout": 5}
    done = subprocess.run(
        [sys.executable, "-P", str(WORKER)],
        input=json.dumps(request | {"commands": [CERTIFICATES]}),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return read_answer(address, json.loads(done.stdout)).chains


def s_server(leaf: Issued, stapled: bytes = b"") -> Callable[[Path], AbstractContextManager[Place]]:
    def start(folder: Path) -> AbstractContextManager[Place]:
        (folder / "staple.der").write_bytes(stapled)
        options = ("-status_file", str(folder / "staple.der")) if stapled else ()
        return openssl_server(folder, (leaf, ISSUER), "-cipher", AEAD, *options)

    return start


def nginx(leaf: Issued, stapled: bytes) -> Callable[[Path], AbstractContextManager[Place]]:
    def start(folder: Path) -> AbstractContextManager[Place]:
        (folder / "staple.der").write_bytes(stapled)
        directive = f"ssl_stapling on; ssl_stapling_file {folder}/staple.der;"
        return nginx_server(folder, (leaf, ISSUER), directive)

    return start


SERVERS: dict[str, tuple[Callable[[Path], AbstractContextManager[Place]], dict[str, bytes], str]] = {
    "s_server, stapled": (s_server(LEAF, staple(LEAF)), {}, PASSES),
    "s_server, stapled revoked": (s_server(LEAF, staple(LEAF, REVOKED)), {}, FAILS),
    "s_server, stapled old": (s_server(LEAF, staple(LEAF, start=-9, end=-1)), {}, OPEN),
    "s_server, stapled for another": (s_server(LEAF, staple(ANOTHER)), {}, OPEN),
    "s_server, stapled by a stranger": (
        s_server(LEAF, answer(LEAF, ISSUER, by=STRANGER, enclosed=[STRANGER])), {}, OPEN,
    ),
    "s_server, stapled, on its list": (s_server(POINTED, staple(POINTED)), {URL: FULL}, FAILS),
    "nginx, must-staple": (nginx(BOUND, staple(BOUND)), {}, PASSES),
    "nginx, stapled revoked": (nginx(POINTED, staple(POINTED, REVOKED)), {URL: EMPTY}, FAILS),
}  # fmt: skip


@pytest.mark.parametrize("name", SERVERS)
def test_real_servers_are_judged_by_the_check_as_it_stands(name: str, tmp_path: Path) -> None:
    """What OpenSSL and nginx staple arrives as it is, and TLS-013 says of each server what is true of it."""
    start, there, expected = SERVERS[name]
    with start(tmp_path) as place:
        chains = seen(place)

    found = outcomes("tls", {"tls_scan": MagicMock(), "certificate_revocation": facts(chains, there)})

    assert chains
    assert found["TLS-013"] == expected
