"""`Environment`: everything a description may say, frozen. Nothing here reads files or the network."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from stagehold.environment.access import Account, Denial, Flow, Inventory, ObjectFixture, SessionFacts
from stagehold.environment.disclosure import Disclosure, Hooks
from stagehold.environment.dns import Dns
from stagehold.environment.evidence import Baselines, EvidenceSources
from stagehold.environment.load_plan import LoadPlan, Slo
from stagehold.environment.matrix import AccessMatrix
from stagehold.environment.places import (
    ApprovedSoftware,
    Host,
    HostPort,
    Target,
    Tls,
    TlsEndpoint,
    TlsProfile,
    Trust,
    Vantage,
)
from stagehold.environment.values import Digest, HostPattern, IpNetwork, JsonPointer, Operation, Text, UrlPath
from stagehold.model import Model, Traffic

__all__ = [
    "Consent", "Deny", "Environment", "EnvironmentInfo", "Host", "HostPort", "Hsts", "Journey", "JourneyResult",
    "Lockout", "Policy", "Production", "Release", "Step", "Target", "Tenancy", "Tls", "TlsEndpoint", "TlsProfile",
    "Trust", "Vantage", "VersionProbe",
]  # fmt: skip


class EnvironmentInfo(Model):
    """Which environment this is."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="lower-case letters, digits, dots and dashes")
    kind: Literal["staging", "testing", "demo"] = "staging"
    owner: str = ""


class VersionProbe(Model):
    """Where a node tells which build it runs."""

    target: str
    path: UrlPath
    field: JsonPointer | None = None
    """JSON pointer such as `/digest`."""
    header: Text | None = None
    samples: Annotated[int, Field(ge=1, le=200)] = 5

    @model_validator(mode="after")
    def _one_place(self) -> VersionProbe:
        if (self.field is None) == (self.header is None):
            raise ValueError("needs either `field` or `header`: where in the answer the digest stands")
        return self


class Release(Model):
    """The build that is to be released."""

    expected_digest: Digest | None = None
    version_probe: VersionProbe | None = None


class Tenancy(Model):
    """The test companies: key to display name, at least two to prove isolation."""

    companies: dict[Text, Text] = Field(min_length=1)


class Step(Model):
    """One action of a journey; exactly one of the fields is set."""

    goto: UrlPath | None = None
    fill: Annotated[dict[Text, str], Field(min_length=1)] | None = None
    """Label of the field to value; `{canary}` is unique per run."""
    choose: Annotated[dict[Text, Text], Field(min_length=1)] | None = None
    """Label of a select box to the option's label."""
    click: Text | None = None
    """Accessible name of a button or link."""
    see: Text | None = None
    """Text that must become visible."""
    log_out: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_action(self) -> Step:
        if sum(value is not None for value in self.__dict__.values()) != 1:
            raise ValueError("a step is exactly one of goto, fill, choose, click, see, log_out")
        return self


class JourneyResult(Model):
    """What the API must show afterwards, read with another session of the same account or `account`."""

    path: UrlPath
    account: str | None = None
    contains: Text


class Journey(Model):
    """What a person does, click by click, and what must have come of it."""

    name: Text
    target: str
    account: str
    """Alias; logged in through the browser before the first step."""
    steps: tuple[Step, ...] = Field(min_length=1)
    result: JourneyResult | None = None


class Lockout(Model):
    """How many wrong passwords are processed before the right one is refused or delayed."""

    max_failures: Annotated[int, Field(ge=1, le=100)] = 10
    """NIST SP 800-63B-4 section 3.2.2 caps at 100; PCI DSS 8.3.4 at 10."""


class Policy(Model):
    """What is required of a release here."""

    lockout: Lockout | None = None
    session_samples: Annotated[int, Field(ge=20, le=1000)] = 200
    """How many logins of a sacrificial account are looked at for identifiers that can be guessed."""
    max_packets_per_second: Annotated[int, Field(ge=100, le=1_000_000)] = 30_000
    """What port scans may send in all, however many hosts are scanned side by side."""
    requests_in_flight: Annotated[int, Field(ge=1, le=32)] = 6
    """Requests at once that searches send to one slow target; 1: one after another. Browsers use six connections."""
    search_seconds: Annotated[int, Field(ge=5, le=3600)] = 300
    """Seconds one search of many requests may take; never more than half of what its lane has left."""
    token_revocation_grace: Annotated[int, Field(ge=0, le=3600)] = 0
    """Seconds a bearer token may survive its logout."""
    required_commitments: tuple[str, ...] | None = None
    """Default: all of the statement."""
    strict: bool = False
    load_profile: str = "release"
    max_wait: Annotated[int, Field(ge=0)] = 60
    deadline: Annotated[int, Field(ge=10)] = 1800
    """Seconds for the whole run."""
    lane_deadline: Annotated[int, Field(ge=5)] = 900


