"""Lines for terminals and logs: nothing at their ends, everything else untouched."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.segment import ControlType, Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from stagehold.reporting.terminal_lines import LOG_WIDTH, console, trim, trimmed


def printed(*renderables: object, width: int = 40, terminal: bool = False) -> str:
    stream = io.StringIO()
    made = Console(file=stream, width=width, force_terminal=terminal)
    trim(made)
    for renderable in renderables:
        made.print(renderable)
    return stream.getvalue()


def test_tables_paddings_and_wrapped_text_end_where_their_words_end() -> None:
    """What rich fills up with blanks, to the width of a column or of the terminal, is cut off again."""
    table = Table(box=None)
    table.add_column("a", width=20)
    table.add_row("x")
    text = printed(table, Padding(Text("inset"), (0, 0, 0, 2)), Text("many words " * 9))
    assert "  inset\n" in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


def test_nothing_else_is_lost() -> None:
    """Blanks between and before words, styles, empty lines and an unfinished line stay."""
    bold = Style(bold=True)
    given = [Segment("  a ", bold), Segment(" b  "), Segment("\n\n"), Segment("ask? ")]
    assert "".join(segment.text for segment in trimmed(given)) == "  a  b\n\nask? "
    assert Segment("  a", bold) in list(trimmed(given))


def test_cursor_movements_stay_in_their_place() -> None:
    """Control codes are passed on, with the blanks before them, or a progress display would fall apart."""
    move = Segment("\x1b[1A", None, [(ControlType.CURSOR_UP, 1)])
    assert list(trimmed([Segment("a "), move, Segment(" \n")])) == [Segment("a"), Segment(" "), move, Segment("\n")]


def test_a_live_display_still_works() -> None:
    """The progress of a run is drawn and taken away as before."""
    stream = io.StringIO()
    made = Console(file=stream, width=40, force_terminal=True)
    trim(made)
    with Live(Text("working"), console=made, auto_refresh=False) as live:
        live.update(Text("done"), refresh=True)
        made.print("a line above")
    assert "a line above" in stream.getvalue()
    assert stream.getvalue().rstrip().endswith("done") or "done" in stream.getvalue()


@pytest.mark.parametrize(("columns", "width"), [("", LOG_WIDTH), ("80", 80)])
def test_a_log_is_as_wide_as_logs_are_read(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    """Where nobody's window gives a width, lines are not broken at 80 columns; COLUMNS has the last word."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    for stream in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, stream, io.StringIO())
    assert console().width == width
