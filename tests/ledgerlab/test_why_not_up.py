"""A demo that does not come up says which part waited for what, and what that part said last."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ledgerlab.lab import hosts, postgres, processes
from ledgerlab.lab.errors import LabError
from ledgerlab.lab.hosts import Hosts
from ledgerlab.lab.plan import Plan
from ledgerlab.lab.postgres import Postgres
from ledgerlab.lab.processes import Reports, how_it_ended, last_lines, now, what
from stagehold.demo import up
from stagehold.demo.up import demo
from stagehold.errors import RunError


class NeverStops:
    """Nobody tells it to stop."""

    def __bool__(self) -> bool:
        return False

    def wait(self, _seconds: float) -> bool:
        return False


def child(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_the_end_of_a_log_is_told(tmp_path: Path) -> None:
    """The last lines, not only the very last, which rarely holds the reason; nothing is said of a log without any."""
    log = tmp_path / "postgres.log"
    assert last_lines(log) == "postgres.log is empty"
    log.write_text("noise\n" * 9000 + "FATAL:  could not map\n\nHINT:  more room\nshut down\n")

    told = last_lines(log)

    assert told.startswith("the last lines of postgres.log: noise | ")
    assert told.endswith("FATAL:  could not map | HINT:  more room | shut down")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import time; time.sleep(60)", ["was not ready within 0 s", "while waiting for PostgreSQL"]),
        ("import os; os._exit(7)", ["ended while waiting for PostgreSQL", "exit code 7"]),
        ("import os; os.kill(os.getpid(), 9)", ["ended while waiting for PostgreSQL", "SIGKILL"]),
    ],
    ids=["hangs", "crashes", "is killed"],
)
def test_a_part_that_fails_is_named(tmp_path: Path, code: str, words: list[str]) -> None:
    """With what it was doing, how it ended, and its last lines."""
    log = tmp_path / "lab.log"
    log.write_text("Traceback\nMemoryError\n")
    now(tmp_path, "waiting for PostgreSQL")
    process = child(code)
    if "sleep" not in code:
        process.wait(20)
    try:
        with pytest.raises(LabError) as failed:
            Reports(process, "The hosts' process", log).expect("serving", 0.2, NeverStops())  # type: ignore[arg-type]
    finally:
        process.kill()
        process.wait()

    for part in ("The hosts' process", "Traceback | MemoryError", *words):
        assert part in str(failed.value)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    """A PostgreSQL whose programs are scripts."""
    (tmp_path / "logs").mkdir()
    made = object.__new__(Postgres)
    made.plan = Plan(
        folder=tmp_path, mode="loopback", prefix="127.77.2.", ipv6=False, defects=(), database_password="a",
        owner_password="b", unprivileged=(),
    )  # fmt: skip
    made.log, made.process, made._rules, made._programs = tmp_path / "logs" / "postgres.log", None, "", tmp_path
    monkeypatch.setattr(postgres, "_CREATED", 0.3)
    monkeypatch.setattr(postgres, "_ANSWERS", 0.5)
    return made


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "echo FATAL: no room; echo removing; exit 1",
            "initdb failed (exit code 1): the last lines of postgres.log: FATAL",
        ),
        ("echo busy; exec sleep 30", "initdb did not end within 0.3 s: the last lines of postgres.log: busy"),
    ],
    ids=["fails", "hangs"],
)
def test_initdb_has_a_deadline_and_last_lines(server: Postgres, text: str, words: str) -> None:
    """Neither a traceback nor an endless wait."""
    script(server._programs / "initdb", text)
    process = server.create()
    if "exit" in text:
        process.wait(10)
    try:
        with pytest.raises(LabError) as failed:
            server.start(process, NeverStops())  # type: ignore[arg-type]
    finally:
        process.kill()
        process.wait()

    assert words in str(failed.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo FATAL: port taken; exit 3", "PostgreSQL ended while starting (exit code 3)"),
        ("exec sleep 30", "did not answer within 0.5 s"),
    ],
    ids=["fails", "hangs"],
)
def test_the_server_has_a_deadline_and_last_lines(server: Postgres, text: str, words: str) -> None:
    """A server that ends, and one that answers nobody."""
    script(server._programs / "postgres", text)
    (server.plan.database_data / "data").mkdir(parents=True)
    try:
        with pytest.raises(LabError) as failed:
            server._launch(NeverStops())  # type: ignore[arg-type]
    finally:
        if server.process is not None:
            server.process.kill()
            server.process.wait()

    assert words in str(failed.value)


def test_a_service_that_never_answers_is_named(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """The health check has a deadline of its own."""

    class Application:
        log = server.plan.folder / "logs" / "service.log"

        def ended(self) -> bool:
            return False

    lab = object.__new__(Hosts)
    lab.plan, lab.stop, lab.application = server.plan, NeverStops(), Application()  # type: ignore[assignment]
    monkeypatch.setattr(hosts, "answers", lambda _plan: False)
    monkeypatch.setattr(hosts, "_HEALTHY", 0.2)

    with pytest.raises(LabError, match=r"/healthz did not answer within 0\.2 s: service\.log is empty"):
        lab._wait_until_healthy()

    assert what(server.plan.folder / "logs") == "waiting for the service's /healthz"


def test_how_a_process_ended_is_told() -> None:
    """By its code or its signal."""
    process = child("import os; os.abort()")
    process.wait(20)

    assert how_it_ended(process) == "SIGABRT"


def start(**variables: str) -> str:
    """The message of a demo that must not come up."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(tempfile, "tempdir", None)
        with pytest.raises(RunError) as failed, demo(mode="loopback"):
            pass
    tempfile.tempdir = None
    return f"{failed.value} ({failed.value.remedy})"


