"""The checks of TLS against servers of many stacks: for each, exactly the expected ones do not pass."""

from __future__ import annotations

import contextlib
import ssl
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dh, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, ParameterFormat

from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.tls.accepted import AcceptedSuites
from stagehold.probes.tls.certificates import CertificateRules, read_anchors
from stagehold.probes.tls.facts import TlsScan
from stagehold.probes.tls.revocation import look_at_revocation
from stagehold.probes.tls.scan import scan_endpoint
from stagehold.tls_profile.reader import ProfileInForce
from tests.probes.judged import outcomes
from tests.probes.pki import Authority, Issued, issue, signed_with, write_chain
from tests.probes.profiles import DEFAULT_PROFILE
from tests.probes.revoking import MUST_STAPLE, revocation_list
from tests.probes.tls_servers import python_server
from tests.probes.tls_stacks import (
    AEAD,
    Place,
    breaking_server,
    context,
    limited_server,
    nginx_server,
    node_server,
    openssl_server,
    resetting_server,
    slow_server,
    tlslite_server,
)

AUTHORITY = Authority.create()
INTERMEDIATE = AUTHORITY.intermediate
GOOD = (AUTHORITY.leaf("app.test"), INTERMEDIATE)
RSA = (AUTHORITY.leaf("app.test", key=rsa.generate_private_key(65537, 2048)), INTERMEDIATE)
WEAK = (AUTHORITY.leaf("app.test", key=rsa.generate_private_key(65537, 1024)), INTERMEDIATE)
REVOKED = (AUTHORITY.leaf("app.test"), INTERMEDIATE)
BOUND = (AUTHORITY.leaf("app.test", more=[MUST_STAPLE]), INTERMEDIATE)
LISTED = revocation_list(INTERMEDIATE, REVOKED[0])
STRANGER = Authority.create("Stranger").root
UPPER = issue("Upper Intermediate", AUTHORITY.root, ca=True, start=-500, end=1000)
LOWER = issue("Lower Intermediate", UPPER, ca=True, start=-500, end=1000)
WILD = (AUTHORITY.leaf("*.shop.test"), INTERMEDIATE)
NUMBERED = (AUTHORITY.leaf("192.0.2.7"), INTERMEDIATE)
BELOW = issue("app.test", LOWER, names=("app.test",))
MODERN = ("-min_protocol", "TLSv1.2")
NGINX_MODERN = f"ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers {AEAD};"
GCM = ["aes128gcm", "aes256gcm", "chacha20-poly1305"]
Server = Callable[[Path], AbstractContextManager[Place]]


def s_server(*options: str, chain: Sequence[Issued] = GOOD) -> Server:
    return lambda folder: openssl_server(folder, chain, *options)


def nginx(*directives: str, chain: Sequence[Issued] = GOOD, more: str = "") -> Server:
    return lambda folder: nginx_server(folder, chain, *directives, more=more)


def node(options: str = "{}") -> Server:
    return lambda folder: node_server(folder, GOOD, options)


def tlslite(**settings: object) -> Server:
    sound = {"cipherNames": GCM, "keyExchangeNames": ["ecdhe_rsa"], "eccCurves": ["x25519", "secp256r1"]}
    return lambda folder: tlslite_server(folder, RSA, **{**sound, **settings})


def python(prepare: Callable[[ssl.SSLContext], None]) -> Server:
    def serve(folder: Path) -> AbstractContextManager[Place]:
        def all_of(made: ssl.SSLContext) -> None:
            made.set_ciphers(AEAD)
            prepare(made)

        return python_server(folder / "chain.pem", folder / "key.pem", prepare=all_of)

    return lambda folder: _written(folder, serve)


@contextlib.contextmanager
def _written(folder: Path, serve: Server) -> Iterator[Place]:
    context(folder, GOOD)
    with serve(folder) as place:
        yield place


def moody(
    serve: Callable[[ssl.SSLContext], AbstractContextManager[Place]], ciphers: str = AEAD, *, old: bool = False
) -> Server:
    def start(folder: Path) -> AbstractContextManager[Place]:
        made = context(folder, GOOD, ciphers)
        if old:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                made.minimum_version = ssl.TLSVersion.TLSv1_1
        return serve(made)

    return start


