"""How web consoles of databases are recognised; the data are in `consoles.yaml`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pydantic import Field

from stagehold.model import Model

_LOOKED_AT = 262_144


@dataclass(frozen=True)
class Page:
    """One answer. `headers` are lines of `name: value`, names in lower case."""

    path: str
    status: int
    headers: str
    body: str
    location: str = ""

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


@dataclass(frozen=True)
class Console:
    """A product, where it usually lies, and alternatives of marks that must all be found."""

    name: str
    paths: tuple[str, ...]
    marks: tuple[tuple[re.Pattern[str], ...], ...]

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
def consoles() -> tuple[Console, ...]:
    """Every console that is known here."""
    text = Path(__file__).with_name("consoles.yaml").read_text(encoding="utf-8")
    return tuple(_console(_Entry.model_validate(raw)) for raw in yaml.safe_load(text))


def _console(entry: _Entry) -> Console:
    flags = re.IGNORECASE | re.MULTILINE
    marks = tuple(tuple(re.compile(mark, flags) for mark in alternative) for alternative in entry.marks)
    return Console(entry.name, entry.paths, marks)


def recognise(page: Page, control: Page) -> dict[str, str]:
    """Name of each console an answer belongs to, with the marks that were found; arguments as of `Console.shows`."""
    return {console.name: shown for console in consoles() if (shown := console.shows(page, control))}


@cache
def paths() -> tuple[str, ...]:
    """Every path to ask for, once."""
    return tuple(dict.fromkeys(path for console in consoles() for path in console.paths))
