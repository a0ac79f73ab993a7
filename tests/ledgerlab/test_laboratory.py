"""Starting and stopping: quickly, several at once, and without a trace."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from ledgerlab.lab import modes
from ledgerlab.lab.errors import LabError

if TYPE_CHECKING:
    from tests.ledgerlab.conftest import Lab

pytestmark = pytest.mark.slow
_LOOK = """
import json, socket, sys
found = {}
for address, ports in (("10.77.0.10", (8443, 8080, 8081, 5432)), ("10.77.0.20", (5432, 8443))):
    for port in ports:
        with socket.socket() as probe:
            probe.settimeout(2)
            found[f"{address}:{port}"] = probe.connect_ex((address, port)) == 0
print(json.dumps(found))
"""


def _of(folder: Path) -> list[psutil.Process]:
    """The processes that have to do with a laboratory's folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(str(folder) in part for part in process.cmdline()) or process.cwd().startswith(str(folder)):
                found.append(process)
    return found


def _gone(folder: Path, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while _of(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def needs_namespaces() -> None:
    """Namespace mode is the normal case; where the system refuses it, loopback mode is tested instead."""
    try:
        modes.choose("namespace")
    except LabError as error:
        if os.environ.get("STAGEHOLD_REQUIRE_ALL"):
            raise
        pytest.skip(str(error))


@pytest.mark.usefixtures("needs_namespaces")
def test_from_outside_only_the_service_is_open(launch: Callable[..., Lab]) -> None:
    """The vantage sees https and the redirect on the web host, and nothing on the database host."""
    lab = launch("outside", "--mode", "namespace")
    instance = json.loads((lab.folder / "instance.json").read_text())
    pid = (lab.folder / "vantage.pid").read_text()
    assert instance["vantage_pid"] == int(pid)
    assert instance["mode"] == lab.ready["mode"] == "namespace"
    look = ["nsenter", "-t", pid, "--user", "--net", "--preserve-credentials", sys.executable, "-c", _LOOK]
    seen = json.loads(subprocess.run(look, capture_output=True, check=True, timeout=30).stdout)
    assert {name for name, is_open in seen.items() if is_open} == {"10.77.0.10:8443", "10.77.0.10:8080"}
    begin = time.monotonic()
    assert lab.process.stdin is not None
    lab.process.stdin.close()
    assert lab.process.wait(20) == 0
    assert time.monotonic() - begin < 10
    assert _gone(lab.folder)
    assert not lab.folder.exists()


@pytest.mark.usefixtures("needs_namespaces")
def test_killing_the_supervisor_leaves_no_process(launch: Callable[..., Lab]) -> None:
    """After a kill -9 nothing of the laboratory is left running, PostgreSQL included."""
    lab = launch("killed", "--mode", "namespace")
    assert len(_of(lab.folder)) >= 3
    lab.process.kill()
    lab.process.wait(5)
    assert _gone(lab.folder)


def test_a_folder_that_was_there_stays(launch: Callable[..., Lab], short_folder: Path) -> None:
    """In loopback mode a kill -9 leaves no process either; the folder serves again, and keeps what others put there."""
    folder = short_folder / "kept"
    folder.mkdir()
    (folder / "environment.yaml").write_text("mine")
    killed = launch("kept", "--mode", "loopback")
    assert len(_of(folder)) >= 3
    killed.process.kill()
    killed.process.wait(5)
    assert _gone(folder)
    lab = launch("kept", "--mode", "loopback")
    lab.process.send_signal(signal.SIGTERM)
    assert lab.process.wait(20) == 0
    assert _gone(folder)
    assert (folder / "environment.yaml").read_text() == "mine"
    assert (folder / "instance.json").exists()


def test_two_at_once(lab: Lab, broken_lab: Lab) -> None:
    """Two laboratories have different addresses and secrets, and a folder is for one of them only."""
    assert lab.ready["prefix"] != broken_lab.ready["prefix"]
    assert lab.password("a_main") != broken_lab.password("a_main")
    for one in (lab, broken_lab):
        assert one.token("a_main").get(f"{one.base}/api/me", timeout=10).ok
    third = subprocess.run(
        [sys.executable, "-m", "ledgerlab", "up", "--dir", str(lab.folder)],
        capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert third.returncode == 1
    assert third.stderr.strip() == f"ledgerlab: Another laboratory is running in {lab.folder}."
    assert lab.process.poll() is None


def test_when_the_service_dies_the_laboratory_ends(launch: Callable[..., Lab]) -> None:
    """A laboratory whose service is gone says so and exits non-zero instead of pretending to be up."""
    lab = launch("dying", "--mode", "loopback")
    service = next(p for p in _of(lab.folder) if "ledgerlab.service" in p.cmdline())
    service.kill()
    assert lab.process.wait(20) == 1
    assert lab.process.stderr is not None
    assert b"The service ended by itself" in lab.process.stderr.read()
    assert _gone(lab.folder)


def test_a_path_too_long_for_sockets_is_refused(tmp_path: Path) -> None:
    """One clear sentence, before anything is made."""
    folder = tmp_path / ("x" * 90)
    done = subprocess.run(
        [sys.executable, "-m", "ledgerlab", "up", "--dir", str(folder)],
        capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1
    assert "too long" in done.stderr
    assert not folder.exists()
