"""The office network, what it reaches, and what the web host tells over SNMP; and the company's records of both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from ledgerlab.lab import modes
from ledgerlab.lab.errors import LabError

if TYPE_CHECKING:
    from tests.ledgerlab.conftest import Lab

pytestmark = pytest.mark.slow
_QUESTION = "302602010104067075626c6963a019020400000007020100020100300b300906052b060102010500"
_LOOK = f"""
import json, socket
found = {{}}
for address, port in (("10.77.0.10", 8443), ("10.77.0.20", 5432)):
    with socket.socket() as probe:
        probe.settimeout(3)
        found[f"{{address}}:{{port}}"] = probe.connect_ex((address, port)) == 0
for name, question in (("public", "{_QUESTION}"), ("other", "{_QUESTION.replace("7075626c6963", "7075626c6964")}")):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(1)
        probe.connect(("10.77.0.10", 161))
        try:
            probe.send(bytes.fromhex(question))
            found[name] = probe.recv(1500).hex()
        except OSError:
            found[name] = ""
print(json.dumps(found))
"""


def look(lab: Lab, place: str) -> dict[str, object]:
    """What is seen from a place whose process id is in a file of the laboratory."""
    pid = (lab.folder / f"{place}.pid").read_text()
    command = ["nsenter", "-t", pid, "--user", "--net", "--preserve-credentials", sys.executable, "-c", _LOOK]
    found: dict[str, object] = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    return found


def switch(lab: Lab, *defects: str) -> None:
    """Give the laboratory exactly these defects."""
    command = [sys.executable, "-m", "ledgerlab", "switch", "--dir", str(lab.folder)]
    for name in defects:
        command += ["--defect", name]
    subprocess.run(command, check=True, timeout=90, capture_output=True)


def test_the_office_reaches_the_database_only_with_its_defect(launch: Callable[..., Lab]) -> None:
    """Sound, both places see the service alone; with the defects the office reaches PostgreSQL, and SNMP answers."""
    try:
        modes.choose("namespace")
    except LabError as error:
        if os.environ.get("STAGEHOLD_REQUIRE_ALL"):
            raise
        pytest.skip(str(error))
    lab = launch("office", "--mode", "namespace")
    sound = {"10.77.0.10:8443": True, "10.77.0.20:5432": False, "public": "", "other": ""}
    assert look(lab, "vantage") == look(lab, "office") == sound
    assert "8445" in (lab.folder / "approvals" / "ports.yaml").read_text()

    # From a PostgreSQL that holds the very port.
    switch(lab, "database-exposed")
    assert look(lab, "vantage")["10.77.0.20:5432"] is True
    names = ("office-reaches-database", "snmp-agent-open", "port-opened-without-approval", "firewall-tests-neglected")
    before = (lab.folder / "evidence" / "firewall-tests.jsonl").read_text()
    switch(lab, *names)
    office, outside = look(lab, "office"), look(lab, "vantage")
    assert (office["10.77.0.20:5432"], outside["10.77.0.20:5432"]) == (True, False)
    assert b"ledger-web" in bytes.fromhex(str(outside["public"]))
    assert outside["other"] == ""
    assert "8445" not in (lab.folder / "approvals" / "ports.yaml").read_text()
    assert (lab.folder / "evidence" / "firewall-tests.jsonl").read_text() != before

    # And back to it.
    switch(lab, "database-exposed", "snmp-agent-open")
    assert look(lab, "vantage")["10.77.0.20:5432"] is True

    switch(lab)
    assert look(lab, "vantage") == look(lab, "office") == sound


def test_a_laboratory_without_namespaces_has_no_office() -> None:
    """A defect that nobody could see is refused instead of being shown as there."""
    command = [sys.executable, "-m", "ledgerlab", "up", "--dir", "unused", "--mode", "loopback"]
    done = subprocess.run(
        [*command, "--defect", "office-reaches-database"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode != 0
    assert "there is none with --mode loopback" in done.stderr
