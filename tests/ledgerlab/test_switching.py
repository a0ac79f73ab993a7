"""A running laboratory is given other defects: quickly, completely, and without a trace of the ones before."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledgerlab.defects import DEFECTS
from ledgerlab.lab import control, deployment
from ledgerlab.lab.errors import LabError
from ledgerlab.service.version import build_digest
from tests.ledgerlab.conftest import TOGETHER

if TYPE_CHECKING:
    from tests.ledgerlab.conftest import Lab


def _digest(lab: Lab) -> str:
    """What the running service says it is."""
    told: str = lab.anonymous().get(f"{lab.base}/version", timeout=10).json()["digest"]
    return told


def _settings(lab: Lab) -> dict[str, object]:
    settings: dict[str, object] = json.loads((lab.folder / "service.json").read_text())
    return {name: value for name, value in settings.items() if not name.endswith("_key")}


def _logs_in(lab: Lab, user: str, password: str | None = None) -> bool:
    login = {"username": user, "password": password or lab.password(user)}
    return lab.anonymous().post(f"{lab.base}/api/auth/token", json=login, timeout=10).ok


@pytest.mark.slow
def test_every_defect_goes_as_it_came(launch: Callable[..., Lab]) -> None:
    """With all defects switched on and off again, the build, settings, addresses and people are those of the start."""
    lab = launch("switched", "--mode", "loopback")
    authority = (lab.folder / "pki" / "ca.pem").read_bytes()
    settings, running = _settings(lab), _digest(lab)
    assert running == deployment.source_digest() == (lab.folder / "release.digest").read_text().strip()

    control.switch(lab.folder, TOGETHER)
    assert json.loads((lab.folder / "instance.json").read_text())["defects"] == TOGETHER
    assert _settings(lab) != settings
    assert _digest(lab) != running
    assert not _logs_in(lab, "b_acct")
    assert _database_listens(lab)

    control.switch(lab.folder, ())
    assert json.loads((lab.folder / "instance.json").read_text())["defects"] == []
    assert _settings(lab) == settings
    assert _digest(lab) == running == (lab.folder / "release.digest").read_text().strip()
    assert build_digest(lab.folder / "app" / "ledgerlab" / "service") == deployment.source_digest()
    assert not (lab.folder / "app.new").exists()
    assert _logs_in(lab, "b_acct")
    assert not _database_listens(lab)
    assert (lab.folder / "pki" / "ca.pem").read_bytes() == authority


def _database_listens(lab: Lab) -> bool:
    seen = subprocess.run(["ss", "-Hltn", "sport = :5432"], capture_output=True, text=True, timeout=10, check=True)
    return f"{lab.ready['prefix']}20:5432" in seen.stdout


@pytest.mark.slow
def test_nothing_that_people_did_is_left(launch: Callable[..., Lab]) -> None:
    """After a switch the books are those of the first day: no session, no lock, no new invoice."""
    lab = launch("reset", "--mode", "loopback")
    keeper = lab.token("a_acct")
    before = len(keeper.get(f"{lab.base}/api/invoices", timeout=10).json())
    lab.invoice(keeper)
    for _ in range(6):
        assert not _logs_in(lab, "c_sac01", "wrong")
    assert not _logs_in(lab, "c_sac01"), "the account is locked"

    control.switch(lab.folder, ("certificate-expires-soon",))

    assert keeper.get(f"{lab.base}/api/me", timeout=10).status_code == 401
    assert len(lab.token("a_acct").get(f"{lab.base}/api/invoices", timeout=10).json()) == before
    assert _logs_in(lab, "c_sac01")
    keys = {path.name for path in (lab.folder / "pki").iterdir() if b"PRIVATE KEY" in path.read_bytes()}
    assert keys == {"server.key", "partners.key", "mail.key"}, "nobody can issue certificates with what is on disk"
    assert ssl.create_default_context(cafile=str(lab.folder / "pki" / "ca.pem")).cert_store_stats()["x509_ca"] == 1


@pytest.mark.slow
def test_what_cannot_be_switched_changes_nothing(lab: Lab) -> None:
    """A refused switch is an error with a reason, and the laboratory goes on as it was; only its owner can ask."""
    assert stat.S_IMODE((lab.folder / control.NAME).stat().st_mode) == 0o600
    token, before = lab.token("a_acct"), (lab.folder / "service.json").read_bytes()
    certificates = [defect.name for defect in DEFECTS if defect.certificate][:2]

    with pytest.raises(LabError, match="Only one defect of the certificate"):
        control.switch(lab.folder, certificates)
    with pytest.raises(LabError, match="unknown defect nonsense"):
        control.switch(lab.folder, ("nonsense",))

    assert token.get(f"{lab.base}/api/me", timeout=10).ok
    assert (lab.folder / "service.json").read_bytes() == before


def test_a_folder_without_laboratory_is_said(tmp_path: Path) -> None:
    """The command line ends with 1 and a sentence where nothing runs, and with 2 for an unknown name."""
    command = [sys.executable, "-m", "ledgerlab", "switch", "--dir", str(tmp_path)]
    nobody = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    wrong = subprocess.run([*command, "--defect", "x"], capture_output=True, text=True, timeout=30, check=False)

    assert (nobody.returncode, wrong.returncode) == (1, 2)
    assert nobody.stderr.startswith(f"ledgerlab: No laboratory answers in {tmp_path}")
    assert "unknown defect x" in wrong.stderr


@pytest.mark.parametrize(
    ("request_line", "told"),
    [
        (b'{"defects": "all"}\n', "a request is"),
        (b"nonsense\n", "Expecting value"),
        (b"\n", "Expecting value"),
    ],
)
def test_nonsense_on_the_socket_is_refused(request_line: bytes, told: str, short_folder: Path) -> None:
    """What is no request is answered with an error and switches nothing."""
    asked: list[tuple[str, ...]] = []
    with control.Control(short_folder) as ours, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(short_folder / control.NAME))
        client.sendall(request_line)
        ours.serve(5, asked.append)
        assert told in json.loads(client.recv(4096))["error"]
    assert asked == []


def test_a_laboratory_that_broke_says_so_and_ends(short_folder: Path) -> None:
    """When something does not come up again, whoever asked is told, and the laboratory's process learns of it, too."""

    def breaks(_names: tuple[str, ...]) -> None:
        raise LabError("The service did not start: no reason.")

    with control.Control(short_folder) as ours:
        answer = _ask(short_folder)
        with pytest.raises(LabError, match="did not start"):
            ours.serve(5, breaks)
        assert answer() == "The service did not start: no reason."


def _ask(folder: Path) -> Callable[[], str]:
    """Asks in a thread; the result waits for the answer and gives the error."""
    errors: list[str] = []

    def ask() -> None:
        try:
            control.switch(folder, ())
        except LabError as error:
            errors.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()

    def answer() -> str:
        thread.join(10)
        return "".join(errors)

    return answer


def test_a_defect_that_does_not_apply_leaves_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy that runs is replaced only by one whose edits all applied."""
    deployment.deploy(tmp_path, ())
    source = tmp_path / "service"
    shutil.copytree(deployment.SERVICE, source)
    monkeypatch.setattr(deployment, "SERVICE", source)
    (source / "version.py").write_text('RELEASE = "2.0.0"\n')

    with pytest.raises(LabError, match="occurs 0 times"):
        deployment.deploy(tmp_path, [defect for defect in DEFECTS if defect.name == "previous-build-deployed"])

    assert 'RELEASE = "2.0.0"' not in (tmp_path / "app" / "ledgerlab" / "service" / "version.py").read_text()
