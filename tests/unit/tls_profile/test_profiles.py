"""TLS profiles: what is shipped, what a file may say, what is refused, and where the error is told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from stagehold.documents.problems import ConfigErrors, FileError
from stagehold.environment.reader import read_environment
from stagehold.probes.tls.strength import weaknesses
from stagehold.shipped import shipped
from stagehold.tls_profile import reader
from stagehold.tls_profile.model import VERSIONS, Shipped
from stagehold.tls_profile.reader import PINS, read_profile, shipped_profile
from tests.probes.pki import issue
from tests.probes.profiles import DEFAULT_PROFILE, MODERN_PROFILE, line, lines, own_profile, profile_text


def test_the_default_profile_asks_what_was_always_asked() -> None:
    """Whoever changes a rule of `intermediate` changes verdicts, and sees it here."""
    rules = DEFAULT_PROFILE.rules

    assert rules.refused_versions == ("SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1")
    assert (rules.require_tls13.value, rules.aead_only.value, rules.forward_secrecy.value) == (True, True, True)
    assert rules.suite_names is None
    assert set(rules.group_names) == {
        "X25519", "P-256", "P-384", "X448", "P-521", "X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024",
    }  # fmt: skip
    assert (rules.least_dh_bits.value, rules.least_rsa_bits.value, rules.least_curve_bits.value) == (2048, 2048, 256)
    assert set(rules.hash_names) == {"md5", "sha1"}
    assert rules.min_days_left.value == "auto"


def test_the_modern_profile_differs_by_its_versions_alone() -> None:
    """It accepts TLS 1.3 and nothing else; what is asked beside that is asked of everybody."""
    by_default, modern = DEFAULT_PROFILE.rules, MODERN_PROFILE.rules

    assert modern.refused_versions == VERSIONS[:-1]
    assert modern.model_copy(update={"name": by_default.name, "versions": by_default.versions}) == by_default


@pytest.mark.parametrize("name", PINS)
def test_every_line_of_a_shipped_profile_has_a_source(name: Shipped) -> None:
    """Each says where it is from, and that nobody here has read it where that is so."""
    rows = shipped_profile(name).rows()

    assert len(rows) > 20
    assert all(source.strip() or unread.strip() for _, _, source, unread in rows)


def test_every_shipped_file_is_pinned_and_travels() -> None:
    """A profile without a pin could be changed unseen."""
    folder = shipped("environments") / reader.FOLDER

    assert {path.name for path in folder.iterdir()} == {f"{name}.yaml" for name in PINS}


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation in which somebody edited `intermediate`: keys of 1024 bits would do."""
    text = (shipped("environments") / reader.FOLDER / "intermediate.yaml").read_text(encoding="utf-8")
    file = tmp_path / reader.FOLDER / "intermediate.yaml"
    file.parent.mkdir()
    file.write_text(text.replace("2048", "1024"), encoding="utf-8")
    monkeypatch.setattr(reader, "shipped", lambda _: tmp_path)
    shipped_profile.cache_clear()
    yield file
    shipped_profile.cache_clear()


def test_a_shipped_file_that_was_changed_is_refused(changed: Path) -> None:
    """Both digests are told; nothing is judged by it."""
    with pytest.raises(ConfigErrors) as caught:
        shipped_profile("intermediate")

    (error,) = caught.value.errors
    assert error.file == str(changed)
    assert hashlib.sha256(changed.read_bytes()).hexdigest() in error.message
    assert error.expected == PINS["intermediate"]


def test_an_environment_is_not_read_in_an_installation_that_was_changed(changed: Path, tmp_path: Path) -> None:
    """Whoever names no profile is judged by a shipped one, so the description is refused before anything is sent."""
    environment = tmp_path / "environment.yaml"
    target = "{name: web, base_url: 'https://192.0.2.1'}"
    environment.write_text(f"environment: {{id: stage}}\ntargets: [{target}]\n", encoding="utf-8")

    with pytest.raises(ConfigErrors, match="not the file that was pinned") as caught:
        read_environment(environment)

    assert [error.file for error in caught.value.errors] == [str(changed)]


