"""Content types, charsets and nosniff, by tables and properties."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.errors import ProbeError
from stagehold.probes.web.content_type import complaints, is_json
from stagehold.probes.web.reply import Reply
from stagehold.probes.web.sampling import Samples
from stagehold.probes.web.survey import survey_types

HTML = b"<!doctype html><title>x</title>"
SEEN = {"no": "no X-Content-Type-Options", "type": "no Content-Type", "json": "JSON is sent as", "unfit": "is sent as",
        "charset": "HTML without a charset", "ascii": "other than ASCII", "decode": "the body is not",
        "unknown": "does not exist", "media": "is no media type", "two": "different Content-Types",
        "nojson": "is no JSON", "other": "X-Content-Type-Options is"}  # fmt: skip


def reply(
    body: bytes, *kinds: str, sniff: tuple[str, ...] = ("nosniff",), status: int = 200, location: str = ""
) -> Reply:
    """A response with these Content-Type and X-Content-Type-Options fields."""
    fields = [("Content-Type", kind) for kind in kinds] + [("X-Content-Type-Options", value) for value in sniff]
    fields += [("Location", location)] if location else []
    return Reply("x", "anonymous", "GET", "https://app.test/x", status, tuple(fields), body)


FITTING = [
    (HTML, "text/html; charset=utf-8"),
    (HTML, 'TEXT/HTML; Charset="UTF-8"'),
    (b"<!doctype html><meta charset=utf-8><title>\xc3\xa9</title>", "text/html"),
    (b'<meta http-equiv="Content-Type" content="text/html; charset=utf-8">', "text/html"),
    (b"\xef\xbb\xbf<!doctype html>", "text/html"),
    (b'{"a": 1}', "application/json"),
    (b"7", "application/json"),
    (b"null", "application/problem+json"),
    (b")]}',\n[1]", "application/json"),
    (b'{"a": 1}\n{"a": 2}', "application/x-ndjson"),
    (b"plain words", "text/plain"),
    (b"caf\xc3\xa9", "text/plain; charset=utf-8"),
    (b"caf\xe9", "text/plain; charset=iso-8859-1"),
    (b"const a = 'caf\xc3\xa9';", "text/javascript"),
    (b"const a = 'caf\xc3\xa9';", "application/javascript"),
    (b"a { content: '\xc3\xa9' }", "text/css"),
    (b"a,b\n1,2\n", "text/csv"),
    (b"%PDF-1.7", "application/pdf"),
    (b"%PDF-1.7", "application/octet-stream"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\x89PNG\r\n\x1a\n", "image/x-icon"),
    (b"PK\x03\x04", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
    (b"<!-- a comment --><svg/>", "image/svg+xml"),
]
MISFITS = [
    (HTML, "text/html", "charset"),
    (HTML, "text/html; charset=none-such", "unknown"),
    (b"caf\xe9", "text/html; charset=utf-8", "decode"),
    (b"caf\xc3\xa9", "text/plain", "ascii"),
    (b'{"a": 1}', "text/html; charset=utf-8", "json"),
    (b"[1]", "application/xhtml+xml", "json"),
    (HTML, "application/json", "nojson"),
    (b'{"a": ', "application/hal+json", "nojson"),
    (HTML, "text/javascript; charset=utf-8", "unfit"),
    (HTML, "text/css; charset=utf-8", "unfit"),
    (HTML, "image/png", "unfit"),
    (HTML, "font/woff2", "unfit"),
    (HTML, "application/pdf", "unfit"),
    (b"%PDF-1.7", "text/html; charset=utf-8", "unfit"),
    (b"\x89PNG\r\n\x1a\n", "application/pdf", "unfit"),
    (b"\xff\xd8\xff", "image/png", "unfit"),
    (HTML, "html", "media"),
    (HTML, "", "media"),
]


@pytest.mark.parametrize(("body", "kind"), FITTING)
def test_fitting_types_have_no_complaint(body: bytes, kind: str) -> None:
    """What is sent as what it is, with a charset where one is needed, is sound."""
    assert complaints(reply(body, kind)) == ()


@pytest.mark.parametrize(("body", "kind", "words"), MISFITS)
def test_misfits_are_told(body: bytes, kind: str, words: str) -> None:
    """Each misfit makes one complaint, in words that name it."""
    (complaint,) = complaints(reply(body, kind))

    assert SEEN[words] in complaint


@pytest.mark.parametrize(
    ("sniff", "words"),
    [
        (("nosniff",), ""),
        (("NoSniff ",), ""),
        (("nosniff, nosniff",), ""),
        (("nosniff", "none"), ""),
        ((), "no"),
        (("none",), "other"),
        (("none, nosniff",), "other"),
        (("none", "nosniff"), "other"),
        (("",), "no"),
    ],
)
def test_nosniff(sniff: tuple[str, ...], words: str) -> None:
    """Browsers look at the first value only, whatever its case."""
    found = complaints(reply(b"{}", "application/json", sniff=sniff))

    assert bool(found) is bool(words)
    assert not words or SEEN[words] in found[0]


def test_missing_and_doubled_types() -> None:
    """Without a type, or with two that differ, browsers guess; the last one is what they take."""
    assert complaints(reply(HTML)) == ("no Content-Type",)
    assert SEEN["two"] in complaints(reply(HTML, "application/json", "text/html; charset=utf-8"))[0]
    assert reply(HTML, "application/json", "text/html; charset=utf-8").is_html
    assert complaints(reply(b"{}", "application/json", "application/json")) == ()


def test_parts_and_redirects() -> None:
    """A part of a file need not look like one, and nobody reads the body of a redirect."""
    assert complaints(reply(b'{"a', "application/json", status=206)) == ()
    assert complaints(reply(HTML, "text/html", status=302, location="/login")) == ()
    assert complaints(reply(HTML, status=304)) == ("no Content-Type",)


@settings(deadline=None)
@given(st.binary(max_size=60), st.text(max_size=40))
def test_any_response_can_be_judged(body: bytes, kind: str) -> None:
    """Whatever a server sends is judged without an error."""
    assert isinstance(complaints(reply(body, kind)), tuple)
    assert isinstance(reply(body, kind).text, str)
    assert isinstance(complaints(reply(body, f"text/html; charset={kind}")), tuple)


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=6))
def test_json_is_never_a_page(value: object) -> None:
    """Every JSON array is seen for what it is when it is sent as HTML, and is sound as JSON."""
    body = json.dumps([value]).encode()

    assert is_json(body)
    assert complaints(reply(body, "application/json")) == ()
    assert any("JSON is sent as" in words for words in complaints(reply(body, "text/html; charset=utf-8")))


def test_what_a_parser_refuses_says_nothing() -> None:
    """A line of text without a date, before any site was asked, is nobody's page; a dated one is the service's."""
    good = reply(b"{}", "application/json")
    undated = Reply("x", "anonymous", "GET", "https://app.test/%zz", 400, (), b"400 Bad Request", malformed=True)
    dated = Reply("x", "anonymous", "GET", "https://a.test/", 400, (("Date", "now"),), b"400", malformed=True)

    assert not survey_types(Samples("app", (good, undated))).wrong
    assert survey_types(Samples("app", (good, dated))).wrong


@pytest.mark.parametrize(
    "replies",
    [
        (),
        (reply(b"", "text/plain"),),
        (reply(b"", "text/plain"), reply(b"gone", "text/plain", status=404)),
        (reply(b"gone", "text/plain", status=404),),
    ],
)
def test_too_few_bodies_prove_nothing(replies: tuple[Reply, ...]) -> None:
    """Without a good response that holds something, the types of responses are not known."""
    survey = survey_types(Samples("app", replies))

    assert not survey.wrong
    with pytest.raises(ProbeError):
        survey.require_complete()
