"""Every block of code in the documentation, told apart by what it is."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stagehold.environment.model import Environment

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```", re.DOTALL | re.MULTILINE)
KEYS = {field.alias or name for name, field in Environment.model_fields.items()} | {"schema"}


@dataclass(frozen=True)
class Block:
    """One block of a page."""

    page: str
    number: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """For the id of a test."""
        return f"{self.page}-{self.number}"

    @property
    def kind(self) -> str:
        """What a YAML block is: `environment`, `fragment` of one, `waivers`, `profile`, `pipeline` or nothing known."""
        document: Any = yaml.safe_load(self.text)
        if document is None:
            return "comment"
        keys = {str(key) for key in document}
        if "targets" in keys:
            return "environment"
        if "waivers" in keys:
            return "waivers"
        if str(document.get("schema", "")).startswith("stagehold/tls-profile"):
            return "profile"
        if keys <= KEYS:
            return "fragment"
        return "pipeline" if keys & {"jobs", "stages"} else ""


def blocks(*languages: str) -> list[Block]:
    """The blocks of these languages, from every page."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for number, match in enumerate(_BLOCK.finditer(text)):
            if match["language"] in languages:
                found.append(Block(page, number, match["language"], textwrap.dedent(match["text"])))
    return found