def lifetime(since: str, days: int) -> dict[str, Any]:
    return {"since": since, "days": days, "source": "the security team"}


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "an old version": ({"versions": lines("TLS 1.1", "TLS 1.2", "TLS 1.3")}, "versions[0].value", "below the floor"),
    "no TLS 1.3": ({"versions": lines("TLS 1.2")}, "versions", "leaves TLS 1.3 out"),
    "no version at all": ({"versions": []}, "versions", "is empty"),
    "no such version": ({"versions": lines("TLS 1.4")}, "versions[0].value", "not one of the known words"),
    "RSA of 1024 bits": ({"least_rsa_bits": line(1024)}, "least_rsa_bits.value", "floor of 2048 bits"),
    "DH of 2047 bits": ({"least_dh_bits": line(2047)}, "least_dh_bits.value", "floor of 2048 bits"),
    "a curve of 224 bits": ({"least_curve_bits": line(224)}, "least_curve_bits.value", "floor of 256 bits"),
    "a small group": ({"groups": lines("X25519", "secp224r1")}, "groups[1].value", "below the floor"),
    "SHA-1 allowed": ({"forbidden_hashes": lines("md5")}, "forbidden_hashes", "leaves out sha1"),
    "a longer lifetime": (
        {"public_lifetimes": [lifetime("2020-09-01", 398)]},
        "public_lifetimes",
        "allows 398 days to certificates issued on 2026-03-15",
    ),
    "a lifetime that ends late": (
        {
            "public_lifetimes": [
                {"since": d, "days": n, "source": "x"} for d, n in (("2018-03-01", 47), ("2028-01-01", 101))
            ]
        },
        "public_lifetimes",
        "allows 101 days to certificates issued on 2028-01-01",
    ),
    "two lifetimes for a day": (
        {"public_lifetimes": [lifetime("2020-09-01", 47), lifetime("2020-09-01", 46)]},
        "public_lifetimes[1].since",
        "is the day of another line",
    ),
    "3DES": (
        {"suites": lines("TLS_AES_128_GCM_SHA256", "TLS_RSA_WITH_3DES_EDE_CBC_SHA")},
        "suites[1].value",
        "below the floor: it encrypts with 3DES",
    ),
    "NULL, though nothing is asked": (
        {
            "suites": lines("TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_NULL_SHA"),
            "aead_only": line(False),
            "forward_secrecy": line(False),
        },
        "suites[1].value",
        "below the floor: it does not encrypt",
    ),
    "CBC against its own rule": (
        {"suites": lines("TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")},
        "suites[1].value",
        "`aead_only` demands",
    ),
    "static RSA against its own rule": (
        {"suites": lines("TLS_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256")},
        "suites[1].value",
        "`forward_secrecy` demands",
    ),
    "OpenSSL's name": (
        {"suites": lines("TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256")},
        "suites[1].value",
        "no name of IANA's registry",
    ),
    "a list without TLS 1.3": (
        {"suites": lines("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")},
        "suites",
        "holds no suite of TLS 1.3",
    ),
    "a list without TLS 1.2": ({"suites": lines("TLS_AES_128_GCM_SHA256")}, "suites", "holds no suite of TLS 1.2"),
    "a list for a version that is refused": (
        {"versions": lines("TLS 1.3"), "suites": lines("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")},
        "suites[0].value",
        "a suite of TLS 1.2, which `versions` does not accept",
    ),
    "no source": ({"least_rsa_bits": {"value": 2048}}, "least_rsa_bits", "needs `source`"),
    "a blank source": ({"least_rsa_bits": {"value": 2048, "source": " "}}, "least_rsa_bits", "needs `source`"),
    "text for a number": ({"least_rsa_bits": line("2048")}, "least_rsa_bits.value", "is text"),
    "a rule left out": ({"forward_secrecy": None}, "forward_secrecy", "`forward_secrecy` is missing"),
    "a rule that is none": ({"broken_suites": line(True)}, "broken_suites", "unknown key"),
    "no review": ({"reviewed": "last year"}, "reviewed", "YYYY-MM-DD"),
}


