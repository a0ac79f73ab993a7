"""Where an environment is: targets, hosts, vantages, TLS listeners and the trust that they must lead to."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from stagehold.environment.values import (
    HTTPS_PORT,
    BaseUrl,
    CrlSource,
    HostName,
    IpAddress,
    Port,
    Text,
    UrlPath,
    is_url,
)
from stagehold.model import Model
from stagehold.tls_profile.model import Group, Shipped

_SHA256 = "the SHA-256 of the file, 64 hexadecimal digits in quotes, as `sha256sum FILE` tells it"


class Target(Model):
    """One base URL."""

    name: Text
    kind: Literal["browser", "api"] = "browser"
    base_url: BaseUrl
    hostnames: tuple[HostName, ...] = ()
    """Names users type; default: the host of `base_url`."""
    addresses: tuple[IpAddress, ...] = ()
    """Pins the names; default: resolved once, before any traffic."""
    origin_addresses: tuple[IpAddress, ...] = ()
    """Machines behind a CDN or a web application firewall, which must refuse whoever goes around that."""
    http_port: Port | None = None
    """The plain-HTTP port that redirects or is closed; default 80 for pages, and where `base_url` is on 443."""

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.base_url)
        return parts.port or (HTTPS_PORT if parts.scheme == "https" else 80)

    @property
    def names(self) -> tuple[str, ...]:
        return self.hostnames or (self.host,)

    @property
    def plain_port(self) -> int | None:
        usual = self.base_url.startswith("https") and (self.port == HTTPS_PORT or self.kind == "browser")
        return self.http_port or (80 if usual else None)


class HostPort(Model):
    """A port that is meant to be open, for whom, and what speaks there."""

    port: Port
    proto: Literal["tcp", "udp"] = "tcp"
    service: str = ""
    port_class: Literal["app", "db", "management"] = Field(default="app", alias="class")
    from_: tuple[Text, ...] = Field(default=("external",), alias="from", min_length=1)
    users: tuple[Text, ...] = ()
    """For `service: ssh`: users whose ways of logging in are asked for, beside those of one that does not exist."""

    @model_validator(mode="after")
    def _users_of_ssh(self) -> HostPort:
        if self.users and self.service.lower() not in {"ssh", "sftp"}:
            raise ValueError("`users` is for ports with `service: ssh`")
        return self


class Host(Model):
    """One machine with addresses and declared ports."""

    name: Text
    ipv4: tuple[IpAddress, ...] = ()
    ipv6: tuple[IpAddress, ...] = ()
    ports: tuple[HostPort, ...] = ()

    @model_validator(mode="after")
    def _has_an_address(self) -> Host:
        if not (self.ipv4 or self.ipv6):
            raise ValueError("a host needs at least one address in `ipv4` or `ipv6`")
        return self


class ApprovedSoftware(Model):
    """Management software of a third party that may be reachable, for people who log in and for nobody else."""

    name: Text
    """As NET-010 names the product, such as `Grafana`."""
    host: HostName
    """Of a target or of a declared web port: where it is."""
    port: Port = HTTPS_PORT
    path: UrlPath = "/"
    """Below which it lies; anywhere else it is not approved."""
    reason: Text
    """Why it may be reachable."""
    approver: Text
    """Who said so."""


class Vantage(Model):
    """A place to look from.

    `local`: this machine; `netns:FILE`: the network namespace of the process whose id the file holds; `ssh:NAME`:
    another machine, whose nmap is started through the system's `ssh`.
    """

    agent: Annotated[
        str,
        Field(
            pattern=r"^(local|netns:.+|ssh:[A-Za-z0-9_][A-Za-z0-9_.@-]*)$",
            description="`local`, `netns:FILE` with a process id in it, or `ssh:NAME` as `ssh NAME` understands it",
        ),
    ] = "local"
    ssh_config: Text | None = None
    """For `ssh:NAME`: a configuration file for `ssh -F`, relative to this one; default: the user's own."""
    egress: tuple[IpAddress, ...] = ()
    """Source addresses that packets from there leave with; a scan from any other address is refused."""
    witness: BaseUrl | None = None
    """An endpoint of yours that answers with the address it sees a caller come from, as text or JSON; it must be one of
    `egress`. Needed where a gateway translates addresses."""

    @property
    def witness_place(self) -> tuple[str, int] | None:
        """Host and port of the witness."""
        if self.witness is None:
            return None
        parts = urlsplit(self.witness)
        return parts.hostname or "", parts.port or (HTTPS_PORT if parts.scheme == "https" else 80)

    @model_validator(mode="after")
    def _witnesses_egress(self) -> Vantage:
        if self.witness is not None and not self.egress:
            raise ValueError("`witness` needs `egress`: the addresses that it may see")
        return self

    @model_validator(mode="after")
    def _configures_ssh(self) -> Vantage:
        if self.ssh_config is not None and not self.agent.startswith("ssh:"):
            raise ValueError("`ssh_config` is for agents of the kind `ssh:NAME`")
        return self


