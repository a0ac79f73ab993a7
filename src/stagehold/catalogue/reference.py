"""`docs/checks.md` and the list that travels in the package, generated from the checks.

`python -m stagehold.catalogue.reference --write docs/checks.md --list` writes both.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.catalogue.shipped_list import NAME, write_list
from stagehold.model import SAFEGUARDS, CheckSpec
from stagehold.shipped import PACKAGE

_HEAD = """\
# The checks

Generated from the checks themselves by `make docs`; a test compares it. One check in full: `stagehold list TLS-001`.

*Core* checks keep a promise from being kept when they are not configured; blockers always are core. *Needs* are
keys of the environment; without them a check is *uncovered*. *Seen red by* names the demo's defects that make
exactly this check fail (`stagehold selftest`).
"""


def reference(specs: Sequence[CheckSpec]) -> str:
    """The page as Markdown."""
    parts = [_HEAD]
    for suite, group in groupby(specs, key=lambda spec: spec.suite):
        parts.append(f"\n## {suite}\n")
        parts.extend(_entry(spec) for spec in group)
    parts.append("\n## Safeguards\n\n| safeguard | what must hold | proven by |\n|---|---|---|\n")
    for name, sentence in SAFEGUARDS.items():
        proving = ", ".join(spec.id for spec in specs if name in spec.proves) or "no check yet"
        parts.append(f"| `{name}` | {sentence} | {proving} |\n")
    return "".join(parts)


def _entry(spec: CheckSpec) -> str:
    core = ", core" if spec.is_core else ""
    rows = [
        f"\n### {spec.id} · {spec.claim}\n\n",
        f"{spec.detail}\n\n" if spec.detail else "",
        f"- **severity** {spec.severity.value}{core} · **traffic** {spec.traffic.value}\n",
        f"- **proves** {', '.join(spec.proves)}\n",
        f"- **needs** {', '.join(f'`{key}`' for key in spec.needs) or 'only targets'}\n",
        f"- **requires** {', '.join(spec.requires)}\n" if spec.requires else "",
        f"- **why it matters** {spec.why}\n" if spec.why else "",
        f"- **remedy** {spec.remedy}\n",
        f"- **seen red by** {', '.join(f'`{name}`' for name in spec.defects)}\n",
        f"- `{spec.location.rpartition(':')[0]}`\n",
    ]
    return "".join(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the page, or write it to a file."""
    parser = argparse.ArgumentParser(description="The check reference, from the checks.")
    parser.add_argument("--write", type=Path, metavar="FILE")
    parser.add_argument("--list", action="store_true", help="also write the list that travels in the package")
    arguments = parser.parse_args(argv)
    specs = read_catalogue(shipped_suites())
    if arguments.list:
        (PACKAGE / NAME).write_text(write_list(specs), encoding="utf-8")
    page = reference(specs)
    if arguments.write:
        arguments.write.write_text(page, encoding="utf-8")
    else:
        sys.stdout.write(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
