"""The one door to the network: what may be contacted, at which pinned number, and what never.

`build` resolves each declared name once, before any traffic; lanes `load` the pins and never resolve again.
Whoever sends anything asks `dial` (or `addresses`, for scans of declared hosts) for a number first.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stagehold.environment.model import Environment, Production, Target
from stagehold.errors import NotAllowed, ProbeError, RunError
from stagehold.model import Traffic
from stagehold.network.names import Resolution, Resolver, resolve_all, system_resolver, usable
from stagehold.network.rules import normal, refuse_address, refuse_key, refuse_name
from stagehold.network.silence import Silence

PINS_SCHEMA = "stagehold/pins/1"


@dataclass(frozen=True)
class AllowEntry:
    """One thing that may be contacted. `port` None means every port (scans of a declared host)."""

    host: str
    addresses: tuple[str, ...]
    port: int | None
    purpose: str
    problem: str = ""
    """Why the name cannot be used; using the entry raises ProbeError with these words."""


@dataclass(frozen=True)
class _Wanted:
    """An entry before its name is resolved."""

    host: str
    port: int | None
    purpose: str
    pins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    """The allow-list derived from an environment, with the deny list and the consent that limit it."""

    entries: tuple[AllowEntry, ...]
    production: Production
    consent: frozenset[Traffic]
    silence: Silence = field(default_factory=Silence, compare=False)
    """What places have said to this process so far."""

    @classmethod
    def build(cls, environment: Environment, resolve: Resolver = system_resolver) -> Network:
        """Resolve every declared name once and refuse what is production.

        Raises:
            DeniedByProduction: a declared name, or an address of one, matches `deny.production`.
        """
        production = environment.deny.production
        wanted = tuple(_wanted(environment))
        # Names first: a production name is not even looked up.
        for endpoint in environment.tls_endpoints:
            refuse_name(production, endpoint.name)
        for item in wanted:
            refuse_name(production, item.host)
        pinned = _declared_pins(wanted)
        resolved = resolve_all({item.host for item in wanted if item.host not in pinned}, resolve)
        entries = tuple(_entry(item, pinned, resolved) for item in wanted)
        for entry in entries:
            for address in entry.addresses:
                refuse_address(production, entry.host, address)
        return cls(
            entries=tuple(dict.fromkeys(entries)),
            production=production,
            consent=frozenset(environment.consent.classes),
        )

    @classmethod
    def load(cls, path: Path, environment: Environment) -> Network:
        """The network of the run that wrote `path`, without resolving anything.

        Raises:
            RunError: the file is unreadable or knows nothing of a name of this environment.
            DeniedByProduction: as for `build`.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            schema = document["schema"]
            pins = {
                str(name): Resolution(tuple(map(str, pin["addresses"])), str(pin["problem"]))
                for name, pin in document["names"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"the pinned addresses in {path} cannot be read: {error}") from error
        if schema != PINS_SCHEMA:
            raise RunError(f"{path} has schema {schema!r}, expected {PINS_SCHEMA!r}")

        def recorded(name: str) -> tuple[str, ...]:
            pin = pins.get(name)
            if pin is None:
                raise OSError(f"{path.name} does not know it")
            if pin.problem:
                raise OSError(pin.problem)
            return pin.addresses

        return cls.build(environment, resolve=recorded)

    def dump(self, path: Path) -> None:
        """Write the pins for `load`."""
        names = {
            host: {
                "addresses": list(dict.fromkeys(a for e in self.entries if e.host == host for a in e.addresses)),
                "problem": next(e.problem for e in self.entries if e.host == host),
            }
            for host in dict.fromkeys(e.host for e in self.entries)
        }
        path.write_text(json.dumps({"schema": PINS_SCHEMA, "names": names}, indent=2) + "\n", encoding="utf-8")

    def addresses(self, host: str) -> tuple[str, ...]:
        """All pinned numbers of a declared name or literal address.

        Raises:
            NotAllowed: it is not declared.
            DeniedByProduction: it is production.
            ProbeError: the name did not resolve.
        """
        return self._numbers(host, [e for e in self.entries if e.host == normal(host)], normal(host))

    def declares(self, host: str, port: int) -> bool:
        """Whether this host and port belong to the environment; says nothing about production or consent."""
        return any(entry.host == normal(host) and entry.port in {None, port} for entry in self.entries)

    def dial(self, host: str, port: int) -> str:
        """The number to connect to for a declared host and port (errors as for `addresses`)."""
        name = normal(host)
        entries = [e for e in self.entries if e.host == name and e.port in {None, port}]
        return self._numbers(host, entries, f"{name} port {port}")[0]

    def connect(self, host: str, port: int, *, seconds: float, address: str | None = None) -> socket.socket:
        """A TCP connection through the door, with `seconds` as its timeout.

        Args:
            host: a declared name or literal address.
            port: a declared port of it.
            seconds: for connecting; stays the socket's timeout.
            address: one of several pinned numbers of `host`; default: the first.

        Raises:
            NotAllowed, DeniedByProduction: as for `dial`.
            ProbeError: the connection could not be made, in words, or the place is known to say nothing.
        """
        first = self.dial(host, port)
        if address is not None and address not in self.addresses(host):
            raise NotAllowed(f"{address} is not a pinned address of {host}")
        number = address or first
        self.silence.require_hope((number, port))
        try:
            return socket.create_connection((number, port), timeout=max(seconds, 0.001))
        except TimeoutError as error:
            raise ProbeError(f"{host} ({number}) port {port} did not accept a connection in time") from error
        except OSError as error:
            why = error.strerror or str(error)
            raise ProbeError(f"no connection to {host} ({number}) port {port}: {why}") from error

    def datagrams(self, host: str, port: int, *, address: str) -> socket.socket:
        """A UDP socket through the door, connected to one of the pinned numbers of `host`: it hears nobody else.

        Raises:
            NotAllowed, DeniedByProduction: as for `dial`.
            ProbeError: there is no way to the address, in words.
        """
        self.dial(host, port)
        if address not in self.addresses(host):
            raise NotAllowed(f"{address} is not a pinned address of {host}")
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            made.connect((address, port))
        except OSError as error:
            made.close()
            raise ProbeError(f"no way to {host} ({address}) UDP port {port}: {error.strerror or error}") from error
        return made

    def require(self, traffic: Traffic) -> None:
        """Raise NotAllowed unless the environment has consented to this class of traffic."""
        if traffic not in self.consent:
            raise NotAllowed(
                f"the environment has not consented to {traffic.value} traffic",
                remedy=f"Add `{traffic.value}` to `consent.classes` when its owner agrees.",
            )

    def check_name(self, host: str) -> None:
        """Raise DeniedByProduction for a name that is sent (Host header, SNI) without being dialled."""
        refuse_name(self.production, host)

    def refuse_production(self, host: str, resolve: Resolver = system_resolver) -> None:
        """Raise DeniedByProduction for a machine of our own, such as an agent, that is production all the same.

        A name that does not resolve here is judged as a name only.
        """
        refuse_name(self.production, host)
        for address in resolve_all({normal(host)}, resolve)[normal(host)].addresses:
            refuse_address(self.production, host, address)

    def check_certificate(self, der: bytes) -> None:
        """Raise DeniedByProduction when the DER leaf certificate holds a denied key."""
        refuse_key(self.production, der)

    def check_key_at(self, host: str, port: int, *, seconds: float = 5.0) -> None:
        """Look at the certificate a TLS listener shows and refuse a denied key; nothing is sent over it.

        For tools whose handshake cannot be observed, such as a browser. Does nothing while no key is denied.
        """
        if not self.production.spki:
            return
        context = ssl.create_default_context()
        # The certificate is only compared with the deny list here; whoever sends data verifies it.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with self.connect(host, port, seconds=seconds) as raw:
            try:
                with context.wrap_socket(raw, server_hostname=host) as tls:
                    self.check_certificate(tls.getpeercert(binary_form=True) or b"")
            except OSError as error:
                raise ProbeError(f"the key of {host} port {port} cannot be seen: {error}") from error

    def _numbers(self, host: str, entries: list[AllowEntry], what: str) -> tuple[str, ...]:
        self.check_name(host)
        if not entries:
            raise NotAllowed(
                f"{what} is not in the allow-list of this environment",
                remedy="Declare it as a target, host or TLS endpoint if it belongs to the environment.",
            )
        found = tuple(dict.fromkeys(address for entry in entries for address in entry.addresses))
        if not found:
            raise ProbeError(f"{host}: {entries[0].problem}")
        for address in found:
            refuse_address(self.production, host, address)
        return found


def _wanted(environment: Environment) -> Iterable[_Wanted]:
    for target in environment.targets:
        yield from _wanted_by(target)
    for host in environment.hosts:
        for address in (*host.ipv4, *host.ipv6):
            yield _Wanted(normal(address), None, f"host {host.name}")
    for endpoint in environment.tls_endpoints:
        yield _Wanted(normal(endpoint.host), endpoint.port, "TLS endpoint", endpoint.addresses)
    for name, port in environment.tls.crl_hosts:
        yield _Wanted(normal(name), port, "revocation lists")
    for name, vantage in environment.vantage.items():
        if vantage.witness_place is not None:
            witness, port = vantage.witness_place
            yield _Wanted(normal(witness), port, f"witness of vantage {name}")
    for zone in environment.dns.zones:
        for server in zone.servers:
            yield _Wanted(normal(server.host), server.port, f"name server of {zone.origin}", server.addresses)


def _wanted_by(target: Target) -> Iterable[_Wanted]:
    ports = {target.port: "", target.plain_port: " (plain HTTP)"}
    for port, note in ports.items():
        if port is None:
            continue
        for name in dict.fromkeys((target.host, *target.names)):
            yield _Wanted(normal(name), port, f"target {target.name}{note}", target.addresses)
        for origin in target.origin_addresses:
            yield _Wanted(normal(origin), port, f"origin of target {target.name}{note}", (origin,))


def _declared_pins(wanted: Iterable[_Wanted]) -> dict[str, Resolution]:
    """Addresses declared for a name anywhere hold for that name everywhere; nothing is looked up for it."""
    declared: dict[str, list[str]] = {}
    for item in wanted:
        declared.setdefault(item.host, []).extend(item.pins)
    return {host: usable(pins) for host, pins in declared.items() if pins}


def _entry(item: _Wanted, pinned: Mapping[str, Resolution], resolved: Mapping[str, Resolution]) -> AllowEntry:
    found = usable(item.pins) if item.pins else pinned.get(item.host) or resolved[item.host]
    return AllowEntry(item.host, found.addresses, item.port, item.purpose, found.problem)
