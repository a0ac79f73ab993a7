"""The door: what it lets through, what it refuses, and that it resolves once."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from stagehold.environment.model import Environment, Production
from stagehold.errors import DeniedByProduction, NotAllowed, ProbeError, RunError
from stagehold.model import Traffic
from stagehold.network.door import Network
from stagehold.network.names import MAX_ADDRESSES, resolve_all
from stagehold.network.rules import normal, refuse_address, refuse_key, refuse_name, spki_pin

Describe = Callable[..., Environment]
APP = {"app": "https://app.example.test"}


def test_target_opens_its_ports_and_no_other(describe: Describe) -> None:
    """A target allows its own port and its plain port of all its names, at the pinned number."""
    network = Network.build(describe(APP), resolve=lambda _: ["192.0.2.7", "192.0.2.8", "192.0.2.7"])

    assert network.dial("app.example.test", 443) == "192.0.2.7"
    assert network.dial("APP.example.test.", 80) == "192.0.2.7"
    assert network.addresses("app.example.test") == ("192.0.2.7", "192.0.2.8")
    with pytest.raises(NotAllowed):
        network.dial("app.example.test", 5432)
    with pytest.raises(NotAllowed):
        network.dial("192.0.2.7", 443)
    with pytest.raises(NotAllowed):
        network.addresses("other.example.test")


def test_host_opens_every_port_of_its_addresses(describe: Describe) -> None:
    """A declared host may be scanned on all ports, by its literal addresses."""
    hosts = [{"name": "db", "ipv4": ["192.0.2.20"], "ipv6": ["2001:db8::20"]}]
    network = Network.build(describe(APP, hosts=hosts), resolve=lambda _: ["192.0.2.7"])

    assert network.dial("192.0.2.20", 65535) == "192.0.2.20"
    assert network.dial("[2001:DB8:0::20]", 1) == "2001:db8::20"


def test_names_are_resolved_once_and_never_after_a_load(describe: Describe, tmp_path: Path) -> None:
    """Each name is asked for once; a lane works from the dumped pins alone."""
    asked: list[str] = []

    def resolver(name: str) -> list[str]:
        asked.append(name)
        return ["192.0.2.7"]

    environment = describe({"app": "https://app.example.test", "api": "https://app.example.test:8443"})
    network = Network.build(environment, resolve=resolver)
    network.dump(tmp_path / "pins.json")
    loaded = Network.load(tmp_path / "pins.json", environment)

    assert asked == ["app.example.test"]
    assert loaded == network


def test_declared_addresses_are_not_looked_up(describe: Describe) -> None:
    """Where the environment pins a name, no resolver is asked, also for TLS endpoints of that name."""

    def resolver(name: str) -> list[str]:
        raise AssertionError(name)

    environment = describe(
        APP, addresses=("192.0.2.9",), tls={"endpoints": [{"host": "app.example.test", "port": 8443}]}
    )
    assert Network.build(environment, resolve=resolver).dial("app.example.test", 8443) == "192.0.2.9"


def test_name_that_does_not_resolve_is_a_problem_and_a_probe_error(describe: Describe, tmp_path: Path) -> None:
    """An unresolvable name is told by `plan` and inconclusive when used, also after a load."""

    def resolver(name: str) -> list[str]:
        raise OSError("no such name")

    environment = describe(APP)
    network = Network.build(environment, resolve=resolver)
    network.dump(tmp_path / "pins.json")

    assert "no such name" in network.entries[0].problem
    for each in (network, Network.load(tmp_path / "pins.json", environment)):
        with pytest.raises(ProbeError, match="no such name"):
            each.dial("app.example.test", 443)


def test_hanging_resolver_costs_bounded_time() -> None:
    """A resolver that never answers makes a problem after the bound and holds up nobody else."""

    def resolver(name: str) -> list[str]:
        if name == "slow.test":
            time.sleep(5)
        return ["192.0.2.1"]

    started = time.monotonic()
    found = resolve_all(["slow.test", "quick.test"], resolver, seconds=0.3)

    assert time.monotonic() - started < 2
    assert "within 0.3 s" in found["slow.test"].problem
    assert found["quick.test"].addresses == ("192.0.2.1",)


@pytest.mark.parametrize(
    "answer",
    [[], ["0.0.0.0"], ["::"], ["224.0.0.1"], ["not-an-address"], [f"192.0.2.{n}" for n in range(1, 19)]],
)
def test_useless_answers_are_problems(answer: list[str]) -> None:
    """No address, an address of no machine, or too many addresses cannot be used."""
    assert len(answer) != MAX_ADDRESSES
    assert resolve_all(["a.test"], lambda _: answer)["a.test"].problem


@pytest.mark.parametrize(
    "pins", ["", "{}", "[]", '{"schema": "stagehold/pins/1", "names": []}', '{"schema": "x", "names": {}}']
)
def test_unreadable_pins_stop_the_lane(describe: Describe, tmp_path: Path, pins: str) -> None:
    """A broken or foreign pins file is no reason to resolve again."""
    (tmp_path / "pins.json").write_text(pins)

    with pytest.raises(RunError):
        Network.load(tmp_path / "pins.json", describe(APP))


@pytest.mark.parametrize(
    ("production", "found"),
    [
        ({"hosts": ["app.example.test"]}, "192.0.2.7"),
        ({"hosts": ["*.EXAMPLE.test"]}, "192.0.2.7"),
        ({"hosts": ["*.example.test", "!staging.example.test"]}, "192.0.2.7"),
        ({"hosts": ["192.0.2.*"]}, "192.0.2.7"),
        ({"cidrs": ["192.0.2.0/24"]}, "192.0.2.7"),
        ({"cidrs": ["192.0.2.0/24"]}, "::ffff:192.0.2.7"),
        ({"cidrs": ["192.0.2.0/24"]}, "64:ff9b::192.0.2.7"),
        ({"cidrs": ["192.0.2.0/24"]}, "2002:c000:207::1"),
        ({"cidrs": ["::ffff:0:0/96"]}, "192.0.2.7"),
        ({"cidrs": ["2001:db8::/32"]}, "2001:db8::7"),
    ],
)
def test_production_is_refused_before_any_traffic(describe: Describe, production: dict[str, Any], found: str) -> None:
    """A name, or any spelling of an address, that deny.production matches stops the run at once."""
    with pytest.raises(DeniedByProduction):
        Network.build(describe(APP, deny={"production": production}), resolve=lambda _: [found])


def test_production_name_is_not_even_looked_up(describe: Describe) -> None:
    """A denied name is refused before its resolver is asked."""

    def resolver(name: str) -> list[str]:
        raise AssertionError(name)

    with pytest.raises(DeniedByProduction, match="app"):
        Network.build(describe(APP, deny={"production": {"hosts": ["app.example.*"]}}), resolve=resolver)


def test_server_name_of_an_endpoint_is_checked(describe: Describe) -> None:
    """SNI chooses a virtual host, so a production name is refused there too."""
    with pytest.raises(DeniedByProduction, match=r"www\.example\.test"):
        Network.build(
            describe(
                APP,
                tls={"endpoints": [{"host": "192.0.2.9", "sni": "www.example.test"}]},
                deny={"production": {"hosts": ["www.*"]}},
            ),
            resolve=lambda _: ["192.0.2.7"],
        )


def test_exception_opens_exactly_its_names() -> None:
    """`!` patterns except names from the patterns, and only those."""
    production = Production(hosts=("*.example.test", "!*.staging.example.test"))

    refuse_name(production, "app.staging.example.test")
    with pytest.raises(DeniedByProduction):
        refuse_name(production, "staging.example.test")


def test_denied_key_is_refused(authority: Any) -> None:
    """The key is recognised in whatever certificate; an unreadable certificate is refused too."""
    pem = authority.issue("key.test").read_bytes()

    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    denied = Production(spki=(spki_pin(der),))

    refuse_key(Production(), der)
    refuse_key(Production(spki=("sha256/" + "A" * 43 + "=",)), der)
    with pytest.raises(DeniedByProduction, match="sha256/"):
        refuse_key(denied, der)
    with pytest.raises(DeniedByProduction):
        refuse_key(denied, b"")


def test_traffic_needs_consent(describe: Describe) -> None:
    """Only consented classes pass."""
    network = Network.build(describe(APP, consent={"classes": ["evidence"]}), resolve=lambda _: ["192.0.2.7"])

    network.require(Traffic.EVIDENCE)
    with pytest.raises(NotAllowed, match="ordinary"):
        network.require(Traffic.ORDINARY)


@given(st.ip_addresses(v=4), st.integers(8, 32))
def test_no_spelling_of_a_denied_address_gets_through(address: Any, prefix: int) -> None:
    """Whatever way an IPv4 address is written as IPv6, its network denies it."""
    cidr = str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))
    packed = address.packed
    spellings = [
        str(address),
        f"::ffff:{address}",
        str(ipaddress.IPv6Address(ipaddress.IPv6Address("64:ff9b::").packed[:12] + packed)),
        str(ipaddress.IPv6Address(b"\x20\x02" + packed + b"\0" * 10)),
    ]
    for spelling in spellings:
        with pytest.raises(DeniedByProduction):
            refuse_address(Production(cidrs=(cidr,)), "x.test", spelling)


@given(st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){1,3}", fullmatch=True))
def test_normal_spelling_is_stable(name: str) -> None:
    """Case, a root dot and repetition do not change which host is meant."""
    assert normal(name.upper() + ".") == normal(name) == normal(normal(name)) == name
