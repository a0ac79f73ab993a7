"""Reading nmap's XML strictly, and the small judgements around a scan."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagehold.environment.model import Environment, Host, Vantage
from stagehold.errors import NotApplicable, ProbeError
from stagehold.network.door import Network
from stagehold.probes.ports import scan as ports
from stagehold.probes.ports.classes import DATABASE, MANAGEMENT, describe
from stagehold.probes.ports.facts import AddressPorts, PortScan
from stagehold.probes.ports.nmap_runs import NmapRun, PortState, port_ranges, read_ranges, read_xml
from stagehold.probes.ports.scan import tarpit
from stagehold.probes.ports.vantage import require_vantage

ADDRESS = "192.0.2.1"
GOOD = f"""<nmaprun version="7.93"><host><status state="up" reason="user-set"/>
<address addr="{ADDRESS}" addrtype="ipv4"/><ports>
<extraports state="closed" count="8"><extrareasons reason="reset" count="8" proto="tcp" ports="1-2,4-9"/></extraports>
<port protocol="tcp" portid="3"><state state="open" reason="syn-ack"/></port>
<port protocol="tcp" portid="10"><state state="filtered" reason="no-response"/></port>
</ports></host><runstats><finished exit="success"/></runstats></nmaprun>"""


def test_every_port_gets_its_state_and_reason() -> None:
    """Single ports and summarised ones are read alike."""
    states, tool = read_xml(GOOD, ADDRESS, range(1, 11))

    assert states[3] == PortState("open", "syn-ack")
    assert states[10] == PortState("filtered", "no-response")
    assert {states[port] for port in (1, 2, 4, 9)} == {PortState("closed", "reset")}
    assert tool == "nmap 7.93"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('exit="success"', 'exit="error" errormsg="no route"', "did not end well on .*no route"),
        ('<runstats><finished exit="success"/></runstats>', "", "did not end well"),
        (f'addr="{ADDRESS}"', 'addr="192.0.2.2"', "not about"),
        ('state="up"', 'state="down"', "down"),
        ("<host>", '<host timedout="true">', "time limit"),
        ('portid="3"', 'portid="11"', "1 of 10 ports missing, 1 not asked for"),
        ('portid="3"', 'portid="4"', "twice"),
        ('<port protocol="tcp" portid="3"><state state="open" reason="syn-ack"/></port>', "", "incomplete"),
        ('count="8" proto', 'count="7" proto', "does not add up"),
        ('<extraports state="closed" count="8">', '<extraports state="closed" count="9">', "does not add up"),
        (' ports="1-2,4-9"', "", "does not add up"),
        ('state="filtered"', 'state="open|filtered"', "undecided"),
        ("</nmaprun>", "", "cannot be read"),
        ("<host>", "<hosts>", "cannot be read"),
    ],
)
def test_an_answer_with_a_hole_is_refused(old: str, new: str, words: str) -> None:
    """Whatever nmap leaves open, doubles or does not finish makes the scan a ProbeError."""
    assert old in GOOD

    with pytest.raises(ProbeError, match=words):
        read_xml(GOOD.replace(old, new), ADDRESS, range(1, 11))


@given(st.sets(st.integers(1, 65535), min_size=1))
def test_ranges_are_written_and_read_alike(ports: set[int]) -> None:
    """Ports survive nmap's notation."""
    assert read_ranges(port_ranges(sorted(ports))) == sorted(ports)


def answers(monkeypatch: pytest.MonkeyPatch, *passes: set[int]) -> list[list[int]]:
    """Let each pass over ports 1 to 9 answer `closed` for its set; returns what each pass was asked."""
    asked: list[list[int]] = []

    def fake(address: str, wanted: Iterable[int], **_: object) -> NmapRun:
        asked.append(list(wanted))
        seen = passes[len(asked) - 1]
        return NmapRun(
            address,
            {port: PortState("closed" if port in seen else "filtered", "") for port in asked[-1]},
            "",
            "nmap",
            0.0,
        )

    monkeypatch.setattr(ports, "run_nmap", fake)
    monkeypatch.setattr(ports, "ALL_PORTS", range(1, 10))
    return asked


@pytest.mark.parametrize(
    ("passes", "asked"),
    [
        ([set(range(1, 10))], [9]),
        ([set(range(1, 9)), set()], [9, 1]),
        ([set(), set()], [9, 9]),
        ([{1, 2, 3}, {4, 5}, set()], [9, 6, 4]),
        ([{1, 2, 3}, {4, 5}, {6, 7, 8, 9}], [9, 6, 4]),
    ],
)
def test_silent_ports_are_asked_until_none_answers_any_more(
    monkeypatch: pytest.MonkeyPatch, passes: list[set[int]], asked: list[int]
) -> None:
    """A port is silent only when a whole pass over the silent ones found no new answer."""
    seen = answers(monkeypatch, *passes)

    runs = ports._passes(ADDRESS, time.monotonic() + 60, 1000)

    assert [len(wanted) for wanted in seen] == asked == [len(run.ports) for run in runs]


def test_loss_without_end_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """While each pass still finds new answers, silence proves nothing."""
    answers(monkeypatch, {1}, {2}, {3}, {4}, {5}, {6})

    with pytest.raises(ProbeError, match="get lost"):
        ports._passes(ADDRESS, time.monotonic() + 60, 1000)


