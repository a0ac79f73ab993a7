"""The port probe with a real nmap: in networks of its own, and on this machine's loopback addresses."""

from __future__ import annotations

import functools
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stagehold.environment.model import Environment
from stagehold.errors import NotAllowed, ProbeError
from stagehold.network.door import Network
from stagehold.probes.ports import passes
from stagehold.probes.ports import scan as ports
from stagehold.probes.ports.nmap_runs import run_nmap
from stagehold.probes.ports.scan import scan_host
from tests.probes.tls_servers import fresh_address

ROOT = Path(__file__).parents[2]


@functools.cache
def stage(scene: str) -> Any:
    """What a scan finds in a scene of `ports_stage`."""
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-m", "tests.probes.ports_stage", scene],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_open_missing_and_database_ports_are_told() -> None:
    """Everything that listens is found, a declared port that does not is missing, database ports are apart."""
    seen = stage("answering")

    assert seen["web"]["open"] == [443, 8081, 64999]
    assert seen["web"]["missing"] == [["10.88.0.10", 8080, "closed"]]
    assert seen["web"]["databases"] == []
    assert seen["web"]["kinds"] == ["closed", "open"]
    assert seen["db"]["databases"] == [5432, 7777]


def test_the_scan_is_half_open_where_it_may_be() -> None:
    """With raw sockets, as in a namespace of one's own, nmap scans half-open."""
    assert stage("answering")["web"]["xml"] is True


@pytest.mark.parametrize(
    ("scene", "host", "words"),
    [
        ("tarpit", "web", "149 undeclared ports of 10.88.0.10 are open"),
        ("shut out", "web", "stopped answering during the scan"),
        ("dead route", "dead", "answers on no port at all"),
        ("silent", "without control", "no other declared host answers this vantage"),
    ],
)
def test_a_scan_that_may_be_blind_says_so(scene: str, host: str, words: str) -> None:
    """Answers from everywhere, a striking firewall and a dead route are no proof that nothing is open."""
    assert words in stage(scene)[host].get("error", stage(scene)[host])


def test_silence_behind_a_firewall_is_closed_when_the_vantage_works() -> None:
    """A host that declares nothing may be silent as long as another declared host answers."""
    seen = stage("silent")["with control"]

    assert seen["open"] == []
    assert seen["kinds"] == ["filtered"]


def described(address: str, *declared: int, consent: bool = True) -> Environment:
    return Environment.model_validate(
        {
            "environment": {"id": "test"},
            "targets": [{"name": "web", "base_url": "http://192.0.2.1"}],
            "hosts": [{"name": "web", "ipv4": [address], "ports": [{"port": port} for port in declared]}],
            "consent": {"classes": ["ordinary", "intrusive"] if consent else ["ordinary"]},
        }
    )


def test_an_ordinary_user_scans_by_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without raw sockets the scan connects, and finds the same."""
    monkeypatch.setattr(ports, "may_use_raw_sockets", lambda: False)
    monkeypatch.setattr(passes, "ALL_PORTS", range(40000, 40100))
    address = fresh_address()
    with socket.create_server((address, 40040)):
        environment = described(address, 40040)
        found = scan_host(Network.build(environment), environment, environment.hosts[0])

    assert found.open_at(range(65536)) == ((address, 40040),)
    assert 'type="connect"' in found.addresses[0].runs[0].xml


def test_a_listener_of_the_machine_is_interference(monkeypatch: pytest.MonkeyPatch) -> None:
    """An undeclared port that answers on every loopback address says nothing about this host."""
    address = fresh_address()
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(passes, "ALL_PORTS", range(port, port + 1))
        environment = described(address)
        with pytest.raises(ProbeError, match=rf"port {port} of {address} .* listener of this machine"):
            scan_host(Network.build(environment), environment, environment.hosts[0])


def test_an_undeclared_listener_of_the_host_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """An undeclared port that answers on this address alone belongs to the host."""
    address = fresh_address()
    with socket.create_server((address, 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(passes, "ALL_PORTS", range(port, port + 1))
        environment = described(address)
        found = scan_host(Network.build(environment), environment, environment.hosts[0])

    assert found.open_at(range(65536)) == ((address, port),)


def test_nothing_is_scanned_without_consent() -> None:
    """A port scan is intrusive traffic."""
    environment = described(fresh_address(), consent=False)

    with pytest.raises(NotAllowed):
        scan_host(Network.build(environment), environment, environment.hosts[0])


def test_an_undeclared_host_is_not_scanned() -> None:
    """The allow-list is asked before anything is sent."""
    environment, other = described(fresh_address()), described(fresh_address())

    with pytest.raises(NotAllowed):
        scan_host(Network.build(environment), environment, other.hosts[0])


def test_nmap_that_is_not_there_is_no_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing nmap is inconclusive and says how to get it."""

    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError("nmap")

    monkeypatch.setattr("nmap.nmap.subprocess.Popen", missing)

    with pytest.raises(ProbeError, match="nmap") as caught:
        run_nmap(fresh_address(), [80], raw=False, seconds=5)
    assert "doctor --install" in caught.value.remedy


def test_nmap_that_does_not_finish_is_no_pass() -> None:
    """A scan that outlasts its time is inconclusive."""
    with pytest.raises(ProbeError, match="time"):
        run_nmap("127.0.0.1", range(1, 65536), raw=False, seconds=0.01)


def test_a_name_is_never_given_to_nmap() -> None:
    """Nmap answers an unresolvable name with an empty result, so only numbers are scanned."""
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        run_nmap("app.test", [80], raw=False, seconds=5)


def test_ipv6_is_scanned_too() -> None:
    """The probe takes an IPv6 address as well."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port = listener.getsockname()[1]
        found = run_nmap("::1", [port], raw=False, seconds=10)

    assert found.ports[port].state == "open"


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("", "nmap failed on 127.0.0.1: it ended without printing anything"),
        ("echo all is well", "nmap failed on 127.0.0.1: all is well"),
        ("echo no memory >&2", "nmap failed on 127.0.0.1: no memory"),
        ("yes nonsense | head -n 9000", "…"),
    ],
    ids=["nothing", "nonsense", "an error", "much nonsense"],
)
def test_nmap_that_prints_no_answer_is_no_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, printed: str, words: str
) -> None:
    """An nmap that ends with 0 and answers nothing, or no XML, is inconclusive, in words and briefly."""
    program = tmp_path / "nmap"
    version = 'case "$*" in *-V*|*--version*) echo "Nmap version 7.93 ( https://nmap.org )"; exit 0;; esac'
    program.write_text(f"#!/bin/sh\n{version}\n{printed}\nexit 0\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setattr("nmap.nmap.subprocess.Popen", _instead(str(program)))

    with pytest.raises(ProbeError) as caught:
        run_nmap("127.0.0.1", [80], raw=False, seconds=5)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 400


def _instead(program: str) -> Any:
    """`Popen` that starts this program, whichever nmap was found."""
    start = subprocess.Popen

    def popen(command: list[str], *arguments: Any, **more: Any) -> Any:
        return start([program, *command[1:]], *arguments, **more)

    return popen