def test_a_tmpdir_with_a_long_path_is_said(tmp_path: Path) -> None:
    """A path that no socket can have is told as that, with what to do."""
    deep = tmp_path / ("x" * 90)
    deep.mkdir()

    message = start(TMPDIR=str(deep))

    assert "too long" in message
    assert "TMPDIR" in message


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import time; time.sleep(60)", ["still starting", "said nothing"]),
        ("import os; os._exit(9)", ["ended by itself (exit code 9)", "said nothing"]),
        ("import os; os.kill(os.getpid(), 9)", ["ended by itself (signal 9)"]),
        ("import sys; print('no'); sys.exit('ledgerlab: initdb failed: FATAL')", ["initdb failed: FATAL"]),
    ],
    ids=["hangs", "ends", "is killed", "says why"],
)
def test_a_demo_that_says_nothing_is_asked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: list[str]
) -> None:
    """Never "no reason given": what it was doing, how it ended, and the last lines of each part's log."""
    logs, log = tmp_path / "logs", tmp_path / "ledgerlab.log"
    logs.mkdir()
    now(logs, "waiting for PostgreSQL")
    (logs / "postgres.log").write_text("LOG: starting\nFATAL: could not bind\n")
    monkeypatch.setattr(up, "_UP_DEADLINE", 0.5 if "sleep" in code else 20.0)
    monkeypatch.setattr(up, "_LAST_WORDS", 0.5 if "sleep" in code else 20.0)
    with log.open("wb") as stream:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=stream)
    try:
        with pytest.raises(RunError) as failed:
            up._wait_until_ready(process, log, logs)
    finally:
        process.kill()
        process.wait()

    if "says why" not in code and "FATAL'" not in code:
        words = [
            *words,
            "last it was waiting for PostgreSQL",
            "postgres.log ends with: LOG: starting | FATAL: could not bind",
        ]
    for part in words:
        assert part in str(failed.value)


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room for the folder of the demo: the system's words and the place, not a traceback."""

    def full(**_: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path))

    monkeypatch.setattr(tempfile, "mkdtemp", full)

    with pytest.raises(RunError, match="No space left on device") as failed, demo():
        pass

    assert str(tmp_path) in str(failed.value)


def test_a_port_that_is_taken_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot listen is told with what the laboratory was doing."""
    (tmp_path / "logs").mkdir()

    class Taken:
        def __init__(self, plan: Plan, _stop: object) -> None:
            self.postgres, self.application = self, self

        def create(self) -> subprocess.Popen[bytes]:
            return child("pass")

        def start(self, _initdb: object) -> None:
            now(tmp_path / "logs", "opening the ports of the edge")
            with socket.create_server(("127.0.0.1", 0)) as held:
                socket.create_server(held.getsockname()[:2])

        def stop(self) -> None:
            """Nothing runs."""

    monkeypatch.setattr(hosts, "Hosts", Taken)
    plan = Plan(
        folder=tmp_path, mode="loopback", prefix="127.77.2.", ipv6=False, defects=(), database_password="a",
        owner_password="b", unprivileged=(),
    )  # fmt: skip

    with pytest.raises(LabError, match=r"Address already in use .*while opening the ports of the edge"):
        hosts.run(plan, NeverStops())  # type: ignore[arg-type]

    assert processes.what(tmp_path / "logs")
