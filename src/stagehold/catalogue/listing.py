"""`stagehold list`: the catalogue on a terminal."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from stagehold.code_places import opened
from stagehold.errors import ConfigError
from stagehold.model import CheckSpec


def print_catalogue(specs: Sequence[CheckSpec], console: Console) -> None:
    """Every check: id, severity and claim."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("check", style="bold", no_wrap=True)
    table.add_column("suite", no_wrap=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("claim")
    for spec in specs:
        table.add_row(spec.id, spec.suite, spec.severity.value, spec.claim)
    console.print(table)
    console.print(f"{len(specs)} checks; one in full: stagehold list {specs[0].id}", highlight=False)


def print_check(name: str, specs: Sequence[CheckSpec], console: Console) -> None:
    """One check in full.

    Raises:
        ConfigError: there is no such check, with the nearest ids.
    """
    spec = next((spec for spec in specs if spec.id == name.upper()), None)
    if spec is None:
        near = difflib.get_close_matches(name.upper(), [s.id for s in specs], n=3, cutoff=0.4)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ConfigError(f"there is no check {name!r}.{hint}", remedy="stagehold list")
    console.print(f"[bold]{spec.id}[/]  {spec.claim}", highlight=False)
    if spec.detail:
        console.print(f"\n{spec.detail}\n", highlight=False, markup=False)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    core = " (core: uncovered blocks)" if spec.is_core else ""
    for label, value in (
        ("severity", f"{spec.severity.value}{core}"),
        ("proves", ", ".join(spec.proves)),
        ("requires", ", ".join(spec.requires) or "nothing"),
        ("needs", ", ".join(spec.needs) or "only targets"),
        ("traffic", spec.traffic.value),
        ("why it matters", spec.why),
        ("remedy", spec.remedy),
        ("seen red by", ", ".join(spec.defects) or "no defect of the demo"),
        ("defined in", opened(spec.location)),
    ):
        table.add_row(f"[dim]{label}[/]", value)
    console.print(table)
