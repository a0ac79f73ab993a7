"""What is expected of DNS: the zones that the public can ask, who serves them, and which names must stay unknown."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from stagehold.environment.values import HostName, IpAddress, Port, Text
from stagehold.model import Model

DNS_PORT = 53
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_PATTERN = re.compile(r"^[A-Za-z0-9_*-]{1,63}(\.[A-Za-z0-9_*-]{1,63})*\.?$")


def _pattern(value: str) -> str:
    if value != "@" and not _PATTERN.match(value):
        raise ValueError("expected a name such as `app`, a pattern such as `*.test`, `@` for the zone itself")
    return value


ZoneName = Annotated[
    str,
    Field(
        pattern=rf"^{_LABEL}(\.{_LABEL})*\.?$", max_length=253, description="the name of a zone, such as `app.example`"
    ),
]
DnsName = Annotated[
    str,
    Field(
        pattern=rf"^(@|{_LABEL}(\.{_LABEL})*\.?)$",
        max_length=253,
        description="a name of the zone, such as `db` or `db.app.example`; `@` for the zone itself",
    ),
]
DnsPattern = Annotated[
    str,
    AfterValidator(_pattern),
    Field(max_length=253, description="a name or a pattern with `*`, such as `*.test`; `*` alone for every name"),
]


class NameServer(Model):
    """A server that answers for a zone: `host` is asked at every address, over UDP and TCP."""

    host: HostName
    port: Port = DNS_PORT
    addresses: tuple[IpAddress, ...] = ()
    """Pins the name; default: resolved once, before any traffic."""


class AcceptedName(Model):
    """Names of which something is accepted that is a finding otherwise."""

    name: DnsPattern
    """Relative to the zone or in full; `*` stands for any characters, dots included."""
    reason: Text
    """Why it is accepted."""


class DnsZone(Model):
    """One zone as the public sees it."""

    name: ZoneName
    servers: tuple[NameServer, ...] = Field(min_length=1)
    """Every server that answers for it; nobody else is ever asked."""
    names: tuple[DnsName, ...] = ()
    """Names that the public is meant to find, beside the hosts of targets and TLS endpoints in the zone."""
    internal_names: tuple[DnsName, ...] = ()
    """Names that nobody outside is meant to find, such as `db` or `vault.internal`."""
    private_names: tuple[AcceptedName, ...] = ()
    """Names that may answer with addresses that are not public."""
    outside_names: tuple[AcceptedName, ...] = ()
    """Names outside of the declared zones that aliases (CNAME) may lead to, such as those of a CDN; in full."""

    @model_validator(mode="after")
    def _lies_in_the_zone(self) -> DnsZone:
        for name in (*self.names, *self.internal_names):
            if name.endswith(".") and not self.holds(name):
                raise ValueError(
                    f"{name} does not lie in the zone {self.origin}; without a dot at its end it is relative"
                )
        both = {self.full(name) for name in self.names} & {self.full(name) for name in self.internal_names}
        if both:
            raise ValueError(f"{min(both)} is in `names` and in `internal_names`; it cannot be meant for both")
        return self

    @property
    def origin(self) -> str:
        """The zone's name in lower case, without the dot of the root."""
        return self.name.lower().rstrip(".")

    def holds(self, name: str) -> bool:
        """Whether a name in full lies in the zone (its own name does)."""
        plain = name.lower().rstrip(".")
        return plain == self.origin or plain.endswith(f".{self.origin}")

    def full(self, name: str) -> str:
        """The name in full, in lower case; what does not end in the zone's name is relative to it."""
        plain = name.lower().rstrip(".")
        if plain == "@":
            return self.origin
        return plain if self.holds(plain) else f"{plain}.{self.origin}"

    def may_be_private(self, name: str) -> bool:
        """Whether `private_names` holds this name (in full)."""
        return any(item.name == "*" or fnmatchcase(name, self.full(item.name)) for item in self.private_names)

    def may_lead_to(self, name: str) -> bool:
        """Whether `outside_names` holds this name (in full)."""
        return any(fnmatchcase(name, item.name.lower().rstrip(".")) for item in self.outside_names)


class Dns(Model):
    """Zones that the public can ask."""

    zones: tuple[DnsZone, ...] = ()

    def zone_of(self, name: str) -> DnsZone | None:
        """The zone that a name in full lies in: the longest one that holds it."""
        return max((zone for zone in self.zones if zone.holds(name)), key=lambda zone: len(zone.origin), default=None)
