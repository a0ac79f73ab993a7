"""Classes of cipher suites and the strength of certificates, by tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from stagehold.environment.model import TlsEndpoint
from stagehold.errors import NotApplicable, ProbeError
from stagehold.probes.tls.accepted import AcceptedSuite, AcceptedSuites
from stagehold.probes.tls.facts import COMMANDS, AddressScan, TlsScan, VersionFact
from stagehold.probes.tls.strength import weaknesses
from stagehold.probes.tls.suites import BROKEN, SOUND, UNENCRYPTED_TLS13, flaw, is_aead
from tests.probes.pki import Key, issue, signed_with
from tests.probes.profiles import DEFAULT_PROFILE

AEAD, OTHER = True, False
ADDRESS = "192.0.2.1"


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        ("TLS_NULL_WITH_NULL_NULL", "does not encrypt"),
        ("TLS_RSA_WITH_NULL_SHA256", "does not encrypt"),
        ("TLS_ECDHE_ECDSA_WITH_NULL_SHA", "does not encrypt"),
        ("TLS_SHA256_SHA256", "does not encrypt"),
        ("TLS_SHA384_SHA384", "does not encrypt"),
        ("TLS_DH_anon_WITH_AES_128_GCM_SHA256", "authenticates nobody"),
        ("TLS_ECDH_anon_WITH_AES_256_CBC_SHA", "authenticates nobody"),
        ("TLS_RSA_EXPORT_WITH_DES40_CBC_SHA", "for export"),
        ("TLS_RSA_EXPORT1024_WITH_DES_CBC_SHA", "for export"),
        ("SSL_CK_RC4_128_EXPORT40_WITH_MD5", "for export"),
        ("SSL_CK_IDEA_128_CBC_WITH_MD5", "MD5"),
        ("SSL_CK_RC2_128_CBC_WITH_MD5", "RC2"),
        ("TLS_ECDHE_RSA_WITH_RC4_128_SHA", "RC4"),
        ("TLS_RSA_WITH_DES_CBC_SHA", "DES"),
        ("TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "3DES"),
        ("TLS_RSA_WITH_RC4_128_MD5", "RC4"),
        ("ADH-AES256-GCM-SHA384", "authenticates nobody"),
        ("AECDH-AES128-SHA", "authenticates nobody"),
        ("EXP-RC4-MD5", "for export"),
        ("NULL-SHA256", "does not encrypt"),
        ("ECDHE-RSA-DES-CBC3-SHA", "DES"),
    ],
)
def test_a_broken_suite_is_told_with_its_reason(suite: str, words: str) -> None:
    """By IANA's name or OpenSSL's."""
    assert words in flaw(suite)


@pytest.mark.parametrize(
    ("suite", "aead"),
    [
        ("TLS_AES_128_GCM_SHA256", AEAD),
        ("TLS_AES_256_GCM_SHA384", AEAD),
        ("TLS_CHACHA20_POLY1305_SHA256", AEAD),
        ("TLS_AES_128_CCM_8_SHA256", AEAD),
        ("TLS_SM4_GCM_SM3", AEAD),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", AEAD),
        ("TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384", AEAD),
        ("TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", AEAD),
        ("TLS_RSA_WITH_AES_128_GCM_SHA256", AEAD),
        ("TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM_L", AEAD),
        ("ECDHE-ECDSA-AES128-CCM8", AEAD),
        ("ECDHE-RSA-CHACHA20-POLY1305", AEAD),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", OTHER),
        ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", OTHER),
        ("TLS_RSA_WITH_CAMELLIA_256_CBC_SHA", OTHER),
        ("TLS_RSA_WITH_IDEA_CBC_SHA", OTHER),
        ("TLS_RSA_WITH_SEED_CBC_SHA", OTHER),
        ("TLS_GOSTR341112_256_WITH_28147_CNT_IMIT", OTHER),
        ("ECDHE-RSA-AES128-SHA256", OTHER),
        ("AES256-SHA", OTHER),
        ("A suite nobody has heard of", OTHER),
    ],
)
def test_a_suite_outside_the_broken_class_is_aead_or_not(suite: str, aead: bool) -> None:
    """What is not known to be AEAD, is not."""
    assert not flaw(suite)
    assert is_aead(suite) is aead


def test_the_offered_lists_hold_what_they_say() -> None:
    """Every broken suite has a reason, none is offered as sound, and no number occurs twice."""
    assert all(map(flaw, {**BROKEN, **UNENCRYPTED_TLS13}.values()))
    assert not {*BROKEN, *UNENCRYPTED_TLS13}.intersection(SOUND)
    assert len(set(SOUND)) == len(SOUND)
    assert len(set(BROKEN.values())) == len(BROKEN)


def scan(
    versions: Mapping[str, VersionFact], choices: Mapping[str, str] | None = None, gaps: tuple[str, ...] = ()
) -> TlsScan:
    facts = {version: replace(versions.get(version, fact()), version=version) for version in COMMANDS}
    one = AddressScan(ADDRESS, facts, broken_choices=choices or {}, negotiated="TLS 1.3", gaps=gaps)
    return TlsScan(TlsEndpoint(host="app.test"), (one,))


def fact(*accepted: str, unanswered: int = 0, problem: str = "") -> VersionFact:
    return VersionFact("", accepted, 9, unanswered, problem)


GCM, CBC, NULL = (f"TLS_RSA_WITH_{cipher}" for cipher in ("AES_128_GCM_SHA256", "AES_128_CBC_SHA", "NULL_SHA"))


def test_each_suite_fails_one_check_only() -> None:
    """A suite of the broken class is not told again as one without AEAD; CBC in old versions is TLS-001's."""
    found = AcceptedSuites(scan({"TLS 1.2": fact(GCM, CBC, NULL), "TLS 1.0": fact(CBC)}))

    assert [(one.version, one.suite) for one in found.unapproved(DEFAULT_PROFILE.rules)] == [("TLS 1.2", CBC)]
    assert [(one.version, one.suite) for one in found.broken()] == [("TLS 1.2", NULL)]


