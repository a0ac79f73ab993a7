"""The ways in which programs write a value, and which values can be told from ordinary text at all."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import xml.sax.saxutils
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.redaction.forms import SHORTEST, forms_of, is_token, why_not

VALUES = st.text(min_size=SHORTEST, max_size=40)
WRITERS: dict[str, Callable[[str], str]] = {
    "as it is": lambda value: f"x={value};",
    "repr": lambda value: repr({"password": value}),
    "JSON": lambda value: json.dumps({"password": value}),
    "JSON with letters of all scripts": lambda value: json.dumps([value], ensure_ascii=False),
    "HTML": html.escape,
    "HTML outside of attributes": lambda value: html.escape(value, quote=False),
    "a path": lambda value: "/a/" + quote(value, safe=""),
    "a query": lambda value: urlencode({"p": value}),
    "a form with pluses": quote_plus,
    "lower-case percent": lambda value: re.sub("%..", lambda found: found[0].lower(), quote(value, safe="")),
    "CSV": lambda value: f'"{value.replace(chr(34), chr(34) * 2)}",x',
    "a shell's command line": lambda value: f"curl -u {shlex.quote('anna:' + value)}",
    "XML with all entities": lambda value: xml.sax.saxutils.escape(value, {'"': "&quot;", "'": "&apos;"}),
    "SQL": lambda value: f"'{value.replace(chr(39), chr(39) * 2)}'",
    "hex": lambda value: value.encode().hex(),
    "HEX": lambda value: value.encode().hex().upper(),
}


def present(value: str, text: bytes) -> bool:
    return any(form in text for form in forms_of(value))


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@settings(max_examples=30, deadline=None)
@given(value=VALUES)
def test_a_value_is_found_however_it_is_written(write: Callable[[str], str], value: str) -> None:
    """Percent, JSON, HTML, hex and Python's own spelling of any text are among its forms."""
    assert present(value, write(value).encode("utf-8"))


@settings(max_examples=50, deadline=None)
@given(value=st.text(min_size=12, max_size=60), before=st.binary(max_size=7), after=st.binary(max_size=7))
def test_base64_is_found_at_every_alignment(value: str, before: bytes, after: bytes) -> None:
    """Whatever stands before and after it in the encoded text, in the standard and in the URL alphabet."""
    whole = before + value.encode() + after

    assert present(value, base64.b64encode(whole))
    assert present(value, base64.urlsafe_b64encode(whole))


@settings(max_examples=30, deadline=None)
@given(value=VALUES)
def test_no_form_is_short(value: str) -> None:
    """What is looked for has at least as many bytes as the shortest value, hex and base64 more."""
    assert value.encode() in forms_of(value)
    assert all(len(form) >= SHORTEST for form in forms_of(value))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "fewer than 6 characters"),
        ("abc12", "fewer than 6 characters"),
        ("Sommer", "single word"),
        ("SOMMERTAG", "single word"),
        ("123456789", "number of fewer than 10 digits"),
        ("abc123", ""),
        ("1234567890", ""),
        ("correcthorsebattery", ""),
        ("SoMmEr", ""),
        ("so-mer", ""),
    ],
)
def test_what_ordinary_text_is_full_of_is_not_registered(value: str, why: str) -> None:
    """A password that is a word would mask half of a report; the reason is told instead."""
    assert (why in why_not(value)) if why else why_not(value) == ""


@pytest.mark.parametrize(
    ("value", "token"),
    [("Zq81mVnX0pLr5TgK2bWd", True), ("theme-is-dark-and-long", False), ("aaaaaaaaaaaaaaa1", False), ("a1b2c3", False)],
)
def test_a_token_is_long_and_mixed(value: str, token: bool) -> None:
    """A cookie such as `theme=dark` is none."""
    assert is_token(value) is token
