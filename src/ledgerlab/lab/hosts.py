"""The hosts: PostgreSQL and the service, in the namespace this process was started in.

Reports `started`, then `serving`; switches its defects when told to (`control`); stops when its stdin ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ledgerlab.lab.application import Application
from ledgerlab.lab.control import Control
from ledgerlab.lab.deployment import install, stage
from ledgerlab.lab.errors import LabError
from ledgerlab.lab.health import answers
from ledgerlab.lab.links import STAFF, configure_hosts
from ledgerlab.lab.mail import MailServer
from ledgerlab.lab.mapping import PortMapping
from ledgerlab.lab.nameserver import NameServer
from ledgerlab.lab.pki import Authority
from ledgerlab.lab.plan import (
    API_NAME,
    AUTHORITY_PORT,
    DATABASE_PORT,
    DNS_PORT,
    MAIL_NAME,
    PARTNER_NAME,
    PARTNER_PORT,
    PUBLIC_NAME,
    Plan,
)
from ledgerlab.lab.postgres import Postgres
from ledgerlab.lab.processes import Stop, die_with_parent, end, last_lines, now, report, what
from ledgerlab.lab.publication import Publication
from ledgerlab.lab.records import write_records
from ledgerlab.lab.seed import fill, fresh_books, hash_passwords
from ledgerlab.lab.snmp import SnmpAgent
from ledgerlab.lab.ssh import SshServer

_HEALTHY = 45


class Hosts:
    """Everything that runs on the hosts. What depends on the defects is in `_configure` and in what follows it."""

    def __init__(self, plan: Plan, stop: Stop) -> None:
        self.plan = plan
        self.stop = stop
        self.authority = Authority(plan.revocation_list_url, {PUBLIC_NAME: (API_NAME,)})
        self.publication = Publication(self.authority.revocation_list)
        self.application = Application(plan.folder)
        self.postgres = Postgres(plan)
        self.edge = PortMapping(lambda: self.plan.partner_port_leads_to)
        self.office_gate = PortMapping(lambda: self.plan.database_socket)
        self.snmp = SnmpAgent()
        self.ssh = SshServer()
        self.mail = MailServer()
        self.names = NameServer()

    def start(self, initdb: subprocess.Popen[bytes]) -> None:
        """Brings everything up for the first time.

        Raises:
            LabError: something did not start.
        """
        self._now("giving the hosts their addresses")
        if self.plan.mode == "namespace":
            configure_hosts(self.plan, self.stop)
        self._now("preparing the service and its certificates")
        self._configure(self.plan, stage(self.plan.folder, self.plan.chosen))
        self._now("opening the ports of the edge, mail, SSH and name servers")
        self.edge.start(self.plan.web_addresses, PARTNER_PORT)
        self.publication.start(self.plan.authority, AUTHORITY_PORT)
        self._open()
        # The service takes its time to start and asks for the database only when it is asked itself.
        self.application.start(self.plan)
        self._now("making the passwords' hashes")
        hashes = hash_passwords(self.plan.folder / "secrets")
        self._now("waiting for PostgreSQL")
        self.postgres.start(initdb, self.stop)
        self._now("filling the database")
        fill(self.postgres, self.plan, hashes)
        fresh_books(self.postgres, self.plan)
        self._wait_until_healthy()

    def _now(self, words: str) -> None:
        now(self.plan.folder / "logs", words)

    def switch(self, names: tuple[str, ...]) -> None:
        """Makes these defects, and no others, those of the running laboratory; its books begin anew.

        Raises:
            ValueError: they cannot be switched on; nothing was changed.
            LabError: something did not come up again.
        """
        try:
            plan = self.plan.with_defects(names)
            candidate = stage(plan.folder, plan.chosen)
        except LabError as error:
            raise ValueError(str(error)) from error
        self.application.stop()
        self._configure(plan, candidate)
        self._close()
        self.application.start(plan)
        self.postgres.adapt(plan, self.stop)
        self._open()
        fresh_books(self.postgres, plan)
        self._wait_until_healthy()

    def _close(self) -> None:
        """What is to listen no more; before PostgreSQL may want the same port."""
        if self.office_gate.on and not self.plan.open_to_office:
            self.office_gate.stop()
        if self.snmp.on and not self.plan.snmp_agent:
            self.snmp.stop()

    def _open(self) -> None:
        """What else listens, with the defects that are on; after PostgreSQL has let go of ports."""
        if self.plan.open_to_office and not self.office_gate.on:
            self.office_gate.start(self.plan.database_addresses, DATABASE_PORT, device=STAFF)
        self.ssh.serve(self.plan.web_addresses, passwords=self.plan.ssh_passwords)
        early = self.plan.mail_login_without_tls
        self.mail.serve(self.plan.web_addresses, self.plan.folder / "pki", login_without_tls=early)
        self.names.serve(self.plan.web_addresses, DNS_PORT, self.plan.zone)
        if self.plan.snmp_agent and not self.snmp.on:
            self.snmp.start(self.plan.web_addresses)

    def _configure(self, plan: Plan, candidate: str) -> None:
        """Everything on disk that depends on the defects, while the service is down."""
        self.plan = plan
        install(plan.folder)
        self.authority.issue(plan.folder / "pki", PUBLIC_NAME, PARTNER_NAME, plan.certificate, MAIL_NAME)
        (plan.folder / "release.digest").write_text(candidate + "\n")
        plan.write()
        write_records(plan)
        instance = plan.folder / "instance.json"
        if instance.exists():
            facts = json.loads(instance.read_text()) | {"defects": list(plan.defects)}
            instance.write_text(json.dumps(facts, indent=1) + "\n")

    def _wait_until_healthy(self) -> None:
        self._now("waiting for the service's /healthz")
        deadline = time.monotonic() + _HEALTHY
        while not answers(self.plan):
            if self.application.ended():
                raise LabError(f"The service ended while starting: {last_lines(self.application.log)}")
            if time.monotonic() > deadline:
                raise LabError(
                    f"The service's /healthz did not answer within {_HEALTHY} s: {last_lines(self.application.log)}"
                )
            if self.stop.wait(0.05):
                raise LabError("Told to stop while starting.")

    def require_alive(self) -> None:
        """Says so when something is down.

        Raises:
            LabError: the service or PostgreSQL ended by itself.
        """
        if self.application.ended():
            raise LabError(f"The service ended by itself: {last_lines(self.application.log)}")
        if self.postgres.ended():
            raise LabError(f"PostgreSQL ended by itself: {last_lines(self.postgres.log)}")


def run(plan: Plan, stop: Stop) -> None:
    """Brings everything up, switches defects when told to, and takes it down when told to stop.

    Raises:
        LabError: something did not start, or ended by itself.
    """
    hosts = Hosts(plan, stop)
    initdb = hosts.postgres.create()
    try:
        hosts.start(initdb)
        with Control(plan.folder) as control:
            report(event="serving")
            while not stop:
                hosts.require_alive()
                control.serve(0.25, hosts.switch)
    except OSError as error:
        where = what(plan.folder / "logs")
        raise LabError(f"{os.strerror(error.errno or 0)} ({error.filename or 'no file'}) while {where}.") from error
    except LabError:
        if not stop:  # what breaks while it is taken down is no news
            raise
    finally:
        if initdb.poll() is None:
            end(initdb, 5, ask=signal.SIGTERM)
        hosts.application.stop()
        hosts.postgres.stop()


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
