"""Set-Cookie headers as they were sent: client libraries keep the cookie and forget its attributes.

Source: RFC 6265bis section 5.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import requests

from stagehold.probes.login.door import bare


@dataclass(frozen=True)
class IssuedCookie:
    """One Set-Cookie line: what a browser is told to keep. The value may be a secret."""

    name: str
    value: str = field(repr=False)
    attributes: Mapping[str, str]
    """Lower-case name to value; an attribute without a value, such as Secure, is the empty string."""
    url: str
    """Who sent it, without the query."""
    method: str = "GET"
    """Of the request that it answered."""

    @property
    def deletes(self) -> bool:
        """The line takes the cookie away, or sets it to nothing."""
        age = self.attributes.get("max-age", "")
        over = age.lstrip("-").isdecimal() and int(age) <= 0
        return not self.value or over or "1970" in self.attributes.get("expires", "")

    def masked(self) -> str:
        """The line without the value."""
        parts = [f"{name}={value}" if value else name for name, value in self.attributes.items()]
        return "; ".join([f"{self.name}=…", *parts])


def parse_set_cookie(line: str, url: str) -> IssuedCookie:
    """Read one Set-Cookie line; of an attribute that occurs twice the last one counts, as in browsers."""
    pair, *rest = line.split(";")
    name, mark, value = pair.partition("=")
    attributes: dict[str, str] = {}
    for part in rest:
        key, _, content = part.partition("=")
        attributes[key.strip().lower()] = content.strip()
    # Without `=` the whole pair is the value of a cookie without a name.
    return IssuedCookie(name.strip() if mark else "", (value if mark else name).strip(), attributes, url)


def issued_cookies(response: requests.Response) -> tuple[IssuedCookie, ...]:
    """Every Set-Cookie line of one response; redirects before it are responses of their own."""
    lines = response.raw.headers.getlist("set-cookie")
    method = response.request.method or "GET"
    return tuple(replace(parse_set_cookie(line, bare(response.url)), method=method) for line in lines)
