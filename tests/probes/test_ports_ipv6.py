"""Exposure over IPv6: which addresses are looked at, and that nothing passes without having been looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagehold.environment.model import Environment
from stagehold.errors import NotApplicable, ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.probes.ports.classes import DATABASE, MANAGEMENT, OFTEN_APPLICATIONS
from stagehold.probes.ports.facts import AddressPorts, PortScan
from stagehold.probes.ports.ipv6 import NameAnswer, names_of, require_ipv6, require_route
from stagehold.probes.ports.nmap_runs import UNREACHABLE, PortState, unreachable
from tests.probes.judged import outcomes
from tests.probes.tls_servers import fresh_address

ROOT = Path(__file__).parents[2]
FOUR, OTHER_FOUR, SIX, OTHER_SIX = "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"


@pytest.mark.parametrize(
    ("scene", "outcome"),
    [
        ("sound", "passed"),
        ("database", "failed"),
        ("management", "failed"),
        ("else", "failed"),
        ("missing", "failed"),
        ("no ipv6", "inconclusive"),
        ("no route", "inconclusive"),
        ("dead", "inconclusive"),
    ],
)
def test_ipv6_is_judged_where_it_can_be_seen(scene: str, outcome: str) -> None:
    """What listens on `[::]` only is seen; a machine without IPv6, without a route, or a dead address never passes."""
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-P", "-m", "tests.probes.ipv6_stage", scene],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == outcome


def environment(*hosts: dict[str, object], **more: object) -> Environment:
    document: dict[str, object] = {
        "environment": {"id": "test"},
        "targets": [{"name": "web", "base_url": "https://app.test"}],
        "hosts": [{"name": f"h{n}", **host} for n, host in enumerate(hosts)],
        "consent": {"classes": ["ordinary", "intrusive"]},
    }
    return Environment.model_validate(document | more)


def answer(*addresses: str) -> NameAnswer:
    return NameAnswer("app.test", addresses, pinned=False)


@pytest.mark.parametrize(
    ("hosts", "answers", "expected"),
    [
        ([{"ipv4": [FOUR], "ipv6": [SIX]}], [answer(FOUR, SIX)], (SIX,)),
        ([{"ipv4": [FOUR], "ipv6": ["2001:DB8:0::1"]}], [answer(FOUR, SIX)], (SIX,)),
        ([{"ipv4": [FOUR], "ipv6": [SIX]}], [answer(FOUR)], (SIX,)),
        ([{"ipv6": [SIX, OTHER_SIX]}], [answer(SIX)], (SIX, OTHER_SIX)),
        ([{"ipv4": [FOUR]}], [answer(FOUR)], NotApplicable),
        ([{"ipv4": [FOUR]}], [], NotApplicable),
        ([{"ipv4": [FOUR]}], [answer(FOUR, SIX)], Uncovered),
        ([{"ipv4": [FOUR]}], [answer(SIX)], Uncovered),
        ([{"ipv4": [FOUR], "ipv6": [SIX]}], [answer(FOUR, OTHER_SIX)], Uncovered),
        # The address is another host's, by its declaration or by its IPv4 neighbour.
        ([{"ipv4": [FOUR]}, {"ipv4": [OTHER_FOUR], "ipv6": [SIX]}], [answer(OTHER_FOUR, SIX)], NotApplicable),
        ([{"ipv4": [FOUR]}, {"ipv4": [OTHER_FOUR]}], [answer(OTHER_FOUR, SIX)], NotApplicable),
        ([{"ipv4": [FOUR]}, {"ipv4": [OTHER_FOUR]}], [answer(FOUR, OTHER_FOUR, SIX)], Uncovered),
    ],
)
def test_every_ipv6_address_of_a_name_must_be_declared(
    hosts: list[dict[str, object]], answers: list[NameAnswer], expected: tuple[str, ...] | type[Exception]
) -> None:
    """An address that DNS knows and no host declares is not configured; none at all is not applicable."""
    described = environment(*hosts)

    if isinstance(expected, tuple):
        assert require_ipv6(described.hosts[0], described, answers) == expected
    else:
        with pytest.raises(expected):
            require_ipv6(described.hosts[0], described, answers)


@given(
    declared=st.lists(st.sampled_from([SIX, OTHER_SIX]), unique=True),
    answered=st.lists(st.sampled_from([FOUR, SIX, OTHER_SIX, "2001:db8::3"]), unique=True, min_size=1),
)
def test_no_address_of_the_only_host_is_forgotten(declared: list[str], answered: list[str]) -> None:
    """Whatever DNS answers, either each IPv6 address is among those that are scanned, or nothing passes."""
    described = environment({"ipv4": [FOUR], "ipv6": declared})

    try:
        scanned = require_ipv6(described.hosts[0], described, [answer(*answered)])
    except Uncovered:
        return
    except NotApplicable:
        scanned = ()
    assert {address for address in answered if ":" in address} <= set(scanned)


def test_names_are_told_with_where_they_are_known_from() -> None:
    """Targets, their other names and TLS endpoints are asked for; what the description pins is not looked up."""
    described = environment(
        {"ipv4": [FOUR]},
        targets=[
            {"name": "web", "base_url": "https://app.test", "hostnames": ["app.test", "www.test"]},
            {"name": "api", "base_url": "https://api.test", "addresses": [OTHER_FOUR]},
        ],
        tls={"endpoints": [{"host": "mail.test", "port": 465}]},
    )
    network = Network.build(described, resolve=lambda name: [FOUR, SIX] if name == "www.test" else [FOUR])
    found = names_of(network, described)

    assert {(one.name, one.ipv6, one.pinned) for one in found} == {
        ("app.test", (), False),
        ("www.test", (SIX,), False),
        ("api.test", (), True),
        ("mail.test", (), False),
    }


def test_a_name_that_does_not_resolve_is_not_one_without_ipv6() -> None:
    """No answer of DNS is an error, not the absence of an address."""
    described = environment({"ipv4": [FOUR]})

    def resolve(_: str) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(ProbeError):
        names_of(Network.build(described, resolve=resolve), described)


def test_an_address_that_nobody_routes_is_inconclusive() -> None:
    """This machine says so before anything is sent."""
    with pytest.raises(ProbeError, match="cannot look at"):
        require_route(["fe80::1234"])


@pytest.mark.parametrize("reason", sorted(UNREACHABLE))
@pytest.mark.parametrize("others", ["no-response", ""])
def test_a_router_that_says_unreachable_is_no_firewall(reason: str, others: str) -> None:
    """Also when it says so for some ports only, because it limits its messages: then nothing is proven closed."""
    states = {port: PortState("filtered", reason if not others or port % 7 == 0 else others) for port in range(1, 50)}

    assert unreachable(states) == reason
    assert unreachable({**states, 99: PortState("closed", "reset")}) == ""


CLOSED = {port: PortState("closed", "") for port in range(1, 65536)}


def scan(ports: list[dict[str, object]], *opens: int) -> PortScan:
    host = environment({"ipv4": [fresh_address()], "ports": ports}).hosts[0]
    run = AddressPorts(host.ipv4[0], CLOSED | {port: PortState("open", "") for port in opens}, frozenset(opens), ())
    return PortScan(host, "external", (run,), 1.0)


EVERYWHERE, INSIDE = ["external", "internal"], ["internal"]


@pytest.mark.parametrize(
    ("ports", "opens", "failed"),
    [
        ([{"port": 443}], [443], set()),
        ([], [], set()),
        ([{"port": 443}], [443, 8443], {"NET-001"}),
        ([{"port": 443}], [443, 22], {"NET-004"}),
        ([{"port": 443}], [443, 3306], {"NET-003"}),
        ([{"port": 443}], [], {"NET-002"}),
        # Written down as anything else, a management port stays one.
        ([{"port": 22}], [22], {"NET-004"}),
        ([{"port": 22, "class": "app", "from": EVERYWHERE}], [22], {"NET-004"}),
        ([{"port": 22, "class": "management"}], [22], {"NET-004"}),
        ([{"port": 22, "class": "management", "from": INSIDE}], [22], {"NET-004"}),
        ([{"port": 22, "class": "management", "from": EVERYWHERE}], [22], set()),
        ([{"port": 4433, "class": "management"}], [4433], {"NET-004"}),
        ([{"port": 4433, "class": "management", "from": INSIDE}], [4433], {"NET-004"}),
        # UDP allows nothing for TCP.
        ([{"port": 161, "proto": "udp", "class": "management", "from": EVERYWHERE}], [161], {"NET-004"}),
        ([{"port": 8443, "proto": "udp"}], [8443], {"NET-001"}),
        # A number that applications use as well is believed where it is written out.
        ([{"port": 9000}], [9000], {"NET-004"}),
        ([{"port": 9000, "class": "app"}], [9000], set()),
        ([{"port": 9000, "class": "app", "from": INSIDE}], [9000], {"NET-001"}),
        ([{"port": 10250, "class": "app"}], [10250], {"NET-004"}),
        # A database is one, whatever else it is called.
        ([{"port": 5432, "class": "app"}], [5432], {"NET-003"}),
        ([{"port": 5432, "class": "management", "from": EVERYWHERE}], [5432], {"NET-003"}),
        ([{"port": 9090, "class": "db", "from": EVERYWHERE}], [9090], {"NET-003"}),
        ([{"port": 7777, "class": "db", "from": INSIDE}], [7777], {"NET-003"}),
    ],
)
def test_an_open_port_fails_the_check_of_its_class(
    ports: list[dict[str, object]], opens: list[int], failed: set[str]
) -> None:
    """Every open port that must not be is told by exactly one check, and over IPv6 all of them by one."""
    found = scan(ports, *opens)
    told = outcomes("ports", {"port_scan": found})

    assert {check for check, outcome in told.items() if outcome == "failed"} == failed
    assert bool(found.surplus()) is bool(failed - {"NET-002"})


@settings(deadline=None, max_examples=30)
@given(st.sets(st.integers(1, 65535) | st.sampled_from(sorted({**DATABASE, **MANAGEMENT})), min_size=1, max_size=5))
def test_no_open_port_falls_between_the_classes(opens: set[int]) -> None:
    """On a host that declares nothing, each open port is in exactly one of the three classes."""
    found = scan([], *opens)
    told = outcomes("ports", {"port_scan": found})
    classes = {
        "NET-003": opens & DATABASE.keys(),
        "NET-004": opens & MANAGEMENT.keys(),
        "NET-001": opens - DATABASE.keys() - MANAGEMENT.keys(),
    }

    assert {check for check in classes if told[check] == "failed"} == {check for check, some in classes.items() if some}
    assert {port for _, port in found.surplus()} == opens


def test_the_classes_hold_the_catalogues_ports() -> None:
    """The default ports of the catalogue's databases and management interfaces are all there."""
    assert DATABASE.keys() >= {1433, 1434, 1521, 3306, 33060, 5432, 6379, 9042, 9200, 11211, 27017, 50000}
    assert MANAGEMENT.keys() >= {22, 23, 161, 445, 623, 2375, 2376, 3389, 5900, 5985, 6443, 10250, 15672}
    assert MANAGEMENT.keys() > OFTEN_APPLICATIONS
