"""Forgotten copies of the files that pages are made of, under the names that editors and people give them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from urllib.parse import urlsplit

from stagehold.errors import ProbeError
from stagehold.network.pace import Asking, Search
from stagehold.probes.access.oracle import interference, page_kind, same_page
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


def forgotten_copies(visitor: Visitor, known: Sequence[Reply], search: Search) -> Exposure:
    """Ask for copies of files; one is recognised by what it shares with the file, or as source code."""
    files = {reply.url.partition("?")[0]: reply for reply in known if reply.succeeded and extension(reply.url)}
    chosen = list(files.items())[:MOST_FILES]
    search.expect(len(chosen) * (len(SUFFIXES) + 3))
    asking = Asking[str, Reply](
        lambda url: visitor.ask("copy of a file", url),
        Reply.pause,
        lambda reply: page_kind(reply.answer),
        let_go=visitor.let_go,
    )
    finds: list[Find] = []
    gaps: list[str] = []
    asked = 0
    for url, original in chosen:
        folder, _, name = url.rpartition("/")
        nonsense = f"{url}.{secrets.token_hex(4)}"
        copies = [f"{url}{suffix}" for suffix in SUFFIXES] + [f"{folder}/.{name}.swp"]
        first = search.ask_all(visitor.target.base_url, [nonsense], replace(asking, together=False))
        others = search.ask_all(visitor.target.base_url, [*copies, url], asking)
        answers: dict[str, Reply | ProbeError] = {place: answer for place, answer in chain(first, others)}  # noqa: C416 - for its type
        asked += len(answers.keys() & set(copies))
        gaps += [str(answer) for answer in answers.values() if isinstance(answer, ProbeError)]
        replies = {place: answer for place, answer in answers.items() if isinstance(answer, Reply)}
        gaps += [
            f"{urlsplit(copy).path}: {blocked}"
            for copy in copies
            if copy in replies and (blocked := interference(replies[copy].answer))
        ]
        if nonsense not in replies:
            continue
        finds_here, soft = _copies_among(replies, copies, nonsense, original)
        finds += finds_here
        if soft:
            gaps.append(f"any name that begins with {urlsplit(url).path} answers with that file")
        if url in replies and not replies[url].succeeded:
            gaps.append(f"the known file {urlsplit(url).path} answers {replies[url].status} now: something blocks")
    return Exposure(visitor.target.name, asked, tuple(finds), tuple(gaps))


def _copies_among(
    replies: Mapping[str, Reply], copies: Sequence[str], nonsense: str, original: Reply
) -> tuple[list[Find], bool]:
    """The copies that were found, and whether any name at all is answered with the file."""
    finds: list[Find] = []
    unlike = replies[nonsense]
    for copy in copies:
        reply = replies.get(copy)
        if reply is None or not reply.succeeded or same_page(reply.answer, unlike.answer):
            continue
        if not _is_copy(reply, original):
            continue
        if unlike.succeeded and _is_copy(unlike, original):
            return finds, True
        finds.append(Find("forgotten copy of a file", reply))
    return finds, False


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
