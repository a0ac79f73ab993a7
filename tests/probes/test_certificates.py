"""Judgement of certificates: path, names and dates, each apart from the others."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from stagehold.errors import ProbeError, Uncovered
from stagehold.probes.tls import certificates
from tests.probes.pki import DAY, NOW, Authority, Issued, issue
from tests.probes.profiles import DEFAULT_PROFILE

AUTHORITY = Authority.create()
ROOT, INTERMEDIATE = AUTHORITY.root, AUTHORITY.intermediate
LEAF = AUTHORITY.leaf("app.test")
SIGNING_LEAF = AUTHORITY.leaf("signer.test")
OTHER = Authority.create("Other")
NAMESAKE = Authority.create()
SELF_SIGNED = issue("app.test", names=("app.test",))
EXPIRED = AUTHORITY.leaf("app.test", start=-400, end=-1)
FUTURE = AUTHORITY.leaf("app.test", start=1, end=300)
LONG_GONE = AUTHORITY.leaf("app.test", start=-3000, end=-2000)
"""Expired before its issuer came to be: no moment exists at which the whole path is in date."""


@pytest.fixture
def anchors(tmp_path: Path) -> certificates.Anchors:
    return certificates.read_anchors(AUTHORITY.ca_file(tmp_path))


@pytest.mark.parametrize(
    "served",
    [
        pytest.param([LEAF, INTERMEDIATE], id="complete"),
        pytest.param([LEAF, INTERMEDIATE, ROOT], id="with the root"),
        pytest.param([LEAF, ROOT, INTERMEDIATE], id="in the wrong order"),
        pytest.param([LEAF, OTHER.intermediate, INTERMEDIATE], id="with a surplus certificate"),
        pytest.param([LEAF, NAMESAKE.intermediate, INTERMEDIATE], id="with a surplus namesake"),
        pytest.param([EXPIRED, INTERMEDIATE], id="expired"),
        pytest.param([FUTURE, INTERMEDIATE], id="not yet valid"),
        pytest.param([LONG_GONE, INTERMEDIATE], id="expired before its issuer began"),
        pytest.param([AUTHORITY.leaf("other.test"), INTERMEDIATE], id="for another name"),
        pytest.param([AUTHORITY.leaf(), INTERMEDIATE], id="without any name"),
    ],
)
def test_a_chain_that_reaches_the_anchor_has_no_path_problem(
    served: list[Issued], anchors: certificates.Anchors
) -> None:
    """Order, surplus, dates and names are no business of the path."""
    assert certificates.path_problem([one.certificate for one in served], anchors, NOW) is None


@pytest.mark.parametrize(
    ("served", "words"),
    [
        pytest.param([LEAF], "unable to get local issuer", id="leaf only"),
        pytest.param([LEAF, ROOT], "unable to get local issuer", id="the intermediate is missing"),
        pytest.param([SELF_SIGNED], "self.signed", id="self-signed"),
        pytest.param([OTHER.leaf("app.test"), OTHER.intermediate], "unable to get local issuer", id="other CA"),
        pytest.param([OTHER.leaf("app.test"), OTHER.intermediate, OTHER.root], "self.signed", id="other CA's root"),
        pytest.param(
            [issue("app.test", SIGNING_LEAF, names=("app.test",)), SIGNING_LEAF, INTERMEDIATE],
            "invalid CA|not a CA",
            id="issued by a leaf",
        ),
    ],
)
def test_a_chain_that_does_not_reach_the_anchor_says_why(
    served: list[Issued], words: str, anchors: certificates.Anchors
) -> None:
    """The problem names the certificate where the path ends and the anchor that was wanted."""
    problem = certificates.path_problem([one.certificate for one in served], anchors, NOW)

    assert problem is not None
    assert re.search(words, problem)
    assert "the declared private CA" in problem


def test_a_forged_signature_is_a_path_problem(anchors: certificates.Anchors) -> None:
    """An intermediate of the right name and the wrong key does not lead to the anchor."""
    forged = issue("Test Intermediate", OTHER.root, ca=True)

    problem = certificates.path_problem([LEAF.certificate, forged.certificate], anchors, NOW)

    assert problem is not None


def test_an_intermediate_in_the_ca_file_does_not_stand_in_for_an_unserved_one(tmp_path: Path) -> None:
    """A bundle of root and intermediate still finds the chain incomplete when only the leaf is served."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(ROOT.pem + INTERMEDIATE.pem)

    anchors = certificates.read_anchors(bundle)

    assert certificates.path_problem([LEAF.certificate], anchors, NOW)
    assert not certificates.path_problem([LEAF.certificate, INTERMEDIATE.certificate], anchors, NOW)


