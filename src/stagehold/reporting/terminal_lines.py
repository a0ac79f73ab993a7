"""How lines reach a terminal or a log: no blanks at their ends, commands in one piece, logs of a sensible width."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.text import Text

from stagehold.reporting.ci_log import harmless
from stagehold.reporting.text import clip

LOG_WIDTH = 120
"""Columns where nobody's window gives a width: CI systems show logs about so wide."""
_MOST_COMMAND = 2000


def console() -> Console:
    """The console of a command: the person's terminal, or a log that holds no commands for a CI runner."""
    if sys.stdout.isatty():
        made = Console()
    else:
        known = os.environ.get("COLUMNS") or sys.stdin.isatty() or sys.stderr.isatty()
        made = Console(file=harmless(sys.stdout), width=None if known else LOG_WIDTH)
    trim(made)
    return made


def trim(console: Console) -> None:
    """From now on nothing that is printed there has blanks at the ends of its lines."""
    console.push_render_hook(_Trim())


def glyph(sign: str) -> str:
    """A sign for standard output: `?` for undecided only where it cannot be taken for a character that is missing."""
    poor = not (getattr(sys.stdout, "encoding", None) or "ascii").lower().startswith("utf")
    return "!" if sign == "?" and poor else sign


def print_command(console: Console, label: str, command: str, indent: int = 0) -> None:
    """A command below its label, never broken: what is copied from the terminal can be run."""
    if not command:
        return
    console.print(Padding(Text(label, style="dim"), (0, 0, 0, indent)))
    margin = " " * (indent + 2)
    for line in clip(command, _MOST_COMMAND).splitlines():
        console.print(Text(f"{margin}{line}"), soft_wrap=True)


class _Trim(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Trimmed(renderable) for renderable in renderables]


class _Trimmed:
    def __init__(self, renderable: ConsoleRenderable) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from trimmed(console.render(self._renderable, options))


def trimmed(segments: Iterable[Segment]) -> Iterator[Segment]:
    """The segments without the blanks before each line end; cursor movements and unfinished lines stay as they are."""
    held: list[Segment] = []
    for segment in segments:
        if segment.control:
            yield from held
            held.clear()
            yield segment
            continue
        for part in re.split(r"(\n)", segment.text):
            body = part.rstrip(" ")
            if part == "\n":
                held.clear()
                yield Segment("\n")
                continue
            if body:
                yield from held
                held.clear()
                yield Segment(body, segment.style)
            if len(part) > len(body):
                held.append(Segment(part[len(body) :], segment.style))
    yield from held
