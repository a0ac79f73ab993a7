"""Documentation that is generated is what the code says; what people type exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.catalogue.reference import reference
from stagehold.model import SAFEGUARDS
from stagehold.plugin.core import AXES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = {"run", "check", "plan", "list", "demo", "selftest", "doctor", "report"}


def test_check_reference_is_current() -> None:
    """`docs/checks.md` is what `make docs` writes."""
    assert (ROOT / "docs" / "checks.md").read_text(encoding="utf-8") == reference(read_catalogue(shipped_suites()))


def test_every_check_names_a_defect_and_every_safeguard_exists() -> None:
    """A detector that was never seen to fire is not done."""
    specs = read_catalogue(shipped_suites())

    assert [spec.id for spec in specs if not spec.defects] == []
    assert {name for spec in specs for name in spec.proves} <= set(SAFEGUARDS)


def test_required_checks_exist() -> None:
    """A check that requires an unknown one could never pass."""
    specs = read_catalogue(shipped_suites())

    assert {name for spec in specs for name in spec.requires} <= {spec.id for spec in specs}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_commands_that_exist(page: Path) -> None:
    """Every `stagehold COMMAND` of the documentation is one of the commands."""
    text = page.read_text(encoding="utf-8")

    assert set(re.findall(r"(?:`|\$ )stagehold ([a-z]+)\b", text)) <= COMMANDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Relative links of the documentation name files that are there."""
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_axis_is_documented() -> None:
    """The page on writing checks names every fixture that comes from the environment."""
    text = (ROOT / "docs" / "writing-a-check.md").read_text(encoding="utf-8")

    assert [name for name in AXES if f"`{name}`" not in text] == []
