"""The service as a process: its configuration, its start and its end."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from ledgerlab.lab.plan import API_NAME, HTTPS_PORT, PARTNER_NAME, PUBLIC_NAME, REDIRECT_PORT, Plan
from ledgerlab.lab.processes import end


class Application:
    """The deployed copy; `start`, then `stop`, as often as it is deployed."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "logs" / "service.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, plan: Plan) -> None:
        """Configures it and runs it; it takes its time to answer."""
        self.process = _start(plan, write_settings(plan), self.log)

    def ended(self) -> bool:
        """Whether it runs no more, though it should."""
        return self.process is None or self.process.poll() is not None

    def stop(self) -> None:
        """Ends it; what it holds in memory is gone."""
        if self.process is not None:
            end(self.process, 5, ask=signal.SIGTERM)


def write_settings(plan: Plan) -> Path:
    """The configuration of the service, with the settings of the defects on top."""
    settings: dict[str, object] = {
        "public_name": PUBLIC_NAME,
        "addresses": plan.service_addresses,
        "https_port": HTTPS_PORT,
        "redirect_port": REDIRECT_PORT,
        # Relative to the folder the service runs in: socket paths are short.
        "operations": "unix:operations.sock",
        "certificate_file": str(plan.folder / "pki" / "server.pem"),
        "key_file": str(plan.folder / "pki" / "server.key"),
        "api_name": API_NAME,
        "partner_name": PARTNER_NAME,
        "partner_certificate_file": str(plan.folder / "pki" / "partners.pem"),
        "partner_key_file": str(plan.folder / "pki" / "partners.key"),
        "database_url": plan.database_url("ledger_service", plan.database_password),
        "form_key": secrets.token_urlsafe(32),
        "partner_key": secrets.token_urlsafe(32),
    }
    for defect in plan.chosen:
        for name, value in defect.settings.items():
            settings[name] = value.format(web=plan.web, database=plan.database) if isinstance(value, str) else value
    path = plan.folder / "service.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(settings, indent=1))
    return path


def _start(plan: Plan, settings: Path, log: Path) -> subprocess.Popen[bytes]:
    """Runs the deployed copy, and nothing else that is called ledgerlab."""
    setpriv = shutil.which("setpriv") or "setpriv"
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        # First on the path wins.
        "PYTHONPATH": os.pathsep.join(filter(None, (str(plan.folder / "app"), os.environ.get("PYTHONPATH")))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENSSL_CONF": str(plan.folder / "app" / "ledgerlab" / "service" / "openssl.cnf"),
    }
    with log.open("ab") as output:
        return subprocess.Popen(
            [setpriv, "--pdeathsig", "KILL", sys.executable, "-P", "-m", "ledgerlab.service", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=plan.folder,
            env=environment,
            start_new_session=True,
        )
