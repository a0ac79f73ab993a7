"""What comes from the target is harmless in every format."""

from __future__ import annotations

import re
import unicodedata
from html import unescape
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from stagehold.errors import ReportError
from stagehold.reporting.text import (
    clean,
    clip,
    code_spans,
    duration,
    link,
    markdown,
    markdown_code,
    one_line,
    plural,
    short_digest,
    utc,
)
from tests.unit.reporting.samples import HOSTILE

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=200)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain\ttext\nstays", "plain\ttext\nstays"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\x00", "\\x00"),
        ("\ud800", "\\ud800"),
        ("\x85\x9b", "\\x85\\x9b"),
    ],
)
def test_invisible_characters_are_spelled_out(raw: str, shown: str) -> None:
    """Controls, bidirectional overrides and lone surrogates become visible and inert."""
    assert clean(raw) == shown


@given(ANY_TEXT)
def test_clean_text_is_valid_xml_and_utf8(text: str) -> None:
    """Whatever goes in, what comes out can be stored in XML and read back unchanged."""
    cleaned = clean(text)
    element = ET.Element("t")
    element.text = cleaned
    assert (ET.fromstring(ET.tostring(element, "utf-8")).text or "") == cleaned
    assert not any(unicodedata.category(sign) == "Cc" for sign in cleaned if sign not in "\n\t")


@given(ANY_TEXT)
def test_markdown_shows_exactly_the_text(text: str) -> None:
    """In a table cell, a Markdown reader shows the text itself: no markup, no further cell, no HTML."""
    page = f"| a | b |\n| --- | --- |\n| {markdown(text)} | end |\n"
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(page)
    rows = re.findall(r"<td>(.*?)</td>", html, re.DOTALL)
    assert len(rows) == 2, html
    assert rows[1] == "end"
    assert "<" not in rows[0].replace("&lt;", "")
    shown = unescape(rows[0]).replace("\u200b", "")
    assert " ".join(shown.split()) == " ".join(one_line(text).split())


def test_markdown_holds_no_raw_sign_of_markup() -> None:
    """Whatever dialect reads it: no tag, mention or address that links itself is left as such."""
    text = markdown(HOSTILE + "@everyone http://evil.example <b>")
    for sign in ("<", "@everyone", "://"):
        assert sign not in text


@given(ANY_TEXT)
def test_markdown_code_is_one_code_span(text: str) -> None:
    """A command in a table cell stays one piece of code, whatever it holds."""
    page = f"| a | b |\n| --- | --- |\n| {markdown_code(text)} | end |\n"
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(page)
    rows = re.findall(r"<td>(.*?)</td>", html, re.DOTALL)
    assert len(rows) == 2, html
    inner = re.fullmatch(r"<code>([^<]*)</code>", rows[0].strip())
    assert inner, rows[0]
    assert " ".join(unescape(inner[1]).split()) == " ".join(one_line(text).split())


def test_long_text_says_what_is_missing() -> None:
    """Ten thousand characters are cut and counted."""
    assert clip("A" * 10_000, 100) == "A" * 100 + " … (9,900 more characters in the evidence)"
    assert clip("short", 100) == "short"


def test_one_line_has_one_line() -> None:
    """Line ends of every kind are gone."""
    assert "\n" not in one_line(HOSTILE)
    assert one_line("a\n\n  b\tc") == "a b c"


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../secret", "evidence/../../x", "a\\b", "evidence/\x1b", "evidence/\u202ex"]
)
def test_links_stay_in_the_run(path: str) -> None:
    """A path that leads out of the run's folder is refused, not linked."""
    with pytest.raises(ReportError):
        link(path)


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        ("evidence/tls/TLS-001/a b.csv", "evidence/tls/TLS-001/a%20b.csv"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ('a"onclick=x', "a%22onclick%3Dx"),
    ],
)
def test_links_are_references_to_files(path: str, reference: str) -> None:
    """No scheme and no attribute can be smuggled into a link."""
    assert link(path) == reference


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0 s"), (9.9, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (185, "3 min 05 s")],
)
def test_durations_are_for_people(seconds: float, shown: str) -> None:
    """Seconds read as people say them."""
    assert duration(seconds) == shown


def test_moments_and_numbers() -> None:
    """UTC is printed as such, other text is left alone, and digests are short."""
    assert utc("2026-11-23T16:40:07.120Z") == "2026-11-23 16:40:07 UTC"
    assert utc("2026-11-23T16:40:07+00:00") == "2026-11-23 16:40:07 UTC"
    assert utc("2026-11-23T16:40:07+02:00") == "2026-11-23T16:40:07+02:00"
    assert utc("") == ""
    assert plural(1, "check") == "1 check"
    assert plural(1200, "check") == "1,200 checks"
    assert short_digest("sha256:" + "ab" * 32) == "sha256:abababababab…"
    assert short_digest("") == ""


def test_backticks_become_code_and_nothing_else_does() -> None:
    """Remedies name settings in backticks; markup of the target stays text, inside the backticks too."""
    assert code_spans("declare `policy.x` now") == "declare <code>policy.x</code> now"
    assert code_spans("one ` alone, <b>") == "one ` alone, &lt;b&gt;"
    assert code_spans("`<img src=x>`") == "<code>&lt;img src=x&gt;</code>"
    assert "<script" not in code_spans(HOSTILE)
