"""Checks and templates are found in a working copy and in an installed wheel, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagehold.errors import ConfigError
from stagehold.shipped import repository, shipped


def test_the_working_copy_is_preferred(tmp_path: Path) -> None:
    """Below a repository's `src`, the folders of the repository are meant, whatever else is there."""
    package = tmp_path / "src/stagehold"
    (package / "_shipped/suites").mkdir(parents=True)
    (tmp_path / "suites").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    assert repository(package) == tmp_path
    assert shipped("suites", package) == tmp_path / "suites"


def test_an_installed_package_carries_its_own(tmp_path: Path) -> None:
    """In site-packages the copies in the wheel are meant."""
    package = tmp_path / "site-packages/stagehold"
    (package / "_shipped/reports/templates").mkdir(parents=True)
    assert repository(package) is None
    assert shipped("reports/templates", package) == package / "_shipped/reports/templates"


def test_a_missing_part_is_told(tmp_path: Path) -> None:
    """An incomplete installation is an error with a remedy, not an empty set of checks."""
    with pytest.raises(ConfigError, match="suites") as raised:
        shipped("suites", tmp_path / "site-packages/stagehold")
    assert raised.value.remedy


def test_templates_of_this_copy_are_there() -> None:
    """The templates that the decision page needs are where they are looked for."""
    names = {path.name for path in shipped("reports/templates").iterdir()}
    assert {"decision.html.j2", "decision.css"} <= names
