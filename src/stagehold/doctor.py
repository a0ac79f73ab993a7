"""`stagehold doctor`: what is there, which version, what it is for, and what is missing."""

from __future__ import annotations

import os
import shlex
import subprocess

from rich.console import Console
from rich.table import Table

from stagehold.tools import Found, how_to_get, look


def examine(console: Console, *, install: bool = False) -> int:
    """Print the table; install missing system packages when asked. Exit 0 only if everything is there."""
    found = look()
    missing = [f for f in found if f.problem]
    if missing and install:
        _install(missing, console)
        found = look()
        missing = [f for f in found if f.problem]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("tool", "version", "what it is for", "state"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "tool")
    for f in found:
        state = f"[bold red]missing[/]: {f.problem}" if f.problem else "[green]there[/]"
        table.add_row(f.tool.name, f.version or "-", f.tool.purpose, state)
    console.print(table)
    if not missing:
        console.print(f"complete: {len(found)} of {len(found)} tools are there", highlight=False)
        return 0
    console.print(f"[bold red]incomplete[/]: {len(missing)} of {len(found)} tools are missing; get them with:")
    for command in how_to_get(missing):
        console.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)
    return 1


def _install(missing: list[Found], console: Console) -> None:
    for command in how_to_get([f for f in missing if f.tool.package]):
        console.print(f"running: {command}", highlight=False, markup=False, soft_wrap=True)
        if command.startswith("sudo ") and not os.isatty(0):
            console.print("  not on a terminal, so not asking for a password; run it yourself")
            continue
        if not command.startswith("install with"):
            subprocess.run(shlex.split(command), check=False)
