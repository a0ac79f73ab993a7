"""Which algorithms of SSH are weak: `algorithms.yaml`, read and applied. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field

from stagehold.model import Model
from stagehold.probes.ssh.hello import ServerHello

STRICT = frozenset({"kex-strict-s-v00@openssh.com", "kex-strict-s"})
"""Announces that messages cannot be cut off unnoticed (CVE-2023-48795)."""
_NAMES = {"kex": "key exchange", "host_key": "host key", "cipher": "cipher", "mac": "MAC"}


class Verdict(StrEnum):
    """What a name is worth."""

    SOUND = "sound"
    WEAK = "weak"
    SIGNAL = "signal"
    UNKNOWN = "unknown"


class _Group(Model):
    about: Literal["kex", "host_key", "cipher", "mac"]
    verdict: Literal[Verdict.SOUND, Verdict.WEAK, Verdict.SIGNAL]
    names: tuple[str, ...] = Field(min_length=1)
    why: str = Field(min_length=1)
    source: str = Field(min_length=1)


@dataclass(frozen=True)
class Judged:
    """One thing a server offers."""

    about: str
    """Such as `key exchange`."""
    name: str
    verdict: Verdict
    why: str
    source: str

    def __str__(self) -> str:
        return f"{self.about} {self.name} ({self.why})"


@cache
def _groups() -> tuple[_Group, ...]:
    text = Path(__file__).with_name("algorithms.yaml").read_text(encoding="utf-8")
    return tuple(_Group.model_validate(raw) for raw in yaml.safe_load(text))


def judge(about: str, name: str) -> Judged:
    """What the profile says of an algorithm for `kex`, `host_key`, `cipher` or `mac`."""
    for group in _groups():
        if group.about == about and any(fnmatchcase(name, pattern) for pattern in group.names):
            return Judged(_NAMES[about], name, Verdict(group.verdict), group.why, group.source)
    return Judged(_NAMES[about], name, Verdict.UNKNOWN, "the profile does not know it", "")


def judge_all(hello: ServerHello) -> tuple[Judged, ...]:
    """Everything a server offers, its version of the protocol and what follows from the combination included."""
    return (*_of_version(hello), *(judge(about, name) for about, name in hello.offers), *_of_cut_messages(hello))


def _of_version(hello: ServerHello) -> Iterable[Judged]:
    if hello.protocol == "2.0":
        return
    weak = hello.protocol.startswith("1.")
    yield Judged(
        "protocol",
        hello.version,
        Verdict.WEAK if weak else Verdict.UNKNOWN,
        "SSH 1, which anybody in between can read" if weak else "no version of SSH that is known",
        "RFC 4253 section 5.1; OpenSSH 7.6 release notes; CVE-2001-1473",
    )


def _of_cut_messages(hello: ServerHello) -> Iterable[Judged]:
    """CVE-2023-48795 (Terrapin): ChaCha20-Poly1305, and CBC with encrypt-then-MAC, without strict key exchange."""
    if STRICT & set(hello.kex) or hello.protocol != "2.0":
        return
    open_to_it = [name for name in hello.cipher if name.startswith("chacha20-poly1305")]
    if any("-etm@" in name for name in hello.mac):
        open_to_it += [name for name in hello.cipher if name.endswith("-cbc")]
    for name in open_to_it:
        yield Judged(
            "cipher",
            name,
            Verdict.WEAK,
            "without strict key exchange somebody in between can cut messages off",
            "CVE-2023-48795; OpenSSH 9.6 release notes",
        )
