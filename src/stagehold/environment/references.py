"""Whether the names in an environment mean something: accounts, targets, flows, vantages, commitments."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagehold.documents.nodes import Document
from stagehold.documents.problems import FileError, Path, did_you_mean, listed
from stagehold.environment.access import Request, TokenFlow
from stagehold.environment.matrix_references import wrong_matrix
from stagehold.environment.model import Environment
from stagehold.environment.placeholders import wrong_placeholders

if TYPE_CHECKING:
    from stagehold.statement import Statement

STEERING = re.compile(
    r"env:(PYTEST|PYTHON|ALLURE|LD_|LOCUST|NODE_|PLAYWRIGHT|SSL|OPENSSL|REQUESTS_|CURL_|HTTPS?_PROXY|ALL_PROXY|NO_PROXY"
    r"|STAGEHOLD|(PATH|HOME|IFS|ENV|BASH_ENV|TMPDIR|LANG|TZ|USER|SHELL)$)",
    re.IGNORECASE,
)


def wrong_references(
    document: Document, environment: Environment, broken: AbstractSet[str], statement: Statement | None
) -> list[FileError]:
    """Everything that names what does not exist, exists twice or contradicts itself.

    Args:
        document: the file, for the places.
        environment: its sound sections.
        broken: sections that have errors of their own; names that would stand there are not complained about.
        statement: the statement in force, None when it could not be read.
    """
    judge = _Judge(document, environment, broken)
    found = [
        *judge.doubles(),
        *judge.targets(),
        *judge.hosts(),
        *judge.zones(),
        *judge.people(),
        *judge.variables(),
        *judge.access(),
        *wrong_matrix(document, ("access_matrix",), environment, broken),
        *judge.records(),
        *judge.hooks(),
        *judge.fixtures(),
        *judge.placeholders(),
        *judge.journeys(),
        *judge.load(),
    ]
    if statement is not None:
        found += judge.commitments(statement)
    return found


@dataclass(frozen=True, slots=True)
class _Judge:
    document: Document
    environment: Environment
    broken: AbstractSet[str]

    def doubles(self) -> Iterator[FileError]:
        """Names that stand for two things."""
        env = self.environment
        yield from self._unique("targets", "name", [t.name for t in env.targets])
        yield from self._unique("hosts", "name", [h.name for h in env.hosts])
        yield from self._unique("accounts", "alias", [a.alias for a in env.accounts])
        yield from self._unique("fixtures", "name", [f.name for f in env.fixtures])
        yield from self._unique("journeys", "name", [j.name for j in env.journeys])
        if env.load is not None:
            yield from self._unique("load.requests", "name", [r.name for r in env.load.requests])
        owners: dict[str, str] = {}
        for i, host in enumerate(env.hosts):
            ports: set[tuple[int, str]] = set()
            for j, port in enumerate(host.ports):
                if (port.port, port.proto) in ports:
                    path: Path = ("hosts", i, "ports", j, "port")
                    yield self._wrong(path, f"{port.proto} port {port.port} is declared twice")
                ports.add((port.port, port.proto))
            for family, addresses in (("ipv4", host.ipv4), ("ipv6", host.ipv6)):
                for j, address in enumerate(addresses):
                    if (":" in address) != (family == "ipv6"):
                        yield self._wrong(("hosts", i, family, j), f"{address} is no {family} address")
                    if address in owners:
                        where: Path = ("hosts", i, family, j)
                        yield self._wrong(where, f"{address} already belongs to host `{owners[address]}`")
                    owners.setdefault(address, host.name)

    def targets(self) -> Iterator[FileError]:
        """Hosts of URLs against the names and addresses declared for them."""
        for i, target in enumerate(self.environment.targets):
            if target.hostnames and target.host not in target.hostnames:
                yield self._wrong(
                    ("targets", i, "hostnames"),
                    f"does not hold `{target.host}`, the host of base_url",
                    expected="every name users type, the one of base_url among them",
                )
            if target.addresses and _is_address(target.host) and target.host not in target.addresses:
                yield self._wrong(
                    ("targets", i, "addresses"),
                    f"lacks {target.host}, the address in base_url",
                    expected="that address, or no such key",
                )
            for j, origin in enumerate(target.origin_addresses):
                if origin in target.addresses:
                    where: Path = ("targets", i, "origin_addresses", j)
                    yield self._wrong(where, f"{origin} is also an address of the target, which nothing stands before")
            if target.http_port is not None and target.http_port == target.port:
                yield self._wrong(("targets", i, "http_port"), "is the port of base_url; one port cannot speak both")
        probe = self.environment.release.version_probe
        if probe is not None:
            yield from self._target(("release", "version_probe", "target"), probe.target)

    def hosts(self) -> Iterator[FileError]:
        """Vantages that ports are meant to be reachable from."""
        known = self.environment.vantage
        if "external" in known and known["external"].agent.startswith("ssh:"):
            yield self._wrong(
                ("vantage", "external", "agent"),
                "everything else is looked at from this machine, so `external` cannot be another one",
                expected="`local` or `netns:FILE`; run stagehold where `external` is",
            )
        for i, host in enumerate(self.environment.hosts):
            for j, port in enumerate(host.ports):
                for k, name in enumerate(port.from_):
                    path: Path = ("hosts", i, "ports", j, "from", k)
                    yield from self._known(path, "vantage", name, known, "vantage")

    def zones(self) -> Iterator[FileError]:
        """Zones of DNS: each once, each server once, and no target among the names that are to stay unknown."""
        zones = self.environment.dns.zones
        yield from self._unique("dns.zones", "name", [zone.origin for zone in zones])
        hosts = {target.name: target.host.lower() for target in self.environment.targets}
        for i, zone in enumerate(zones):
            places: set[tuple[str, int]] = set()
            for j, server in enumerate(zone.servers):
                place = (server.host.lower().rstrip("."), server.port)
                if place in places:
                    where: Path = ("dns", "zones", i, "servers", j)
                    yield self._wrong(where, f"{server.host} port {server.port} is declared twice")
                places.add(place)
            for j, name in enumerate(zone.internal_names):
                for target, host in hosts.items():
                    if zone.full(name) == host:
                        inner: Path = ("dns", "zones", i, "internal_names", j)
                        yield self._wrong(inner, f"{host} is the host of target `{target}`, which users must find")

    def people(self) -> Iterator[FileError]:
        """Flows and accounts."""
        env = self.environment
        standard = {account.user for account in env.accounts if account.pool == "standard"}
        for name, flow in env.flows.items():
            yield from self._target(("flows", name, "target"), flow.target)
            if isinstance(flow, TokenFlow):
                text = _text(flow.login)
                for placeholder in ("{user}", "{password}"):
                    if placeholder not in text:
                        yield self._wrong(("flows", name, "login"), f"{placeholder} does not occur in it")
        for i, account in enumerate(env.accounts):
            path: Path = ("accounts", i)
            yield from self._known((*path, "flow"), "flows", account.flow, env.flows, "flow")
            companies = env.tenancy.companies if env.tenancy else {}
            if account.company is not None:
                yield from self._known((*path, "company"), "tenancy", account.company, companies, "company")
            if account.pool == "sacrificial" and account.user in standard:
                yield self._wrong(
                    (*path, "user"),
                    f"`{account.user}` is also the user of a standard account, which would be locked with it",
                    expected="a user of its own",
                )
            if account.pool == "sacrificial" and not account.lock_ok:
                yield self._wrong(
                    (*path, "pool"),
                    f"account `{account.alias}` is sacrificial but not marked as one that may be locked out",
                    expected="lock_ok: true",
                )
            if account.pool == "standard" and account.lock_ok:
                yield self._wrong(
                    (*path, "lock_ok"),
                    f"account `{account.alias}` may be locked out but is in the standard pool",
                    expected="pool: sacrificial",
                )

    def variables(self) -> Iterator[FileError]:
        """Variables that steer programs are no secrets; handing them to the checks would steer those."""
        declared: list[tuple[Path, str]] = [
            (("accounts", i, "password_ref"), account.password_ref)
            for i, account in enumerate(self.environment.accounts)
        ]
        declared.append((("release", "expected_digest"), self.environment.release.expected_digest or ""))
        for path, reference in declared:
            if STEERING.match(reference):
                yield self._wrong(
                    path, f"{reference} steers programs and cannot hold a secret", "a variable of its own"
                )

    def access(self) -> Iterator[FileError]:
        """Inventory and denial styles."""
        env = self.environment
        if env.inventory is not None:
            yield from self._target(("inventory", "target"), env.inventory.target)
        for name in env.denial:
            yield from self._target(("denial", name), name, key=True)

    def records(self) -> Iterator[FileError]:
        """Who is asked for records about the environment, and as whom."""
        for i, record in enumerate(self.environment.evidence.environment):
            path: Path = ("evidence", "environment", i)
            if record.target is not None:
                yield from self._target((*path, "target"), record.target)
            if record.account is not None:
                yield from self._account((*path, "account"), record.account)

    def hooks(self) -> Iterator[FileError]:
        """Where errors are provoked, and as whom."""
        forced = self.environment.hooks.force_error
        if forced is not None:
            yield from self._target(("hooks", "force_error", "target"), forced.target)
            if forced.account is not None:
                yield from self._account(("hooks", "force_error", "account"), forced.account)

    def fixtures(self) -> Iterator[FileError]:
        """Canary objects: owners, targets, and the placeholders without which they prove nothing."""
        for i, fixture in enumerate(self.environment.fixtures):
            path: Path = ("fixtures", i)
            yield from self._target((*path, "target"), fixture.target)
            yield from self._account((*path, "owner"), fixture.owner)
            if "{canary}" not in _text(fixture.create):
                yield self._wrong(
                    (*path, "create"),
                    "{canary} does not occur in it",
                    expected="a text field that holds {canary}",
                )
            about: list[tuple[Path, Request]] = [((*path, "read"), fixture.read)]
            about += [((*path, "writes", j), write) for j, write in enumerate(fixture.writes)]
            for place, request in about:
                if "{id}" not in _text(request):
                    yield self._wrong(place, "{id} does not occur in it, so it cannot be about the object")
            for j, write in enumerate(fixture.writes):
                if write.method in {"GET", "HEAD"}:
                    yield self._wrong((*path, "writes", j, "method"), f"{write.method} does not write")
            owner = next((a for a in self.environment.accounts if a.alias == fixture.owner), None)
            if owner is not None and owner.company is None:
                yield self._wrong(
                    (*path, "owner"),
                    f"account `{fixture.owner}` has no company, so nobody can be foreign to it",
                )

    def placeholders(self) -> Iterator[FileError]:
        """Placeholders that get no value."""
        for path, message, expected, hint in wrong_placeholders(self.environment):
            yield self.document.error(path, message, expected=expected, hint=hint)

    def journeys(self) -> Iterator[FileError]:
        """What people do, and as whom."""
        for i, journey in enumerate(self.environment.journeys):
            path: Path = ("journeys", i)
            yield from self._target((*path, "target"), journey.target)
            yield from self._account((*path, "account"), journey.account)
            if journey.result is not None and journey.result.account is not None:
                yield from self._account((*path, "result", "account"), journey.result.account)

    def load(self) -> Iterator[FileError]:
        """The load plan, its profile and its objectives."""
        env, plan = self.environment, self.environment.load
        if plan is None:
            if "load_profile" in env.policy.model_fields_set and "load" not in self.broken:
                yield self._wrong(("policy", "load_profile"), "names a load profile, but there is no `load`")
            return
        yield from self._target(("load", "target"), plan.target)
        for i, request in enumerate(plan.requests):
            if request.account is not None:
                yield from self._account(("load", "requests", i, "account"), request.account)
        if plan.books is not None:
            yield from self._account(("load", "books", "account"), plan.books.account)
        path: Path = ("policy", "load_profile")
        yield from self._known(path, "load", env.policy.load_profile, plan.profiles, "load profile")
        names = {"default", *(request.name for request in plan.requests)}
        for limit in ("p95_ms", "p99_ms"):
            for name in getattr(env.slo, limit, {}):
                yield from self._known(("slo", limit, name), "load", name, names, "request", key=True)

    def commitments(self, statement: Statement) -> Iterator[FileError]:
        """Commitments that are required must be promised."""
        required = self.environment.policy.required_commitments
        path: Path = ("policy", "required_commitments")
        if required is None:
            return
        if not required:
            yield self._wrong(path, "requires nothing", expected="at least one commitment, or no such key for all")
        for i, name in enumerate(required):
            yield from self._known((*path, i), "statement", name, statement.ids, "commitment")
            if name in required[:i]:
                yield self._wrong((*path, i), f"`{name}` is named twice")

    def _target(self, path: Path, name: str, *, key: bool = False) -> Iterator[FileError]:
        known = [target.name for target in self.environment.targets]
        yield from self._known(path, "targets", name, known, "target", key=key)

    def _account(self, path: Path, alias: str) -> Iterator[FileError]:
        pools = {account.alias: account.pool for account in self.environment.accounts}
        if "accounts" not in self.broken and pools.get(alias) == "sacrificial":
            yield self._wrong(path, f"account `{alias}` is sacrificial and may be locked at any time",
                              expected="an account of the standard pool")  # fmt: skip
            return
        standard = [name for name, pool in pools.items() if pool == "standard"]
        yield from self._known(path, "accounts", alias, standard, "account")

    def _known(
        self, path: Path, section: str, name: str, known: Iterable[str] | Mapping[str, object], what: str,
        *, key: bool = False,
    ) -> Iterator[FileError]:  # fmt: skip
        names = list(known)
        if name in names or section in self.broken:
            return
        yield self.document.error(
            path,
            f"there is no {what} `{name}`",
            key=key,
            expected=listed(names),
            hint=did_you_mean(name, names),
        )

    def _unique(self, section: str, field: str, names: list[str]) -> Iterator[FileError]:
        prefix: Path = tuple(section.split("."))
        first: dict[str, int] = {}
        for i, name in enumerate(names):
            path: Path = (*prefix, i, field)
            if name in first:
                yield self._wrong(path, f"`{name}` is already on line {first[name]}", expected="each name once")
            first.setdefault(name, self.document.place(path).line)

    def _wrong(self, path: Path, message: str, expected: str = "") -> FileError:
        return self.document.error(path, message, expected=expected)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _text(request: Request) -> str:
    bodies = [request.json_body, request.form, request.text, request.xml]
    return json.dumps([request.path, *bodies, request.headers], ensure_ascii=False)
