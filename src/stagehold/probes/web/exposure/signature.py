"""Things that must not be served: where they usually lie and how their content is recognised.

The lists are data beside this module: `endpoints.yaml` and `files.yaml`.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from stagehold.model import Model
from stagehold.probes.web.reply import HTML, LOOKS_LIKE_HTML, Reply

HEAD = 65_536
"""Bytes of an answer that are looked at."""


class _Entry(Model):
    what: str
    paths: tuple[str, ...] = Field(min_length=1)
    holds: str | tuple[str, ...]
    page: bool = False
    ignore_case: bool = False
    everywhere: bool = False
    grave: bool = False
    method: Literal["GET", "POST"] = "GET"
    json_body: dict[str, Any] | None = Field(default=None, alias="json")


@dataclass(frozen=True)
class Signature:
    """Paths below a root, and what their content holds.

    A status alone never is a finding: the shell of a single-page application and a polite error page answer 200 too.
    """

    what: str
    paths: tuple[str, ...]
    content: re.Pattern[bytes]
    page: bool = False
    """Its content is HTML; other signatures never match HTML."""
    everywhere: bool = False
    """Looked for in the folders of files too."""
    grave: bool = False
    """Whoever opens it runs code or holds secrets at once: asked for first, before the time may run out."""
    method: str = "GET"
    json: dict[str, Any] | None = None

    def matches(self, reply: Reply, asked: str = "") -> bool:
        """Whether the content is the thing itself.

        Args:
            reply: the answer.
            asked: the path, where unknown ones are repeated as well, so that its repetition proves nothing.
        """
        body = reply.body[:HEAD].replace(asked.encode(), b"~") if asked.strip("/") else reply.body[:HEAD]
        if not reply.succeeded or not body.strip():
            return False
        if not self.page and _is_page(reply, body):
            return False
        return self.content.search(body) is not None

    def at(self, host: str) -> Signature:
        """The same with `{host}` filled in."""
        return replace(self, paths=tuple(path.replace("{host}", host) for path in self.paths))


def _is_page(reply: Reply, body: bytes) -> bool:
    """Servers send files without a known extension as HTML too, so the type alone does not make a page."""
    begins = body[:1024].removeprefix(codecs.BOM_UTF8).lstrip()
    if LOOKS_LIKE_HTML.match(begins):
        return True
    return reply.media_type in HTML and begins.startswith(b"<") and not begins.startswith(b"<?")


@cache
def signatures(name: Literal["endpoints", "files"]) -> tuple[Signature, ...]:
    """The signatures of one of the lists beside this module."""
    text = Path(__file__).with_name(f"{name}.yaml").read_text(encoding="utf-8")
    return tuple(_signature(_Entry.model_validate(raw)) for raw in yaml.safe_load(text))


def _signature(entry: _Entry) -> Signature:
    alternatives = (entry.holds,) if isinstance(entry.holds, str) else entry.holds
    flags = re.MULTILINE | (re.IGNORECASE if entry.ignore_case else 0)
    content = re.compile("|".join(alternatives).encode("latin-1"), flags)
    return Signature(
        entry.what, entry.paths, content, entry.page, entry.everywhere, entry.grave, entry.method, entry.json_body
    )