def test_an_intermediate_declared_alone_is_the_anchor(tmp_path: Path) -> None:
    """A CA file without any root declares what it holds as anchors."""
    file = tmp_path / "intermediate.pem"
    file.write_text(INTERMEDIATE.pem)

    anchors = certificates.read_anchors(file)

    assert certificates.path_problem([LEAF.certificate], anchors, NOW) is None
    assert certificates.path_problem([OTHER.leaf("app.test").certificate], anchors, NOW)


def test_the_public_store_knows_nothing_of_a_private_ca() -> None:
    """Without a declared CA file the chain must lead to the public store."""
    anchors = certificates.read_anchors(None)

    problem = certificates.path_problem([LEAF.certificate, INTERMEDIATE.certificate], anchors, NOW)

    assert len(anchors.certificates) > 50
    assert problem is not None
    assert "public certificate store" in problem


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_unreadable_anchors_are_no_verdict(tmp_path: Path, content: bytes | None) -> None:
    """A CA file that is absent or holds no certificate makes the check inconclusive."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ProbeError):
        certificates.read_anchors(path)


@pytest.mark.parametrize(
    ("names", "host", "matches"),
    [
        (("app.test",), "app.test", True),
        (("app.test",), "APP.test", True),
        (("app.test",), "app.test.", True),
        (("other.test",), "app.test", False),
        (("*.app.test",), "one.app.test", True),
        (("*.app.test",), "app.test", False),
        (("*.app.test",), "two.one.app.test", False),
        (("one.test", "app.test"), "app.test", True),
        (("192.0.2.1",), "192.0.2.1", True),
        (("192.0.2.1",), "192.0.2.2", False),
        (("2001:db8::1",), "[2001:db8::1]", True),
        (("2001:db8::1",), "2001:db8:0::1", True),
        (("app.test",), "192.0.2.1", False),
        ((), "app.test", False),
    ],
)
def test_names_follow_rfc_9525(names: tuple[str, ...], host: str, matches: bool) -> None:
    """Only subject alternative names count, of the kind the host is written in."""
    problem = certificates.name_problem(issue("app.test", names=names).certificate, host)

    assert (problem is None) is matches
    if problem:
        assert host.strip("[]") in problem


def test_the_common_name_names_nobody() -> None:
    """A certificate with the host in its common name alone does not match."""
    assert certificates.name_problem(issue("app.test").certificate, "app.test") == (
        "the certificate is for no name at all, not for app.test"
    )


@pytest.mark.parametrize(
    ("start", "end", "declared", "words"),
    [
        (-100, 265, "auto", None),
        (-335, 30.1, "auto", None),
        (-336, 29.9, "auto", "expires in 29.9 days"),
        (-362, 3, "auto", "expires in 3.0 days"),
        (-362, 3, 2, None),
        (-100, 265, 300, "expires in 265.0 days"),
        (-400, -1, "auto", "expired 1.0 days ago"),
        (-400, -1, 0, "expired 1.0 days ago"),
        (1, 300, "auto", "is not valid before"),
        (-2, 4, "auto", None),
        (-4.5, 1.5, "auto", "expires in 1.5 days"),
        (-31, 16, "auto", None),
        (-32, 15, "auto", "expires in 15.0 days"),
    ],
)
def test_dates_and_the_days_left(start: float, end: float, declared: int | str, words: str | None) -> None:
    """The margin is what is declared, or a third of the lifetime up to thirty days."""
    leaf = issue("app.test", start=start, end=end).certificate

    problems = certificates.date_problems(leaf, (), NOW, declared)

    assert len(problems) == (words is not None)
    assert words is None or words in problems[0]


@given(lifetime=st.floats(0.1, 4000), age=st.floats(0, 0.5))
def test_the_automatic_margin_can_always_be_met(lifetime: float, age: float) -> None:
    """In the first half of its life no certificate of any lifetime is called too old."""
    dates = FakeCertificate(NOW - age * lifetime * DAY, NOW + (1 - age) * lifetime * DAY)
    leaf = cast("x509.Certificate", dates)

    assert certificates.days_left(leaf, NOW) > certificates.needed_days(leaf, "auto") or lifetime < 0.2


def test_an_expired_issuer_and_anchor_are_named() -> None:
    """Everything else that was served or leads to the anchor is judged for its validity too."""
    leaf = AUTHORITY.leaf("app.test").certificate
    old = issue("Old Intermediate", ca=True, start=-900, end=-10).certificate

    problems = certificates.date_problems(leaf, (old, old), NOW)

    assert len(problems) == 1
    assert "Old Intermediate" in problems[0]


def test_the_verified_path_includes_the_anchor_that_was_not_served(anchors: certificates.Anchors) -> None:
    """The anchor's own dates can be judged although servers do not send it."""
    path = certificates.verified_path([LEAF.certificate, INTERMEDIATE.certificate], anchors, NOW)

    assert path == (LEAF.certificate, INTERMEDIATE.certificate, ROOT.certificate)
    assert certificates.verified_path([LEAF.certificate], anchors, NOW) == ()


