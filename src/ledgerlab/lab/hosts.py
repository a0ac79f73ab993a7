"""The hosts: PostgreSQL and the service, in the namespace this process was started in.

Reports `started`, then `serving`; stops when its stdin ends.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from ledgerlab.lab.errors import LabError
from ledgerlab.lab.health import answers
from ledgerlab.lab.links import configure_hosts
from ledgerlab.lab.plan import HTTPS_PORT, PARTNER_NAME, PUBLIC_NAME, REDIRECT_PORT, Plan
from ledgerlab.lab.postgres import Postgres
from ledgerlab.lab.processes import Stop, die_with_parent, end, last_line, report
from ledgerlab.lab.seed import fill, hash_passwords


def write_settings(plan: Plan) -> Path:
    """The configuration of the service, with the settings of the defects on top."""
    settings: dict[str, object] = {
        "public_name": PUBLIC_NAME,
        "address": plan.web,
        "https_port": HTTPS_PORT,
        "redirect_port": REDIRECT_PORT,
        # Relative to the folder the service runs in: socket paths are short.
        "operations": "unix:operations.sock",
        "certificate_file": str(plan.folder / "pki" / "server.pem"),
        "key_file": str(plan.folder / "pki" / "server.key"),
        "partner_name": PARTNER_NAME,
        "partner_certificate_file": str(plan.folder / "pki" / "partners.pem"),
        "partner_key_file": str(plan.folder / "pki" / "partners.key"),
        "database_url": plan.database_url("ledger_service", plan.database_password),
        "form_key": secrets.token_urlsafe(32),
    }
    for defect in plan.chosen:
        for name, value in defect.settings.items():
            settings[name] = value.format(web=plan.web, database=plan.database) if isinstance(value, str) else value
    path = plan.folder / "service.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(settings, indent=1))
    return path


def start_service(plan: Plan, settings: Path) -> subprocess.Popen[bytes]:
    """Runs the deployed copy, and nothing else that is called ledgerlab."""
    setpriv = shutil.which("setpriv") or "setpriv"
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        # First on the path wins.
        "PYTHONPATH": os.pathsep.join(filter(None, (str(plan.folder / "app"), os.environ.get("PYTHONPATH")))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with (plan.folder / "logs" / "service.log").open("ab") as log:
        return subprocess.Popen(
            [setpriv, "--pdeathsig", "KILL", sys.executable, "-P", "-m", "ledgerlab.service", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=plan.folder,
            env=environment,
            start_new_session=True,
        )


def run(plan: Plan, stop: Stop) -> None:
    """Brings everything up, waits until told to stop, and takes it down.

    Raises:
        LabError: something did not start, or ended by itself.
    """
    postgres = Postgres(plan)
    service: subprocess.Popen[bytes] | None = None
    initdb = postgres.create()
    try:
        if plan.mode == "namespace":
            configure_hosts(plan, stop)
        # The service takes its time to start and asks for the database only when it is asked itself.
        service = start_service(plan, write_settings(plan))
        hashes = hash_passwords(plan.folder / "secrets")
        postgres.start(initdb, stop)
        fill(postgres, plan, hashes)
        log = plan.folder / "logs" / "service.log"
        deadline = time.monotonic() + 20
        while not answers(plan):
            if service.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"The service did not start: {last_line(log)}")
            if stop.wait(0.05):
                return
        report(event="serving")
        while not stop.wait(0.25):
            if service.poll() is not None:
                raise LabError(f"The service ended by itself: {last_line(log)}")
            if postgres.process is None or postgres.process.poll() is not None:
                raise LabError(f"PostgreSQL ended by itself: {last_line(postgres.log)}")
    finally:
        if initdb.poll() is None:
            end(initdb, 5, ask=signal.SIGTERM)
        if service is not None:
            end(service, 5, ask=signal.SIGTERM)
        postgres.stop()


def main() -> int:
    """`python -m ledgerlab.lab.hosts PLAN`."""
    die_with_parent(signal.SIGTERM)
    stop = Stop(watch_stdin=True)
    report(event="started")
    try:
        run(Plan.read(Path(sys.argv[1])), stop)
    except LabError as error:
        report(error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
