"""The outside vantage: the first process of its namespaces, from where the hosts are looked at.

Everything of the laboratory lives in its process namespace, so that its end is the end of all of it.
Reports `ready` when the service answers from outside; stops when its stdin ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

from ledgerlab.lab.errors import LabError
from ledgerlab.lab.health import answers
from ledgerlab.lab.links import configure_outside, join_office
from ledgerlab.lab.plan import Plan
from ledgerlab.lab.processes import (
    Reports,
    Stop,
    die_with_parent,
    end,
    last_lines,
    module_command,
    report,
    spawn,
)


def run(path: Path, stop: Stop) -> None:
    """Starts the hosts and the office in namespaces of their own and joins the hosts' to both others.

    Raises:
        LabError: something did not start, or ended by itself.
    """
    plan = Plan.read(path)
    log = plan.folder / "logs" / "lab.log"
    unshare = shutil.which("unshare") or "unshare"
    hosts = spawn([unshare, "--net", "--", *module_command("ledgerlab.lab.hosts", str(path))], log)
    office = spawn([unshare, "--net", "--", *module_command("ledgerlab.lab.office", str(path))], log)
    try:
        reports = Reports(hosts, "The hosts' process", log)
        reports.expect("started", 30, stop)
        configure_outside(plan, hosts.pid)
        office_reports = Reports(office, "The office's process", log)
        office_reports.expect("started", 30, stop)
        join_office(office.pid, hosts.pid)
        office_reports.expect("joined", 30, stop)
        # /proc belongs to the namespace the supervisor lives in, so this is the number it and others know.
        pid = plan.folder / "vantage.pid"
        pid.write_text(os.readlink("/proc/self"))  # noqa: PTH115 - the text of the link is what is wanted
        # Longer than its parts together may take, so that the one that hangs is named by itself.
        reports.expect("serving", 130, stop)
        deadline = time.monotonic() + 5
        while not answers(plan):
            if stop.wait(0.05):
                raise LabError("Told to stop while starting.")
            if time.monotonic() > deadline:
                raise LabError("The service cannot be reached from the outside vantage.")
        report(event="ready")
        while not stop.wait(0.25):
            if office.poll() is not None:
                raise LabError(f"The office's process ended by itself: {last_lines(log)}")
            if hosts.poll() is not None:
                raise LabError(reports.problem() or f"The hosts' process ended by itself: {last_lines(log)}")
    finally:
        end(hosts, 12)
        end(office, 3)


def main() -> int:
    """`python -m ledgerlab.lab.vantage PLAN`."""
    die_with_parent(signal.SIGKILL)
    stop = Stop(watch_stdin=True)
    try:
        run(Path(sys.argv[1]), stop)
    except LabError as error:
        report(error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
