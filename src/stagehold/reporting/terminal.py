"""The decision on a terminal: the same facts as the decision page, the decision first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stagehold.model import Outcome, Promise, Verdict
from stagehold.reporting import facts
from stagehold.reporting.reasons import reasons
from stagehold.reporting.terminal_lines import print_command
from stagehold.reporting.terminal_waivers import print_changes, print_waivers
from stagehold.reporting.text import clip, one_line, plural, short_digest, utc

MOST_REASONS = 12
_COUNTED = (
    ("passed", "passed", "default"),
    ("failed", "failed", "bold red"),
    ("waived", "waived", "magenta"),
    ("could not\ncheck", "unknown", "bold yellow"),
    ("not\nconfigured", "uncovered", "default"),
    ("not\napplicable", "not_applicable", "default"),
)
"""Heading, field of `SuiteRow` and style; what no suite has is left out."""
_STYLES = {"good": "green", "bad": "red", "open": "yellow", "waived": "magenta", "none": "dim"}


def print_summary(verdict: Verdict, console: Console, report_paths: Mapping[str, Path] | None = None) -> None:
    """Print the decision, why, the suites, the promises, what was not covered, and where the reports are.

    Nothing from the target is taken for markup or reaches the terminal as a control sequence.

    Args:
        verdict: what was decided.
        console: where to; without a terminal rich leaves colours out.
        report_paths: what a report is called to where it lies, such as `{"decision": Path(...)}`.

    Raises:
        ReportError: the verdict says GO and what it holds does not.
    """
    facts.require_coherent(verdict)
    sign = facts.DECISIONS[verdict.decision]
    style = _STYLES[sign.tone]
    console.print()
    console.print(Text(f"{sign.glyph} {sign.word}", style=f"bold {style}"))
    console.print(Text(one_line(verdict.headline, 600), style="bold"))
    console.print(Text(facts.advice(verdict)))
    _what(verdict, console)
    _why(verdict, console)
    _suites(verdict, console)
    _promises(verdict, console)
    print_waivers(verdict, console)
    print_changes(verdict.changes, console)
    _limits(verdict, console)
    if report_paths:
        console.print()
        for name, path in report_paths.items():
            console.print(Text(f"{name}: {path}"), soft_wrap=True)
    # Once more as the last line: the first one may have scrolled away.
    console.print(Text(f"{sign.glyph} {sign.word}", style=f"bold {style}"))


def _what(verdict: Verdict, console: Console) -> None:
    run = verdict.run
    sign, says = facts.build_sign(verdict)
    console.print()
    line = Text(f"{sign.glyph} {sign.word}", style=_STYLES[sign.tone])
    console.print(line.append(f"  {says}", style="default"))
    console.print(
        _pairs(
            ("expected", short_digest(run.artifact.expected_digest) or "not declared"),
            ("observed", short_digest(run.artifact.observed_digest) or "not observed"),
            ("targets", ", ".join(dict.fromkeys(run.targets)) or "none on record"),
            ("run", f"{run.run_id} on {run.environment}, load profile {run.profile or 'none'}"),
            ("time", f"{utc(run.started)} to {utc(run.finished) or 'not finished'}"),
        )
    )


def _why(verdict: Verdict, console: Console) -> None:
    found = reasons(verdict)
    for reason in found[:MOST_REASONS]:
        console.print()
        title = Text(f"{reason.sign.glyph} {reason.sign.word}", style=f"bold {_STYLES[reason.sign.tone]}")
        if reason.checks:
            title.append(f"  {', '.join(reason.checks[:12])}")
            if len(reason.checks) > 12:  # noqa: PLR2004 - what fits on two lines
                title.append(f" and {len(reason.checks) - 12} more")
        console.print(title)
        console.print(Padding(Text(clip(reason.title, 400)), (0, 0, 0, 2)))
        promises = "\n".join(one_line(promise, 200) for promise in reason.promises[:2])
        if len(reason.promises) > 2:  # noqa: PLR2004 - as on the page
            promises += f"\nand {len(reason.promises) - 2} more"
        console.print(
            Padding(
                _pairs(
                    ("promised", promises),
                    ("expected", clip(reason.expected, 400)),
                    ("observed" if reason.sign.tone == "bad" else "cause", clip(reason.observed, 600)),
                    ("where", one_line(reason.where, 200)),
                    ("who acts", one_line(", ".join(reason.owners), 200)),
                    ("matters", clip(reason.why, 400)),
                    ("remedy", clip(reason.remedy, 400)),
                ),
                (0, 0, 0, 2),
            )
        )
        print_command(console, "reproduce", reason.reproduce, 2)
    if len(found) > MOST_REASONS:
        console.print()
        console.print(Text(f"and {len(found) - MOST_REASONS} more; decision.html names them all"))


def _suites(verdict: Verdict, console: Console) -> None:
    rows = facts.suites(verdict)
    console.print()
    console.print(Text(facts.checks_line(verdict), style="bold"))
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("suite", overflow="fold", min_width=10)
    table.add_column("state", no_wrap=True)
    counted = [column for column in _COUNTED if column[1] == "passed" or any(getattr(r, column[1]) for r in rows)]
    for heading in (*(heading for heading, _, _ in counted), "took"):
        table.add_column(heading, justify="right", vertical="bottom", no_wrap=True)
    for row in rows:
        counts = [(getattr(row, field), style) for _, field, style in counted]
        table.add_row(
            Text(one_line(row.name, 40)),
            Text(f"{row.sign.glyph} {row.sign.word}", style=_STYLES[row.sign.tone]),
            *(Text(str(count), style=style if count else "dim") for count, style in counts),
            Text(row.took),
        )
    console.print(table)
    for row in rows:
        if not row.ended_well:
            console.print(Text(f"{one_line(row.name, 40)}: {one_line(row.ended, 200)}", style="bold yellow"))


def _promises(verdict: Verdict, console: Console) -> None:
    console.print()
    console.print(Text(f"promises: {facts.commitments_line(verdict)}", style="bold"))
    for result in verdict.commitments:
        if result.state is Promise.NOT_CLAIMED:
            continue
        sign = facts.PROMISES[result.state]
        line = Text(f"{sign.glyph} {sign.word:<11}", style=_STYLES[sign.tone])
        line.append(f"{one_line(result.commitment.id, 20)} {facts.commitment_counts(result)}", style="default")
        if not result.required:
            line.append(" (not required)", style="default")
        if missing := facts.shortfall(result):
            line.append(f": {one_line(missing, 600)}", style="default")
        console.print(Padding(line, (0, 0, 0, 2)))


def _limits(verdict: Verdict, console: Console) -> None:
    console.print()
    for sentence in facts.limits(verdict):
        console.print(Text(one_line(sentence, 600), style="dim"))
    for heading, outcome in (
        ("not configured", Outcome.UNCOVERED),
        ("not applicable", Outcome.NOT_APPLICABLE),
    ):
        checks = facts.of_outcome(verdict, outcome)
        if checks:
            names = ", ".join(check.spec.id for check in checks)
            console.print(Text(f"{plural(len(checks), 'check')} {heading}: {names}"))


def _pairs(*pairs: tuple[str, str]) -> Table:
    """Names and values under each other; empty values are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            grid.add_row(Text(name), Text(clip(value, 2000)))
    return grid
