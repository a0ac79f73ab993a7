"""Reading nmap's XML strictly, and the small judgements around a scan."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagehold.environment.model import Environment, Host, Vantage
from stagehold.errors import NotApplicable, ProbeError
from stagehold.network.door import Network
from stagehold.probes.ports import passes
from stagehold.probes.ports import scan as ports
from stagehold.probes.ports.agents import HERE
from stagehold.probes.ports.budget import PacketBudget
from stagehold.probes.ports.classes import DATABASE, MANAGEMENT, describe
from stagehold.probes.ports.facts import AddressPorts, PortScan
from stagehold.probes.ports.lies import tarpit
from stagehold.probes.ports.nmap_runs import NmapRun, PortState, port_ranges, read_ranges, read_xml
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


def answers(monkeypatch: pytest.MonkeyPatch, *seen: set[int]) -> list[list[int]]:
    """Let each pass over ports 1 to 9 answer `closed` for its set; returns what each pass was asked."""
    asked: list[list[int]] = []

    def fake(address: str, wanted: Iterable[int], **_: object) -> NmapRun:
        asked.append(list(wanted))
        closed = seen[len(asked) - 1]
        return NmapRun(
            address,
            {port: PortState("closed" if port in closed else "filtered", "") for port in asked[-1]},
            "",
            "nmap",
            1.0,
        )

    monkeypatch.setattr(passes, "run_nmap", fake)
    monkeypatch.setattr(passes, "ALL_PORTS", range(1, 10))
    return asked


def ask(seconds: float = 60) -> list[NmapRun]:
    return passes.ask_all(
        ADDRESS, agent=HERE, raw=False, end=time.monotonic() + seconds, budget=PacketBudget(1000), answering=0.0
    )


@pytest.mark.parametrize(
    ("seen", "asked"),
    [
        ([set(range(1, 10))], [9]),
        ([set(range(1, 9)), set(), set()], [9, 1, 1]),
        ([set(), set(), set()], [9, 9, 9]),
        ([{1, 2, 3}, {4, 5}, set()], [9, 6, 4]),
        ([{1, 2, 3}, {4, 5}, {6}, set()], [9, 6, 4, 3]),
        ([{1, 2, 3}, {4, 5}, {6, 7, 8, 9}], [9, 6, 4]),
    ],
)
def test_silent_ports_are_asked_until_none_answers_any_more(
    monkeypatch: pytest.MonkeyPatch, seen: list[set[int]], asked: list[int]
) -> None:
    """A port is silent only when it was asked three times and a whole pass over the silent ones found no new answer."""
    wanted = answers(monkeypatch, *seen)

    runs = ask()

    assert [len(ports) for ports in wanted] == asked == [len(run.ports) for run in runs]


def test_loss_without_end_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """While each pass still finds new answers, silence proves nothing."""
    answers(monkeypatch, {1}, {2}, {3}, {4}, {5}, {6}, {7})

    with pytest.raises(ProbeError, match="get lost"):
        ask()


def test_refusals_that_do_not_dwindle_are_limited_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that refuses as many connections in each pass limits them; the number a second is told."""
    answers(monkeypatch, *(set(range(n * 60, n * 60 + 60)) for n in range(3)))
    monkeypatch.setattr(passes, "ALL_PORTS", range(1, 1000))

    with pytest.raises(ProbeError, match="refuses only about 60 connections a second"):
        ask()


def test_refusals_that_dwindle_are_lost_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each pass finds a fraction of what the one before found, packets were lost and are caught up with."""
    answers(monkeypatch, set(range(1, 800)), set(range(800, 950)), set(range(950, 1000)))
    monkeypatch.setattr(passes, "ALL_PORTS", range(1, 1000))

    assert sum(len(run.in_state("closed")) for run in ask()) == 999


def test_time_that_is_used_up_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A further pass for which no time is left is not taken as done."""
    answers(monkeypatch, {1}, {2})

    with pytest.raises(ProbeError, match="time for scanning was used up"):
        ask(seconds=-1)


@pytest.mark.parametrize(("answering", "floor"), [(1.0, 0), (0.9, 0), (0.5, 2000), (0.01, 30000), (0.0, 30000)])
def test_no_rate_is_forced_on_answers(answering: float, floor: int) -> None:
    """Where most ports answer nmap keeps its own pace; the more are silent, the more of the lease is used."""
    assert passes.floor_rate(answering, 30000) == floor


def test_a_rate_that_was_too_high_is_not_forced_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a forced pass brings many answers after all, the next one is slower; after nmap's own pace none is."""
    rates: list[int] = []

    def fake(address: str, wanted: Iterable[int], *, min_rate: int = 0, **_: object) -> NmapRun:
        rates.append(min_rate)
        ports_asked = list(wanted)
        answered = set(ports_asked[: len(ports_asked) * 4 // 10]) if len(rates) == 1 else set()
        states = {port: PortState("closed" if port in answered else "filtered", "") for port in ports_asked}
        return NmapRun(address, states, "", "nmap", 1.0)

    monkeypatch.setattr(passes, "run_nmap", fake)
    for answering in (0.0, 1.0):
        passes.ask_all(
            ADDRESS,
            agent=HERE,
            raw=True,
            end=time.monotonic() + 60,
            budget=PacketBudget(30000),
            answering=answering,
        )
        assert rates == ([30000, 2500, 30000] if answering == 0.0 else [0, 30000, 30000])
        rates.clear()


def test_ports_that_fit_into_no_command_line_are_asked_in_pieces() -> None:
    """Every other port is a list too long for one argument; all of them are asked all the same."""
    parts = passes._parts(range(1, 65536, 2))

    assert len(parts) > 1
    assert all(len(port_ranges(part)) <= 100_000 for part in parts)
    assert [port for part in parts for port in part] == list(range(1, 65536, 2))


def test_leases_never_exceed_the_budget() -> None:
    """Six hosts scanned side by side have no more packets between them than were declared."""
    budget, held, most = PacketBudget(1000, hosts=6), [0], [0]
    lock = threading.Lock()

    def work() -> None:
        for _ in range(20):
            with budget.lease() as rate:
                with lock:
                    held[0] += rate
                    most[0] = max(most[0], held[0])
                time.sleep(0.001)
                with lock:
                    held[0] -= rate
        budget.done()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert not any(thread.is_alive() for thread in threads)
    assert 500 <= most[0] <= 1000


def test_the_last_host_has_the_whole_budget() -> None:
    """When the others are done, one host is scanned with everything."""
    budget = PacketBudget(1000, hosts=3)
    with budget.lease() as rate:
        assert rate == 333
    budget.done()
    budget.done()
    with budget.lease() as rate:
        assert rate == 1000


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

    def observe(_: object, address: str) -> AddressPorts:
        seen.append(address)
        return AddressPorts(address, states, frozenset(), ())

    monkeypatch.setattr(ports._Look, "at", observe)
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
