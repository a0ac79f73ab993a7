"""A survey: every host measured once, side by side, and only what is complete is proposed for approval."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.context import LaneContext
from stagehold.environment.model import Environment, Host
from stagehold.errors import ProbeError
from stagehold.gate.progress import Progress
from stagehold.model import ExpectedCheck
from stagehold.network.door import Network
from stagehold.plugin.ports import _write_proposal
from stagehold.probes.ports import survey as surveys
from stagehold.probes.ports.approval import PROPOSAL, read_approval
from stagehold.probes.ports.budget import PacketBudget
from stagehold.probes.ports.facts import AddressPorts, PortScan
from stagehold.probes.ports.ledger import ENTRY, newest, read_ledger
from stagehold.probes.ports.nmap_runs import PortState, PortStates
from stagehold.probes.ports.survey import Survey, addresses_of

CLOSED = PortStates(dict.fromkeys(range(1, 65536), PortState("closed", "reset")))


def described(*names: str) -> Environment:
    """Hosts of both versions of IP."""
    hosts = [
        {"name": name, "ipv4": [f"192.0.2.{n}"], "ipv6": [f"2001:db8::{n}"]} for n, name in enumerate(names, start=1)
    ]
    return Environment.model_validate(
        {
            "environment": {"id": "e"},
            "targets": [{"name": "web", "base_url": "https://192.0.2.200"}],
            "hosts": hosts,
            "consent": {"classes": ["intrusive"]},
        }
    )


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """What was scanned: a host named `dead` cannot be, every other one takes a moment and shows nothing."""
    done: list[tuple[str, tuple[str, ...]]] = []

    def scan(_n: Network, _e: Environment, host: Host, *, addresses: tuple[str, ...], **_: Any) -> PortScan:
        time.sleep(0.05)
        done.append((host.name, addresses))
        if host.name == "dead":
            raise ProbeError("a dead route")
        return PortScan(host, "external", tuple(AddressPorts(a, CLOSED, frozenset(), ()) for a in addresses), 0.0)

    monkeypatch.setattr(surveys, "scan_host", scan)
    return done


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[Environment], Survey]]:
    """Makes surveys that are closed at the end."""
    made: list[Survey] = []

    def make(environment: Environment) -> Survey:
        made.append(Survey(Network.build(environment), environment, tmp_path))
        return made[-1]

    yield make
    for survey in made:
        survey.close()


def test_a_host_is_measured_once_whoever_asks(
    begin: Callable[[Environment], Survey], scans: list[tuple[str, tuple[str, ...]]]
) -> None:
    """All hosts are begun when the first is asked for, and nobody's second question sends anything."""
    environment = described("web", "db")
    survey = begin(environment)

    first = survey.tcp(environment.hosts[1])
    assert survey.tcp(environment.hosts[1]) is first
    survey.tcp(environment.hosts[0])

    assert sorted(scans) == [("db", ("192.0.2.2",)), ("web", ("192.0.2.1",))]