class FakeCertificate:
    """The two dates, so that thousands can be made."""

    def __init__(self, start: dt.datetime, end: dt.datetime) -> None:
        self.not_valid_before_utc, self.not_valid_after_utc = start, end


@pytest.mark.parametrize(
    ("issued", "days"),
    [
        ("2018-05-01", 825),
        ("2020-08-31", 825),
        ("2020-09-01", 398),
        ("2026-03-14", 398),
        ("2026-03-15", 200),
        ("2027-03-14", 200),
        ("2027-03-15", 100),
        ("2029-03-14", 100),
        ("2029-03-15", 47),
        ("2040-01-01", 47),
    ],
)
def test_public_caps_follow_the_day_of_issue(issued: str, days: int) -> None:
    """As the CA/Browser Forum has decided (ballot SC-081v3)."""
    assert DEFAULT_PROFILE.rules.public_cap(dt.datetime.fromisoformat(issued).replace(tzinfo=dt.UTC)) == days


SECOND = 1 / 86400


@pytest.mark.parametrize(
    ("lifetime", "allowed", "too_long"),
    [
        (90, 100, False),
        (100 - SECOND, 100, False),
        (100, 100, True),
        (730, 100, True),
    ],
)
def test_a_certificate_lives_from_its_first_second_through_its_last(
    anchors: certificates.Anchors, lifetime: float, allowed: int, too_long: bool
) -> None:
    """A certificate of N days ends a second before the N days are over."""
    leaf = AUTHORITY.leaf("app.test", start=-10, end=lifetime - 10)
    rules = certificates.CertificateRules(anchors, DEFAULT_PROFILE.rules, NOW, private_days=allowed)

    assert bool(rules.long_lived([leaf.certificate])) is too_long


def test_a_private_ca_has_the_cap_that_is_declared_for_it(anchors: certificates.Anchors) -> None:
    """Without one the claim is not configured, and the public caps hold for the public store only."""
    leaf = AUTHORITY.leaf("app.test", start=-1, end=300)

    with pytest.raises(Uncovered):
        certificates.CertificateRules(anchors, DEFAULT_PROFILE.rules, NOW).long_lived([leaf.certificate])
    store = certificates.read_anchors(None)
    public = certificates.CertificateRules(store, DEFAULT_PROFILE.rules, NOW, private_days=9999)
    assert public.longest([leaf.certificate]) == DEFAULT_PROFILE.rules.public_cap(leaf.certificate.not_valid_before_utc)
