"""One response as the header checks see it: every field line apart, the body as bytes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from email.message import Message

import requests

from stagehold.network.pace import pause_of
from stagehold.probes.access.oracle import Answer

HTML = frozenset({"text/html", "application/xhtml+xml"})
_REDIRECT = range(300, 400)
_SUCCESS = range(200, 300)
LOOKS_LIKE_HTML = re.compile(rb"^\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Reply:
    """A response and how it was got."""

    what: str
    """What was asked for, in words."""
    who: str
    """`anonymous`, or the alias of the account."""
    method: str
    url: str
    status: int
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Header fields as sent, repeated ones apart."""
    body: bytes = field(default=b"", repr=False)
    curl: str = ""
    """A command line that asks the same, placeholders for secrets."""
    malformed: bool = False
    """It answers a request that no server should be able to read."""

    @classmethod
    def of(cls, response: requests.Response, *, what: str, who: str, curl: str = "") -> Reply:
        """From a response that was read."""
        raw = response.raw.headers
        return cls(
            what=what,
            who=who,
            method=str(response.request.method or "GET"),
            url=str(response.request.url or response.url),
            status=response.status_code,
            fields=tuple((name, value) for name in dict.fromkeys(raw) for value in raw.getlist(name)),
            body=response.content,
            curl=curl,
        )

    def __str__(self) -> str:
        return f"{self.what} as {self.who} ({self.method} {self.url.partition('?')[0][:200]}, {self.status})"

    def values(self, name: str) -> tuple[str, ...]:
        """Every field of that name, in order."""
        return tuple(value for key, value in self.fields if key.lower() == name.lower())

    def pause(self) -> float | None:
        """Seconds it asks to wait before the next request; None where it asks for none."""
        return pause_of(self.status, next(iter(self.values("Retry-After")), ""))

    @property
    def succeeded(self) -> bool:
        """2xx."""
        return self.status in _SUCCESS

    @property
    def redirects(self) -> bool:
        """3xx with somewhere to go; browsers do not show its body."""
        return self.status in _REDIRECT and bool(self.values("Location"))

    @property
    def by_parser(self) -> bool:
        """Refused before any site or setting of the server was asked.

        Go, Node and others answer what they cannot parse with a line of text that nobody can change; whatever
        generates responses dates them (RFC 9110 section 6.6.1).
        """
        return self.malformed and 400 <= self.status < 500 and not self.values("Date")  # noqa: PLR2004

    @property
    def media_type(self) -> str:
        """Lower-case `type/subtype` of the last Content-Type, as browsers read it; empty when there is none."""
        sent = self.values("Content-Type")
        return sent[-1].partition(";")[0].strip().lower() if sent else ""

    @property
    def charset(self) -> str:
        """The charset parameter of the last Content-Type, lower case; empty when there is none."""
        sent = self.values("Content-Type")
        if not sent:
            return ""
        message = Message()
        message["Content-Type"] = sent[-1]
        return str(message.get_param("charset", "") or "").strip("\"'").lower()

    @property
    def is_html(self) -> bool:
        """Browsers show it as a page: declared as HTML, or undeclared and beginning like HTML."""
        return self.media_type in HTML or (not self.media_type and bool(LOOKS_LIKE_HTML.match(self.body[:1024])))

    @property
    def is_download(self) -> bool:
        """Sent to be saved, not shown (RFC 6266)."""
        return any(value.strip().lower().startswith("attachment") for value in self.values("Content-Disposition"))

    @property
    def text(self) -> str:
        """The body as text; bytes that are none become replacement characters."""
        try:
            return self.body.decode(self.charset or "utf-8", "replace")
        except (LookupError, ValueError):
            return self.body.decode("utf-8", "replace")

    @property
    def digest(self) -> str:
        """SHA-256 of the body, hexadecimal: names the content without showing it."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def answer(self) -> Answer:
        """The same, as the denial oracle sees it."""
        headers: dict[str, str] = {}
        for name, value in self.fields:
            headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
        return Answer(self.method, self.url, self.status, headers, self.text)
