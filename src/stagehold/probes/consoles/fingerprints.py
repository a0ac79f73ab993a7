"""How web consoles are recognised: of databases (`consoles.yaml`), of all else (`management.yaml`). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml
from pydantic import Field

from stagehold.model import Model
from stagehold.network.pace import pause_of

_LOOKED_AT = 262_144
_PASSWORD = re.compile(r"<input\b[^>]*\btype\s*=\s*[\"']?password", re.IGNORECASE)
_LOG_IN = frozenset({401, 403})
_REFUSED = _LOG_IN | {404, 405, 410}
_REDIRECT = range(300, 400)


class Kind(StrEnum):
    """A file of fingerprints."""

    DATABASES = "consoles"
    MANAGEMENT = "management"


@dataclass(frozen=True)
class Page:
    """One answer. `headers` are lines of `name: value`, names in lower case."""

    path: str
    status: int
    headers: str
    body: str
    location: str = ""

    def pause(self) -> float | None:
        """Seconds it asks to wait before the next request; None where it asks for none."""
        said = re.search(r"^retry-after:\s*(.*)$", self.headers, re.MULTILINE)
        return pause_of(self.status, said[1] if said else "")

    def kind(self) -> tuple[object, ...]:
        """What answers to two paths have in common that are the same page."""
        path = self.path.strip("/") or "/"
        return self.status, self.location.replace(path, "~"), self.body.replace(path, "~")

    def echoes(self) -> bool:
        """Whether it repeats the path it was asked for."""
        return self.path.strip("/") in self.body

    def text(self, control: Page) -> str:
        """What marks are looked for in.

        Where unknown paths get a good page that repeats them, so may this one, and the repetition proves nothing.
        Elsewhere it stays: a console's own name is often its path.
        """
        body = self.body[:_LOOKED_AT]
        if control.status == self.status and control.echoes():
            for echoed in {self.path, self.path.strip("/")} - {"", "/"}:
                body = re.sub(rf"(?<![\w-]){re.escape(echoed)}(?![\w-])", "~", body)
        return f"{self.headers}\n\n{body}"


class _Entry(Model):
    name: str
    paths: tuple[str, ...] = Field(min_length=1)
    marks: tuple[tuple[str, ...], ...] = Field(min_length=1)
    shell: bool = False
    inside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Console:
    """A product, where it usually lies, and alternatives of marks that must all be found."""

    name: str
    paths: tuple[str, ...]
    marks: tuple[tuple[re.Pattern[str], ...], ...]
    shell: bool = False
    """Its first page is a script, the same for everybody."""
    inside: tuple[str, ...] = ()
    """Paths below its own whose content needs a login."""

    def gives_content(self, page: Page, *, inside: bool) -> bool:
        """Whether an answer to an anonymous caller is more than a refusal, a redirect or a place to log in.

        Args:
            page: the answer.
            inside: whether it answers one of the paths of `inside`.
        """
        if page.status in _REFUSED or page.status in _REDIRECT or _PASSWORD.search(page.body):
            return False
        html = "content-type: text/html" in page.headers.lower()
        return not (self.shell and (html or not inside))

    def asks_to_log_in(self, page: Page) -> bool:
        """Whether an answer to an anonymous caller of a path of `inside` is a refusal or the way to a login."""
        redirects = page.status in _REDIRECT and bool(page.location)
        return page.status in _LOG_IN or redirects or bool(_PASSWORD.search(page.body))

    def shows(self, page: Page, control: Page) -> str:
        """The marks that were found in an answer, in words; empty when it is not this console.

        Args:
            page: the answer.
            control: what a path that does not exist gets there.
        """
        text = page.text(control)
        for alternative in self.marks:
            found = [mark.search(text) for mark in alternative]
            if all(found):
                return " and ".join(repr(match[0][:60]) for match in found if match)
        return ""


@cache
def consoles(kind: Kind = Kind.DATABASES) -> tuple[Console, ...]:
    """Every console of a kind that is known here."""
    text = Path(__file__).with_name(f"{kind.value}.yaml").read_text(encoding="utf-8")
    return tuple(_console(_Entry.model_validate(raw)) for raw in yaml.safe_load(text))


def _console(entry: _Entry) -> Console:
    flags = re.IGNORECASE | re.MULTILINE
    marks = tuple(tuple(re.compile(mark, flags) for mark in alternative) for alternative in entry.marks)
    return Console(entry.name, entry.paths, marks, entry.shell, entry.inside)


def recognise(page: Page, control: Page, kind: Kind = Kind.DATABASES) -> dict[str, str]:
    """Name of each console an answer belongs to, with the marks that were found; arguments as of `Console.shows`."""
    return {console.name: shown for console in consoles(kind) if (shown := console.shows(page, control))}


@cache
def paths(kind: Kind = Kind.DATABASES) -> tuple[str, ...]:
    """Every path to ask for, once."""
    return tuple(dict.fromkeys(path for console in consoles(kind) for path in console.paths))
