"""Compares what the environment works with with what production is known by. Pure: nothing is read or sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from stagehold.environment.fingerprints import hash_of
from stagehold.environment.model import Production
from stagehold.errors import DeniedByProduction, ProbeError, Uncovered
from stagehold.network.door import AllowEntry
from stagehold.network.rules import normal, parse_address, refuse_address, refuse_name
from stagehold.probes.web.records import Told

ADDRESSES = "addresses"
WORDS = {
    ADDRESSES: "addresses",
    "database_ids": "database identity",
    "mail_domains": "mail",
    "issuers": "identity provider",
    "secret_fingerprints": "secrets",
}
"""Each kind, in words."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PORT = re.compile(r":\d{1,5}$")


@dataclass(frozen=True)
class Compared:
    """One value of the environment, and what of production's it is; "" for nothing."""

    kind: str
    value: str
    """As reports may show it."""
    source: str
    production: str = ""


@dataclass(frozen=True)
class Separation:
    """Everything that was compared, and what could not be."""

    compared: tuple[Compared, ...]
    missing: tuple[str, ...]
    """Keys that the environment file lacks, each with why it is wanted."""
    unknown: tuple[str, ...] = ()
    """Names of the environment whose addresses nobody knows."""

    @property
    def shared(self) -> tuple[Compared, ...]:
        """What the environment has in common with production."""
        return tuple(item for item in self.compared if item.production)

    @property
    def complaints(self) -> tuple[str, ...]:
        """What is shared, in words, each thing once."""
        found = (
            f"{WORDS[item.kind]}: {item.value} is production's"
            + (f" ({item.production})" if item.production != item.value else "")
            for item in self.shared
        )
        return tuple(dict.fromkeys(found))

    @property
    def summary(self) -> str:
        """How much was compared, by kind, with the denominator."""
        counts = {kind: sum(item.kind == kind for item in self.compared) for kind in WORDS}
        told = ", ".join(f"{WORDS[kind]} ({count})" for kind, count in counts.items() if count)
        left = ", ".join(WORDS[kind] for kind, count in counts.items() if not count)
        rest = f"; not compared: {left}" if left else ""
        return f"{sum(map(bool, counts.values()))} of {len(WORDS)} kinds compared: {told or 'none'}{rest}"

    def require_complete(self) -> None:
        """Raise unless everything that the environment and its description tell was compared.

        Raises:
            ProbeError: the addresses of a name are unknown.
            Uncovered: the description lacks the other side of a comparison.
        """
        if self.unknown:
            raise ProbeError(f"the addresses of {', '.join(self.unknown)} are unknown, so they were not compared")
        if self.missing:
            raise Uncovered(f"needs {'; '.join(self.missing)} ({self.summary})")


def compare(
    production: Production, known: Mapping[str, Iterable[str]], told: Iterable[Told], entries: Iterable[AllowEntry]
) -> Separation:
    """Compare every value of the records, and every address of the environment, with production's.

    Args:
        production: host patterns and networks that are production's.
        known: kind to what production is known by, from `production_values`.
        told: what the records told.
        entries: what the environment may contact, with its pinned addresses.

    Raises:
        ProbeError: a value is nothing that could be compared, such as a fingerprint that is no hash.
    """
    told, entries = tuple(told), tuple(entries)
    theirs = {kind: {_comparable(kind, value): value for value in values} for kind, values in known.items()}
    compared = [item for entry in entries for item in _addresses(production, entry)]
    compared += [_judged(production, theirs[item.kind], item) for item in told if item.kind in theirs]
    missing = []
    if not (production.hosts or production.cidrs):
        missing.append("`deny.production.hosts` or `.cidrs`, to compare addresses with")
        compared = [item for item in compared if item.kind != ADDRESSES]
    for kind, words in WORDS.items():
        recorded = any(item.kind == kind for item in told)
        if recorded and kind not in theirs:
            missing.append(f"`deny.production.{kind}`, to compare the {words} of the record with")
        if kind in theirs and not recorded:
            missing.append(f"`evidence.environment[].{kind}`, because production's {words} is declared")
    unknown = tuple(dict.fromkeys(entry.host for entry in entries if entry.problem))
    return Separation(tuple(dict.fromkeys(compared)), tuple(missing), unknown)


