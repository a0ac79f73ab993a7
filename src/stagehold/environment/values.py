"""The kinds of values that environments are written with, each with the form it must have."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Text = Annotated[str, Field(min_length=1)]
UrlPath = Annotated[
    str,
    Field(pattern=r"^/([^/\s#\\][^\s#\\]*)?$", description="a path on the target that starts with one `/`"),
]
JsonPointer = Annotated[str, Field(pattern=r"^(/.*)?$", description="a JSON pointer such as `/id` (RFC 6901)")]
Operation = Annotated[
    str,
    Field(
        pattern=r"^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|\*) /\S*$",
        description="a method and a path, such as `GET /invoices/{id}`",
    ),
]
OperationPattern = Annotated[
    str,
    Field(
        pattern=r"^(GET|HEAD|POST|PUT|PATCH|DELETE|\*) /\S*$",
        description="an operation such as `GET /invoices/{id}`, or a pattern such as `* /invoices/**`",
    ),
]
Status = Annotated[int, Field(ge=100, le=599)]
SecretRef = Annotated[
    str,
    Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$", description="`env:NAME` or `file:PATH`"),
]
"""`env:NAME` or `file:PATH` (relative to the environment's folder). A literal is refused."""


def _regular_expression(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error.msg}") from error
    return value


Port = Annotated[int, Field(ge=1, le=65535)]
Digest = Annotated[
    str,
    Field(
        pattern=r"^(sha256:[0-9a-f]{64}|env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
        description="`sha256:` and 64 hexadecimal digits, or `env:NAME`, or `file:PATH`",
    ),
]
HostName = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
        r"|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$",
        description="a host name or an IP address, without scheme, port and path",
    ),
]
HostPattern = Annotated[
    str,
    Field(
        pattern=r"^!?[A-Za-z0-9_*?.:\[\]-]+$",
        description="a host pattern such as `*.app.example`; `!` in front makes an exception",
    ),
]
HTTPS_PORT = 443


def _ip(value: str) -> str:
    return str(ipaddress.ip_address(value))


def _network(value: str) -> str:
    return str(ipaddress.ip_network(value))


def _https_url(value: str) -> str:
    expected = "expected a base URL such as https://app.example:8443"
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(expected) from error
    if parts.scheme not in {"https", "http"} or not host or port == 0 or re.search(r"[\s@?#\\]", value):
        raise ValueError(expected)
    return value.rstrip("/")


def is_url(source: str) -> bool:
    """Whether this is a URL, and no path of a file."""
    return "://" in source


def _crl_source(value: str) -> str:
    expected = "expected a URL such as http://crl.example/ca.crl (http or https), or the path of a file"
    if not is_url(value):
        return value
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(expected) from error
    if parts.scheme.lower() not in {"http", "https"} or not host or port == 0 or re.search(r"[\s@#\\]", value):
        raise ValueError(expected)
    return value


CrlSource = Annotated[
    str, Field(min_length=1, description="a URL of a revocation list, or a file"), AfterValidator(_crl_source)
]
IpAddress = Annotated[str, AfterValidator(_ip), Field(description="an IPv4 or IPv6 address")]
IpNetwork = Annotated[str, AfterValidator(_network), Field(description="a network such as 10.1.0.0/16")]
BaseUrl = Annotated[str, AfterValidator(_https_url), Field(description="a base URL, https wherever possible")]
RegularExpression = Annotated[
    str, Field(min_length=1, description="a regular expression"), AfterValidator(_regular_expression)
]
