"""`Profile`: the rules that TLS endpoints are judged by, each line with its source. Frozen; reads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from stagehold.model import Model

Version = Literal["SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"]
VERSIONS: tuple[Version, ...] = ("SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3")
"""Every version, oldest first."""
Group = Literal[
    "X25519", "X448", "P-256", "P-384", "P-521", "X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024",
    "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "brainpoolP256r1tls13", "brainpoolP384r1tls13",
    "brainpoolP512r1tls13", "curveSM2",
]  # fmt: skip
"""What may be approved: curves of 256 bits and more of IANA's registry, and hybrids with them."""
Shipped = Literal["intermediate", "modern"]
"""Profiles that travel with stagehold."""
Hash = Literal["md5", "sha1", "sha224", "sha256", "sha384"]
Name = Annotated[str, Field(min_length=1)]


class Line(Model):
    """What says so; at least one of the two."""

    source: str = ""
    """Documents and sections that whoever wrote the line has read."""
    unread: str = ""
    """Documents that are reported to say the same, and that whoever wrote the line has not read."""

    @model_validator(mode="after")
    def _somebody_says_so(self) -> Line:
        if not (self.source.strip() or self.unread.strip()):
            raise ValueError("needs `source`: what says so (or `unread`: what is only reported to)")
        return self


class VersionLine(Line):
    """A version that may be accepted."""

    value: Version


class FlagLine(Line):
    """A rule that is in force or not."""

    value: bool


class BitsLine(Line):
    """A least size in bits."""

    value: Annotated[int, Field(ge=1)]


class NameLine(Line):
    """A name of IANA's registries, such as `TLS_AES_128_GCM_SHA256`, or of a group, such as `P-256`."""

    value: Name


class HashLine(Line):
    """A hash that no signature may be made with."""

    value: Hash


class MarginLine(Line):
    """Days that a leaf must have left."""

    value: Annotated[int, Field(ge=0)] | Literal["auto"]


class LifetimeLine(Line):
    """The longest lifetime of a public certificate issued on that day or later, until the next line's."""

    since: date
    days: Annotated[int, Field(ge=1)]


class Profile(Model):
    """What TLS endpoints are judged by. Broken suites (TLS-005) are no rule here: nothing may accept them."""

    schema_id: Literal["stagehold/tls-profile/1"] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="lower-case letters, digits, dots and dashes")
    reviewed: date
    """When every line was last compared with its source."""
    versions: tuple[VersionLine, ...] = Field(min_length=1)
    """TLS-001: versions that may be accepted."""
    require_tls13: FlagLine
    """TLS-002: TLS 1.3 is accepted and preferred. False: not claimed."""
    aead_only: FlagLine
    """TLS-003: suites of TLS 1.2 encrypt and authenticate in one. False: not claimed."""
    forward_secrecy: FlagLine
    """TLS-004: suites of TLS 1.2 take fresh keys for each session. False: not claimed."""
    suites: Annotated[tuple[NameLine, ...], Field(min_length=1)] | None = None
    """TLS-003: the only suites that may be accepted, by IANA's names, TLS 1.3's included; absent: any sound one."""
    groups: tuple[NameLine, ...] = Field(min_length=1)
    """TLS-006: curves and hybrids that keys may be exchanged over."""
    least_dh_bits: BitsLine
    """TLS-007: size of the prime of a finite field."""
    least_rsa_bits: BitsLine
    """TLS-012: size of RSA keys of certificates."""
    least_curve_bits: BitsLine
    """TLS-012: size of the curve of ECDSA keys of certificates."""
    forbidden_hashes: tuple[HashLine, ...] = Field(min_length=1)
    """TLS-012: hashes that no certificate below the root may be signed with."""
    min_days_left: MarginLine
    """TLS-010: days the leaf must have left; `auto`: a third of its lifetime, at most 30."""
    public_lifetimes: tuple[LifetimeLine, ...] = Field(min_length=1)
    """TLS-011: by the day of issue; the earliest line holds for everything before it as well."""

    @property
    def accepted_versions(self) -> tuple[Version, ...]:
        """Versions that may be accepted, oldest first."""
        named = {line.value for line in self.versions}
        return tuple(version for version in VERSIONS if version in named)

    @property
    def refused_versions(self) -> tuple[Version, ...]:
        """All the others."""
        return tuple(version for version in VERSIONS if version not in self.accepted_versions)

    @property
    def suite_names(self) -> tuple[str, ...] | None:
        """The only suites that may be accepted; None: any sound one."""
        return None if self.suites is None else tuple(line.value for line in self.suites)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Curves and hybrids that keys may be exchanged over."""
        return tuple(line.value for line in self.groups)

    @property
    def hash_names(self) -> tuple[str, ...]:
        """Hashes that no signature may be made with, as `cryptography` names them."""
        return tuple(line.value for line in self.forbidden_hashes)

    def public_cap(self, issued: datetime) -> int:
        """The longest lifetime in days of a public certificate issued at that time (with its time zone)."""
        lines = sorted(self.public_lifetimes, key=lambda line: line.since)
        day = issued.astimezone(UTC).date()
        return next((line.days for line in reversed(lines) if day >= line.since), lines[0].days)

    def rows(self, *rules: str) -> Iterator[tuple[str, str, str, str]]:
        """Rule, value, source and what was not read, for each line of these rules (default: all)."""
        for name in rules or tuple(type(self).model_fields):
            held = getattr(self, name)
            for line in held if isinstance(held, tuple) else (held,):
                if isinstance(line, LifetimeLine):
                    yield name, f"{line.days} days since {line.since}", line.source, line.unread
                elif isinstance(line, Line):
                    value = getattr(line, "value")  # noqa: B009 - every line but that has one
                    shown = str(value).lower() if isinstance(value, bool) else str(value)
                    yield name, shown, line.source, line.unread