def _addresses(production: Production, entry: AllowEntry) -> Iterable[Compared]:
    for address in entry.addresses:
        try:
            refuse_name(production, entry.host)
            refuse_address(production, entry.host, address)
        except DeniedByProduction as refused:
            yield Compared(ADDRESSES, address, f"{entry.purpose}, {entry.host}", str(refused))
        else:
            yield Compared(ADDRESSES, address, f"{entry.purpose}, {entry.host}")


def _judged(production: Production, theirs: Mapping[str, str], item: Told) -> Compared:
    own = _comparable(item.kind, item.value)
    shown = _shown(item.kind, item.value)
    if item.kind == "mail_domains":
        return Compared(item.kind, shown, item.source, _mail(production, theirs, own))
    match = theirs.get(own)
    return Compared(item.kind, shown, item.source, _shown(item.kind, match) if match is not None else "")


def _mail(production: Production, theirs: Mapping[str, str], own: str) -> str:
    """What of production's a mail host or domain is: a declared domain, one below it, or a denied host or address."""
    if _below(own, [domain[1:] for domain in theirs if domain.startswith("!")]):
        return ""
    if match := _below(own, theirs):
        return theirs[match]
    try:
        refuse_name(production, own)
        if parse_address(own) is not None:
            refuse_address(production, own, own)
    except DeniedByProduction as refused:
        return str(refused)
    return ""


def _below(name: str, domains: Iterable[str]) -> str:
    return next((domain for domain in domains if name == domain or name.endswith(f".{domain}")), "")


def _comparable(kind: str, value: str) -> str:
    """One spelling for each value of a kind."""
    match kind:
        case "mail_domains":
            found = _mail_host(value)
        case "issuers":
            found = _issuer(value)
        case "secret_fingerprints":
            digest = hash_of(value)
            # The value may be the secret itself, so it is not repeated.
            found = digest.hex() if digest is not None else ""
        case _:
            found = value.strip().casefold()
    if not found:
        if kind == "secret_fingerprints":
            raise ProbeError(
                f"a value of `{kind}` is no hash of at least 128 bits",
                remedy="Give the SHA-256 of the secret in hexadecimal digits, and never the secret.",
            )
        raise ProbeError(f"a value of `{kind}` names nothing: {value!r}")
    return found


def _mail_host(value: str) -> str:
    """The host of a domain, an address, a URL or `host:port`, without what stands for "everything below"."""
    text = value.strip()
    exception = "!" if text.startswith("!") else ""
    text = text.removeprefix("!").rpartition("://")[2].partition("/")[0].rpartition("@")[2]
    if parse_address(text) is None:
        text = _PORT.sub("", text).removeprefix("*").removeprefix(".")
    name = normal(text)
    return exception + name if name else ""


def _issuer(value: str) -> str:
    """Host, port where it is not the scheme's own, and path; the scheme tells no realm from another."""
    text = value.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return text.casefold()
    if not host:
        return text.casefold()
    named = f":{port}" if port is not None and port != _DEFAULT_PORTS.get(parts.scheme.lower()) else ""
    return f"{normal(host)}{named}{unquote(parts.path).rstrip('/')}"


def _shown(kind: str, value: str) -> str:
    """As reports may show it: a fingerprint of a weak secret would give the secret away."""
    digest = hash_of(value) if kind == "secret_fingerprints" else None
    if digest is None:
        return value
    return f"the fingerprint with the SHA-256 {hashlib.sha256(digest).hexdigest()[:12]}…"
