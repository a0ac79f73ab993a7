"""Where an environment is: targets, hosts, vantages, TLS listeners and the trust that they must lead to."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from stagehold.environment.values import HTTPS_PORT, BaseUrl, HostName, IpAddress, Port, Text
from stagehold.model import Model


class Target(Model):
    """One base URL."""

    name: Text
    kind: Literal["browser", "api"] = "browser"
    base_url: BaseUrl
    hostnames: tuple[HostName, ...] = ()
    """Names users type; default: the host of `base_url`."""
    addresses: tuple[IpAddress, ...] = ()
    """Pins the names; default: resolved once, before any traffic."""
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


class Vantage(Model):
    """A place to look from: `local`, or `netns:FILE`, a file holding the id of a process in a namespace."""

    agent: Annotated[
        str,
        Field(pattern=r"^(local|netns:.+)$", description="`local`, or `netns:FILE` with a process id in it"),
    ] = "local"


class TlsEndpoint(Model):
    """A TLS listener: `host` is dialled and, unless `sni` says otherwise, named in the handshake."""

    host: HostName
    port: Port = HTTPS_PORT
    sni: HostName | None = None
    addresses: tuple[IpAddress, ...] = ()

    @property
    def name(self) -> str:
        return self.sni or self.host


class TlsProfile(Model):
    """What is asked beyond the vendored defaults."""

    min_days_left: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    """auto: a third of the lifetime, at most 30 days."""
    require_tls13: bool = True
    """False: TLS 1.3 is not claimed here, which TLS-002 reports as not configured."""


class Trust(Model):
    """The anchor that chains must lead to."""

    kind: Literal["public", "private"] = "public"
    ca_file: Text | None = None
    """PEM, relative to the environment's folder."""

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
