"""Approved port matrices and the ledger of firewall tests: what a run proposes, and what counts as approved."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from stagehold.environment.model import Host
from stagehold.errors import ProbeError
from stagehold.probes.ports.approval import Approval, OpenPort, compare, digest_of, observed, proposal, read_approval
from stagehold.probes.ports.facts import AddressPorts, PortScan
from stagehold.probes.ports.ledger import newest, read_ledger
from stagehold.probes.ports.nmap_runs import PortState, PortStates

TODAY = dt.date(2026, 11, 25)
NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)


def scan(*opens: int, declared: tuple[int, ...], name: str = "web", vantage: str = "external") -> PortScan:
    """One host of which these ports are open, and those are declared."""
    host = Host.model_validate(
        {
            "name": name,
            "ipv4": ["192.0.2.1"],
            "ports": [{"port": port, "from": ["external", "office"]} for port in declared],
        }
    )
    states = PortStates({port: PortState("open" if port in opens else "closed", "") for port in range(1, 65536)})
    return PortScan(host, vantage, (AddressPorts("192.0.2.1", states, frozenset(opens), ()),), 1.0)


def approved(tmp_path: Path, *scans: PortScan, **changes: str) -> Approval:
    """What somebody approved of these scans, with some lines of the file changed."""
    return read_approval(write(tmp_path, *scans, **changes), "stage", TODAY)


def write(tmp_path: Path, *scans: PortScan, **changes: str) -> Path:
    """The proposal of these scans with an approver in it, and further changes: key to its new value."""
    text = proposal("stage", observed(scans)[1], TODAY)
    for key, value in ({"approved_by": "Ada"} | changes).items():
        lines = [f"{key}: {value}" if line.startswith(f"{key}: ") else line for line in text.splitlines()]
        text = "\n".join(lines) + "\n"
    path = tmp_path / "ports.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_proposal_approves_nothing(tmp_path: Path) -> None:
    """What a run writes has no approver, and is refused as an approval until somebody is named in it."""
    with pytest.raises(ProbeError, match="approved_by"):
        approved(tmp_path, scan(443, declared=(443,)), approved_by='""')
    assert approved(tmp_path, scan(443, declared=(443,))).approved_by == "Ada"


def test_a_reviewed_proposal_holds_what_was_seen(tmp_path: Path) -> None:
    """Ports of every vantage come back out of the file, and hosts that show nothing have their row."""
    scans = (scan(443, 80, declared=(443,)), scan(declared=(), name="db"), scan(443, declared=(), vantage="office"))

    approval = approved(tmp_path, *scans)

    assert approval.ports == {
        OpenPort("external", "web", "192.0.2.1", 80),
        OpenPort("external", "web", "192.0.2.1", 443),
        OpenPort("office", "web", "192.0.2.1", 443),
    }
    assert [(row.vantage, row.host) for row in approval.matrix] == [
        ("external", "db"),
        ("external", "web"),
        ("office", "web"),
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"environment": "other"}, "is of the environment `other`"),
        ({"approved_by": '"  "'}, "names no approver"),
        ({"approved_on": '"2026-12-24"'}, "in the future"),
        ({"digest": f"sha256:{'0' * 64}"}, "was changed after its approval"),
        ({"schema": "port-approval/2"}, "is no approval"),
        ({"digest": "sha256:none"}, "is no approval"),
        ({"approved_on": '"soon"'}, "is no approval"),
    ],
)
def test_an_approval_with_a_flaw_is_none(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    """Another environment, nobody, the future, another matrix, and nonsense approve nothing."""
    with pytest.raises(ProbeError, match=words):
        approved(tmp_path, scan(443, declared=(443,)), **changes)


def test_a_port_that_is_added_by_hand_has_no_approval(tmp_path: Path) -> None:
    """The digest is of the matrix that was reviewed."""
    path = write(tmp_path, scan(443, declared=(443,)))
    path.write_text(path.read_text().replace("open: [443]", "open: [443, 5432]"))

    with pytest.raises(ProbeError, match="was changed after its approval"):
        read_approval(path, "stage", TODAY)


def test_no_file_is_no_approval(tmp_path: Path) -> None:
    """A missing file is told as one."""
    with pytest.raises(ProbeError, match="is no approval"):
        read_approval(tmp_path / "none.yaml", "stage", TODAY)


def test_the_digest_depends_on_nothing_but_the_ports() -> None:
    """The order of hosts and ports is none of its business; any port is."""
    web, other = scan(443, 80, declared=()), scan(22, declared=(), name="db")

    assert digest_of(observed([web, other])[1]) == digest_of(observed([other, web])[1])
    assert digest_of(observed([web])[1]) != digest_of(observed([scan(443, 81, declared=())])[1])


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (scan(443, declared=(443,)), scan(443, declared=(443,)), []),
        (
            scan(443, declared=(443,)),
            scan(80, 443, declared=(80, 443)),
            ["80 from `external` is open, not approved"],
        ),
        (
            scan(80, 443, declared=(80, 443)),
            scan(443, declared=(443,)),
            ["80 from `external` is approved, not decl"],
        ),
        (scan(443, declared=(443,)), scan(80, 443, declared=(443,)), []),  # undeclared: NET-001
        (scan(80, 443, declared=(80, 443)), scan(443, declared=(80, 443)), []),  # missing: NET-002
        (scan(443, declared=(443,)), scan(443, declared=(443,), name="new"), ["new 192.0.2.1", "web 192.0.2.1"]),
    ],
)
def test_differences_are_what_nobody_approved(tmp_path: Path, before: PortScan, now: PortScan, told: list[str]) -> None:
    """A port that was opened or closed and declared so is a difference; one that contradicts the description is not."""
    differences = compare([now], approved(tmp_path, before)).differences()

    assert len(differences) == len(told)
    assert all(words in difference for words, difference in zip(told, differences, strict=True))


def entry(**changes: object) -> dict[str, object]:
    """A test that counts, with changes."""
    return {
        "schema": "firewall-test/1",
        "environment": "stage",
        "finished": "2026-11-24T12:00:00+00:00",
        "vantage": "external",
        "complete": True,
        "hosts": ["web", "db"],
    } | changes


def last(tmp_path: Path, *entries: dict[str, object]) -> str:
    """When the newest test that counts was finished; empty for none."""
    path = tmp_path / "ledger.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in entries) + "\n")
    found = newest(read_ledger(path), "stage", "external", ["web", "db"], NOW)
    return found.finished.isoformat() if found else ""


@pytest.mark.parametrize(
    "flaw",
    [
        {"complete": False},
        {"environment": "production"},
        {"vantage": "office"},
        {"hosts": ["web"]},
    ],
)
def test_a_test_with_a_gap_does_not_count(tmp_path: Path, flaw: dict[str, object]) -> None:
    """A partial test, one of another environment or place, and one without a host leave the older one the newest."""
    older = entry(finished="2026-11-01T12:00:00+00:00")

    assert last(tmp_path, entry(**flaw)) == ""
    assert last(tmp_path, older, entry(**flaw)) == "2026-11-01T12:00:00+00:00"


def test_the_newest_counts_wherever_it_stands(tmp_path: Path) -> None:
    """Ledgers that were merged may be out of order; further hosts do no harm."""
    wide = entry(hosts=["web", "db", "old"])

    assert last(tmp_path, wide, entry(finished="2026-11-01T12:00:00+00:00")) == "2026-11-24T12:00:00+00:00"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"complete": "yes, nearly"}, "complete"),
        ({"finished": "yesterday"}, "finished"),
        ({"finished": "2026-11-24T12:00:00"}, "finished"),
        ({"hosts": []}, "hosts"),
        ({"schema": "firewall-test/9"}, "schema"),
        ({"more": 1}, "more"),
    ],
)
def test_a_line_that_is_no_test_makes_the_ledger_unreadable(
    tmp_path: Path, line: dict[str, object], words: str
) -> None:
    """Whatever a line leaves open, nothing is concluded from the others."""
    with pytest.raises(ProbeError, match=rf"ledger.jsonl:2 is no firewall test: .*{words}"):
        last(tmp_path, entry(), entry(**line))


def test_tests_of_the_future_are_a_wrong_clock(tmp_path: Path) -> None:
    """A date that has not come yet proves no test."""
    with pytest.raises(ProbeError, match="in the future"):
        last(tmp_path, entry(finished="2026-11-25T12:10:00+00:00"))


def test_no_ledger_is_no_test(tmp_path: Path) -> None:
    """A missing file is told as one."""
    with pytest.raises(ProbeError, match="cannot be read"):
        read_ledger(tmp_path / "none.jsonl")