def test_time_that_is_used_up_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A further pass for which no time is left is not taken as done."""
    answers(monkeypatch, {1}, {2})

    with pytest.raises(ProbeError, match="time for scanning was used up"):
        ports._passes(ADDRESS, time.monotonic() - 1, 1000)


@pytest.mark.parametrize(("count", "told"), [(0, False), (100, False), (101, True), (65535, True)])
def test_too_many_open_ports_are_no_inventory(count: int, told: bool) -> None:
    """More than a hundred undeclared open ports are something that answers for everybody."""
    assert bool(tarpit(ADDRESS, set(range(1, count + 1)))) is told


HOST = Host.model_validate(
    {
        "name": "web",
        "ipv4": [ADDRESS],
        "ports": [
            {"port": 443, "service": "https"},
            {"port": 8080, "from": ["internal"]},
            {"port": 161, "proto": "udp"},
            {"port": 7777, "class": "db", "from": ["internal"]},
        ],
    }
)


def scan(*opens: int, host: Host = HOST, vantage: str = "external") -> PortScan:
    seen = {port: PortState("open" if port in opens else "closed", "") for port in range(1, 65536)}
    return PortScan(host, vantage, (AddressPorts(ADDRESS, seen, frozenset(opens), ()),), 1.0)


def test_every_declared_address_is_scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's IPv6 address may be filtered by other rules than its IPv4 one: both are looked at."""
    environment = Environment.model_validate(
        {
            "environment": {"id": "e"},
            "targets": [{"name": "web", "base_url": "https://192.0.2.9"}],
            "hosts": [{"name": "db", "ipv4": [ADDRESS], "ipv6": ["2001:db8::1"]}],
            "consent": {"classes": ["intrusive"]},
        }
    )
    states = {port: PortState("closed", "reset") for port in range(1, 65536)}
    seen: list[str] = []

    def observe(_network: Network, _environment: Environment, _host: Host, address: str, *_: object) -> AddressPorts:
        seen.append(address)
        return AddressPorts(address, states, frozenset(), ())

    monkeypatch.setattr(ports, "_scan_address", observe)
    found = ports.scan_host(Network.build(environment), environment, environment.hosts[0])

    assert seen == [ADDRESS, "2001:db8::1"]
    assert [one.address for one in found.addresses] == seen


def test_declarations_count_for_their_vantage_only() -> None:
    """Declared are the TCP ports of this vantage; UDP and those of other vantages are not."""
    assert scan().declared == {443}
    assert scan(vantage="internal").declared == {8080, 7777}
    assert scan().not_open_at(scan().required) == ((ADDRESS, 443, "closed"),)
    with pytest.raises(NotApplicable):
        assert scan(vantage="admin").required


def test_database_ports_are_the_usual_and_the_declared_ones() -> None:
    """A port declared as a database's counts as one, whoever it is declared for."""
    assert scan(443, 5432, 7777).open_at(scan().database_class) == ((ADDRESS, 5432), (ADDRESS, 7777))


def test_what_is_shown_names_ports_and_reproduces() -> None:
    """Rows tell expected and observed; command lines ask for just these ports."""
    found = scan(443, 5432)

    assert (HOST.name, ADDRESS, 443, "open", "open", "") in found.matrix()
    assert (HOST.name, ADDRESS, 5432, "not open", "open", "") in found.matrix()
    assert found.name(443) == "443 (https)"
    assert found.name(5432) == "5432 (PostgreSQL)"
    assert found.reproduction([(ADDRESS, 5432), (ADDRESS, 80)]) == f"nmap -Pn -n -p 80,5432 {ADDRESS}"
    assert found.reproduction([]) == f"nmap -Pn -n -p- {ADDRESS}"


def test_port_classes_are_disjoint() -> None:
    """No port belongs to two classes, and an unknown one is just a number."""
    assert not DATABASE.keys() & MANAGEMENT.keys()
    assert describe(65000) == "65000"


def test_the_local_vantage_is_anywhere(tmp_path: Path) -> None:
    """`local` asks for nothing."""
    require_vantage("external", Vantage(), tmp_path)


def test_a_namespace_of_ones_own_is_the_vantage(tmp_path: Path) -> None:
    """A process of this very namespace stands for the right vantage."""
    (tmp_path / "vantage.pid").write_text(f"{os.getpid()}\n")

    require_vantage("external", Vantage(agent="netns:vantage.pid"), tmp_path)


def test_another_namespace_is_not_the_vantage(tmp_path: Path) -> None:
    """A scan from a place other than the declared one proves nothing."""
    script = "echo up; exec sleep 30"
    with subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", script], stdout=subprocess.PIPE
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"up\n"
            (tmp_path / "vantage.pid").write_text(str(other.pid))
            with pytest.raises(ProbeError, match="another network namespace"):
                require_vantage("external", Vantage(agent="netns:vantage.pid"), tmp_path)
        finally:
            other.kill()


@pytest.mark.parametrize("content", [None, "", "nobody", "99999999"])
def test_a_vantage_that_is_gone_is_not_the_vantage(tmp_path: Path, content: str | None) -> None:
    """A missing file, nonsense, or a process that ended is inconclusive."""
    if content is not None:
        (tmp_path / "vantage.pid").write_text(content)

    with pytest.raises(ProbeError, match="cannot be found"):
        require_vantage("external", Vantage(agent="netns:vantage.pid"), tmp_path)