def require_client_certificate(made: ssl.SSLContext) -> None:
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cadata=AUTHORITY.root.pem)


def require_client_certificate_in_tls12(made: ssl.SSLContext) -> None:
    require_client_certificate(made)
    made.maximum_version = ssl.TLSVersion.TLSv1_2


def demand_the_name(made: ssl.SSLContext) -> None:
    made.sni_callback = lambda _, name, __: None if name == "app.test" else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def replaced(authority: Issued, *, start: float, end: float) -> Issued:
    """The authority with the same name and key, valid at another time."""
    return issue("Test Intermediate", AUTHORITY.root, ca=True, start=start, end=end, key=authority.key)


def sha1_intermediate() -> tuple[Issued, Issued]:
    return GOOD[0], signed_with("sha1", INTERMEDIATE, AUTHORITY.root)


PRIME = dh.generate_parameters(2, 1024).parameter_bytes(Encoding.PEM, ParameterFormat.PKCS3)


def small_prime(folder: Path) -> AbstractContextManager[Place]:
    """DHE with a prime of 1024 bits beside sound suites."""
    (folder / "prime.pem").write_bytes(PRIME)
    suites = f"{AEAD}:DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"
    return openssl_server(folder, RSA, "-cipher", suites, "-dhparam", str(folder / "prime.pem"))


