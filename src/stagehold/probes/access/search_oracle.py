"""Whether a search finds something: what it answers to a term that was planted, beside terms that nobody has.

A page of results shows the term itself, found or not. So an answer counts as a find when it shows the term more
often than answers to terms of the same form that were never planted, or when it differs from them in something
in which they do not differ: a number of results is enough. Pure functions over observations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stagehold.probes.access.content import Content
from stagehold.probes.access.oracle import Answer, visible_text

_SHOWN = 3
_TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.+Z-]+|\b\d{1,2}:\d\d(:\d\d)?\b")


@dataclass(frozen=True)
class Asked:
    """One answer of a search."""

    term: str
    answer: Answer
    content: Content


def finds(planted: Asked, blanks: tuple[Asked, Asked]) -> str:
    """How the answer tells that the planted term is there, in words; empty when it does not."""
    shown = planted.content.count(planted.term)
    echoed = max(blank.content.count(blank.term) for blank in blanks)
    if shown > echoed:
        return f"{planted.answer.status}, and the answer shows it {shown} times ({echoed} times for a term nobody has)"
    first, second = (_facts(blank) for blank in blanks)
    mine = _facts(planted)
    steady = {name for name in first | second if first.get(name) == second.get(name)}
    # A place that neither blank has is steady, too: it is absent in both.
    changed = [n for n in sorted(mine | first | second) if (n in steady or n not in first | second)
               and mine.get(n) != first.get(n)]  # fmt: skip
    if not changed:
        return ""
    names = ", ".join(name or "the text" for name in changed[:_SHOWN])
    return f"{planted.answer.status}, and the answer differs from that for a term nobody has: {names}"


def _facts(asked: Asked) -> dict[str, Any]:
    """Status and every leaf of a document, or the text of a page, without the term and without times."""
    document = asked.answer.document()
    facts: dict[str, Any] = {"the status": asked.answer.status}
    if document is None:
        return facts | {"": _masked(visible_text(asked.answer), asked.term)}
    return facts | dict(_leaves(document, "", asked.term))


def _leaves(value: Any, path: str, term: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}/{_masked(str(key), term)}", term)
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _leaves(item, f"{path}/{number}", term)
    else:
        yield path, _masked(value, term) if isinstance(value, str) else value


def _masked(text: str, term: str) -> str:
    return _TIMES.sub("~", re.sub(re.escape(term), "~", text, flags=re.IGNORECASE))
