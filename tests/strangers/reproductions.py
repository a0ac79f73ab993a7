"""Collects the reproductions that `stagehold check` left, and runs them as they were printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stagehold.events import read_events
from stagehold.model import CaseResult

VARIABLE = re.compile(r"(?<!\\)\$\{?([A-Z_][A-Z0-9_]*)")
TOOL = re.compile(
    r"(?:^|[|;(]\s*|-- )(?:sudo )?((?:\S*/)?(?:curl|nmap|openssl|sslyze|dig|ssh|bash|psql|ldapwhoami|stagehold)) "
)
ENDS: dict[str, frozenset[int]] = {
    "curl": frozenset({0, 7}),  # 7: nobody listens
    "nmap": frozenset({0}),
    "openssl": frozenset({0, 1}),  # 1: the handshake was refused, or grep found nothing
    "sslyze": frozenset({0, 1}),
    "dig": frozenset({0, 9}),
    "ssh": frozenset({255}),  # refused, as it must be
    "bash": frozenset({0}),
    "psql": frozenset({2}),
    "ldapwhoami": frozenset({49}),
    "stagehold": frozenset({0, 1, 3}),
}
"""How each tool ends when it ran: anything else is a command that does not work."""
SILENT = frozenset({"openssl"})
"""What may print nothing, because grep finds nothing of what must not be there."""


def collected(folder: Path) -> list[CaseResult]:
    """Every case with a reproduction, of the newest run of checks below the folder."""
    newest = max((folder / "reports" / "checks").iterdir(), key=lambda path: path.name)
    return [case for case in read_events(newest).cases if case.reproduce]


def tool_of(command: str) -> str:
    """Which tool a command line starts."""
    found = TOOL.search(command)
    return Path(found[1]).name if found else ""


def run(case: CaseResult, folder: Path, set_to: str = "Cookie: none=1") -> subprocess.CompletedProcess[str]:
    """A reproduction as printed, by a shell that knows its placeholders and no programs but the machine's."""
    names = VARIABLE.findall(case.reproduce)
    variables = {name: set_to if name.startswith("CREDENTIALS") else "1" for name in names}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, **variables, "PATH": path}
    return subprocess.run(
        ["bash", "-c", case.reproduce],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
    )


def troubles(cases: Sequence[CaseResult], folder: Path) -> list[str]:
    """What does not work of them, in words; one case of each check and outcome is run."""
    found: list[str] = []
    seen: set[tuple[str, str, str]] = set()
    for case in cases:
        tool = tool_of(case.reproduce)
        key = (case.check, case.outcome.value, re.sub(r"[0-9a-f]{6,}|\d+", "", case.reproduce))
        if key in seen:
            continue
        seen.add(key)
        if not tool:
            found.append(f"{case.check}: starts no known tool: {case.reproduce}")
            continue
        if unset := [name for name in VARIABLE.findall(case.reproduce) if f"{name} is " not in case.reproduce]:
            found.append(f"{case.check}: does not say what to set {unset} to: {case.reproduce}")
        if tool == "stagehold" or " -p- " in case.reproduce:
            continue  # the check itself, and the whole scan: what they do is tested elsewhere
        done = run(case, folder)
        if done.returncode not in ENDS[tool]:
            found.append(f"{case.check}: ended with {done.returncode}: {case.reproduce}\n{done.stderr[-300:]}")
        elif tool == "curl" and done.returncode and not re.search("refuse|closed", case.observed):
            found.append(f"{case.check}: nobody listens, where {case.observed}: {case.reproduce}")
        elif not (done.stdout + done.stderr).strip() and tool not in SILENT and tool != "ssh":
            found.append(f"{case.check}: shows nothing: {case.reproduce}")
        elif (
            " -sSi " in case.reproduce
            and not done.returncode
            and "|" not in case.reproduce
            and not done.stdout.startswith("HTTP/1.")
        ):
            found.append(f"{case.check}: shows no answer: {case.reproduce}")
    return found