FAILS, SKIPS, UNSEEN, OPEN = "failed", "not applicable", "uncovered", "inconclusive"
JUDGED = {f"TLS-{number:03}" for number in range(1, 17)}
OLD = "ECDHE+AESGCM:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"
STACKS: dict[str, tuple[Server, dict[str, str]]] = {
    "s_server, sound suites": (s_server("-cipher", AEAD), {}),
    "s_server, as it comes": (s_server(), {"TLS-003": FAILS}),
    "s_server, TLS 1.2 only": (s_server("-tls1_2", "-cipher", AEAD), {"TLS-002": FAILS, "TLS-016": SKIPS}),
    "s_server, TLS 1.3 only": (s_server("-tls1_3"), {"TLS-003": SKIPS, "TLS-004": SKIPS, "TLS-015": SKIPS}),
    "s_server, one CBC suite": (s_server("-cipher", f"{AEAD}:ECDHE-ECDSA-AES256-SHA384"), {"TLS-003": FAILS}),
    "s_server, static RSA with CBC": (
        s_server("-cipher", f"{AEAD}:AES128-SHA", chain=RSA),
        {"TLS-003": FAILS, "TLS-004": FAILS},
    ),
    "s_server, static RSA": (s_server("-cipher", f"{AEAD}:AES128-GCM-SHA256", chain=RSA), {"TLS-004": FAILS}),
    "s_server, static RSA only": (
        s_server("-tls1_2", "-cipher", "AES128-GCM-SHA256", chain=RSA),
        {"TLS-002": FAILS, "TLS-004": FAILS, "TLS-006": SKIPS, "TLS-016": SKIPS},
    ),
    "s_server, DHE with a prime of 1024 bits": (small_prime, {"TLS-007": FAILS}),
    "s_server, DHE with OpenSSL's own prime": (
        s_server("-cipher", f"{AEAD}:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-CCM", chain=RSA),
        {},
    ),
    "s_server, a curve of 224 bits": (
        s_server("-cipher", AEAD, "-curves", "X25519:P-256:secp224r1", chain=RSA),
        {"TLS-006": FAILS},
    ),
    "s_server, a curve of 224 bits beside an ECDSA key": (
        s_server("-cipher", AEAD, "-curves", "secp224r1:X25519:P-256"),
        {"TLS-006": FAILS},
    ),
    "s_server, curves that nobody approved": (
        s_server("-cipher", AEAD, "-curves", "X25519:secp256k1:brainpoolP256r1", chain=RSA),
        {"TLS-006": FAILS},
    ),
    "s_server, renegotiation by clients": (s_server("-cipher", AEAD, "-client_renegotiation"), {"TLS-015": FAILS}),
    "s_server, lives for two years": (
        s_server("-cipher", AEAD, chain=(AUTHORITY.leaf("app.test", end=630), INTERMEDIATE)),
        {"TLS-011": FAILS},
    ),
    "s_server, NULL": (s_server(*MODERN, "-cipher", f"{AEAD}:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0"), {"TLS-005": FAILS}),
    "s_server, anonymous": (s_server("-cipher", f"{AEAD}:ADH-AES128-GCM-SHA256:@SECLEVEL=0"), {"TLS-005": FAILS}),
    "s_server, anonymous Camellia, which sslyze lacks": (
        s_server("-cipher", f"{AEAD}:ADH-CAMELLIA256-SHA256:@SECLEVEL=0"),
        {"TLS-005": FAILS},
    ),
    "s_server, CCM and ARIA": (s_server("-cipher", "ECDHE-ECDSA-AES128-CCM8:ECDHE-ARIA256-GCM-SHA384:AESCCM"), {}),
    "s_server, TLS 1.1": (
        s_server("-no_ssl3", "-no_tls1", "-min_protocol", "TLSv1.1", "-cipher", OLD),
        {"TLS-001": FAILS, "TLS-003": FAILS},
    ),
    "s_server, client certificate in TLS 1.3": (
        s_server("-cipher", AEAD, "-Verify", "1"),
        {"TLS-015": UNSEEN, "TLS-016": UNSEEN},
    ),
    "s_server, RSA of 1024 bits": (
        s_server(
            "-cipher",
            f"{AEAD}:@SECLEVEL=0",
            chain=WEAK,
        ),
        {"TLS-012": FAILS},
    ),
    "s_server, intermediate signed with SHA-1": (
        s_server("-cipher", f"{AEAD}:@SECLEVEL=0", chain=sha1_intermediate()),
        {"TLS-012": FAILS},
    ),
    "s_server, leaf signed with SHA-1": (
        s_server(
            "-cipher",
            f"{AEAD}:@SECLEVEL=0",
            chain=(signed_with("sha1", GOOD[0], INTERMEDIATE), INTERMEDIATE),
        ),
        {"TLS-012": FAILS},
    ),
    "s_server, Ed25519": (
        s_server(
            "-cipher", AEAD, chain=(AUTHORITY.leaf("app.test", key=ed25519.Ed25519PrivateKey.generate()), INTERMEDIATE)
        ),
        {},
    ),
    "s_server, leaf alone": (s_server("-cipher", AEAD, chain=GOOD[:1]), {"TLS-008": FAILS, "TLS-013": OPEN}),
    "s_server, revoked": (s_server("-cipher", AEAD, chain=REVOKED), {"TLS-013": FAILS}),
    "s_server, must-staple without an answer": (s_server("-cipher", AEAD, chain=BOUND), {"TLS-013": FAILS}),
    "s_server, another name": (
        s_server("-cipher", AEAD, chain=(AUTHORITY.leaf("other.test"), INTERMEDIATE)),
        {"TLS-009": FAILS},
    ),
    "s_server, expired": (
        s_server("-cipher", AEAD, chain=(AUTHORITY.leaf("app.test", start=-90, end=-1), INTERMEDIATE)),
        {"TLS-010": FAILS},
    ),
    "s_server, not yet valid": (
        s_server("-cipher", AEAD, chain=(AUTHORITY.leaf("app.test", start=10), INTERMEDIATE)),
        {"TLS-010": FAILS},
    ),
    "s_server, an intermediate out of date": (
        s_server("-cipher", AEAD, chain=(GOOD[0], replaced(INTERMEDIATE, start=-500, end=-1))),
        {"TLS-010": FAILS},
    ),
    "s_server, signed by itself": (
        s_server("-cipher", AEAD, chain=(issue("app.test", names=("app.test",)),)),
        {"TLS-008": FAILS, "TLS-013": OPEN},
    ),
    "s_server, the authority of a stranger": (
        s_server("-cipher", AEAD, chain=(issue("app.test", STRANGER, names=("app.test",)), STRANGER)),
        {"TLS-008": FAILS, "TLS-013": OPEN},
    ),
    "s_server, surplus certificates": (
        s_server("-cipher", AEAD, chain=(*GOOD, AUTHORITY.root, STRANGER)),
        {},
    ),
    "s_server, two intermediates": (s_server("-cipher", AEAD, chain=(BELOW, LOWER, UPPER)), {"TLS-013": OPEN}),
    "s_server, two intermediates in the wrong order": (
        s_server("-cipher", AEAD, chain=(BELOW, UPPER, LOWER)),
        {"TLS-013": OPEN},
    ),
    "s_server, wildcard": (s_server("-cipher", AEAD, chain=WILD), {}),
    "s_server, wildcard two labels up": (s_server("-cipher", AEAD, chain=WILD), {"TLS-009": FAILS}),
    "s_server, address": (s_server("-cipher", AEAD, chain=NUMBERED), {}),
    "s_server, another address": (s_server("-cipher", AEAD, chain=NUMBERED), {"TLS-009": FAILS}),
    "nginx as it comes": (nginx(), {"TLS-002": FAILS, "TLS-003": FAILS, "TLS-016": SKIPS}),
    "nginx, sound": (nginx(NGINX_MODERN), {}),
    "nginx, RSA and ECDSA": (
        nginx(
            NGINX_MODERN,
            "ssl_certificate FOLDER/rsa/chain.pem; ssl_certificate_key FOLDER/rsa/key.pem;",
        ),
        {},
    ),
    "nginx, RSA of 1024 bits beside ECDSA": (
        nginx(
            f"ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers {AEAD}:@SECLEVEL=0;",
            "ssl_certificate FOLDER/weak/chain.pem; ssl_certificate_key FOLDER/weak/key.pem;",
        ),
        {"TLS-012": FAILS},
    ),
    "nginx, client certificate": (
        nginx(NGINX_MODERN, "ssl_client_certificate FOLDER/chain.pem; ssl_verify_client on;"),
        {},
    ),
    "nginx, strangers' names rejected": (
        nginx(more=f"{NGINX_MODERN} server {{ listen LISTEN ssl default_server; ssl_reject_handshake on; }}"),
        {},
    ),
    "nginx, early data": (nginx(NGINX_MODERN, "ssl_early_data on;"), {"TLS-016": FAILS}),
    "nginx, RSA key exchange": (
        nginx(f"ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers {AEAD}:AES256-GCM-SHA384;", chain=RSA),
        {"TLS-004": FAILS},
    ),
    "Node as it comes": (node(), {"TLS-003": FAILS}),
    "Node, TLS 1.3 only": (node('{"minVersion": "TLSv1.3"}'), {"TLS-003": SKIPS, "TLS-004": SKIPS, "TLS-015": SKIPS}),
    "Node, hybrids": (
        node('{"ecdhCurve": "X25519MLKEM768:SecP256r1MLKEM768:X25519:P-256", "ciphers": "ECDHE+AESGCM"}'),
        {},
    ),
    "Node, a hybrid and nothing else, which sslyze lacks": (
        node('{"minVersion": "TLSv1.3", "ecdhCurve": "X25519MLKEM768"}'),
        dict.fromkeys(JUDGED, OPEN),
    ),
    "tlslite, sound": (tlslite(), {}),
    "tlslite, SSL 3.0": (
        tlslite(minVersion=(3, 0), cipherNames=[*GCM, "aes128"], keyExchangeNames=["ecdhe_rsa", "rsa"]),
        {"TLS-001": FAILS, "TLS-003": FAILS, "TLS-004": FAILS},
    ),
    "tlslite, 3DES": (tlslite(cipherNames=[*GCM, "3des"]), {"TLS-005": FAILS}),
    "tlslite, RC4": (tlslite(cipherNames=[*GCM, "rc4"]), {"TLS-005": FAILS}),
    "tlslite, curves that nobody approved": (
        tlslite(eccCurves=["secp256k1", "x25519"], keyShares=["x25519"]),
        {"TLS-006": FAILS},
    ),
    "Python, sound": (python(lambda _: None), {}),
    "Python, client certificate": (python(require_client_certificate), {"TLS-015": UNSEEN, "TLS-016": UNSEEN}),
    "Python, client certificate in TLS 1.2": (
        python(require_client_certificate_in_tls12),
        {"TLS-002": FAILS, "TLS-015": UNSEEN, "TLS-016": SKIPS},
    ),
    "Python, only its own name": (python(demand_the_name), {}),
    "resets instead of alerts": (moody(resetting_server), {}),
    "resets instead of alerts, one CBC suite": (
        moody(resetting_server, f"{AEAD}:ECDHE-ECDSA-AES256-SHA384"),
        {"TLS-003": FAILS},
    ),
    "two connections at a time": (moody(lambda made: limited_server(made, 2)), {}),
    "two connections at a time, TLS 1.1": (
        moody(lambda made: limited_server(made, 2), OLD, old=True),
        {"TLS-001": FAILS, "TLS-003": FAILS},
    ),
    "64 connections at a time": (moody(lambda made: limited_server(made, 64)), {}),
    "resets in the middle of every handshake": (moody(breaking_server), dict.fromkeys(JUDGED, OPEN)),
    "slow": (moody(lambda made: slow_server(made, 0.01)), {}),
}

