"""Groups and primes of key exchange: every accepted one is found, and what was not seen is not absent."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagehold.environment.model import TlsEndpoint
from stagehold.errors import NotApplicable, ProbeError
from stagehold.probes.tls.exchanges import EndpointExchanges, KeyExchanges, accepted_groups, accepted_sizes, old_groups
from stagehold.probes.tls.facts import AddressScan, TlsScan
from stagehold.probes.tls.groups import ELLIPTIC_SUITES, FINITE_SUITES, GROUPS, OLD_GROUPS, TLS13_SUITES, group_name
from stagehold.probes.tls.hello import client_hello
from stagehold.probes.tls.server_answer import Chosen, Declined, NotTlsError, read_server_answer
from stagehold.probes.tls.suites import BROKEN, SOUND
from tests.probes.profiles import DEFAULT_PROFILE
from tests.probes.test_tls_offers import alert, hello_message, reader, record

X25519, P256, P384, P224, K256 = 0x1D, 0x17, 0x18, 0x15, 0x16
REFUSES, HANGS_UP = Declined("alert 40", certain=True), Declined("hung up", certain=False)
APPROVED = DEFAULT_PROFILE.rules.group_names


@dataclass
class Server:
    """Likes groups in an order of its own; its certificate's curve, if it has one, must be offered along."""

    groups: Sequence[int]
    own: int | None = None
    declines: Declined = REFUSES
    silent_after: int = 10**6
    asked: int = 0

    def __call__(self, offered: Sequence[int]) -> Chosen | Declined:
        self.asked += 1
        if self.asked > self.silent_after or (self.own is not None and self.own not in offered):
            return self.declines
        chosen = next((group for group in self.groups if group in offered), None)
        return self.declines if chosen is None else Chosen(0xC02B, 0x0303, chosen)


@given(st.lists(st.sampled_from(sorted(GROUPS)), unique=True), st.sampled_from([REFUSES]))
def test_every_group_of_a_server_is_found(groups: list[int], declines: Declined) -> None:
    """In the server's order, whatever it likes."""
    assert accepted_groups(Server(groups, declines=declines)) == tuple(groups)


