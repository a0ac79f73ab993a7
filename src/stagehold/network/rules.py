"""What may never receive traffic: `deny.production`, as pure functions over names, addresses and keys."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Iterator
from fnmatch import fnmatchcase

import idna

from stagehold.environment.model import Production
from stagehold.errors import DeniedByProduction

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_REMEDY = "Point the environment at a system that is not production, or correct `deny.production`."


def parse_address(text: str) -> Address | None:
    """The address that `text` spells (brackets allowed), or None when it is a name.

    IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2) becomes the IPv4 address, because that is what is dialled.
    """
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def normal(host: str) -> str:
    """One spelling per host: lower case, no root dot, A-labels (RFC 5891), numbers in their short form."""
    address = parse_address(host)
    if address is not None:
        return str(address)
    name = host.strip().rstrip(".").lower()
    if name.isascii():
        return name
    try:
        return idna.encode(name, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        return name


def spki_pin(der: bytes) -> str:
    """`sha256/…` of the certificate's SubjectPublicKeyInfo, as in RFC 7469 section 2.4."""
    # Takes long to load, and few environments deny keys.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    key = x509.load_der_x509_certificate(der).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256/" + base64.b64encode(hashlib.sha256(info).digest()).decode("ascii")


def refuse_name(production: Production, host: str) -> None:
    """Raise DeniedByProduction when a pattern matches the name and no `!` exception does."""
    name = normal(host)
    excepted = [p[1:] for p in production.hosts if p.startswith("!")]
    if any(_matches(name, pattern) for pattern in excepted):
        return
    for pattern in production.hosts:
        if not pattern.startswith("!") and _matches(name, pattern):
            raise DeniedByProduction(f"{host} matches `{pattern}` of deny.production.hosts", remedy=_REMEDY)


def refuse_address(production: Production, host: str, address: str) -> None:
    """Raise DeniedByProduction when the address, in any of its spellings, lies in a denied network."""
    for form in _forms(ipaddress.ip_address(address)):
        for cidr in production.cidrs:
            network = ipaddress.ip_network(cidr)
            if form.version == network.version and form in network:
                told = host if host == address else f"{host} is at {address}, which"
                raise DeniedByProduction(f"{told} lies in {cidr} of deny.production.cidrs", remedy=_REMEDY)
    refuse_name(production, address)


def refuse_key(production: Production, der: bytes) -> None:
    """Raise DeniedByProduction when the leaf certificate holds a denied key.

    A certificate that cannot be read is denied too while keys are denied at all: it might be the one.
    """
    if not production.spki:
        return
    try:
        pin = spki_pin(der)
    except Exception as error:
        raise DeniedByProduction(
            f"the certificate's key cannot be compared with deny.production.spki: {error}", remedy=_REMEDY
        ) from error
    if pin in production.spki:
        raise DeniedByProduction(f"the certificate's key {pin} is in deny.production.spki", remedy=_REMEDY)


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, normal(pattern))


def _forms(address: Address) -> Iterator[Address]:
    """The address and every address it stands for, so that no denied network has a back door."""
    yield address
    if isinstance(address, ipaddress.IPv4Address):
        yield ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)
        return
    embedded = address.ipv4_mapped or address.sixtofour
    if embedded is None and (address in _NAT64 or address in _COMPATIBLE):
        embedded = ipaddress.IPv4Address(address.packed[-4:])
    if embedded is not None:
        yield embedded