SERVED = {
    "s_server, wildcard": "any.shop.test",
    "s_server, wildcard two labels up": "very.any.shop.test",
    "s_server, address": "192.0.2.7",
    "s_server, another address": "192.0.2.8",
}
"""What is served there if it is not `app.test`."""


def observe(folder: Path, server: Server) -> TlsScan:
    for name, chain in (("rsa", RSA), ("weak", WEAK)):
        (folder / name).mkdir()
        write_chain(folder / name, *chain)
    with server(folder) as (address, port):
        environment = Environment.model_validate(
            {
                "environment": {"id": "stack"},
                "targets": [{"name": "web", "base_url": "http://192.0.2.1"}],
                "tls": {"endpoints": [{"host": "app.test", "port": port, "addresses": [address]}]},
            }
        )
        return scan_endpoint(Network.build(environment), environment.tls_endpoints[0], deadline=60)


def judge(
    folder: Path, scan: TlsScan, served: str = "app.test", profile: ProfileInForce = DEFAULT_PROFILE
) -> dict[str, str]:
    anchors = read_anchors(AUTHORITY.ca_file(folder))
    rules = CertificateRules(anchors, profile.rules, datetime.now(UTC), private_days=400)
    facts = {
        "tls_scan": scan,
        "accepted_suites": AcceptedSuites(scan),
        "certificate_rules": rules,
        "served_names": (served,),
        "tls_profile": profile,
    }
    refused = profile.rules.refused_versions
    try:
        facts["certificate_revocation"] = look_at_revocation(scan.chains, rules, lambda _: LISTED, ["issuing.crl"])
    except ProbeError:
        # What becomes of a check whose fixture raises this.
        return {**outcomes("tls", facts, refused_version=refused), "TLS-013": OPEN}
    return outcomes("tls", facts, refused_version=refused)


def look(folder: Path, server: Server, served: str) -> dict[str, str]:
    return judge(folder, observe(folder, server), served)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[dict[str, str]]]]:
    """All stacks, scanned two at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield {
            name: pool.submit(look, tmp_path_factory.mktemp("stack"), server, SERVED.get(name, "app.test"))
            for name, (server, _) in STACKS.items()
        }


@pytest.mark.parametrize("stack", STACKS)
def test_exactly_the_expected_checks_do_not_pass(judged: dict[str, Future[dict[str, str]]], stack: str) -> None:
    """Whatever the stack, a fault fails its own checks, and a sound server passes all of them."""
    found = judged[stack].result()

    assert found.keys() >= JUDGED
    assert {check: outcome for check, outcome in found.items() if outcome != "passed"} == STACKS[stack][1]
