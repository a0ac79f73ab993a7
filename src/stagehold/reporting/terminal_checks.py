"""What `stagehold check` prints: every check, and for those that did not pass all a person needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stagehold.code_places import opened
from stagehold.model import CaseResult, CheckResult, Outcome
from stagehold.reporting.terminal_lines import glyph, print_command
from stagehold.reporting.text import clip, one_line, plural
from stagehold.reporting.waiver_drafts import FILE_NAME as DRAFTS

_LOOKS = {
    Outcome.PASSED: ("✓", "green"),
    Outcome.FAILED: ("✗", "bold red"),
    Outcome.INCONCLUSIVE: ("?", "yellow"),
    Outcome.NOT_RUN: ("?", "yellow"),
    Outcome.UNCOVERED: ("-", "dim"),
    Outcome.NOT_APPLICABLE: ("·", "dim"),
}
_MOST_CASES = 10
_LABEL = len("why it matters")


def print_checks(results: Sequence[CheckResult], console: Console, folder: Path, hints: Sequence[str] = ()) -> None:
    """One line per check; expected, observed, remedy and reproduction of those that did not pass; then the hints."""
    ordered = sorted(results, key=lambda result: (result.spec.suite, result.spec.id))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    for result in ordered:
        sign, style = _LOOKS[result.outcome]
        cases = plural(len(result.cases), "case") if len(result.cases) > 1 else ""
        table.add_row(
            Text(glyph(sign), style=style),
            Text(result.spec.id, style="bold"),
            Text(result.outcome.value.replace("_", " "), style=style),
            Text(f"{sum(case.seconds for case in result.cases):.1f} s", style="dim"),
            Text(one_line(result.spec.claim, 200) + (f" ({cases})" if cases else "")),
        )
    console.print(table)
    for result in ordered:
        if result.outcome is not Outcome.PASSED:
            _print_open(result, console)
    for number, hint in enumerate(hints):
        heading = (
            "" if number else "what was seen of the logins; review it, nothing is learned from the system under test"
        )
        console.print(Text(f"\n{heading}".rstrip(), style="bold"))
        console.print(Text(hint), soft_wrap=True)
    console.print()
    console.print(Text("not a gate: no verdict was written", style="dim"))
    console.print(Text(f"evidence: {folder}"), soft_wrap=True)
    if (folder / DRAFTS).is_file():
        console.print(Text(f"waiver drafts: {folder / DRAFTS}"), soft_wrap=True)


def _print_open(result: CheckResult, console: Console) -> None:
    sign, style = _LOOKS[result.outcome]
    console.print()
    console.print(Text(f"{glyph(sign)} {result.spec.id} {result.spec.claim}", style=style))
    shown = [case for case in result.cases if case.outcome is not Outcome.PASSED]
    for number, case in enumerate(shown[:_MOST_CASES]):
        if number:
            console.print()
        _print_rows(console, _case_rows(case))
        print_command(console, "reproduce", case.reproduce, 2)
        print_command(console, "evidence", "\n".join(item.path for item in case.evidence), 2)
    if len(shown) > _MOST_CASES:
        console.print(Text(f"  and {plural(len(shown) - _MOST_CASES, 'more case')}"))
    about = [
        (
            "why it matters",
            (result.spec.why or f"it proves {', '.join(result.spec.proves)}")
            if result.outcome is Outcome.FAILED
            else "",
        ),
        ("remedy", result.spec.remedy if result.outcome is Outcome.FAILED else ""),
    ]
    _print_rows(console, about)
    print_command(console, "defined in", opened(result.spec.location), 2)


def _print_rows(console: Console, rows: Sequence[tuple[str, str]]) -> None:
    """Names and values under each other, every group as far in as the others; empty values are left out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(width=_LABEL)
    table.add_column(overflow="fold")
    for label, value in rows:
        if value:
            table.add_row(Text(label, style="dim"), Text(value))
    if table.row_count:
        console.print(Padding(table, (0, 0, 0, 2)))


def _case_rows(case: CaseResult) -> list[tuple[str, str]]:
    return [
        ("case", case.case),
        ("expected", clip(case.expected, 600)),
        ("observed", clip(case.observed, 600)),
        ("because", clip(_because(case), 600)),
    ]


def _because(case: CaseResult) -> str:
    """The whole message, or nothing when it only says once more what was observed."""
    return "" if _bare(case.message) == _bare(case.observed) else case.message


def _bare(text: str) -> str:
    return " ".join(text.split()).strip(" :;,.")
