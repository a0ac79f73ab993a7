"""The summary on a terminal: the decision first, all reasons, no foreign control sequence."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from stagehold.errors import ReportError
from stagehold.model import Changes, Outcome, Problem
from stagehold.reporting.facts import DECISIONS
from stagehold.reporting.terminal import print_summary
from stagehold.reporting.terminal_lines import trim
from stagehold.reporting.terminal_waivers import print_changes
from tests.unit.reporting import samples


def printed(name: str, width: int, *, terminal: bool = False) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream, width=width, force_terminal=terminal, color_system="standard" if terminal else "auto"
    )
    trim(console)
    print_summary(samples.SAMPLES[name][0](), console, {"decision": Path("reports/runs/r/decision.html")})
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", samples.SAMPLES)
def test_summary_fits_and_starts_with_the_decision(name: str, width: int) -> None:
    """No line but a command is wider than the terminal or ends in blanks; the decision is the first and last line."""
    text = printed(name, width)
    assert max(len(line) for line in text.splitlines() if not line.startswith("    curl ")) <= width
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert "\x1b" not in text
    sign = DECISIONS[samples.SAMPLES[name][1]]
    assert text.strip().splitlines()[0] == f"{sign.glyph} {sign.word}"
    assert text.strip().splitlines()[-2:] == ["decision: reports/runs/r/decision.html", f"{sign.glyph} {sign.word}"]


def test_summary_tells_what_the_page_tells() -> None:
    """A failure comes with promise, expected, observed, owner, remedy and command; uncovered by name."""
    text = " ".join(printed("no_go_3", 120).split())
    for part in (
        "3 checks failed",
        "promised S15 HTTPS is used between servers and users.",
        "expected TLS 1.0 refused",
        "observed ledger.demo.test:8443 completed a TLS 1.0 handshake",
        "who acts platform",
        "remedy Remove the version from the listener",
        "reproduce curl -si https://ledger.demo.test:8443/ # TLS-001",
        "promises: 3 of 8 required kept, 4 broken, 1 not proven, 1 not claimed",
        "1 check not configured: AUT-024",
        "17 checks: 13 passed, 3 failed, 1 not configured",
    ):
        assert part in text, part


def test_a_command_can_be_copied() -> None:
    """However narrow the terminal is, a command stands on one line, as it is to be typed."""
    assert "\n    curl -si https://ledger.demo.test:8443/ # TLS-001\n" in printed("no_go_3", 40)


def test_a_column_of_nothing_is_left_out() -> None:
    """The table of suites counts what happened; an end that was none is told below it."""
    text = printed("go", 80)
    assert "configured" not in text.split("promises:")[0]
    assert "check\n" not in text
    table = printed("inconclusive", 80).split("17 checks:")[1].split("promises:")[0]
    assert "could not" in table
    assert "\nload: did not finish: stopped at its deadline of 900 s\n" in table


def test_no_sequence_of_the_target_reaches_the_terminal() -> None:
    """Even with colours on, only rich's own colour codes are in the output; markup is shown, not taken."""
    text = printed("hostile", 100, terminal=True)
    assert "\x1b[31mred" not in text
    assert "\x00" not in text
    assert "\u202e" not in text
    assert "\x07" not in text
    assert "\\x1b" in text


def test_a_hostile_headline_is_shown_not_taken() -> None:
    """The headline, too, may quote the target."""
    stream = io.StringIO()
    verdict = samples.no_go(1).model_copy(update={"headline": "\x1b[2Jgone \x07 [bold]x[/bold]"})
    print_summary(verdict, Console(file=stream, width=100))
    assert "\\x1b[2Jgone \\x07 [bold]x[/bold]" in stream.getvalue()


def test_a_contradicting_go_is_refused() -> None:
    """A GO with a problem is not printed."""
    bad = samples.go().model_copy(update={"problems": (Problem(what="x"),)})
    with pytest.raises(ReportError):
        print_summary(bad, Console(file=io.StringIO()))


def test_many_reasons_are_counted() -> None:
    """Beyond twelve reasons the rest is counted and the page named."""
    stream = io.StringIO()
    verdict = samples.many(30, lambda _: Outcome.FAILED)
    print_summary(verdict, Console(file=stream, width=100))
    assert "and 18 more; decision.html names them all" in stream.getvalue()


def test_failures_known_before_are_told_by_the_moment_they_began() -> None:
    """Thirteen checks that fail since one run are one line, not thirteen."""
    stream = io.StringIO()
    since = dict.fromkeys(("ACC-008", "NET-001", "TLS-001"), "2026-11-21T02:00:00Z")
    print_changes(Changes(failing_since=since), Console(file=stream, width=100))
    assert "failing since 2026-11-21 02:00:00 UTC: ACC-008, NET-001, TLS-001 " in stream.getvalue()
