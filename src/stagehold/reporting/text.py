"""Text of the target made harmless and short enough before it reaches a page, a terminal or a file.

Whatever a system under test answers can end up in a message: terminal escapes, bidirectional overrides that
reorder what is read (CVE-2021-42574), markup, ten thousand characters. Escaping for a format is done where
that format is written; here are the parts that all formats need.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from urllib.parse import quote

from markupsafe import Markup, escape

from stagehold.errors import ReportError

_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufffe\uffff]"
    r"|[\ud800-\udfff]"
)
_DIGEST_DIGITS = 12
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BACKTICKS = re.compile(r"`([^`\n]{1,200})`")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>$^=])")


def clean(text: str) -> str:
    r"""The text with what is invisible or reorders spelled out, such as `\x1b`; line ends become `\n`."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _INVISIBLE.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


def clip(text: str, limit: int) -> str:
    """At most `limit` characters of the cleaned text, saying how much is missing."""
    text = clean(text).strip()
    if len(text) <= limit:
        return text
    return f"{text[:limit].rstrip()} … ({len(text) - limit:,} more characters in the evidence)"


def one_line(text: str, limit: int = 400) -> str:
    """The cleaned text on one line."""
    return clip(" ".join(clean(text).split()), limit)


def sentence(text: str) -> str:
    """The text with a capital first letter, unless it begins with a path or a name that is spelt as it is."""
    first = text.partition(" ")[0]
    return text if set("/._`") & set(first.rstrip(".:")) else text[:1].upper() + text[1:]


def plural(count: int, noun: str, many: str = "") -> str:
    """`1 check`, `3 checks`, `2 promises`."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def duration(seconds: float) -> str:
    """Seconds for people: `0.4 s`, `42 s`, `3 min 05 s`."""
    if seconds < 9.95:  # noqa: PLR2004 - from ten seconds on a decimal tells nothing
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"  # noqa: PLR2004 - a minute


def utc(moment: str) -> str:
    """An ISO 8601 moment in UTC as `2026-11-23 16:40:07 UTC`; anything else unchanged."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)", moment)
    return f"{found[1]} {found[2]} UTC" if found else one_line(moment, 60)


def minute(moment: str) -> str:
    """An ISO 8601 moment in UTC as `23 Nov 2026, 16:40 UTC`; anything else on one line as it is."""
    try:
        when = datetime.fromisoformat(moment)
    except ValueError:
        return one_line(moment, 60)
    if when.utcoffset() != timedelta(0):
        return one_line(moment, 60)
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M} UTC"


def short_digest(digest: str) -> str:
    """`sha256:0123456789ab…` of a full digest."""
    kind, colon, digits = digest.rpartition(":")
    return one_line(f"{kind}{colon}{digits[:_DIGEST_DIGITS]}{'…' if len(digits) > _DIGEST_DIGITS else ''}")


def link(path: str) -> str:
    """A path relative to the run's folder as a URL reference.

    Raises:
        ReportError: the path would lead out of the folder.
    """
    parts = path.split("/")
    if not path or path.startswith("/") or "\\" in path or ".." in parts or clean(path) != path:
        raise ReportError(f"evidence path {clean(path)!r} leads out of the run's folder")
    return quote(path)


def code_spans(text: str) -> Markup:
    """HTML of cleaned text, in which what stands between backticks is code; everything is escaped before."""
    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(clean(text)))))  # noqa: S704 - escaped in this line


def markdown(text: str, limit: int = 400) -> str:
    """One line of Markdown that shows exactly this text: no markup, cell, mention or HTML comes of it."""
    text = one_line(text, limit).replace("&", "&amp;")
    text = _MARKDOWN.sub(r"\\\1", text.replace("<", "&lt;"))
    return text.replace("@", "&#64;").replace("://", ":&#8203;//")


def markdown_code(text: str, limit: int = 400) -> str:
    """One line as code, safe in a table cell."""
    text = one_line(text, limit)
    for plain, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;"), ("`", "&#96;")):
        text = text.replace(plain, entity)
    for sign in "\\*_[]~@$:":
        text = text.replace(sign, f"&#{ord(sign)};")
    return f"<code>{text}</code>"
