"""Strict-Transport-Security is read as RFC 6797 says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagehold.probes.web.hsts import Hsts, complaint, parse

YEAR = 31_536_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("max-age=31536000", Hsts(YEAR, False)),
        ("max-age=31536000; includeSubDomains", Hsts(YEAR, True)),
        ("MAX-AGE=31536000;INCLUDESUBDOMAINS", Hsts(YEAR, True)),
        ('max-age="31536000" ; includeSubDomains ;', Hsts(YEAR, True)),
        (" ;; includeSubDomains ; max-age = 5 ", Hsts(5, True)),
        ('max-age=1; preload; report="a;max-age=2"', Hsts(1, False)),
        ("max-age=0", Hsts(0, False)),
    ],
)
def test_valid_headers_are_read(value: str, expected: Hsts) -> None:
    """Case, order, quotes, empty and unknown directives do not matter."""
    assert parse(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        ";",
        "includeSubDomains",
        "max-age",
        "max-age=",
        "max-age=-1",
        "max-age=1y",
        "max-age=31536000, includeSubDomains",
        "max-age=31536000; max-age=0",
        "max-age=31536000; includeSubDomains; IncludeSubdomains",
        "max-age=31536000; includeSubDomains=1",
        "max-age=31536000 includeSubDomains",
        'max-age="31536000',
        "max-age=١",  # noqa: RUF001 - a digit that is not one to browsers
        "max-age=31536000; preload; preload",
    ],
)
def test_headers_that_browsers_ignore_are_errors(value: str) -> None:
    """Whatever a user agent must ignore is never read as a policy."""
    with pytest.raises(ValueError, match=r"."):
        parse(value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "no Strict"),
        (["max-age=31536000; includeSubDomains"] * 2, "2 Strict"),
        (["max-age=31535999; includeSubDomains"], "less than"),
        (["max-age=31536000"], "includeSubDomains is missing"),
        (["max-age=x"], "ignored by browsers"),
    ],
)
def test_complaints_say_what_is_wrong(values: list[str], words: str) -> None:
    """Missing, doubled, weak and unreadable headers are each told in words."""
    assert words in complaint(values, min_age=YEAR, include_subdomains=True)


def test_a_good_header_has_no_complaint() -> None:
    """The declared policy, or a stronger one, is all right."""
    assert complaint(["max-age=63072000; includeSubDomains"], min_age=YEAR, include_subdomains=True) == ""
    assert complaint(["max-age=31536000"], min_age=YEAR, include_subdomains=False) == ""


def test_forgetting_is_no_policy_whatever_is_declared() -> None:
    """`max-age=0` ends the policy, so that a declared minimum of nothing does not make it good."""
    assert "max-age=0 is less than 1" in complaint(["max-age=0"], min_age=0, include_subdomains=False)
    assert complaint(["max-age=1"], min_age=0, include_subdomains=False) == ""


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(value: str) -> None:
    """No input makes the reader do anything but return a policy or raise ValueError."""
    try:
        policy = parse(value)
    except ValueError:
        return
    assert policy.max_age >= 0


@given(
    st.integers(0, 10**12),
    st.booleans(),
    st.lists(st.from_regex(r"x[a-z]{1,5}(=[a-z0-9]{1,4})?", fullmatch=True), unique_by=lambda d: d.split("=")[0]),
    st.randoms(),
)
def test_order_and_extensions_never_change_the_policy(age, subdomains, others, random) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Any order of the directives, with any unknown ones, means the same."""
    parts = [f"max-age={age}", *(["includeSubDomains"] if subdomains else []), *others]
    random.shuffle(parts)

    assert parse("; ".join(parts)) == Hsts(age, subdomains)
