"""The command line of the laboratory."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ledgerlab.defects import DEFECTS, clashes, select


def _defects() -> list[str]:
    width = max(len(defect.name) for defect in DEFECTS)
    return [f"{defect.name:<{width}}  {defect.breaks}" for defect in DEFECTS]


_LISTS: dict[str, Callable[[], list[str]]] = {
    "defects": _defects,
    "clashes": lambda: [f"{one} {other}" for one, other in clashes()],
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ledgerlab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="run a laboratory in the foreground until told to stop")
    up.add_argument("--dir", type=Path, required=True, metavar="D", help="its folder; removed if made here")
    up.add_argument("--defect", action="append", default=[], metavar="NAME", help="switch a fault on")
    up.add_argument("--mode", choices=("auto", "namespace", "loopback"), default="auto")
    switch = commands.add_parser("switch", help="give a running laboratory these faults and no others")
    switch.add_argument("--dir", type=Path, required=True, metavar="D", help="the folder it runs in")
    switch.add_argument("--defect", action="append", default=[], metavar="NAME", help="without any: sound again")
    commands.add_parser("defects", help="list the faults that can be switched on")
    commands.add_parser("clashes", help="list the pairs of faults that want the same thing otherwise")
    commands.add_parser("digest", help="print the build digest of the service's source tree")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0; 1 when a laboratory could not be started or broke; 2 for wrong arguments."""
    options = _parser().parse_args(arguments)
    if options.command in _LISTS:
        sys.stdout.writelines(f"{line}\n" for line in _LISTS[options.command]())
        return 0
    # These need the optional dependencies of the demo; listing the defects does not.
    from ledgerlab.lab import control  # noqa: PLC0415
    from ledgerlab.lab.deployment import source_digest  # noqa: PLC0415
    from ledgerlab.lab.errors import LabError  # noqa: PLC0415
    from ledgerlab.lab.supervisor import up  # noqa: PLC0415

    if options.command == "digest":
        sys.stdout.write(source_digest() + "\n")
        return 0
    try:
        if options.command == "switch":
            control.switch(options.dir, [defect.name for defect in select(tuple(options.defect))])
            return 0
        up(options.dir, tuple(options.defect), options.mode)
    except ValueError as error:
        sys.stderr.write(f"ledgerlab: {error}\n")
        return 2
    except LabError as error:
        sys.stderr.write(f"ledgerlab: {error}\n")
        return 1
    return 0