Service = Literal["smtp", "imap", "ldap", "postgres"]
"""What is spoken beside HTTP at a TLS listener."""


class TlsEndpoint(Model):
    """A TLS listener: `host` is dialled and, unless `sni` says otherwise, named in the handshake."""

    host: HostName
    port: Port = HTTPS_PORT
    sni: HostName | None = None
    addresses: tuple[IpAddress, ...] = ()
    starttls: Service | None = None
    """The protocol that connections begin with, until a client asks for TLS."""
    protocol: Service | None = None
    """For TLS from the first byte on (SMTPS, IMAPS, LDAPS), what is spoken inside; default: HTTP."""
    user: Text | None = None
    """For `postgres`: a role that is named, without a password, where a login without TLS is tried; default: a made-up
    one. For servers whose rules tell roles apart."""
    database: Text | None = None
    """For `postgres`: the database that is named along with it; default: one named like the role."""

    @model_validator(mode="after")
    def _speaks_one_thing(self) -> TlsEndpoint:
        if self.starttls and self.protocol:
            raise ValueError("`starttls` says what is spoken; `protocol` is for TLS from the first byte on")
        if self.service and "port" not in self.model_fields_set:
            raise ValueError(f"`port` is needed: 443 is not the port of {self.service}")
        if (self.user or self.database) and self.service != "postgres":
            raise ValueError("`user` and `database` are for endpoints that speak `postgres`")
        return self

    @property
    def name(self) -> str:
        return self.sni or self.host

    @property
    def service(self) -> Service | None:
        """What is spoken inside TLS; None for HTTP."""
        return self.starttls or self.protocol

    @property
    def label(self) -> str:
        """Name and port, which host is dialled under another name, and what is spoken there where it is not HTTP."""
        how = f" ({self.service}{', STARTTLS' if self.starttls else ''})" if self.service else ""
        dialled = f" at {self.host}" if self.name != self.host else ""
        return f"{self.name}:{self.port}{dialled}{how}"


class TlsProfile(Model):
    """What endpoints are judged by: a profile that is shipped, or a file of one's own; then rules set here."""

    use: Shipped | None = None
    """A profile that travels with stagehold; default: `intermediate`."""
    file: Text | None = None
    """A profile of one's own, YAML, relative to this file; with `sha256`."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description=_SHA256)] | None = None
    """Digest of `file`: who changes the profile changes this with it."""
    min_days_left: Annotated[int, Field(ge=0)] | Literal["auto"] | None = None
    """In place of the profile's; auto: a third of the lifetime, at most 30 days."""
    require_tls13: bool | None = None
    """In place of the profile's; false: TLS 1.3 is not claimed here, which TLS-002 reports as not configured."""
    groups: Annotated[tuple[Group, ...], Field(min_length=1)] | None = None
    """In place of the profile's groups of key exchange; those of finite fields are judged by their size."""

    @model_validator(mode="after")
    def _one_profile(self) -> TlsProfile:
        if self.use is not None and self.file is not None:
            raise ValueError("names two profiles: either `use` or `file`")
        if (self.file is None) != (self.sha256 is None):
            raise ValueError("`file` and `sha256` go together; `sha256sum FILE` tells the digest")
        return self


class Trust(Model):
    """The anchor that chains must lead to."""

    kind: Literal["public", "private"] = "public"
    ca_file: Text | None = None
    """PEM, relative to the environment's folder."""
    max_lifetime_days_private: Annotated[int, Field(ge=1)] | None = None
    """Longest lifetime of a certificate of the private CA; public ones have the caps of the CA/Browser Forum."""

    @model_validator(mode="after")
    def _private_needs_file(self) -> Trust:
        if (self.kind == "private") != (self.ca_file is not None):
            raise ValueError("`kind: private` and `ca_file` go together")
        return self


class Tls(Model):
    """TLS expectations; https targets are endpoints too, declared or not."""

    endpoints: tuple[TlsEndpoint, ...] = ()
    profile: TlsProfile = TlsProfile()
    trust: Trust = Trust()
    revocation: Literal["crl", "none"] = "crl"
    """`none`: revocation lists are not asked for; TLS-013 is not configured where no answer is stapled."""
    crl: tuple[CrlSource, ...] = ()
    """Where revocation lists lie: http(s) URLs, whose hosts may be asked, or files relative to this one. Certificates
    that name a list themselves are looked up there first, and only at hosts of these URLs."""

    @property
    def crl_hosts(self) -> tuple[tuple[str, int], ...]:
        """Host and port of every URL in `crl`; empty where lists are not asked for."""
        if self.revocation == "none":
            return ()
        parts = [urlsplit(source) for source in self.crl if is_url(source)]
        ports = {"http": 80, "https": HTTPS_PORT}
        return tuple(dict.fromkeys((part.hostname or "", part.port or ports[part.scheme.lower()]) for part in parts))
