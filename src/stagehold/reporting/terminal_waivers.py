"""Waivers on a terminal, and what changed since the last GO."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from stagehold.model import Changes, Verdict
from stagehold.reporting.facts import WAIVERS
from stagehold.reporting.terminal_lines import glyph
from stagehold.reporting.text import clip, one_line, plural, short_digest, utc

_STYLES = {"bad": "red", "waived": "magenta", "none": "yellow"}


def print_waivers(verdict: Verdict, console: Console) -> None:
    """Every waiver with what it did, who answers for it, and the sentences that lose their proof; or nothing."""
    if not verdict.waivers:
        return
    console.print()
    until = f", the decision is valid until {utc(verdict.valid_until)}" if verdict.valid_until else ""
    console.print(Text(f"{plural(len(verdict.waivers), 'waiver')}{until}", style="bold"))
    for result in verdict.waivers:
        waiver, sign = result.waiver, WAIVERS[result.state]
        where = f"{waiver.check}{f' [{one_line(waiver.case, 80)}]' if waiver.case else ''}"
        line = Text(f"{glyph(sign.glyph)} {sign.word:<14} ", style=_STYLES[sign.tone])
        line.append(f"{waiver.id}  {where}: {one_line(result.note, 300)}", style="default")
        console.print(Padding(line, (0, 0, 0, 2)))
        people = ", ".join(name for name in (waiver.approved_by, waiver.approved_also_by) if name)
        about = f"owner {waiver.owner}, approved by {people}, {waiver.ticket}, {waiver.risk.value} risk"
        if result.commitments:
            about += f"; without proof by it: {', '.join(result.commitments)}"
        console.print(Padding(Text(clip(about, 600), style="dim"), (0, 0, 0, 4)))


def print_changes(changes: Changes | None, console: Console) -> None:
    """What is different from the last GO; nothing without a history."""
    if changes is None:
        return
    console.print()
    build = f" ({short_digest(changes.release)})" if changes.release else ""
    since = f"since the last GO, {utc(changes.finished)}{build}" if changes.run_id else "no GO in the history yet"
    console.print(Text(f"changed: {since}", style="bold"))
    rows = [
        (word, one_line(", ".join(ids), 600))
        for word, ids in (
            ("newly failing", changes.newly_failing),
            ("fixed", changes.fixed),
            ("new checks", changes.added),
            ("checks gone", changes.removed),
        )
        if ids
    ]
    known: dict[str, list[str]] = {}
    for check, moment in changes.failing_since.items():
        if check not in changes.newly_failing:
            known.setdefault(moment, []).append(check)
    rows += [(f"failing since {utc(moment)}", one_line(", ".join(known[moment]), 600)) for moment in sorted(known)]
    rows += [(f"p95 of {name}", f"{then:g} ms → {now:g} ms") for name, (then, now) in changes.p95_ms.items()]
    rows += [("history", changes.note)] if changes.note else []
    for word, text in rows or [("nothing", "every check came out as it did then")]:
        console.print(Padding(Text(f"{one_line(word, 80)}: {clip(text, 600)}"), (0, 0, 0, 2)))