class Hsts(Model):
    """Strict-Transport-Security expectations (RFC 6797)."""

    min_age: Annotated[int, Field(ge=0)] = 31_536_000
    include_subdomains: bool = True


class Consent(Model):
    """What the environment's owner allows to be sent."""

    classes: tuple[Traffic, ...] = (Traffic.EVIDENCE, Traffic.ORDINARY)


class Production(Model):
    """What must never receive traffic. Host patterns; a leading `!` makes an exception."""

    hosts: tuple[HostPattern, ...] = ()
    cidrs: tuple[IpNetwork, ...] = ()
    spki: tuple[
        Annotated[str, Field(pattern=r"^sha256/[A-Za-z0-9+/]{43}=$", description="`sha256/` and a base64 SHA-256")],
        ...,
    ] = ()
    """Base64 SHA-256 of a SubjectPublicKeyInfo, as in RFC 7469."""
    database_ids: tuple[Text, ...] = ()
    """What production's databases are known by, such as PostgreSQL's system identifier. `file:PATH` in this list and
    the next three: a file with one value on each line."""
    mail_domains: tuple[Text, ...] = ()
    """Domains that production sends mail for or through; what is below one is production's, too. A leading `!` makes
    an exception."""
    issuers: tuple[Text, ...] = ()
    """URLs of production's identity providers."""
    secret_fingerprints: tuple[Text, ...] = ()
    """Hashes of production's keys and passwords, by the same algorithm as in the environment's record."""


class Deny(Model):
    """Always wins."""

    production: Production = Production()
    operations: tuple[Operation, ...] = ()
    """`METHOD /path/{id}`; `*` for any method."""


class Environment(Model):
    """A deployed system and the facts we expect of it. Only the first three keys are needed."""

    schema_id: Literal["stagehold/env/1"] = Field(default="stagehold/env/1", alias="schema")
    environment: EnvironmentInfo
    targets: tuple[Target, ...] = Field(min_length=1)
    hosts: tuple[Host, ...] = ()
    approved_software: tuple[ApprovedSoftware, ...] = ()
    statement: Text | None = None
    """A statement file, relative to this one; default: the statement shipped with stagehold."""
    suites: tuple[Text, ...] = ()
    """A company's own folders of checks, relative to this file."""
    release: Release = Release()
    vantage: dict[str, Vantage] = Field(default_factory=lambda: {"external": Vantage()})
    tls: Tls = Tls()
    dns: Dns = Dns()
    tenancy: Tenancy | None = None
    flows: dict[str, Flow] = Field(default_factory=dict)
    accounts: tuple[Account, ...] = ()
    sessions: SessionFacts = SessionFacts()
    inventory: Inventory | None = None
    denial: dict[str, Denial] = Field(default_factory=dict)
    """By target."""
    access_matrix: AccessMatrix | None = None
    fixtures: tuple[ObjectFixture, ...] = ()
    journeys: tuple[Journey, ...] = ()
    policy: Policy = Policy()
    hsts: Hsts = Hsts()
    disclosure: Disclosure = Disclosure()
    hooks: Hooks = Hooks()
    slo: Slo | None = None
    load: LoadPlan | None = None
    consent: Consent = Consent()
    deny: Deny = Deny()
    evidence: EvidenceSources = EvidenceSources()
    baselines: Baselines = Baselines()

    def target(self, name: str) -> Target:
        """The target of that name.

        Raises:
            KeyError: there is none; `references()` reports that when the file is read.
        """
        return next(target for target in self.targets if target.name == name)

    def account(self, alias: str) -> Account:
        """The account of that alias (KeyError as for `target`)."""
        for account in self.accounts:
            if account.alias == alias:
                return account
        raise KeyError(alias)

    def has(self, dotted: str) -> bool:
        """Whether a dotted key such as `policy.lockout` or `accounts[sacrificial]` holds something.

        `accounts[POOL]` means at least one account of that pool, `targets[].KEY` that key of at least one target;
        anything empty or None counts as absent.
        """
        if dotted.startswith("targets[]."):
            return any(getattr(target, dotted.removeprefix("targets[]."), None) for target in self.targets)
        if dotted.startswith("accounts["):
            pool = dotted.removeprefix("accounts[").rstrip("]")
            return any(account.pool == pool for account in self.accounts)
        value: Any = self
        for part in dotted.split("."):
            value = value.get(part) if isinstance(value, dict) else getattr(value, part, None)
            if value is None or value in ((), {}):
                return False
        return True

    @property
    def tls_endpoints(self) -> tuple[TlsEndpoint, ...]:
        """Declared endpoints, and one for each name of an https target that none was declared for."""
        declared = {(endpoint.name, endpoint.port) for endpoint in self.tls.endpoints}
        found = {
            (name, target.port): TlsEndpoint(host=name, port=target.port, addresses=target.addresses)
            for target in self.targets
            if target.base_url.startswith("https")
            for name in target.names
            if (name, target.port) not in declared
        }
        return (*self.tls.endpoints, *found.values())