def test_what_was_chosen_by_hand_counts_like_what_sslyze_saw() -> None:
    """A broken suite that only our own ClientHello could offer is told."""
    found = AcceptedSuites(scan({"TLS 1.2": fact(GCM)}, {"TLS 1.2": "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA256"}))

    (told,) = found.broken()
    assert (
        str(told)
        == f"{ADDRESS} accepts TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA256 in TLS 1.2, which authenticates nobody"
    )
    assert not found.unapproved(DEFAULT_PROFILE.rules)


def unapproved(found: AcceptedSuites) -> tuple[AcceptedSuite, ...]:
    return found.unapproved(DEFAULT_PROFILE.rules)


@pytest.mark.parametrize(
    ("observed", "broken", "without_aead"),
    [
        (scan({"TLS 1.2": fact(GCM, unanswered=1)}), False, False),
        (scan({"TLS 1.2": fact(problem="sslyze: boom")}), False, False),
        (scan({"TLS 1.2": fact(GCM), "TLS 1.0": fact(problem="sslyze: boom")}), False, True),
        (scan({"TLS 1.2": fact(GCM)}, gaps=("no answer to our own offer",)), False, True),
        (scan({"TLS 1.2": fact(NULL, CBC, unanswered=1)}), True, True),
        (scan({"TLS 1.2": fact(GCM)}), True, True),
        (TlsScan(TlsEndpoint(host="app.test"), ()), False, False),
        (TlsScan(TlsEndpoint(host="app.test"), (AddressScan(ADDRESS, problem="no connection"),)), False, False),
    ],
)
def test_what_was_not_seen_is_not_absent(observed: TlsScan, broken: bool, without_aead: bool) -> None:
    """None found passes only where every suite of every version was answered; one found needs no more."""
    for ask, known in ((AcceptedSuites.broken, broken), (unapproved, without_aead)):
        if known:
            ask(AcceptedSuites(observed))
        else:
            with pytest.raises(ProbeError):
                ask(AcceptedSuites(observed))


def test_where_tls_12_is_refused_aead_is_no_question() -> None:
    """An endpoint of TLS 1.3 alone has nothing to judge."""
    with pytest.raises(NotApplicable):
        AcceptedSuites(scan({"TLS 1.3": fact("TLS_AES_128_GCM_SHA256")})).unapproved(DEFAULT_PROFILE.rules)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (rsa.generate_private_key(65537, 1024), "an RSA key of 1024 bits"),
        (rsa.generate_private_key(65537, 2047), "an RSA key of 2047 bits"),
        (rsa.generate_private_key(65537, 2048), ""),
        (ec.generate_private_key(ec.SECP192R1()), "a key on secp192r1"),
        (ec.generate_private_key(ec.SECP224R1()), "a key on secp224r1"),
        (ec.generate_private_key(ec.SECP256R1()), ""),
        (ec.generate_private_key(ec.SECP256K1()), ""),
        (ec.generate_private_key(ec.SECP521R1()), ""),
        (ed25519.Ed25519PrivateKey.generate(), ""),
        (ed448.Ed448PrivateKey.generate(), ""),
    ],
)
def test_a_key_is_strong_or_it_is_told(key: Key, words: str) -> None:
    """RSA from 2048 bits, curves from 256, Edwards curves."""
    found = weaknesses([issue("app.test", issue("ca", ca=True), key=key).certificate], DEFAULT_PROFILE.rules)

    assert [words in problem for problem in found] == ([True] if words else [])


def test_a_dsa_key_is_told() -> None:
    """A key of a kind that TLS no longer knows is weak, whatever its size."""
    signer = issue("ca", ca=True)
    builder = x509.CertificateBuilder(
        issuer_name=signer.certificate.subject,
        subject_name=signer.certificate.subject,
        public_key=dsa.generate_private_key(2048).public_key(),
        serial_number=1,
        not_valid_before=signer.certificate.not_valid_before_utc,
        not_valid_after=signer.certificate.not_valid_after_utc,
    )

    (told,) = weaknesses([builder.sign(signer.key, hashes.SHA256())], DEFAULT_PROFILE.rules)

    assert "another kind" in told


@pytest.mark.parametrize("digest", ["sha1", "md5"])
def test_a_weak_signature_is_told_below_the_root(digest: str) -> None:
    """SHA-1 and MD5 count for everything but what signs itself."""
    root = issue("root", ca=True, key=rsa.generate_private_key(65537, 2048))
    leaf = signed_with(digest, issue("app.test", root), root)

    (told,) = weaknesses([leaf.certificate, signed_with(digest, root, root).certificate], DEFAULT_PROFILE.rules)

    assert told == f"CN=app.test is signed with {digest.upper()}"
