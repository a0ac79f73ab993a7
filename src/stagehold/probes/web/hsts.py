"""Strict-Transport-Security as a user agent reads it (RFC 6797 sections 6.1 and 8.1), pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's word
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_DIRECTIVE = re.compile(rf"[ \t]*(?:(?P<name>{_TOKEN})[ \t]*(?:=[ \t]*(?P<value>{_TOKEN}|{_QUOTED})[ \t]*)?)?")


@dataclass(frozen=True)
class Hsts:
    """One understood header. `max_age` is in seconds."""

    max_age: int
    include_subdomains: bool


def parse(value: str) -> Hsts:
    """Read one header value.

    Directive names are case-insensitive, unknown directives are ignored, values may be quoted.

    Raises:
        ValueError: with the reason why a user agent ignores the header: broken grammar, a directive twice
            (section 6.1 rule 2), no `max-age`, a `max-age` that is no number of seconds, or a value given to
            `includeSubDomains`.
    """
    directives = _directives(value)
    age = directives.get("max-age")
    if age is None:
        raise ValueError("it has no max-age with a value")
    if not re.fullmatch(r"[0-9]{1,19}", age):
        raise ValueError(f"max-age is {age!r}, not a number of seconds")
    if directives.get("includesubdomains") is not None:
        raise ValueError("includeSubDomains has a value, which its grammar does not allow")
    return Hsts(max_age=int(age), include_subdomains="includesubdomains" in directives)


def complaint(values: Sequence[str], *, min_age: int, include_subdomains: bool) -> str:
    """What is wrong with the headers of one HTTPS response, in words; empty when nothing is.

    Args:
        values: every Strict-Transport-Security field of the response, in order.
        min_age: the least acceptable `max-age` in seconds.
        include_subdomains: whether `includeSubDomains` is required.
    """
    if not values:
        return "no Strict-Transport-Security header"
    if len(values) > 1:
        # RFC 6797 section 8.1: only the first is processed, so what the others say is lost.
        return f"{len(values)} Strict-Transport-Security headers instead of one: {' | '.join(values)}"
    try:
        policy = parse(values[0])
    except ValueError as error:
        return f"header {values[0]!r} is ignored by browsers: {error}"
    # RFC 6797 section 6.1.1: max-age=0 is no short policy but the end of any, whatever minimum is declared.
    if policy.max_age < max(min_age, 1):
        return f"max-age={policy.max_age} is less than {max(min_age, 1)}"
    if include_subdomains and not policy.include_subdomains:
        return "includeSubDomains is missing"
    return ""


def _directives(value: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    position = 0
    while True:
        match = _DIRECTIVE.match(value, position)
        if match is None or (match.end() < len(value) and value[match.end()] != ";"):
            raise ValueError(f"it cannot be read from {value[position:][:40]!r} on")
        if match["name"] is not None:
            name = match["name"].lower()
            if name in found:
                raise ValueError(f"{name} occurs twice")
            found[name] = _unquoted(match["value"])
        position = match.end() + 1
        if position > len(value):
            return found


def _unquoted(value: str | None) -> str | None:
    if value is None or not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1])
