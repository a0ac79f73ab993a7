"""One server, judged by several profiles: for each, exactly the expected checks do not pass."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from stagehold.probes.tls.facts import TlsScan
from stagehold.tls_profile.reader import ProfileInForce
from tests.probes.profiles import DEFAULT_PROFILE, MODERN_PROFILE, line, lines, own_profile
from tests.probes.test_tls_stacks import (
    AUTHORITY,
    FAILS,
    INTERMEDIATE,
    JUDGED,
    RSA,
    SKIPS,
    UNSEEN,
    Server,
    judge,
    nginx,
    observe,
    s_server,
)
from tests.probes.tls_stacks import AEAD, Place, openssl_server

LARGE = (AUTHORITY.leaf("app.test", key=rsa.generate_private_key(65537, 3072)), INTERMEDIATE)
P384 = (AUTHORITY.leaf("app.test", key=ec.generate_private_key(ec.SECP384R1())), INTERMEDIATE)
NAMED = (
    "TLS_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
)
STRICT = ("-ciphersuites", "TLS_AES_256_GCM_SHA384", "-groups", "X25519:P-384")
OWN = "ECDHE+AES256+AESGCM"


def ffdhe2048(folder: Path) -> AbstractContextManager[Place]:
    """DHE with a prime of 2048 bits, which nginx and OpenSSL take by themselves for a key of that size."""
    return openssl_server(folder, RSA, "-cipher", f"{AEAD}:DHE-RSA-AES256-GCM-SHA384", "-groups", "X25519:P-384")


SERVERS: dict[str, Server] = {
    "TLS 1.3 only": s_server("-tls1_3", *STRICT, chain=P384),
    "one version more": s_server("-cipher", OWN, *STRICT, chain=P384),
    "TLS 1.2 only": s_server("-tls1_2", "-cipher", OWN, *STRICT, chain=P384),
    "nginx with a CBC suite": nginx(f"ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers {AEAD}:ECDHE-ECDSA-AES256-SHA384;"),
    "AES of 128 bits in TLS 1.2": s_server("-cipher", f"{OWN}:ECDHE-ECDSA-AES128-GCM-SHA256", *STRICT, chain=P384),
    "AES of 128 bits in TLS 1.3": s_server(
        "-cipher", OWN, *STRICT[2:], "-ciphersuites", "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", chain=P384
    ),
    "static RSA": s_server("-cipher", f"{OWN}:AES256-GCM-SHA384", *STRICT, chain=LARGE),
    "P-256 as a group": s_server("-cipher", OWN, *STRICT[:2], "-groups", "X25519:P-384:P-256", chain=P384),
    "RSA of 2048 bits": s_server("-cipher", OWN, *STRICT, chain=RSA),
    "a prime of 2048 bits": ffdhe2048,
    "NULL": s_server(
        "-min_protocol", "TLSv1.2", "-cipher", f"{OWN}:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0", *STRICT, chain=P384
    ),
}
NO_12 = {"TLS-003": SKIPS, "TLS-004": SKIPS, "TLS-015": SKIPS}
NO_13 = {"TLS-002": FAILS, "TLS-016": SKIPS}
EXPECTED: dict[tuple[str, str], dict[str, str]] = {
    ("TLS 1.3 only", "intermediate"): NO_12,
    ("TLS 1.3 only", "modern"): NO_12,
    ("TLS 1.3 only", "strict"): {"TLS-004": SKIPS, "TLS-015": SKIPS},
    ("one version more", "intermediate"): {},
    ("one version more", "modern"): {"TLS-001": FAILS},
    ("one version more", "strict"): {},
    ("one version more", "lenient"): {"TLS-003": UNSEEN, "TLS-004": UNSEEN},
    ("TLS 1.2 only", "intermediate"): NO_13,
    ("TLS 1.2 only", "modern"): {"TLS-001": FAILS, **NO_13},
    ("TLS 1.2 only", "strict"): NO_13,
    ("nginx with a CBC suite", "intermediate"): {"TLS-003": FAILS},
    ("nginx with a CBC suite", "modern"): {"TLS-001": FAILS, "TLS-003": FAILS},
    ("nginx with a CBC suite", "lenient"): {"TLS-003": UNSEEN, "TLS-004": UNSEEN},
    ("AES of 128 bits in TLS 1.2", "intermediate"): {},
    ("AES of 128 bits in TLS 1.2", "strict"): {"TLS-003": FAILS},
    ("AES of 128 bits in TLS 1.3", "intermediate"): {},
    ("AES of 128 bits in TLS 1.3", "strict"): {"TLS-003": FAILS},
    ("static RSA", "intermediate"): {"TLS-004": FAILS},
    ("static RSA", "strict"): {"TLS-004": FAILS},
    ("static RSA", "lenient"): {"TLS-003": UNSEEN, "TLS-004": UNSEEN},
    ("P-256 as a group", "intermediate"): {},
    ("P-256 as a group", "strict"): {"TLS-006": FAILS},
    ("RSA of 2048 bits", "intermediate"): {},
    ("RSA of 2048 bits", "strict"): {"TLS-012": FAILS},
    ("a prime of 2048 bits", "intermediate"): {},
    ("a prime of 2048 bits", "large primes"): {"TLS-007": FAILS},
    ("NULL", "strict"): {"TLS-005": FAILS},
    ("NULL", "lenient"): {"TLS-003": UNSEEN, "TLS-004": UNSEEN, "TLS-005": FAILS},
    ("one version more", "renewed early"): {"TLS-010": FAILS},
    ("nginx with a CBC suite", "no curve below 384 bits"): {"TLS-003": FAILS, "TLS-012": FAILS},
}


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ProfileInForce]:
    """Those that are shipped, and some of one's own: stricter ones, and one as weak as the floor allows."""
    rules: dict[str, dict[str, object]] = {
        "strict": {
            "suites": lines(*NAMED),
            "groups": lines("X25519", "P-384"),
            "least_rsa_bits": line(3072),
            "least_dh_bits": line(3072),
        },
        "large primes": {"least_dh_bits": line(3072)},
        "lenient": {"aead_only": line(False), "forward_secrecy": line(False)},
        "renewed early": {"min_days_left": line(300)},
        "no curve below 384 bits": {"least_curve_bits": line(384)},
    }
    own = {name: own_profile(tmp_path_factory.mktemp("profile"), **changed) for name, changed in rules.items()}
    return {"intermediate": DEFAULT_PROFILE, "modern": MODERN_PROFILE, **own}


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[tuple[Path, TlsScan]]]]:
    """Every server once, two at a time."""

    def scan(server: Server) -> tuple[Path, TlsScan]:
        folder = tmp_path_factory.mktemp("server")
        return folder, observe(folder, server)

    with ThreadPoolExecutor(max_workers=2) as pool:
        yield {name: pool.submit(scan, server) for name, server in SERVERS.items()}


@pytest.mark.parametrize(("server", "profile"), EXPECTED)
def test_exactly_the_checks_that_the_profile_wants_do_not_pass(
    scans: dict[str, Future[tuple[Path, TlsScan]]], profiles: dict[str, ProfileInForce], server: str, profile: str
) -> None:
    """The same observation passes or fails with the profile, and each rule of it by one check."""
    folder, scan = scans[server].result()

    found = judge(folder, scan, profile=profiles[profile])

    assert found.keys() >= JUDGED
    assert {check: outcome for check, outcome in found.items() if outcome != "passed"} == EXPECTED[server, profile]