def test_hosts_are_scanned_side_by_side_and_not_all_at_once(
    begin: Callable[[Environment], Survey], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six hosts at a time, within one budget."""
    lock, now, most, budgets = threading.Lock(), [0], [0], set()

    def scan(_n: Network, _e: Environment, host: Host, *, budget: PacketBudget, **_: Any) -> PortScan:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
            budgets.add(id(budget))
        time.sleep(0.05)
        with lock:
            now[0] -= 1
        return PortScan(host, "external", (), 0.0)

    monkeypatch.setattr(surveys, "scan_host", scan)
    environment = described(*(f"host{n}" for n in range(12)))
    survey = begin(environment)
    for host in environment.hosts:
        survey.tcp(host)

    assert most[0] == 6
    assert len(budgets) == 1


@pytest.mark.usefixtures("scans")
def test_only_what_is_complete_is_told(begin: Callable[[Environment], Survey]) -> None:
    """Without every host over every version of IP, from every vantage, there is no matrix."""
    environment = described("web", "db")
    survey = begin(environment)

    assert survey.complete(["external"]) == ()
    for host in environment.hosts:
        survey.tcp(host)
    assert survey.complete(["external"]) == ()  # nobody has looked over IPv6
    for host in environment.hosts:
        survey.tcp(host, version="6")
    assert len(survey.complete(["external"])) == 4
    assert survey.complete(["external", "office"]) == ()


@pytest.mark.usefixtures("scans")
def test_one_scan_that_failed_makes_the_matrix_incomplete(begin: Callable[[Environment], Survey]) -> None:
    """Its reason is told to everybody who asks, each time, and nothing is proposed."""
    environment = described("web", "dead")
    survey = begin(environment)
    for version in ("4", "6"):
        survey.tcp(environment.hosts[0], version=version)
        for _ in range(2):
            with pytest.raises(ProbeError, match="a dead route"):
                survey.tcp(environment.hosts[1], version=version)

    assert survey.complete(["external"]) == ()


def test_versions_of_ip_are_apart() -> None:
    """A rule for one says nothing of the other, so each has its own scan."""
    host = described("web").hosts[0]

    assert addresses_of(host, "4") == ("192.0.2.1",)
    assert addresses_of(host, "6") == ("2001:db8::1",)
    assert addresses_of(host, "46") == ("192.0.2.1", "2001:db8::1")


def lane(environment: Environment, run_folder: Path) -> LaneContext:
    """What the plug-in knows of a run."""
    return LaneContext(
        environment=environment,
        folder=run_folder,
        network=Network.build(environment),
        environment_file=run_folder / "environment.yaml",
        run_folder=run_folder,
        run_id="r",
        profile="release",
        suites={},
    )


@pytest.mark.usefixtures("scans")
def test_a_complete_run_leaves_a_proposal_and_a_line_for_the_ledger(
    begin: Callable[[Environment], Survey], tmp_path: Path
) -> None:
    """The proposal approves nothing until somebody is named in it; the line counts as a test of all hosts."""
    environment = described("web", "db")
    survey = begin(environment)
    for version in ("4", "6"):
        for host in environment.hosts:
            survey.tcp(host, version=version)

    _write_proposal(lane(environment, tmp_path), survey)

    path, now = tmp_path / PROPOSAL, dt.datetime.now(dt.UTC)
    with pytest.raises(ProbeError, match="approved_by"):
        read_approval(path, "e", now.date())
    path.write_text(path.read_text().replace('approved_by: ""', "approved_by: Ada"))
    approval = read_approval(path, "e", now.date())
    assert [(row.host, row.address, row.open) for row in approval.matrix] == [
        ("db", "192.0.2.2", ()),
        ("db", "2001:db8::2", ()),
        ("web", "192.0.2.1", ()),
        ("web", "2001:db8::1", ()),
    ]
    test = newest(read_ledger(tmp_path / ENTRY), "e", "external", ["web", "db"], now)
    assert test is not None
    assert test.digest == approval.digest


@pytest.mark.usefixtures("scans")
def test_a_run_with_a_gap_leaves_neither(begin: Callable[[Environment], Survey], tmp_path: Path) -> None:
    """A host that could not be scanned to the end keeps everything from being proposed or counted."""
    environment = described("web", "dead")
    survey = begin(environment)
    for host in environment.hosts:
        with contextlib.suppress(ProbeError):
            survey.tcp(host)
            survey.tcp(host, version="6")

    _write_proposal(lane(environment, tmp_path), survey)

    assert list(tmp_path.iterdir()) == []


def test_people_see_how_far_a_scan_is() -> None:
    """Each pass over a host is a line where there is no terminal, from the events that the lane reports."""
    (spec,) = (spec for spec in read_catalogue(shipped_suites()) if spec.id == "NET-001")
    shown = io.StringIO()
    progress = Progress([ExpectedCheck(spec=spec, cases=("web",))], Console(file=shown, width=200))
    note = "web from external: pass 1 over 65,535 ports of 192.0.2.1"
    with progress:
        progress.take({"event": "progress", "suite": "ports", "note": note})
        progress.tick([])

    assert "ports        web from external: pass 1 over 65,535 ports of 192.0.2.1" in shown.getvalue()