@given(st.lists(st.sampled_from([P256, P384, X25519, P224, K256]), unique=True, min_size=1), st.booleans())
def test_what_a_client_could_get_beside_the_certificates_curve_is_found(groups: list[int], resets: bool) -> None:
    """Everything that the server likes better than the curve of its own key; no client gets the others."""
    own = groups[len(groups) // 2]
    found = accepted_groups(Server(groups, own, HANGS_UP if resets else REFUSES))

    assert found == tuple(groups[: groups.index(own) + 1])


@pytest.mark.parametrize("declines", [HANGS_UP, REFUSES])
def test_a_server_that_shuts_us_out_is_not_one_without_groups(declines: Declined) -> None:
    """When what was accepted before is declined as well, the rest is not known."""
    with pytest.raises(ProbeError, match="accepted before"):
        accepted_groups(Server([X25519, P256], declines=declines, silent_after=2))


def test_a_server_without_curves_says_so() -> None:
    """An alert about the offer is an answer; a hang-up at the first offer is none."""
    assert accepted_groups(Server([])) == ()
    with pytest.raises(ProbeError):
        accepted_groups(Server([], declines=HANGS_UP))


def test_a_curve_that_was_not_offered_is_told() -> None:
    """A server that ignores the list, or describes a curve of its own, does not go on for ever."""
    assert accepted_groups(lambda _: Chosen(0xC02B, 0x0303, 0)) == (0,)
    assert "of its own making" in group_name(0)
    with pytest.raises(ProbeError, match="names no group"):
        accepted_groups(lambda _: Chosen(0xC02B, 0x0303, None))


@given(st.lists(st.sampled_from(sorted(OLD_GROUPS)), unique=True), st.sampled_from([REFUSES, HANGS_UP]))
def test_groups_that_tls_13_does_not_know_are_found_where_they_are_accepted(groups: list[int], no: Declined) -> None:
    """Asked by themselves; who declines them has none, whatever the form."""
    assert old_groups(Server(groups, declines=no)) == tuple(groups)
    assert old_groups(lambda _: Chosen(0x1301, 0x0304, 0)) == (0,)


def test_a_client_of_tls_13_alone_offers_no_group_that_it_must_not_offer() -> None:
    """A strict server refuses those, which would look like a refusal of everything."""
    alone, beside = (client_hello("app.test", versions, SOUND) for versions in (["TLS 1.3"], ["TLS 1.3", "TLS 1.2"]))

    assert not set(offered_groups(alone)) & set(OLD_GROUPS)
    assert set(offered_groups(beside)) & set(OLD_GROUPS)


def offered_groups(hello: bytes) -> tuple[int, ...]:
    """Of the extension `supported_groups`, which is the second one here."""
    start = hello.index(b"\x00\x0a", hello.index(b"app.test"))
    size = int.from_bytes(hello[start + 4 : start + 6], "big")
    return struct.unpack(f"!{size // 2}H", hello[start + 6 : start + 6 + size])


@dataclass
class Fields:
    """Accepts finite-field suites with the size of their prime, and others."""

    bits: dict[int, int]
    others: bool = True
    declines: Declined = REFUSES

    def __call__(self, offered: Sequence[int]) -> Chosen | Declined:
        for suite, bits in self.bits.items():
            if suite in offered:
                return Chosen(suite, 0x0303, bits=bits)
        return Chosen(0xC02B, 0x0303) if self.others and 0xC02B in offered else self.declines


@given(st.dictionaries(st.sampled_from(FINITE_SUITES), st.integers(512, 4096), max_size=5), st.booleans())
def test_every_prime_is_found(bits: dict[int, int], resets: bool) -> None:
    """Of each suite, with servers that send alerts and with those that hang up."""
    assert accepted_sizes(Fields(bits, declines=HANGS_UP if resets else REFUSES)) == bits


def test_no_prime_beside_nothing_at_all_is_not_known() -> None:
    """A server that declines suites of all sorts has not declined DHE."""
    with pytest.raises(ProbeError, match="all sorts"):
        accepted_sizes(Fields({}, others=False))
    with pytest.raises(ProbeError, match="names no size"):
        accepted_sizes(lambda _: Chosen(FINITE_SUITES[0], 0x0303))


def endpoint(**addresses: KeyExchanges) -> EndpointExchanges:
    return EndpointExchanges(addresses)


KNOWN = KeyExchanges({"TLS 1.2": ("P-256",), "TLS 1.3": ("X25519", "X25519MLKEM768")}, {FINITE_SUITES[0]: 2048})
WEAK = KeyExchanges({"TLS 1.2": ("P-256", "secp224r1")}, {FINITE_SUITES[0]: 2047, FINITE_SUITES[1]: 1024})
NONE = KeyExchanges({"TLS 1.2": ()})
UNSEEN = KeyExchanges({"TLS 1.2": ("P-256",)}, group_gaps=("no answer",), dh_gaps=("no answer",))


@pytest.mark.parametrize(
    ("exchanges", "groups", "primes"),
    [
        (endpoint(a=KNOWN), 0, 0),
        (endpoint(a=KNOWN, b=WEAK), 1, 2),
        (endpoint(a=UNSEEN, b=WEAK), 1, 2),
        (endpoint(a=KNOWN, b=NONE), 0, 0),
        (endpoint(a=NONE), NotApplicable, 0),
        (endpoint(a=KNOWN, b=UNSEEN), ProbeError, ProbeError),
        (endpoint(), ProbeError, ProbeError),
    ],
)
def test_one_bad_address_is_enough_and_an_unseen_one_too(
    exchanges: EndpointExchanges, groups: int | type[Exception], primes: int | type[Exception]
) -> None:
    """What is wrong somewhere is wrong; nothing found passes only where everything was seen."""
    asked: list[tuple[Callable[[], tuple[str, ...]], int | type[Exception]]] = [
        (lambda: exchanges.unapproved(APPROVED), groups),
        (lambda: exchanges.small_primes(2048), primes),
    ]
    for ask, expected in asked:
        if isinstance(expected, int):
            assert len(ask()) == expected
        else:
            with pytest.raises(expected):
                ask()


@pytest.mark.parametrize("one", [AddressScan("192.0.2.1"), AddressScan("192.0.2.1", problem="no connection")])
def test_exchanges_that_were_not_looked_at_are_not_known(one: AddressScan) -> None:
    """A scan without them, or without a connection, is an error when they are asked for."""
    with pytest.raises(ProbeError):
        TlsScan(TlsEndpoint(host="app.test"), (one,)).exchanges.small_primes(2048)


def curve(kind: int, group: int) -> bytes:
    return message(12, bytes([kind]) + struct.pack("!H", group) + b"\x04abcd")


def prime(bits: int) -> bytes:
    value = (1 << bits - 1).to_bytes((bits + 7) // 8, "big")
    return message(12, struct.pack("!H", len(value)) + value + b"\0\1\2")


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


HELLO = hello_message(0xC02B)
CERTIFICATE, STATUS, DONE = message(11, bytes(900)), message(22, b"\1\0\0\0"), message(14, b"")


@pytest.mark.parametrize(
    ("flight", "elliptic", "group", "bits"),
    [
        (HELLO + CERTIFICATE + curve(3, P256), True, P256, None),
        (HELLO + CERTIFICATE + STATUS + curve(3, P224), True, P224, None),
        (HELLO + curve(3, P256), True, P256, None),
        (HELLO + CERTIFICATE + curve(1, 9), True, 0, None),
        (HELLO + CERTIFICATE + prime(1024), False, None, 1024),
        (HELLO + CERTIFICATE + prime(2047), False, None, 2047),
    ],
)
@pytest.mark.parametrize("size", [40, 400, 16000])
def test_the_key_exchange_is_read(flight: bytes, elliptic: bool, group: int, bits: int, size: int) -> None:
    """Past the certificate, across records of any size."""
    data = b"".join(record(22, flight[at : at + size]) for at in range(0, len(flight), size))
    found = read_server_answer(reader(data), elliptic=elliptic)

    assert found == Chosen(0xC02B, 0x0303, group, bits)


@pytest.mark.parametrize(
    "data",
    [
        record(22, HELLO + CERTIFICATE),
        record(22, HELLO + CERTIFICATE + DONE),
        record(22, HELLO) + alert(40),
        record(22, HELLO + message(12, b"\3")),
        record(22, HELLO + b"\x0b\xff\xff\xff"),
        record(22, HELLO + CERTIFICATE[:100]),
    ],
)
def test_a_flight_without_a_key_exchange_is_no_answer(data: bytes) -> None:
    """A server that breaks off, or exchanges keys otherwise, has named no group."""
    with pytest.raises(NotTlsError):
        read_server_answer(reader(data), elliptic=True)


def test_tls_13_names_its_group_in_the_hello() -> None:
    """In a HelloRetryRequest, which needs no key of the client."""
    body = struct.pack("!H", 0x0303) + bytes(32) + b"\0" + struct.pack("!HB", 0x1301, 0)
    body += struct.pack("!HHHHHHH", 12, 43, 2, 0x0304, 51, 2, K256)

    assert read_server_answer(reader(record(22, message(2, body))), elliptic=True) == Chosen(0x1301, 0x0304, K256)


def test_groups_are_offered_in_tls_13_without_a_key() -> None:
    """So that the server has to say which it wants."""
    hello = client_hello("app.test", ["TLS 1.3"], TLS13_SUITES, [P224])

    assert struct.pack("!HHHH", 10, 4, 2, P224) in hello
    assert struct.pack("!HHH", 51, 2, 0) in hello


def test_the_suites_offered_are_of_their_kind() -> None:
    """No suite is in two lists, and none of them is broken."""
    lists = (*ELLIPTIC_SUITES, *FINITE_SUITES, *TLS13_SUITES)

    assert len(lists) == len(set(lists))
    assert set(lists) <= set(SOUND)
    assert not set(lists) & BROKEN.keys()
    assert set(APPROVED) <= set(GROUPS.values())
