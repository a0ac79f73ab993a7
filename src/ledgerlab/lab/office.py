"""The office network: a place of its own, beside the outside, from where people work with the service.

Reports `started`, then `joined`; lives until its stdin ends.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from ledgerlab.lab.errors import LabError
from ledgerlab.lab.links import configure_office
from ledgerlab.lab.plan import Plan
from ledgerlab.lab.processes import Stop, die_with_parent, report


def main() -> int:
    """`python -m ledgerlab.lab.office PLAN`."""
    die_with_parent(signal.SIGKILL)
    stop = Stop(watch_stdin=True)
    plan = Plan.read(Path(sys.argv[1]))
    # /proc belongs to the namespace the supervisor lives in, so this is the number it and others know.
    number = os.readlink("/proc/self")  # noqa: PTH115 - the text of the link is what is wanted
    (plan.folder / "office.pid").write_text(number)
    report(event="started")
    try:
        configure_office(plan, stop)
    except LabError as error:
        report(error=str(error))
        return 1
    report(event="joined")
    while not stop.wait(1.0):
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
