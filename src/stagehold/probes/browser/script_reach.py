"""Whether a page's scripts can get at the session: cookies, web storage and the page itself, in a real Chromium.

Sources: OWASP ASVS 5.0.0 3.3.4 and 14.3.3; CWE-1004.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from playwright.sync_api import Error as PlaywrightError

from stagehold.errors import ProbeError
from stagehold.probes.browser.journeys import open_as
from stagehold.probes.browser.launch import Chromium, first_line
from stagehold.probes.login.driver import LoginDriver

_READ = """() => {
    const all = store => Object.entries({...store}).map(([key, value]) => `${key}=${value}`).join("\\n");
    return {
        "document.cookie": document.cookie,
        "localStorage": all(localStorage),
        "sessionStorage": all(sessionStorage),
        "window.name": window.name,
        "the page": document.documentElement.outerHTML,
    };
}"""
_SHORTEST = 8


@dataclass(frozen=True)
class ScriptReach:
    """Where a script of the page people see after login finds the session."""

    path: str
    searched: Mapping[str, int]
    """Place to how many characters it held."""
    hits: tuple[tuple[str, str], ...]
    """Place and name of the cookie whose value is there."""

    def table(self) -> Iterator[tuple[object, ...]]:
        """Rows for the evidence: place, characters searched, cookies found."""
        for place, length in self.searched.items():
            yield place, length, ", ".join(name for where, name in self.hits if where == place) or "none"


def look_as_script(chromium: Chromium, driver: LoginDriver, alias: str, names: tuple[str, ...]) -> ScriptReach:
    """Log in through the page and search what scripts can read.

    Args:
        chromium: the lane's browser.
        driver: knows the account and its flow.
        alias: who logs in.
        names: the session cookies.

    Raises:
        ProbeError: the login does not work in the browser, or the browser holds none of the cookies then.
    """
    with open_as(chromium, driver, alias) as person:
        page, context = person.page, person.context
        try:
            held = {
                str(cookie.get("name")): str(cookie.get("value"))
                for cookie in context.cookies()
                if cookie.get("name") in names and len(str(cookie.get("value"))) >= _SHORTEST
            }
            places: dict[str, str] = page.evaluate(_READ)
            path = page.evaluate("() => location.pathname")
        except PlaywrightError as error:
            raise ProbeError(f"the browser cannot be searched: {first_line(error)}") from error
    if not held:
        raise ProbeError(f"after its login {alias}'s browser holds none of the cookies {', '.join(names)}")
    hits = tuple(
        (place, name)
        for place, text in places.items()
        for name, value in held.items()
        if any(form in text for form in {value, unquote(value), quote(value, safe="")})
    )
    return ScriptReach(str(path), {place: len(text) for place, text in places.items()}, hits)
