"""Forgotten copies of the files that pages are made of, under the names that editors and people give them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from stagehold.errors import ProbeError
from stagehold.probes.access.oracle import interference, same_page
from stagehold.probes.web.exposure.places import extension
from stagehold.probes.web.exposure.sweep import Exposure, Find
from stagehold.probes.web.reply import Reply
from stagehold.probes.web.visitor import Visitor

SUFFIXES = (".bak", ".old", ".orig", ".save", "~", ".zip")
MOST_FILES = 6
_SOURCE = re.compile(
    rb"\A\s*(?:<\?(?:php|=)|<%[@=]?|#!/|from [\w.]+ import |import [\w.]+|package [\w.]+;|using [\w.]+;)"
)
_SWAP = b"b0VIM "
_ALIKE = 0.3


def forgotten_copies(visitor: Visitor, known: Sequence[Reply]) -> Exposure:
    """Ask for copies of files; one is recognised by what it shares with the file, or as source code."""
    files = {reply.url.partition("?")[0]: reply for reply in known if reply.succeeded and extension(reply.url)}
    finds: list[Find] = []
    gaps: list[str] = []
    asked = 0
    for url, original in list(files.items())[:MOST_FILES]:
        folder, _, name = url.rpartition("/")
        copies = [f"{url}{suffix}" for suffix in SUFFIXES] + [f"{folder}/.{name}.swp"]
        try:
            nonsense = visitor.ask("copy that cannot exist", f"{url}.{secrets.token_hex(4)}")
            for copy in copies:
                reply = visitor.ask("copy of a file", copy)
                asked += 1
                if blocked := interference(reply.answer):
                    gaps.append(f"{urlsplit(copy).path}: {blocked}")
                if not reply.succeeded or same_page(reply.answer, nonsense.answer) or not _is_copy(reply, original):
                    continue
                if nonsense.succeeded and _is_copy(nonsense, original):
                    gaps.append(f"any name that begins with {urlsplit(url).path} answers with that file")
                    break
                finds.append(Find("forgotten copy of a file", reply))
            again = visitor.ask("known file", url)
            if not again.succeeded:
                gaps.append(f"the known file {urlsplit(url).path} answers {again.status} now: something blocks")
        except ProbeError as error:
            gaps.append(str(error))
    return Exposure(visitor.target.name, asked, tuple(finds), tuple(gaps))


def _is_copy(reply: Reply, original: Reply) -> bool:
    body = reply.body
    if reply.url.endswith(".zip"):
        return body.startswith(b"PK\x03\x04")
    if reply.url.endswith(".swp"):
        return body.startswith(_SWAP)
    if _SOURCE.match(body):
        return True
    if reply.is_html != original.is_html:
        return False
    lines = {line.strip() for line in original.body.splitlines() if line.strip()}
    shared = lines & {line.strip() for line in body.splitlines()}
    return len(shared) > _ALIKE * len(lines)
