"""Which addresses have no business in public DNS. Pure.

Sources: the special-purpose address registries of IANA (RFC 6890), RFC 1918, RFC 4193, RFC 6598, RFC 5737, RFC 3849.
"""

from __future__ import annotations

import ipaddress

_KINDS = {
    "0.0.0.0/8": "unspecified (RFC 1122)",
    "10.0.0.0/8": "private (RFC 1918)",
    "100.64.0.0/10": "shared by customers of a provider (RFC 6598)",
    "127.0.0.0/8": "loopback (RFC 1122)",
    "169.254.0.0/16": "link-local (RFC 3927)",
    "172.16.0.0/12": "private (RFC 1918)",
    "192.0.0.0/24": "special-purpose (RFC 6890)",
    "192.0.2.0/24": "documentation (RFC 5737)",
    "192.168.0.0/16": "private (RFC 1918)",
    "198.18.0.0/15": "benchmarks (RFC 2544)",
    "198.51.100.0/24": "documentation (RFC 5737)",
    "203.0.113.0/24": "documentation (RFC 5737)",
    "224.0.0.0/4": "multicast (RFC 5771)",
    "240.0.0.0/4": "reserved (RFC 1112)",
    "::/128": "unspecified (RFC 4291)",
    "::1/128": "loopback (RFC 4291)",
    "100::/64": "discarded (RFC 6666)",
    "2001:db8::/32": "documentation (RFC 3849)",
    "3fff::/20": "documentation (RFC 9637)",
    "5f00::/16": "segment routing (RFC 9602)",
    "fc00::/7": "private (RFC 4193)",
    "fe80::/10": "link-local (RFC 4291)",
    "fec0::/10": "site-local (RFC 3879)",
    "ff00::/8": "multicast (RFC 4291)",
}
_REGISTRY = tuple((ipaddress.ip_network(network), kind) for network, kind in _KINDS.items())
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def not_public(text: str) -> str:
    """What kind of address this is, in words, when it is not one of the public Internet; empty when it is one.

    Raises:
        ValueError: it is no address.
    """
    address = ipaddress.ip_address(text)
    for network, kind in _REGISTRY:
        if address.version == network.version and address in network:
            return kind
    if isinstance(address, ipaddress.IPv6Address):
        inside = _embedded(address)
        if inside is not None and (kind := not_public(str(inside))):
            return f"{inside} inside IPv6, {kind}"
        if address.ipv4_mapped is not None:
            return "IPv4 inside IPv6, never sent on a wire (RFC 4291)"
        if inside is not None:
            return ""
    # What the registries hold besides is known to the library.
    return "" if address.is_global else "special-purpose (RFC 6890)"


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if found := address.ipv4_mapped or address.sixtofour:
        return found
    if address in _COMPATIBLE or any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(address.packed[-4:])
    return None