def refused(folder: Path, **changed: Any) -> tuple[FileError, ...]:
    with pytest.raises(ConfigErrors) as caught:
        own_profile(folder, **changed)
    return caught.value.errors


@pytest.mark.parametrize("case", WRONG)
def test_what_no_profile_may_say_is_told_with_its_line(tmp_path: Path, case: str) -> None:
    """Below the floor, against itself, or without a source: file, line and what was expected."""
    changed, path, words = WRONG[case]

    errors = refused(tmp_path, **changed)

    (error,) = [error for error in errors if error.path == path]
    assert words in str(error)
    assert error.file == str(tmp_path / "profile.yaml")
    rule = path.partition(".")[0].partition("[")[0]
    if changed[rule] is not None:
        told = (tmp_path / "profile.yaml").read_text(encoding="utf-8").splitlines()[: error.line]
        assert any(f'"{rule}"' in one for one in told)


def test_a_file_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    """Whatever it says."""
    own = own_profile(tmp_path)
    file = tmp_path / "profile.yaml"
    file.write_text(profile_text(least_rsa_bits=line(4096)), encoding="utf-8")

    with pytest.raises(ConfigErrors, match="not the file that was pinned"):
        read_profile(file, own.digest)


@pytest.mark.parametrize(
    ("issued", "days"),
    [(date(2015, 1, 1), 90), (date(2026, 12, 31), 90), (date(2027, 1, 1), 45), (date(2030, 1, 1), 45)],
)
def test_a_shorter_life_may_be_asked_for(tmp_path: Path, issued: date, days: int) -> None:
    """Lines hold from their day until the next one's, whatever their order, the first for everything before it."""
    rules = own_profile(tmp_path, public_lifetimes=[lifetime("2027-01-01", 45), lifetime("2020-01-01", 90)]).rules

    assert rules.public_cap(datetime(issued.year, issued.month, issued.day, tzinfo=UTC)) == days


def test_a_rule_of_the_environment_says_so_in_the_evidence() -> None:
    """Who reads the report sees which rules are not the profile's."""
    mine = DEFAULT_PROFILE.overriding(groups=("X25519",), min_days_left=7, require_tls13=None)

    assert str(mine).endswith("with groups, min_days_left of the environment")
    assert mine.rows("groups", "min_days_left")[1:] == [
        ("groups", "X25519", "`tls.profile.groups` of the environment", ""),
        ("min_days_left", "7", "`tls.profile.min_days_left` of the environment", ""),
    ]
    assert mine.rules.require_tls13 == DEFAULT_PROFILE.rules.require_tls13
    assert DEFAULT_PROFILE.digest in str(mine)


@pytest.mark.parametrize(("curve", "weak"), [(ec.SECP256R1(), True), (ec.SECP384R1(), False)])
def test_larger_curves_and_other_hashes_may_be_asked_for(tmp_path: Path, curve: ec.EllipticCurve, weak: bool) -> None:
    """Keys and signatures of certificates are judged by the profile's lines."""
    root = issue("root", ca=True)
    leaf = issue("app.test", root, key=ec.generate_private_key(curve))
    larger = own_profile(tmp_path, least_curve_bits=line(384)).rules
    other = own_profile(tmp_path, forbidden_hashes=lines("md5", "sha1", "sha256")).rules

    assert bool(weaknesses([leaf.certificate], larger)) is weak
    assert weaknesses([leaf.certificate], other) == ("CN=app.test is signed with SHA256",)
    assert not weaknesses([leaf.certificate], DEFAULT_PROFILE.rules)
